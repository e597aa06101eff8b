// SPDX-License-Identifier: Apache-2.0
#include "proto/client_parser.h"

#include <cassert>
#include <iterator>

#include "proto/args.h"
#include "proto/byte_blocks.h"
#include "proto/control_line.h"
#include "proto/decimal.h"

namespace nuring::proto {
namespace {

#if defined(__SSE2__)
constexpr size_t kClientVerbSize = 4;  // "PUB "
#endif

// ---- verbs -------------------------------------------------------------------------------------

constexpr VerbForm<ClientVerb> kClientVerbForms[] = {
    {"pub", ClientVerb::kPublish, AfterVerb::kBlankAndArgs},
    {"hpub", ClientVerb::kHeaderPublish, AfterVerb::kBlankAndArgs},
    {"sub", ClientVerb::kSubscribe, AfterVerb::kBlankAndArgs},
    {"unsub", ClientVerb::kUnsubscribe, AfterVerb::kBlankAndArgs},
    {"ping", ClientVerb::kPing, AfterVerb::kNothing},
    {"pong", ClientVerb::kPong, AfterVerb::kNothing},
    {"connect", ClientVerb::kConnect, AfterVerb::kArgs},
    {"info", ClientVerb::kInfo, AfterVerb::kArgs},
    {"+ok", ClientVerb::kOk, AfterVerb::kNothing},
    {"-err", ClientVerb::kError, AfterVerb::kBlankAndArgs},
};
static_assert(std::size(kClientVerbForms) == kClientVerbCount);
constexpr size_t kPublishForm = 0;
constexpr size_t kHeaderPublishForm = 1;
constexpr size_t kSubscribeForm = 2;
constexpr size_t kUnsubscribeForm = 3;
constexpr size_t kPingForm = 4;
constexpr size_t kPongForm = 5;
static_assert(kClientVerbForms[kPublishForm].verb == ClientVerb::kPublish);
static_assert(kClientVerbForms[kHeaderPublishForm].verb == ClientVerb::kHeaderPublish);
static_assert(kClientVerbForms[kSubscribeForm].verb == ClientVerb::kSubscribe);
static_assert(kClientVerbForms[kUnsubscribeForm].verb == ClientVerb::kUnsubscribe);
static_assert(kClientVerbForms[kPingForm].verb == ClientVerb::kPing);
static_assert(kClientVerbForms[kPongForm].verb == ClientVerb::kPong);

using ClientVerbMatch = VerbMatch<ClientVerb>;

#if defined(__SSE2__)

// The common verbs by one compare of their first four bytes.
ClientVerbMatch match_verb(const char* begin, size_t size) {
    if (size < 6) [[unlikely]]
        return match_any_verb(kClientVerbForms, begin, size);
    const uint32_t first = load<uint32_t>(begin);
    if ((first | kCaseBits3) == word_of("sub ")) return {&kClientVerbForms[kSubscribeForm], 3};
    if ((first | kCaseBits3) == word_of("pub ")) return {&kClientVerbForms[kPublishForm], 3};
    switch (first | kCaseBits4) {
        case word_of("unsu"):
            if ((begin[4] | 0x20) != 'b' || !is_blank(begin[5])) break;
            return {&kClientVerbForms[kUnsubscribeForm], 5};
        case word_of("hpub"):
            if (!is_blank(begin[4])) break;
            return {&kClientVerbForms[kHeaderPublishForm], 4};
        case word_of("ping"):
            return {&kClientVerbForms[kPingForm], 4};
        case word_of("pong"):
            return {&kClientVerbForms[kPongForm], 4};
        default:
            break;
    }
    return match_any_verb(kClientVerbForms, begin, size);
}

#else

ClientVerbMatch match_verb(const char* begin, size_t size) {
    return match_any_verb(kClientVerbForms, begin, size);
}

#endif

// ---- operations --------------------------------------------------------------------------------

// Source: parseSize in server/util.go 2.9.10, where zeros count as digits, too.
int64_t parse_size(std::string_view text) {
    return text.size() > kServerNumberDigitsMax ? -1 : parse_decimal(text);
}

ParseStatus take_payload(const char* begin, const char* end, const ClientParseLimits& limits,
                         int64_t total, ClientOperation* out) {
    const bool too_large = total > kPayloadSizeMax ||
                           (limits.payload_max != kPayloadUnlimited && total > limits.payload_max);
    if (too_large) {
        out->claimed_size = total;
        return ParseStatus::kPayloadTooLarge;
    }
    return take_payload_bytes<ParseStatus>(begin, end, static_cast<size_t>(total), out);
}

// Single blanks between the args, no line ends within them, nothing behind them but CRLF.
bool is_canonical(const Args& args, const char* line_end) {
    for (size_t i = 0; i + 1 < args.count; ++i) {
        if (args.at[i].find_first_of("\r\n") != std::string_view::npos) return false;
        const char* gap = args.at[i].data() + args.at[i].size();
        if (*gap != ' ' || gap + 1 != args.at[i + 1].data()) return false;
    }
    const std::string_view last = args.at[args.count - 1];
    return last.data() + last.size() == line_end && *line_end == '\r';
}

ParseStatus take_publish(const char* begin, const char* end, const ClientParseLimits& limits,
                         ClientOperation* out) {
    const Args args = split_args(out->args, end, Separators::kBlanks);
    if (args.count < kPublishArgsMin || args.count > kPublishArgsMax) {
        return ParseStatus::kBadPublishArgs;
    }
    out->subject = args.at[0];
    out->reply = args.count == kPublishArgsMax ? args.at[1] : std::string_view();
    out->size_text = args.at[args.count - 1];
    out->header_size = 0;
    const int64_t total = parse_size(out->size_text);
    if (total < 0) return ParseStatus::kBadPublishSize;
    out->canonical = is_canonical(args, out->args.data() + out->args.size());
    return take_payload(begin, end, limits, total, out);
}

ParseStatus take_header_publish(const char* begin, const char* end, const ClientParseLimits& limits,
                                ClientOperation* out) {
    const Args args = split_args(out->args, end, Separators::kBlanks);
    if (args.count < kHeaderPublishArgsMin || args.count > kHeaderPublishArgsMax) {
        return ParseStatus::kBadHeaderPublishArgs;
    }
    out->subject = args.at[0];
    out->reply = args.count == kHeaderPublishArgsMax ? args.at[1] : std::string_view();
    out->size_text = args.at[args.count - 1];
    const int64_t header = parse_size(args.at[args.count - 2]);
    if (header < 0) return ParseStatus::kBadHeaderPublishHeaderSize;
    const int64_t total = parse_size(out->size_text);
    if (total < 0) return ParseStatus::kBadHeaderPublishTotalSize;
    if (header > total) return ParseStatus::kBadHeaderPublishSizes;
    // Without headers a subscriber gets a MSG, whose line has one number less.
    out->canonical = header > 0 && is_canonical(args, out->args.data() + out->args.size());
    out->header_size = static_cast<uint32_t>(header);
    return take_payload(begin, end, limits, total, out);
}

ParseStatus take_subscribe(const char* end, ClientOperation* out) {
    const Args args = split_args(out->args, end, Separators::kBlanksAndLineEnds);
    if (args.count < kSubscribeArgsMin || args.count > kSubscribeArgsMax) {
        return ParseStatus::kBadSubscribeArgs;
    }
    out->subject = args.at[0];
    out->queue = args.count == kSubscribeArgsMax ? args.at[1] : std::string_view();
    out->sid = args.at[args.count - 1];
    out->consumed = out->line_size;
    return ParseStatus::kOperation;
}

ParseStatus take_unsubscribe(const char* end, ClientOperation* out) {
    const Args args = split_args(out->args, end, Separators::kBlanksAndLineEnds);
    if (args.count < kUnsubscribeArgsMin || args.count > kUnsubscribeArgsMax) {
        return ParseStatus::kBadUnsubscribeArgs;
    }
    out->sid = args.at[0];
    // Not a number means "now", and so does one of too many digits.
    const int64_t max = args.count == kUnsubscribeArgsMax ? parse_size(args.at[1]) : 0;
    out->unsubscribe_max = max < 0 ? 0 : max;
    out->consumed = out->line_size;
    return ParseStatus::kOperation;
}

// ---- lines -------------------------------------------------------------------------------------

// Any operation in any spelling; the plain and complete definition. Not inlined, so that the quick
// path around it stays small.
[[gnu::noinline]] ParseStatus parse_any(const char* begin, const char* end,
                                        const ClientParseLimits& limits, ClientOperation* out,
                                        size_t scanned_bytes) {
    const size_t size = static_cast<size_t>(end - begin);
    assert(scanned_bytes <= size);
    const ClientVerbMatch match = match_verb(begin, size);
    if (match.form == nullptr) return refuse_verb<ParseStatus>(match.matched, size, out);
    const ParseStatus line =
        take_line<ParseStatus>(begin, begin + match.matched, end, match.form->behind,
                               limits.control_line_max, out, scanned_bytes);
    if (line != ParseStatus::kOperation) return line;
    out->verb = match.form->verb;
    switch (match.form->verb) {
        case ClientVerb::kPublish:
            return take_publish(begin, end, limits, out);
        case ClientVerb::kHeaderPublish:
            return take_header_publish(begin, end, limits, out);
        case ClientVerb::kSubscribe:
            return take_subscribe(end, out);
        case ClientVerb::kUnsubscribe:
            return take_unsubscribe(end, out);
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

// A canonical PUB whose line ends within kSize bytes after the verb and whose payload is here.
// kLonger: the line may go on behind the window. kOther: ask parse_any().
//
//   args      foo.bar _INBOX.x 5\r\n
//   blanks    .......1........1.11
//   pairs     ...................1     the first pair of neighbours must be the CRLF
template <size_t kSize>
[[gnu::always_inline]] inline QuickResult quick_publish(const char* begin, const char* end,
                                                  const ClientParseLimits& limits,
                                                  ClientOperation* out) {
    const char* const args = begin + kClientVerbSize;
    const uint64_t blanks = blank_window<kSize>(args);
    const uint64_t pairs = blanks & (blanks << 1 | 1);  // the blank after the verb counts, too
    if (pairs == 0) return QuickResult::kLonger;
    const char* const line_feed = args + lowest_bit(pairs);
    const char* const line_end = line_feed - 1;
    const char* const subject_end = args + lowest_bit(blanks);
    if (load<uint16_t>(line_end) != kCrLf || *subject_end != ' ') [[unlikely]] {
        return QuickResult::kOther;
    }
    const uint64_t behind = blanks & (blanks - 1);  // not 0: CR and LF are blanks, too
    const char* size_text = subject_end + 1;
    size_t reply_size = 0;
    if (const char* next = args + lowest_bit(behind); next != line_end) {
        reply_size = static_cast<size_t>(next - size_text);
        size_text = next + 1;
        if (*next != ' ' || args + lowest_bit(behind & (behind - 1)) != line_end) [[unlikely]] {
            return QuickResult::kOther;
        }
    }
    const size_t digits = static_cast<size_t>(line_end - size_text);
    if (digits - 1 >= 8) [[unlikely]] {
        return QuickResult::kOther;
    }
    out->verb = ClientVerb::kPublish;
    out->canonical = true;
    out->header_size = 0;
    out->subject = {args, static_cast<size_t>(subject_end - args)};
    out->reply = {subject_end + 1, reply_size};
    out->size_text = {size_text, digits};
    const char* const payload = line_feed + 1;
    out->payload = payload;
    out->line_size = static_cast<uint32_t>(payload - begin);
    const uint64_t size = quick_decimal(size_text, line_end);
    const uint64_t payload_max = static_cast<uint64_t>(limits.payload_max);  // -1: the largest
    if (static_cast<size_t>(line_end - args) > limits.control_line_max || size > payload_max ||
        end - payload < static_cast<ptrdiff_t>(size + kLineEndSize) ||
        load<uint16_t>(payload + size) != kCrLf) [[unlikely]] {
        return QuickResult::kOther;
    }
    out->total_size = static_cast<uint32_t>(size);
    out->consumed = static_cast<size_t>(payload + size + kLineEndSize - begin);
    return QuickResult::kDone;
}

[[gnu::noinline]] ParseStatus parse_long_publish(const char* begin, const char* end,
                                                 const ClientParseLimits& limits,
                                                 ClientOperation* out, size_t scanned_bytes) {
    if (quick_publish<64>(begin, end, limits, out) == QuickResult::kDone) return ParseStatus::kOperation;
    return parse_any(begin, end, limits, out, scanned_bytes);
}

}  // namespace

ParseStatus parse_client(const char* begin, const char* end, const ClientParseLimits& limits,
                         ClientOperation* out, size_t scanned_bytes) {
    const ptrdiff_t size = end - begin;
    if (size >= static_cast<ptrdiff_t>(kClientVerbSize + 32) &&
        (load<uint32_t>(begin) | kCaseBits3) == word_of("pub ")) [[likely]] {
        const QuickResult quick = quick_publish<32>(begin, end, limits, out);
        if (quick == QuickResult::kDone) [[likely]]
            return ParseStatus::kOperation;
        if (quick == QuickResult::kLonger && size >= static_cast<ptrdiff_t>(kClientVerbSize + 64)) {
            return parse_long_publish(begin, end, limits, out, scanned_bytes);
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
