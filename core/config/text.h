// SPDX-License-Identifier: Apache-2.0
// Small ASCII text functions on std::string_view. (Debian's abseil is built with a string_view of
// its own, so its string functions do not take ours.)
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nuring::config {

inline constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
inline constexpr bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
inline constexpr bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
inline constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string to_lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = lower(c);
    return out;
}

inline std::string_view strip(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

// Decimal digits with an optional '-', the whole text, within int64_t; else nothing.
inline std::optional<int64_t> to_integer(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace nuring::config
