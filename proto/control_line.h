// SPDX-License-Identifier: Apache-2.0
// The parts that all parsers of lines share: the verb, the line behind it, the payload behind that.
//
//   PUB orders.new 5\r\nhello\r\n
//   |  |<-- args ->|
//   |  verb_end    line end
//
// Status and Operation are those of the kind (client_parser.h, route_parser.h), which has the same
// names for the same things.
// Threads: any; no state. Errors: as the parsers'. Nothing is allocated.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proto/args.h"
#include "proto/byte_blocks.h"
#include "proto/limits.h"

namespace nuring::proto {

constexpr char fold_case(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// ---- verbs -------------------------------------------------------------------------------------

// The rest of the line behind a verb.
enum class AfterVerb : uint8_t {
    kBlankAndArgs,
    kArgs,     // with or without a blank before them
    kNothing,  // whatever it is, it is ignored
};

template <typename Verb>
struct VerbForm {
    std::string_view text;  // lower case
    Verb verb;
    AfterVerb behind;
};

// The verb at `begin` with the blank that it needs; or how far the input is a beginning of one.
template <typename Verb>
struct VerbMatch {
    const VerbForm<Verb>* form = nullptr;
    size_t matched = 0;  // bytes which agree with some verb
};

// A set of rows of a table of verbs: bit i for row i.
using VerbRows = uint32_t;
inline constexpr VerbRows kAllVerbRows = ~VerbRows{0};

template <typename Verb, size_t kCount>
VerbMatch<Verb> match_any_verb(const VerbForm<Verb> (&forms)[kCount], const char* begin,
                               size_t size, VerbRows rows = kAllVerbRows) {
    static_assert(kCount <= 8 * sizeof(VerbRows));
    VerbMatch<Verb> best;
    for (size_t row = 0; row < kCount; ++row) {
        if ((rows >> row & 1) == 0) continue;
        const VerbForm<Verb>& form = forms[row];
        size_t count = 0;
        while (count < size && count < form.text.size() &&
               fold_case(begin[count]) == form.text[count]) {
            ++count;
        }
        if (count == form.text.size()) {
            if (form.behind != AfterVerb::kBlankAndArgs || (count < size && is_blank(begin[count]))) {
                return {&form, count};
            }
        }
        if (count > best.matched) best.matched = count;
    }
    return best;
}

// The fault of a verb that matched none, or that more bytes are needed to know.
template <typename Status, typename Operation>
Status refuse_verb(size_t matched, size_t size, Operation* out) {
    if (matched == size) {
        out->needed_bytes = 0;
        out->scanned_bytes = size;
        return Status::kNeedMore;
    }
    out->error_offset = matched;
    return Status::kUnknownOperation;
}

// ---- lines -------------------------------------------------------------------------------------

// The blanks in front of the args, and the args, are each bounded by the limit.
struct ArgSpan {
    const char* from;
    bool too_long;
};

inline ArgSpan find_args(const char* verb_end, const char* line_end, uint32_t control_line_max) {
    const char* from = verb_end;
    while (from < line_end && is_blank(*from)) ++from;
    const size_t blanks = static_cast<size_t>(from - verb_end);
    const size_t size = static_cast<size_t>(line_end - from);
    return {from, blanks > control_line_max || size > control_line_max};
}

// The earliest end of the line. The first byte behind the blanks is the args' whatever
// it is, a line feed, too (server/parser.go: `default:` of the states OP_PUB_SPC and the like).
inline const char* first_line_end(const char* verb_end, const char* end, AfterVerb behind) {
    if (behind == AfterVerb::kNothing) return verb_end;
    const char* from = verb_end;
    while (from < end && is_blank(*from)) ++from;
    return from < end ? from + 1 : end;
}

// Sets `args` and `line_size` (kOperation), or answers kNeedMore or kControlLineTooLong.
template <typename Status, typename Operation>
Status take_line(const char* begin, const char* verb_end, const char* end, AfterVerb behind,
                 uint32_t control_line_max, Operation* out, size_t scanned_bytes) {
    const char* const search = std::max(begin + scanned_bytes, first_line_end(verb_end, end, behind));
    const void* found = std::memchr(search, '\n', static_cast<size_t>(end - search));
    if (found == nullptr) {
        if (static_cast<size_t>(end - verb_end) > control_line_max) {
            // A CR at the end does not count: its LF may be on the way.
            const char* stop = end[-1] == '\r' ? end - 1 : end;
            const ArgSpan span = find_args(verb_end, stop, control_line_max);
            if (span.too_long) {
                out->args = {span.from, static_cast<size_t>(stop - span.from)};
                return Status::kControlLineTooLong;
            }
        }
        out->needed_bytes = 0;
        out->scanned_bytes = static_cast<size_t>(end - begin);
        return Status::kNeedMore;
    }
    const char* line_feed = static_cast<const char*>(found);
    const char* line_end = line_feed;
    if (line_end > verb_end && line_end[-1] == '\r') --line_end;
    const ArgSpan span = find_args(verb_end, line_end, control_line_max);
    out->args = {span.from, static_cast<size_t>(line_end - span.from)};
    if (span.too_long) return Status::kControlLineTooLong;
    out->line_size = static_cast<uint32_t>(line_feed + 1 - begin);
    return Status::kOperation;
}

// ---- payloads ----------------------------------------------------------------------------------

// The `size` bytes behind the line and their CRLF: sets `payload`, `total_size` and `consumed`.
template <typename Status, typename Operation>
Status take_payload_bytes(const char* begin, const char* end, size_t size, Operation* out) {
    const size_t operation_size = out->line_size + size + kLineEndSize;
    const size_t available = static_cast<size_t>(end - begin);
    const char* payload = begin + out->line_size;
    if (available > out->line_size + size && payload[size] != '\r') {
        out->error_offset = out->line_size + size;
        return Status::kUnknownOperation;
    }
    if (available < operation_size) {
        out->needed_bytes = operation_size;
        out->scanned_bytes = 0;
        return Status::kNeedMore;
    }
    if (payload[size + 1] != '\n') {
        out->error_offset = out->line_size + size + 1;
        return Status::kUnknownOperation;
    }
    out->payload = payload;
    out->total_size = static_cast<uint32_t>(size);
    out->consumed = operation_size;
    return Status::kOperation;
}

#if defined(__SSE2__)

inline constexpr uint32_t kCaseBits3 = 0x00202020;  // fold three letters, keep the fourth byte
inline constexpr uint32_t kCaseBits4 = 0x20202020;  // fold four letters
inline constexpr uint16_t kCrLf = 0x0a0d;           // "\r\n" as a little-endian word

// The answer of quick_decimal() for text that is no number: more than any buffer has.
inline constexpr uint64_t kNoNumber = uint64_t{1} << 62;

// The number that one to eight digits say.
[[gnu::always_inline]] inline uint64_t quick_decimal(const char* from, const char* to) {
    uint64_t value = 0;
    do {
        const uint32_t digit = static_cast<uint8_t>(*from) - uint32_t{'0'};
        if (digit > 9) [[unlikely]]
            return kNoNumber;
        value = value * 10 + digit;
    } while (++from != to);
    return value;
}

// How a quick path ended. kLonger: the line may go on behind its window. kOther: ask the plain one.
enum class QuickResult : uint8_t { kDone, kLonger, kOther };

#endif

}  // namespace nuring::proto
