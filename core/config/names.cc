// SPDX-License-Identifier: Apache-2.0
#include "core/config/names.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/base32.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

constexpr size_t kKeyTextSize = 56;
constexpr size_t kSeedTextSize = 58;

// Without its checksum; nothing if the text is not base 32, or its checksum is wrong.
template <size_t kSize>
std::optional<std::array<unsigned char, kSize>> decode(std::string_view text) {
    std::array<unsigned char, kSize> bytes = {};
    if (base::decode_checked_base32(text, bytes) != base::Base32Status::kOk) return std::nullopt;
    return bytes;
}

// The number at the front of *text, cut off. Nothing for leading zeros and what does not fit.
std::optional<int64_t> take_number(std::string_view* text) {
    const size_t size = std::min(text->find_first_not_of("0123456789"), text->size());
    const std::string_view digits = text->substr(0, size);
    if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
    text->remove_prefix(size);
    return to_integer(digits);
}

}  // namespace

bool is_public_key(std::string_view text, KeyKind kind) {
    if (text.size() != kKeyTextSize) return false;
    const auto bytes = decode<33>(text);
    return bytes.has_value() && (*bytes)[0] == static_cast<uint8_t>(kind);
}

bool is_seed(std::string_view text, KeyKind kind) {
    constexpr uint8_t kSeedPrefix = 18 << 3;
    if (text.size() != kSeedTextSize) return false;
    const auto bytes = decode<34>(text);
    if (!bytes.has_value() || ((*bytes)[0] & 0xF8) != kSeedPrefix) return false;
    const int found = ((*bytes)[0] & 7) << 5 | ((*bytes)[1] & 0xF8) >> 3;
    return found == static_cast<int>(kind);
}

std::optional<Version> parse_version(std::string_view text) {
    Version version;
    for (int64_t* part : {&version.major, &version.minor, &version.patch}) {
        if (part != &version.major) {
            if (!text.starts_with('.')) return std::nullopt;
            text.remove_prefix(1);
        }
        const std::optional<int64_t> number = take_number(&text);
        if (!number) return std::nullopt;
        *part = *number;
    }
    const bool suffix = text.empty() || (text.size() > 1 && (text[0] == '-' || text[0] == '+'));
    const bool readable = std::all_of(text.begin(), text.end(), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '-' || c == '+' || c == '.';
    });
    return suffix && readable ? std::optional(version) : std::nullopt;
}

}  // namespace nuring::config
