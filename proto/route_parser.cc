// SPDX-License-Identifier: Apache-2.0
#include "proto/route_parser.h"

#include <cassert>
#include <iterator>

#include "proto/args.h"
#include "proto/byte_blocks.h"
#include "proto/control_line.h"
#include "proto/decimal.h"

namespace nuring::proto {
namespace {

using Status = RouteParseStatus;

// ---- verbs -------------------------------------------------------------------------------------

// In the order of RouteVerb.
constexpr VerbForm<RouteVerb> kVerbForms[] = {
    {"rmsg", RouteVerb::kMessage, true},
    {"hmsg", RouteVerb::kHeaderMessage, true},
    {"lmsg", RouteVerb::kLeafMessage, true},
    {"rs+", RouteVerb::kSubscribe, true},
    {"rs-", RouteVerb::kUnsubscribe, true},
    {"ls+", RouteVerb::kLeafSubscribe, true},
    {"ls-", RouteVerb::kLeafUnsubscribe, true},
    {"a+", RouteVerb::kAccountSubscribe, true},
    {"a-", RouteVerb::kAccountUnsubscribe, true},
    {"ping", RouteVerb::kPing, false},
    {"pong", RouteVerb::kPong, false},
    {"connect", RouteVerb::kConnect, false},
    {"info", RouteVerb::kInfo, false},
    {"+ok", RouteVerb::kOk, false},
    {"-err", RouteVerb::kError, true},
};
static_assert(std::size(kVerbForms) == kRouteVerbCount);

using Match = VerbMatch<RouteVerb>;

constexpr const VerbForm<RouteVerb>& form_of(RouteVerb verb) {
    return kVerbForms[static_cast<size_t>(verb)];
}
static_assert(form_of(RouteVerb::kMessage).verb == RouteVerb::kMessage);
static_assert(form_of(RouteVerb::kHeaderMessage).verb == RouteVerb::kHeaderMessage);
static_assert(form_of(RouteVerb::kSubscribe).verb == RouteVerb::kSubscribe);
static_assert(form_of(RouteVerb::kUnsubscribe).verb == RouteVerb::kUnsubscribe);
static_assert(form_of(RouteVerb::kError).verb == RouteVerb::kError);

#if defined(__SSE2__)

constexpr uint32_t kCaseBits2 = 0x00002020;  // fold two letters, keep the sign and the blank
constexpr size_t kVerbSize = 5;              // "RMSG "

// The common verbs by one compare of their first four bytes.
Match match_verb(const char* begin, size_t size) {
    if (size < kVerbSize) [[unlikely]]
        return match_any_verb(kVerbForms, begin, size);
    const uint32_t first = load<uint32_t>(begin);
    switch (first | kCaseBits4) {
        case word_of("rmsg"):
            if (!is_blank(begin[4])) break;
            return {&form_of(RouteVerb::kMessage), 4};
        case word_of("hmsg"):
            if (!is_blank(begin[4])) break;
            return {&form_of(RouteVerb::kHeaderMessage), 4};
        default:
            break;
    }
    if ((first | kCaseBits2) == word_of("rs+ ")) return {&form_of(RouteVerb::kSubscribe), 3};
    if ((first | kCaseBits2) == word_of("rs- ")) return {&form_of(RouteVerb::kUnsubscribe), 3};
    return match_any_verb(kVerbForms, begin, size);
}

#else

Match match_verb(const char* begin, size_t size) {
    return match_any_verb(kVerbForms, begin, size);
}

#endif

// ---- messages ----------------------------------------------------------------------------------

// What a message's line has besides account, subject, reply and queues.
struct MessageForm {
    size_t origins;  // in front of the account
    size_t numbers;  // at the end
};
constexpr MessageForm kMessageForms[] = {{0, 1}, {0, 2}, {1, 2}};
static_assert(std::size(kMessageForms) == kRouteMessageVerbCount);

constexpr const MessageForm& message_form(RouteVerb verb) {
    return kMessageForms[static_cast<size_t>(verb)];
}

// A size or a weight; -1 if the text is none.
int64_t parse_number(std::string_view text) {
    return text.size() > kServerNumberDigitsMax ? -1 : parse_decimal(text);
}

bool separates(char c) {
    return is_blank(c) || c == '\r';
}

std::string_view without_last(std::string_view text, size_t size) {
    text.remove_suffix(size);
    return text;
}

// `text` without the separators at its end.
std::string_view trim_end(std::string_view text) {
    while (!text.empty() && separates(text.back())) text.remove_suffix(1);
    return text;
}

// The last word of a text that ends with one.
std::string_view last_word(std::string_view text) {
    size_t size = 0;
    while (size < text.size() && !separates(text[text.size() - 1 - size])) ++size;
    return text.substr(text.size() - size);
}

// Does one space and `word` come at `*at`? Goes behind it.
bool follows(const char** at, std::string_view word) {
    if (**at != ' ' || *at + 1 != word.data()) return false;
    *at = word.data() + word.size();
    return true;
}

// Account, subject, reply, queues and the text of the sizes.
Status take_names(const RouteArgs& args, RouteOperation* out, std::string_view* header_text) {
    const MessageForm& form = message_form(out->verb);
    const size_t subject_at = form.origins + 1;
    const size_t plain_count = subject_at + 1 + form.numbers;
    if (args.count < plain_count) return Status::kBadMessageArgs;
    out->origin = form.origins == 0 ? std::string_view() : args.at[0];
    out->account = args.at[subject_at - 1];
    out->subject = args.at[subject_at];
    out->reply = {};
    out->queues = {};
    out->queue_count = 0;
    const std::string_view text = trim_end(out->args);
    out->size_text = last_word(text);
    std::string_view before = trim_end(without_last(text, out->size_text.size()));
    *header_text = {};
    if (form.numbers == 2) {
        *header_text = last_word(before);
        before = trim_end(without_last(before, header_text->size()));
    }
    const size_t next_at = subject_at + 1;
    if (args.count == plain_count) return Status::kOperation;
    if (args.count == plain_count + 1) {
        out->reply = args.at[next_at];
        return Status::kOperation;
    }
    const std::string_view indicator = args.at[next_at];
    if (indicator != "+" && indicator != "|") return Status::kBadMessageIndicator;
    const bool has_reply = indicator == "+";
    if (has_reply) out->reply = args.at[next_at + 1];
    const size_t first_at = next_at + (has_reply ? 2 : 1);
    out->queue_count = static_cast<uint32_t>(args.count - form.numbers - first_at);
    if (out->queue_count == 0) return Status::kOperation;
    const char* first = args.at[first_at].data();
    out->queues = {first, static_cast<size_t>(before.data() + before.size() - first)};
    return Status::kOperation;
}

Status take_message(const char* begin, const char* end, RouteOperation* out) {
    const RouteArgs args = split_route_args(out->args, end);
    std::string_view header_text;
    const Status names = take_names(args, out, &header_text);
    if (names != Status::kOperation) return names;
    int64_t header = 0;
    const bool has_header = message_form(out->verb).numbers == 2;
    if (has_header) {
        header = parse_number(header_text);
        if (header < 0) return Status::kBadMessageHeaderSize;
    }
    const int64_t total = parse_number(out->size_text);
    if (total < 0) return Status::kBadMessageSize;
    if (header > total) return Status::kBadMessageSizes;
    out->header_size = static_cast<uint32_t>(header);

    const bool is_list = args.count > message_form(out->verb).origins + 3 +
                                          message_form(out->verb).numbers;
    const std::string_view before = is_list ? out->queues : out->subject;
    const char* at = before.data() + before.size();
    const char* const line_end = out->args.data() + out->args.size();
    // Without headers a subscriber gets a MSG, whose line has one number less.
    out->canonical = (has_header == (header > 0)) && (!is_list || out->reply.empty()) &&
                     (out->reply.empty() || follows(&at, out->reply)) &&
                     (!has_header || follows(&at, header_text)) && follows(&at, out->size_text) &&
                     at == line_end && *line_end == '\r';
    return take_payload_bytes<Status>(begin, end, static_cast<size_t>(total), out);
}

// ---- interest ----------------------------------------------------------------------------------

// [origin] account subject, and what may come behind.
// `queue_words`: with a weight or without.
Status take_interest(const char* end, bool has_origin, size_t queue_words, RouteOperation* out) {
    const RouteArgs args = split_route_args(out->args, end);
    const size_t account_at = has_origin ? 1 : 0;
    const size_t plain_count = account_at + 2;
    if (args.count != plain_count && args.count != plain_count + queue_words) {
        return queue_words == 2 ? Status::kBadSubscribeArgs : Status::kBadUnsubscribeArgs;
    }
    out->origin = has_origin ? args.at[0] : std::string_view();
    out->account = args.at[account_at];
    out->subject = args.at[account_at + 1];
    out->queue = {};
    out->weight = 0;
    if (args.count > plain_count) {
        out->queue = args.at[plain_count];
        const int64_t weight = queue_words == 2 ? parse_number(args.at[plain_count + 1]) : 0;
        if (weight > 0) out->weight = static_cast<uint32_t>(weight);
    }
    out->consumed = out->line_size;
    return Status::kOperation;
}

// Any operation in any spelling; the plain and complete definition.
[[gnu::noinline]] Status parse_any(const char* begin, const char* end,
                                   const RouteParseLimits& limits, RouteOperation* out,
                                   size_t scanned_bytes) {
    const size_t size = static_cast<size_t>(end - begin);
    assert(scanned_bytes <= size);
    const Match match = match_verb(begin, size);
    if (match.form == nullptr) return refuse_verb<Status>(match.matched, size, out);
    const Status line = take_line<Status>(begin, begin + match.matched, end, limits.control_line_max,
                                          out, scanned_bytes);
    if (line != Status::kOperation) return line;
    out->verb = match.form->verb;
    switch (out->verb) {
        case RouteVerb::kMessage:
        case RouteVerb::kHeaderMessage:
        case RouteVerb::kLeafMessage:
            return take_message(begin, end, out);
        case RouteVerb::kSubscribe:
        case RouteVerb::kLeafSubscribe:
            return take_interest(end, out->verb == RouteVerb::kLeafSubscribe, 2, out);
        case RouteVerb::kUnsubscribe:
            return take_interest(end, false, 1, out);
        case RouteVerb::kLeafUnsubscribe:
            return take_interest(end, limits.names_unsubscribe_origin, 1, out);
        case RouteVerb::kAccountSubscribe:
        case RouteVerb::kAccountUnsubscribe:
            out->account = out->args;
            break;
        case RouteVerb::kPing:
        case RouteVerb::kPong:
        case RouteVerb::kConnect:
        case RouteVerb::kInfo:
        case RouteVerb::kOk:
        case RouteVerb::kError:
            break;
    }
    out->consumed = out->line_size;
    return Status::kOperation;
}

}  // namespace

// ---- the fast path -----------------------------------------------------------------------------

#if defined(__SSE2__)
namespace {

// A canonical RMSG without queues, whose line ends within kSize bytes after the verb and whose
// payload is here.
//
//   args      $G foo.bar _INBOX.x 5\r\n
//   blanks    ..1.......1........1.11
//   pairs     ......................1     the first pair of neighbours must be the CRLF
template <size_t kSize>
[[gnu::always_inline]] inline Quick quick_message(const char* begin, const char* end,
                                                  const RouteParseLimits& limits,
                                                  RouteOperation* out) {
    const char* const args = begin + kVerbSize;
    const uint64_t blanks = blank_window<kSize>(args);
    const uint64_t pairs = blanks & (blanks << 1 | 1);  // the blank after the verb counts, too
    if (pairs == 0) return Quick::kLonger;
    const char* const line_feed = args + lowest_bit(pairs);
    const char* const line_end = line_feed - 1;
    const char* const account_end = args + lowest_bit(blanks);
    const uint64_t behind_account = blanks & (blanks - 1);  // not 0: CR and LF are blanks, too
    const char* const subject_end = args + lowest_bit(behind_account);
    if (load<uint16_t>(line_end) != kCrLf || *account_end != ' ' || *subject_end != ' ')
        [[unlikely]] {
        return Quick::kOther;
    }
    const uint64_t behind = behind_account & (behind_account - 1);  // not 0: as above
    const char* size_text = subject_end + 1;
    size_t reply_size = 0;
    if (const char* next = args + lowest_bit(behind); next != line_end) {
        reply_size = static_cast<size_t>(next - size_text);
        size_text = next + 1;
        if (*next != ' ' || args + lowest_bit(behind & (behind - 1)) != line_end) [[unlikely]] {
            return Quick::kOther;
        }
    }
    const size_t digits = static_cast<size_t>(line_end - size_text);
    if (digits - 1 >= 8) [[unlikely]] {
        return Quick::kOther;
    }
    out->verb = RouteVerb::kMessage;
    out->canonical = true;
    out->header_size = 0;
    out->queue_count = 0;
    out->origin = {};
    out->account = {args, static_cast<size_t>(account_end - args)};
    out->subject = {account_end + 1, static_cast<size_t>(subject_end - account_end - 1)};
    out->reply = {subject_end + 1, reply_size};
    out->queues = {};
    out->size_text = {size_text, digits};
    out->args = {args, static_cast<size_t>(line_end - args)};
    const char* const payload = line_feed + 1;
    out->payload = payload;
    out->line_size = static_cast<uint32_t>(payload - begin);
    const uint64_t size = quick_decimal(size_text, line_end);
    if (out->args.size() > limits.control_line_max ||
        end - payload < static_cast<ptrdiff_t>(size + kLineEndSize) ||
        load<uint16_t>(payload + size) != kCrLf) [[unlikely]] {
        return Quick::kOther;
    }
    out->total_size = static_cast<uint32_t>(size);
    out->consumed = static_cast<size_t>(payload + size + kLineEndSize - begin);
    return Quick::kDone;
}

[[gnu::noinline]] Status parse_long_message(const char* begin, const char* end,
                                            const RouteParseLimits& limits, RouteOperation* out,
                                            size_t scanned_bytes) {
    if (quick_message<64>(begin, end, limits, out) == Quick::kDone) return Status::kOperation;
    return parse_any(begin, end, limits, out, scanned_bytes);
}

}  // namespace

RouteParseStatus parse_route(const char* begin, const char* end, const RouteParseLimits& limits,
                             RouteOperation* out, size_t scanned_bytes) {
    const ptrdiff_t size = end - begin;
    if (size >= static_cast<ptrdiff_t>(kVerbSize + 32) &&
        (load<uint32_t>(begin) | kCaseBits4) == word_of("rmsg") && begin[4] == ' ') [[likely]] {
        const Quick quick = quick_message<32>(begin, end, limits, out);
        if (quick == Quick::kDone) [[likely]]
            return Status::kOperation;
        if (quick == Quick::kLonger && size >= static_cast<ptrdiff_t>(kVerbSize + 64)) {
            return parse_long_message(begin, end, limits, out, scanned_bytes);
        }
    }
    return parse_any(begin, end, limits, out, scanned_bytes);
}

#else

RouteParseStatus parse_route(const char* begin, const char* end, const RouteParseLimits& limits,
                             RouteOperation* out, size_t scanned_bytes) {
    return parse_any(begin, end, limits, out, scanned_bytes);
}

#endif

std::string_view take_queue(std::string_view* queues) {
    std::string_view& rest = *queues;
    while (!rest.empty() && separates(rest.front())) rest.remove_prefix(1);
    size_t size = 0;
    while (size < rest.size() && !separates(rest[size])) ++size;
    const std::string_view name = rest.substr(0, size);
    rest.remove_prefix(size);
    return name;
}

// ---- texts -------------------------------------------------------------------------------------

std::string_view to_text(RouteVerb verb) {
    constexpr std::string_view kTexts[] = {"RMSG", "HMSG", "LMSG", "RS+",     "RS-",
                                           "LS+",  "LS-",  "A+",   "A-",      "PING",
                                           "PONG", "CONNECT", "INFO", "+OK", "-ERR"};
    static_assert(std::size(kTexts) == kRouteVerbCount);
    return kTexts[static_cast<size_t>(verb)];
}

namespace {

// As Go prints a list of words.
std::string listed(std::string_view args) {
    std::string list = "[";
    for (std::string_view word = take_queue(&args); !word.empty(); word = take_queue(&args)) {
        if (list.size() > 1) list += ' ';
        list += word;
    }
    return list + "]";
}

std::string_view word_at(std::string_view args, size_t index) {
    for (; index != 0; --index) (void)take_queue(&args);
    return take_queue(&args);
}

std::string message_log_line(std::string_view text, RouteVerb verb, std::string_view shown) {
    constexpr std::string_view kFunctions[] = {"processRoutedMsgArgs", "processRoutedHeaderMsgArgs",
                                               "processRoutedOriginClusterMsgArgs"};
    static_assert(std::size(kFunctions) == kRouteMessageVerbCount);
    std::string line(kFunctions[static_cast<size_t>(verb)]);
    return line.append(" ").append(text).append(": '").append(shown).append("'");
}

}  // namespace

std::string log_line(RouteParseStatus status, const RouteOperation& operation) {
    const RouteVerb verb = operation.verb;
    const std::string_view args = operation.args;
    switch (status) {
        case Status::kBadMessageArgs:
            return message_log_line("Parse Error", verb, listed(args));
        case Status::kBadMessageIndicator:
            return message_log_line("Bad or Missing Reply Indicator", verb,
                                    word_at(args, message_form(verb).origins + 2));
        case Status::kBadMessageHeaderSize:
            return message_log_line("Bad or Missing Header Size", verb, args);
        case Status::kBadMessageSize:
            return message_log_line("Bad or Missing Size", verb, listed(args));
        case Status::kBadMessageSizes:
            return message_log_line("Header Size larger then TotalSize", verb, args);
        case Status::kBadSubscribeArgs:
            return std::string("processRemoteSub Parse Error: '").append(args).append("'");
        case Status::kBadUnsubscribeArgs:
            return std::string("processRemoteUnsub parse error: '").append(args).append("'");
        case Status::kOperation:
        case Status::kNeedMore:
        case Status::kUnknownOperation:
        case Status::kControlLineTooLong:
            break;
    }
    return {};
}

}  // namespace nuring::proto
