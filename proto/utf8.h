// SPDX-License-Identifier: Apache-2.0
// UTF-8, one rune at a time, with Go's view of invalid bytes: each is one rune U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nuring::proto {

inline constexpr uint32_t kInvalidRune = 0xfffd;
inline constexpr std::string_view kInvalidRuneText = "\xef\xbf\xbd";

struct Rune {
    uint32_t value = kInvalidRune;
    size_t size = 1;
    bool valid = false;
};

// The first rune of a text, which must not be empty.
constexpr Rune first_rune(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
    uint32_t value = lead & (0x7fU >> size);
    for (size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        value = value << 6 | (byte(i) & 0x3fU);
    }
    const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool surrogate = value >= 0xd800 && value < 0xe000;
    if (overlong || surrogate || value > 0x10ffff) return {};
    return {value, size, true};
}

// The beginning of a text, at most that many bytes of it, with no rune cut in two.
constexpr std::string_view cut_text(std::string_view text, size_t size_max) {
    if (text.size() <= size_max) return text;
    constexpr size_t kRuneSizeMax = 4;
    for (size_t back = 1; back < kRuneSizeMax && back <= size_max; ++back) {
        if (first_rune(text.substr(size_max - back)).size > back) return text.substr(0, size_max - back);
    }
    return text.substr(0, size_max);
}

}  // namespace nuring::proto
