// SPDX-License-Identifier: Apache-2.0
// Many bytes at once: words, and blocks of 16 bytes on x86-64. Elsewhere the callers go byte by byte.
// Threads: any. Errors: none; the caller makes sure that all bytes of a word or block are readable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace nuring::proto {

inline constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

template <typename Word>
inline Word load(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

// Index of the lowest bit set; `bits` must not be 0. (The library's function tests for that.)
inline size_t lowest_bit(uint64_t bits) {
    return static_cast<uint32_t>(__builtin_ctzll(bits));
}

#if defined(__SSE2__)

inline constexpr size_t kBlockSize = 16;

// Four characters as load<uint32_t>() gives them.
constexpr uint32_t word_of(const char (&text)[5]) {
    const auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
    return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

inline __m128i load_block(const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

// One bit per byte of the block, the first byte lowest: where a compare held.
inline uint32_t bits_of(__m128i compared) {
    return static_cast<uint32_t>(_mm_movemask_epi8(compared));
}

// One bit for each byte that is a blank or a control byte (unsigned <= 0x20).
inline uint32_t blank_bits(const char* from) {
    const __m128i bytes = load_block(from);
    const __m128i low = _mm_min_epu8(bytes, _mm_set1_epi8(0x20));
    return bits_of(_mm_cmpeq_epi8(low, bytes));
}

template <size_t kSize>
inline uint64_t blank_window(const char* from) {
    static_assert(kSize == 2 * kBlockSize || kSize == 4 * kBlockSize);
    uint64_t bits = blank_bits(from) | uint64_t{blank_bits(from + 16)} << 16;
    if constexpr (kSize == 4 * kBlockSize) {
        bits |= uint64_t{blank_bits(from + 32)} << 32 | uint64_t{blank_bits(from + 48)} << 48;
    }
    return bits;
}

#endif

}  // namespace nuring::proto
