// SPDX-License-Identifier: Apache-2.0
// Unsigned decimal numbers of the wire protocol, both ways.
// Threads: any. Errors: return values. Nothing is allocated.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "proto/limits.h"

namespace nuring::proto {

// parse_decimal() answers this for numbers which 64 bits cannot hold.
inline constexpr int64_t kDecimalOverflow = std::numeric_limits<int64_t>::max();

// Digits only (no sign, no blank, leading zeros allowed): the number, kDecimalOverflow, or -1 if
// the text is not a number.
constexpr int64_t parse_decimal(std::string_view text) {
    if (text.empty()) return -1;
    int64_t value = 0;
    bool overflow = false;
    for (const char c : text) {
        if (c < '0' || c > '9') return -1;
        const int64_t digit = c - '0';
        overflow = overflow || value > (kDecimalOverflow - digit) / 10;
        if (!overflow) value = value * 10 + digit;
    }
    return overflow ? kDecimalOverflow : value;
}

// "00" "01" ... "99".
struct DecimalPairs {
    char text[200];
    constexpr DecimalPairs() : text() {
        for (int i = 0; i < 100; ++i) {
            text[2 * i] = static_cast<char>('0' + i / 10);
            text[2 * i + 1] = static_cast<char>('0' + i % 10);
        }
    }
};
inline constexpr DecimalPairs kDecimalPairs;

constexpr size_t decimal_size(uint64_t value) {
    size_t size = 1;
    for (; value >= 10000; value /= 10000) size += 4;
    if (value >= 1000) return size + 3;
    if (value >= 100) return size + 2;
    return value >= 10 ? size + 1 : size;
}

// Writes up to kDecimalDigitsMax characters; returns the end.
inline char* write_decimal(char* out, uint64_t value) {
    char* const end = out + decimal_size(value);
    char* at = end;
    while (value >= 100) {
        at -= 2;
        std::memcpy(at, kDecimalPairs.text + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        std::memcpy(at - 2, kDecimalPairs.text + 2 * value, 2);
    } else {
        at[-1] = static_cast<char>('0' + value);
    }
    return end;
}

}  // namespace nuring::proto
