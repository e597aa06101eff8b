// SPDX-License-Identifier: Apache-2.0
// Copies and compares of a few dozen bytes in whole 16-byte blocks. They read and write past the end,
// by up to 15 bytes: both sides must have slack (ring::kReceiveSlackBytes, runtime::kSlabSlackBytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// The bytes past the end may be written by another thread meanwhile; it is read, never looked at. Only
// ThreadSanitizer minds, so its builds keep to the size.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NURING_EXACT_BLOCKS 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define NURING_EXACT_BLOCKS 1
#endif

namespace nuring::base {

inline constexpr size_t kBlockBytes = 16;

// Above this a library copy is faster than the loop below.
inline constexpr size_t kBlockCopyMax = 256;

// Copies `size` bytes, in blocks; rubbish may follow the target's end.
inline void block_copy(char* target, const char* source, size_t size) {
#ifdef NURING_EXACT_BLOCKS
    std::memcpy(target, source, size);
    return;
#endif
    if (size > kBlockCopyMax) {
        std::memcpy(target, source, size);
        return;
    }
    for (size_t offset = 0; offset < size; offset += kBlockBytes) {
#if defined(__SSE2__)
        _mm_storeu_si128(reinterpret_cast<__m128i*>(target + offset),
                         _mm_loadu_si128(reinterpret_cast<const __m128i*>(source + offset)));
#else
        std::memcpy(target + offset, source + offset, kBlockBytes);
#endif
    }
}

// Are the `size` bytes the same?
inline bool block_equal(const char* a, const char* b, size_t size) {
#if defined(__SSE2__) && !defined(NURING_EXACT_BLOCKS)
    while (size >= kBlockBytes) {
        const __m128i same =
            _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)),
                           _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
        if (_mm_movemask_epi8(same) != 0xffff) return false;
        a += kBlockBytes;
        b += kBlockBytes;
        size -= kBlockBytes;
    }
    if (size == 0) return true;
    const __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)),
                                        _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
    const uint32_t wanted = (1U << size) - 1;
    return (static_cast<uint32_t>(_mm_movemask_epi8(same)) & wanted) == wanted;
#else
    return std::memcmp(a, b, size) == 0;
#endif
}

// The same, reading nothing past the ends, without a call: for what is mostly short (subjects).
inline bool short_equal(const char* a, const char* b, size_t size) {
    const auto same = [a, b]<typename Word>(size_t at, Word /*kind*/) {
        Word left;
        Word right;
        std::memcpy(&left, a + at, sizeof left);
        std::memcpy(&right, b + at, sizeof right);
        return left == right;
    };
    if (size >= sizeof(uint64_t)) {
        size_t at = 0;
        for (; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
            if (!same(at, uint64_t{})) return false;
        }
        return same(size - sizeof(uint64_t), uint64_t{});  // may overlap the one before
    }
    if (size >= sizeof(uint32_t)) return same(0, uint32_t{}) && same(size - sizeof(uint32_t), uint32_t{});
    return size == 0 || (a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1]);
}

}  // namespace nuring::base
