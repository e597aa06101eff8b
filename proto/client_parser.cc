// SPDX-License-Identifier: Apache-2.0
#include "proto/client_parser.h"

#include <bit>
#include <cassert>
#include <cstring>

#include "proto/decimal.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace nuring::proto {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

char fold_case(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// ---- verbs -------------------------------------------------------------------------------------

struct VerbForm {
    std::string_view text;  // lower case
    ClientVerb verb;
    bool needs_blank;  // a blank must follow the verb
};

constexpr VerbForm kVerbForms[] = {
    {"pub", ClientVerb::kPublish, true},      {"hpub", ClientVerb::kHeaderPublish, true},
    {"sub", ClientVerb::kSubscribe, true},    {"unsub", ClientVerb::kUnsubscribe, true},
    {"ping", ClientVerb::kPing, false},       {"pong", ClientVerb::kPong, false},
    {"connect", ClientVerb::kConnect, false}, {"info", ClientVerb::kInfo, false},
    {"+ok", ClientVerb::kOk, false},          {"-err", ClientVerb::kError, true},
};
static_assert(std::size(kVerbForms) == kClientVerbCount);

// The verb at `begin` with the blank that it needs; or how far the input is a beginning of one.
struct VerbMatch {
    const VerbForm* form = nullptr;
    size_t matched = 0;  // bytes which agree with some verb
};

VerbMatch match_verb(const char* begin, size_t size) {
    VerbMatch best;
    for (const VerbForm& form : kVerbForms) {
        size_t count = 0;
        while (count < size && count < form.text.size() &&
               fold_case(begin[count]) == form.text[count]) {
            ++count;
        }
        if (count == form.text.size()) {
            if (!form.needs_blank || (count < size && is_blank(begin[count]))) {
                return {&form, count};
            }
        }
        if (count > best.matched) best.matched = count;
    }
    return best;
}

// ---- arguments ---------------------------------------------------------------------------------

struct Args {
    std::string_view at[kClientArgsMax];
    size_t count = 0;  // may exceed kClientArgsMax
};

// SUB and UNSUB take CR as a separator, too.
Args split_args(std::string_view text, bool cr_separates) {
    Args args;
    size_t i = 0;
    const auto separates = [&](char c) { return is_blank(c) || (cr_separates && c == '\r'); };
    while (i < text.size()) {
        if (separates(text[i])) {
            ++i;
            continue;
        }
        const size_t from = i;
        while (i < text.size() && !separates(text[i])) ++i;
        if (args.count < kClientArgsMax) args.at[args.count] = text.substr(from, i - from);
        ++args.count;
    }
    return args;
}

ParseStatus take_payload(const char* begin, const char* end, const ClientParseLimits& limits,
                         int64_t total, ClientOperation* out) {
    const bool too_large = total > kPayloadSizeMax ||
                           (limits.payload_max != kPayloadUnlimited && total > limits.payload_max);
    if (too_large) {
        out->claimed_size = total;
        return ParseStatus::kPayloadTooLarge;
    }
    const size_t size = static_cast<size_t>(total);
    const size_t operation_size = out->line_size + size + kLineEndSize;
    const size_t available = static_cast<size_t>(end - begin);
    const char* payload = begin + out->line_size;
    if (available > out->line_size + size && payload[size] != '\r') {
        out->error_offset = out->line_size + size;
        return ParseStatus::kUnknownOperation;
    }
    if (available < operation_size) {
        out->needed_bytes = operation_size;
        out->scanned_bytes = 0;
        return ParseStatus::kNeedMore;
    }
    if (payload[size + 1] != '\n') {
        out->error_offset = out->line_size + size + 1;
        return ParseStatus::kUnknownOperation;
    }
    out->payload = payload;
    out->total_size = static_cast<uint32_t>(size);
    out->consumed = operation_size;
    return ParseStatus::kOperation;
}

// Single blanks between the args, nothing behind them but CRLF.
bool is_canonical(const Args& args, const char* line_end) {
    for (size_t i = 0; i + 1 < args.count; ++i) {
        const char* gap = args.at[i].data() + args.at[i].size();
        if (*gap != ' ' || gap + 1 != args.at[i + 1].data()) return false;
    }
    const std::string_view last = args.at[args.count - 1];
    return last.data() + last.size() == line_end && *line_end == '\r';
}

ParseStatus take_publish(const char* begin, const char* end, const ClientParseLimits& limits,
                         ClientOperation* out) {
    const Args args = split_args(out->args, false);
    if (args.count < kPublishArgsMin || args.count > kPublishArgsMax) {
        return ParseStatus::kBadPublishArgs;
    }
    out->subject = args.at[0];
    out->reply = args.count == kPublishArgsMax ? args.at[1] : std::string_view();
    out->size_text = args.at[args.count - 1];
    out->header_size = 0;
    const int64_t total = parse_decimal(out->size_text);
    if (total < 0) return ParseStatus::kBadPublishSize;
    out->canonical = is_canonical(args, out->args.data() + out->args.size());
    return take_payload(begin, end, limits, total, out);
}

ParseStatus take_header_publish(const char* begin, const char* end, const ClientParseLimits& limits,
                                ClientOperation* out) {
    const Args args = split_args(out->args, false);
    if (args.count < kHeaderPublishArgsMin || args.count > kHeaderPublishArgsMax) {
        return ParseStatus::kBadHeaderPublishArgs;
    }
    out->subject = args.at[0];
    out->reply = args.count == kHeaderPublishArgsMax ? args.at[1] : std::string_view();
    out->size_text = args.at[args.count - 1];
    const int64_t header = parse_decimal(args.at[args.count - 2]);
    if (header < 0) return ParseStatus::kBadHeaderPublishHeaderSize;
    const int64_t total = parse_decimal(out->size_text);
    if (total < 0) return ParseStatus::kBadHeaderPublishTotalSize;
    if (header > total) return ParseStatus::kBadHeaderPublishSizes;
    out->canonical = is_canonical(args, out->args.data() + out->args.size());
    out->header_size = static_cast<uint32_t>(header);
    return take_payload(begin, end, limits, total, out);
}

ParseStatus take_subscribe(ClientOperation* out) {
    const Args args = split_args(out->args, true);
    if (args.count < kSubscribeArgsMin || args.count > kSubscribeArgsMax) {
        return ParseStatus::kBadSubscribeArgs;
    }
    out->subject = args.at[0];
    out->queue = args.count == kSubscribeArgsMax ? args.at[1] : std::string_view();
    out->sid = args.at[args.count - 1];
    out->consumed = out->line_size;
    return ParseStatus::kOperation;
}

ParseStatus take_unsubscribe(ClientOperation* out) {
    const Args args = split_args(out->args, true);
    if (args.count < kUnsubscribeArgsMin || args.count > kUnsubscribeArgsMax) {
        return ParseStatus::kBadUnsubscribeArgs;
    }
    out->sid = args.at[0];
    // Not a number means "now", and so does one that is too large to be meant (since 2.2).
    const int64_t max = args.count == kUnsubscribeArgsMax ? parse_decimal(args.at[1]) : 0;
    out->unsubscribe_max = max < 0 || max == kDecimalOverflow ? 0 : max;
    out->consumed = out->line_size;
    return ParseStatus::kOperation;
}

// ---- lines -------------------------------------------------------------------------------------

// The blanks in front of the args, and the args, are each bounded by the limit.
struct ArgSpan {
    const char* from;
    bool too_long;
};

ArgSpan find_args(const char* verb_end, const char* line_end, const ClientParseLimits& limits) {
    const char* from = verb_end;
    while (from < line_end && is_blank(*from)) ++from;
    const size_t blanks = static_cast<size_t>(from - verb_end);
    const size_t size = static_cast<size_t>(line_end - from);
    return {from, blanks > limits.control_line_max || size > limits.control_line_max};
}

ParseStatus incomplete_line(const char* begin, const char* verb_end, const char* end,
                            const ClientParseLimits& limits, ClientOperation* out) {
    const size_t size = static_cast<size_t>(end - verb_end);
    if (size > limits.control_line_max) {
        // A CR at the end does not count: its LF may be on the way.
        const char* stop = end[-1] == '\r' ? end - 1 : end;
        const ArgSpan span = find_args(verb_end, stop, limits);
        if (span.too_long) {
            out->args = {span.from, static_cast<size_t>(stop - span.from)};
            return ParseStatus::kControlLineTooLong;
        }
    }
    out->needed_bytes = 0;
    out->scanned_bytes = static_cast<size_t>(end - begin);
    return ParseStatus::kNeedMore;
}

// Any operation in any spelling; the plain and complete definition.
ParseStatus parse_any(const char* begin, const char* end, const ClientParseLimits& limits,
                      ClientOperation* out, size_t scanned_bytes) {
    const size_t size = static_cast<size_t>(end - begin);
    assert(scanned_bytes <= size);
    const VerbMatch match = match_verb(begin, size);
    if (match.form == nullptr) {
        if (match.matched == size) {
            out->needed_bytes = 0;
            out->scanned_bytes = size;
            return ParseStatus::kNeedMore;
        }
        out->error_offset = match.matched;
        return ParseStatus::kUnknownOperation;
    }
    const char* verb_end = begin + match.matched;
    const char* search = scanned_bytes > match.matched ? begin + scanned_bytes : verb_end;
    const void* found = std::memchr(search, '\n', static_cast<size_t>(end - search));
    if (found == nullptr) return incomplete_line(begin, verb_end, end, limits, out);

    const char* line_feed = static_cast<const char*>(found);
    const char* line_end = line_feed;
    if (line_end > verb_end && line_end[-1] == '\r') --line_end;
    const ArgSpan span = find_args(verb_end, line_end, limits);
    out->args = {span.from, static_cast<size_t>(line_end - span.from)};
    if (span.too_long) return ParseStatus::kControlLineTooLong;
    out->verb = match.form->verb;
    out->line_size = static_cast<uint32_t>(line_feed + 1 - begin);
    switch (match.form->verb) {
        case ClientVerb::kPublish:
            return take_publish(begin, end, limits, out);
        case ClientVerb::kHeaderPublish:
            return take_header_publish(begin, end, limits, out);
        case ClientVerb::kSubscribe:
            return take_subscribe(out);
        case ClientVerb::kUnsubscribe:
            return take_unsubscribe(out);
        case ClientVerb::kPing:
        case ClientVerb::kPong:
        case ClientVerb::kConnect:
        case ClientVerb::kInfo:
        case ClientVerb::kOk:
        case ClientVerb::kError:
            break;
    }
    out->consumed = out->line_size;
    return ParseStatus::kOperation;
}

}  // namespace

// ---- the fast path -----------------------------------------------------------------------------

#if defined(__SSE2__)
namespace {

constexpr uint32_t kCaseBits3 = 0x00202020;  // fold three letters, keep the fourth byte
constexpr uint32_t kPubBlank = 0x20627570;   // "pub " as a little-endian word
constexpr uint16_t kCrLf = 0x0a0d;           // "\r\n" as a little-endian word
constexpr size_t kVerbSize = 4;              // "PUB "

template <typename Word>
Word load(const char* from) {
    Word word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

// Bit i: byte i is a blank or a control byte (unsigned <= 0x20).
uint32_t blank_bits(const char* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i low = _mm_min_epu8(bytes, _mm_set1_epi8(0x20));
    return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(low, bytes)));
}

template <size_t kWindow>
uint64_t blank_window(const char* from) {
    static_assert(kWindow == 32 || kWindow == 64);
    uint64_t bits = blank_bits(from) | uint64_t{blank_bits(from + 16)} << 16;
    if constexpr (kWindow == 64) {
        bits |= uint64_t{blank_bits(from + 32)} << 32 | uint64_t{blank_bits(from + 48)} << 48;
    }
    return bits;
}

// One to eight digits; -1: not digits.
// All eight bytes are loaded, so they must be readable.
int64_t parse_short_decimal(const char* from, size_t size) {
    // The digits move to the high bytes, zeros come in below: a number of eight digits.
    const uint64_t shift = (8 - size) * 8;
    uint64_t digits = (load<uint64_t>(from) ^ 0x3030303030303030ULL) << shift;
    const uint64_t above_nine = (digits + 0x7676767676767676ULL) | digits;
    if ((above_nine & 0x8080808080808080ULL) != 0) [[unlikely]]
        return -1;
    digits = (digits * 10 + (digits >> 8)) & 0x00ff00ff00ff00ffULL;
    digits = (digits * 100 + (digits >> 16)) & 0x0000ffff0000ffffULL;
    return static_cast<int64_t>((digits * 10000 + (digits >> 32)) & 0xffffffffULL);
}

enum class Quick : uint8_t { kDone, kLonger, kOther };

// A canonical PUB whose line ends within kWindow bytes after the verb and whose payload is here.
// kLonger: the line may go on behind the window. kOther: ask parse_any().
template <size_t kWindow>
Quick quick_publish(const char* begin, const char* end, const ClientParseLimits& limits,
                    ClientOperation* out) {
    const char* const args = begin + kVerbSize;
    uint64_t bits = blank_window<kWindow>(args);
    if (bits == 0) return Quick::kLonger;
    const size_t subject_size = static_cast<size_t>(std::countr_zero(bits));
    bits &= bits - 1;
    if (bits == 0) return Quick::kLonger;
    size_t line_end = static_cast<size_t>(std::countr_zero(bits));
    if (args[subject_size] != ' ' || subject_size == 0) [[unlikely]]
        return Quick::kOther;
    size_t size_from = subject_size + 1;
    size_t reply_size = 0;
    if (args[line_end] == ' ') {
        reply_size = line_end - size_from;
        if (reply_size == 0) [[unlikely]]
            return Quick::kOther;
        size_from = line_end + 1;
        bits &= bits - 1;
        if (bits == 0) return Quick::kLonger;
        line_end = static_cast<size_t>(std::countr_zero(bits));
    }
    const size_t digits = line_end - size_from;
    // Both loads below stay in the input: eight bytes of digits, and two bytes of line end.
    if (digits - 1 >= 8 || end - (args + size_from) < 10) [[unlikely]]
        return Quick::kOther;
    if (load<uint16_t>(args + line_end) != kCrLf) [[unlikely]]
        return Quick::kOther;
    const int64_t size = parse_short_decimal(args + size_from, digits);
    if (size < 0) [[unlikely]]
        return Quick::kOther;
    const char* const payload = args + line_end + kLineEndSize;
    const uint64_t payload_max = static_cast<uint64_t>(limits.payload_max);  // -1: the largest
    if (line_end > limits.control_line_max || static_cast<uint64_t>(size) > payload_max ||
        end - payload < size + 2 || load<uint16_t>(payload + size) != kCrLf) [[unlikely]] {
        return Quick::kOther;
    }
    out->verb = ClientVerb::kPublish;
    out->canonical = true;
    out->line_size = static_cast<uint32_t>(payload - begin);
    out->header_size = 0;
    out->total_size = static_cast<uint32_t>(size);
    out->consumed = static_cast<size_t>(payload + size + kLineEndSize - begin);
    out->subject = {args, subject_size};
    out->reply = {args + subject_size + 1, reply_size};
    out->size_text = {args + size_from, digits};
    out->payload = payload;
    return Quick::kDone;
}

}  // namespace

ParseStatus parse_client(const char* begin, const char* end, const ClientParseLimits& limits,
                         ClientOperation* out, size_t scanned_bytes) {
    const ptrdiff_t size = end - begin;
    if (size >= static_cast<ptrdiff_t>(kVerbSize + 32) &&
        (load<uint32_t>(begin) | kCaseBits3) == kPubBlank) {
        Quick quick = quick_publish<32>(begin, end, limits, out);
        if (quick == Quick::kDone) [[likely]]
            return ParseStatus::kOperation;
        if (quick == Quick::kLonger && size >= static_cast<ptrdiff_t>(kVerbSize + 64)) {
            quick = quick_publish<64>(begin, end, limits, out);
            if (quick == Quick::kDone) return ParseStatus::kOperation;
        }
    }
    return parse_any(begin, end, limits, out, scanned_bytes);
}

#else

ParseStatus parse_client(const char* begin, const char* end, const ClientParseLimits& limits,
                         ClientOperation* out, size_t scanned_bytes) {
    return parse_any(begin, end, limits, out, scanned_bytes);
}

#endif

std::string_view to_text(ClientVerb verb) {
    switch (verb) {
        case ClientVerb::kPublish:
            return "PUB";
        case ClientVerb::kHeaderPublish:
            return "HPUB";
        case ClientVerb::kSubscribe:
            return "SUB";
        case ClientVerb::kUnsubscribe:
            return "UNSUB";
        case ClientVerb::kPing:
            return "PING";
        case ClientVerb::kPong:
            return "PONG";
        case ClientVerb::kConnect:
            return "CONNECT";
        case ClientVerb::kInfo:
            return "INFO";
        case ClientVerb::kOk:
            return "+OK";
        case ClientVerb::kError:
            return "-ERR";
    }
    return "";
}

std::string_view log_text(ParseStatus status) {
    switch (status) {
        case ParseStatus::kBadPublishArgs:
            return "processPub Parse Error: ";
        case ParseStatus::kBadPublishSize:
            return "processPub Bad or Missing Size: ";
        case ParseStatus::kBadHeaderPublishArgs:
            return "processHeaderPub Parse Error: ";
        case ParseStatus::kBadHeaderPublishHeaderSize:
            return "processHeaderPub Bad or Missing Header Size: ";
        case ParseStatus::kBadHeaderPublishTotalSize:
            return "processHeaderPub Bad or Missing Total Size: ";
        case ParseStatus::kBadHeaderPublishSizes:
            return "processHeaderPub Header Size larger then TotalSize: ";
        case ParseStatus::kBadSubscribeArgs:
            return "processSub Parse Error: ";
        case ParseStatus::kBadUnsubscribeArgs:
            return "processUnsub Parse Error: ";
        case ParseStatus::kOperation:
        case ParseStatus::kNeedMore:
        case ParseStatus::kUnknownOperation:
        case ParseStatus::kControlLineTooLong:
        case ParseStatus::kPayloadTooLarge:
            break;
    }
    return "";
}

}  // namespace nuring::proto
