// SPDX-License-Identifier: Apache-2.0
#include "proto/s2_encoder.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace nuring::proto {
namespace {

constexpr size_t kMatchMin = 4;
constexpr size_t kShortOffsets = 2048;  // below: a copy of 4 to 11 bytes needs two bytes only
constexpr size_t kShortCopyMax = 11;
constexpr size_t kCopyMax = 64;
constexpr size_t kMiddleRepeatMax = 8 + 255;
constexpr size_t kLongRepeatMin = 260;
// The search ends before the last bytes: it reads eight bytes at two positions.
constexpr size_t kTailSize = 12;
// After each 64 bytes without a match the search takes steps that are one byte longer.
constexpr int kSkipShift = 6;
constexpr size_t kSizeMax = 3;          // bytes of the size in front of a block
constexpr size_t kTagsMax = 3 + 3 + 4;  // a literal without its bytes, a copy, a repeat
static_assert(S2Encoder::kBlockMax < 1U << 16);
static_assert(S2Encoder::kBlockMax <= kLongRepeatMin + 0xffff);

uint64_t load_eight(const uint8_t* at) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
    return bytes;
}

// Of the first `count` bytes.
template <int count>
size_t hash(uint64_t bytes, int shift) {
    constexpr uint64_t kFactor = 0x9e3779b185ebca87;  // 2^64 / golden ratio, made prime
    return ((bytes << (64 - 8 * count)) * kFactor) >> shift;
}

bool four_equal(uint64_t a, uint64_t b) {
    return static_cast<uint32_t>(a) == static_cast<uint32_t>(b);
}

// How many bytes are equal from `earlier` and `later` on.
size_t equal_size(const uint8_t* earlier, const uint8_t* later, const uint8_t* end) {
    const uint8_t* const begin = later;
    for (; end - later >= 8; earlier += 8, later += 8) {
        if (const uint64_t different = load_eight(earlier) ^ load_eight(later); different != 0) {
            return static_cast<size_t>(later - begin) + static_cast<size_t>(std::countr_zero(different) / 8);
        }
    }
    for (; later != end && *earlier == *later; ++earlier) ++later;
    return static_cast<size_t>(later - begin);
}

void put(uint8_t** out, size_t byte) {
    *(*out)++ = static_cast<uint8_t>(byte);
}

void put_size(uint8_t** out, size_t size) {
    for (; size >= 0x80; size >>= 7) put(out, size | 0x80);
    put(out, size);
}

void put_literal(uint8_t** out, const uint8_t* bytes, size_t size) {
    if (size == 0) return;
    const size_t n = size - 1;
    if (n < 60) {
        put(out, n << 2);
    } else if (n < 256) {
        put(out, 60 << 2);
        put(out, n);
    } else {
        put(out, 61 << 2);
        put(out, n);
        put(out, n >> 8);
    }
    std::memcpy(*out, bytes, size);
    *out += size;
}

void put_short_copy(uint8_t** out, size_t offset, size_t size) {
    put(out, 1 | (size - kMatchMin) << 2 | (offset >> 8) << 5);
    put(out, offset);
}

// A copy with the offset of the last one: offset 0.
void put_repeat(uint8_t** out, size_t size) {
    if (size <= 8) return put_short_copy(out, 0, size);
    if (size <= kMiddleRepeatMax) {
        put_short_copy(out, 0, kMatchMin + 5);
        return put(out, size - 8);
    }
    put_short_copy(out, 0, kMatchMin + 6);
    put(out, size - kLongRepeatMin);
    put(out, (size - kLongRepeatMin) >> 8);
}

void put_copy(uint8_t** out, size_t offset, size_t size, bool repeats) {
    const bool is_near = offset < kShortOffsets;
    if (repeats && (size <= 8 || size > kShortCopyMax || !is_near)) return put_repeat(out, size);
    if (is_near && size <= kShortCopyMax) return put_short_copy(out, offset, size);
    // The rest of a long one is a repeat, which has at least kMatchMin bytes.
    const size_t first = std::min(size, size <= kCopyMax ? kCopyMax : kCopyMax - kMatchMin);
    put(out, 2 | (first - 1) << 2);
    put(out, offset);
    put(out, offset >> 8);
    if (size > first) put_repeat(out, size - first);
}

}  // namespace

void S2Encoder::begin(size_t size) {
    // Small inputs clear and fill little of the tables.
    const auto bits = static_cast<int>(std::bit_width(size));
    const int seven_bits = std::min(bits, kSevenBits);
    const int four_bits = std::min(bits, kFourBits);
    std::fill_n(by_seven_.begin(), size_t{1} << seven_bits, uint16_t{0});
    std::fill_n(by_four_.begin(), size_t{1} << four_bits, uint16_t{0});
    seven_shift_ = 64 - seven_bits;
    four_shift_ = 64 - four_bits;
}

uint16_t& S2Encoder::seven(uint64_t bytes) {
    return by_seven_[hash<7>(bytes, seven_shift_)];
}

uint16_t& S2Encoder::four(uint64_t bytes) {
    return by_four_[hash<4>(bytes, four_shift_)];
}

// Enters `at`; the match there or one byte further.
S2Encoder::Match S2Encoder::find(const uint8_t* source, size_t at) {
    const uint64_t next = load_eight(source + at);
    uint16_t& last_seven = seven(next);
    uint16_t& last_four = four(next);
    const size_t by_seven = last_seven;
    const size_t by_four = last_four;
    last_seven = last_four = static_cast<uint16_t>(at);
    const uint64_t there = load_eight(source + by_seven);
    const uint64_t other = load_eight(source + by_four);
    if (there == next) return {at, by_seven};
    if (other == next) return {at, by_four};
    if (four_equal(there, next)) return {at, by_seven};
    if (!four_equal(other, next)) return {};
    // Only a short match: the next position may have a longer one.
    const uint64_t after = load_eight(source + at + 1);
    uint16_t& last_after = seven(after);
    const size_t by_after = last_after;
    if (!four_equal(load_eight(source + by_after), after)) return {at, by_four};
    last_after = static_cast<uint16_t>(at + 1);
    return {at + 1, by_after};
}

// Enters positions inside of a match: every second one, and the last two.
void S2Encoder::enter(const uint8_t* source, size_t begin, size_t end) {
    for (size_t i = begin + 1; i + 1 < end; i += 2) {
        const uint64_t next = load_eight(source + i);
        seven(next) = static_cast<uint16_t>(i);
        four(next >> 8) = static_cast<uint16_t>(i + 1);
    }
    const uint64_t last = load_eight(source + end - 2);
    seven(last) = static_cast<uint16_t>(end - 2);
    four(last >> 8) = static_cast<uint16_t>(end - 1);
}

size_t S2Encoder::encode(std::string_view bytes, char* out, size_t room) {
    assert(!bytes.empty());
    assert(bytes.size() <= kBlockMax);
    if (room < kSizeMax + kTagsMax) return 0;
    const auto* const source = reinterpret_cast<const uint8_t*>(bytes.data());
    auto* const block = reinterpret_cast<uint8_t*>(out);
    uint8_t* to = block;
    put_size(&to, bytes.size());
    const auto fits = [&](size_t literal) {
        return static_cast<size_t>(to - block) + literal + kTagsMax <= room;
    };

    begin(bytes.size());
    size_t written = 0;  // of the source
    size_t offset = 0;   // of the last copy
    size_t at = 1;
    while (at + kTailSize <= bytes.size()) {
        const Match match = find(source, at);
        if (match.at == 0) {
            at += 1 + ((at - written) >> kSkipShift);
            continue;
        }
        at = match.at;
        size_t from = match.from;
        size_t size = kMatchMin + equal_size(source + from + kMatchMin, source + at + kMatchMin,
                                             source + bytes.size());
        for (; at > written && from > 0 && source[from - 1] == source[at - 1]; --at, --from) ++size;
        assert(from < at);
        if (!fits(at - written)) return 0;
        put_literal(&to, source + written, at - written);
        put_copy(&to, at - from, size, at - from == offset);
        offset = at - from;
        written = at + size;
        if (written + kTailSize <= bytes.size()) enter(source, at, written);
        at = written;
    }
    if (!fits(bytes.size() - written)) return 0;
    put_literal(&to, source + written, bytes.size() - written);
    return static_cast<size_t>(to - block);
}

}  // namespace nuring::proto
