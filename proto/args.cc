// SPDX-License-Identifier: Apache-2.0
#include "proto/args.h"

#include <algorithm>

#include "proto/byte_blocks.h"

namespace nuring::proto {
namespace {

template <typename Args>
Args split_plainly(std::string_view text, Separators separators) {
    Args args;
    size_t i = 0;
    const auto separates = [&](char c) {
        return is_blank(c) || (c == '\r' && separators == Separators::kBlanksAndLineEnds);
    };
    while (i < text.size()) {
        if (separates(text[i])) {
            ++i;
            continue;
        }
        const size_t from = i;
        while (i < text.size() && !separates(text[i])) ++i;
        args.add(text.substr(from, i - from));
    }
    return args;
}

#if defined(__SSE2__)

constexpr size_t kWindow = 64;

// Bit i: byte i of the block separates.
uint32_t separator_bits(const char* from, __m128i cr_or_space) {
    const __m128i bytes = load_block(from);
    const __m128i blanks = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
                                        _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')));
    const __m128i all = _mm_or_si128(blanks, _mm_cmpeq_epi8(bytes, cr_or_space));
    return bits_of(all);
}

// As split_plainly(), in blocks; kBlockSize bytes behind the text must be readable.
template <typename Args>
Args split_in_blocks(std::string_view text, Separators separators) {
    const __m128i cr_or_space = _mm_set1_epi8(separators == Separators::kBlanksAndLineEnds ? '\r' : ' ');
    const char* const text_end = text.data() + text.size();
    Args args;
    const char* token = nullptr;
    uint64_t before = 1;  // the byte before the window separates
    for (const char* window = text.data(); window < text_end; window += kWindow) {
        const size_t size = std::min(static_cast<size_t>(text_end - window), kWindow);
        // Behind the text everything separates.
        uint64_t bits = size < kWindow ? ~uint64_t{0} << size : 0;
        for (size_t at = 0; at < size; at += kBlockSize) {
            bits |= uint64_t{separator_bits(window + at, cr_or_space)} << at;
        }
        uint64_t edges = bits ^ (bits << 1 | before);
        before = bits >> (kWindow - 1);
        for (; edges != 0; edges &= edges - 1) {
            const char* edge = window + lowest_bit(edges);
            if (token == nullptr) {
                token = edge;
            } else {
                args.add({token, static_cast<size_t>(edge - token)});
                token = nullptr;
            }
        }
    }
    if (token != nullptr) args.add({token, static_cast<size_t>(text_end - token)});
    return args;
}

#endif

template <typename Args>
Args split(std::string_view text, [[maybe_unused]] const char* end, Separators separators) {
    // A line feed is the first byte, or none of the args': anywhere else it ends the line.
    if (separators == Separators::kBlanksAndLineEnds && text.starts_with('\n')) text.remove_prefix(1);
#if defined(__SSE2__)
    const char* const text_end = text.data() + text.size();
    if (end - text_end >= static_cast<ptrdiff_t>(kBlockSize)) {
        return split_in_blocks<Args>(text, separators);
    }
#endif
    return split_plainly<Args>(text, separators);
}

}  // namespace

Args split_args(std::string_view text, const char* end, Separators separators) {
    return split<Args>(text, end, separators);
}

RouteArgs split_route_args(std::string_view text, const char* end) {
    return split<RouteArgs>(text, end, Separators::kBlanksAndLineEnds);
}

}  // namespace nuring::proto
