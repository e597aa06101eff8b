// SPDX-License-Identifier: Apache-2.0
// Text of digests for short names: each byte gives one of 62 digits, so the bytes cannot be read back.
// Threads: any. Errors: none. Source: getHashSize in server/events.go 2.9.10.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nuring::proto {

inline constexpr std::string_view kBase62Digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

inline bool is_base62(char c) { return kBase62Digits.find(c) != std::string_view::npos; }

inline std::string base62_of(std::span<const uint8_t> bytes) {
    std::string text;
    for (const uint8_t byte : bytes) text += kBase62Digits[byte % kBase62Digits.size()];
    return text;
}

}  // namespace nuring::proto
