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
constexpr VerbForm<RouteVerb> kRouteVerbForms[] = {
    {"rmsg", RouteVerb::kMessage, AfterVerb::kBlankAndArgs},
    {"hmsg", RouteVerb::kHeaderMessage, AfterVerb::kBlankAndArgs},
    {"lmsg", RouteVerb::kLeafMessage, AfterVerb::kBlankAndArgs},
    {"rs+", RouteVerb::kSubscribe, AfterVerb::kBlankAndArgs},
    {"rs-", RouteVerb::kUnsubscribe, AfterVerb::kBlankAndArgs},
    {"ls+", RouteVerb::kLeafSubscribe, AfterVerb::kBlankAndArgs},
    {"ls-", RouteVerb::kLeafUnsubscribe, AfterVerb::kBlankAndArgs},
    {"a+", RouteVerb::kAccountSubscribe, AfterVerb::kBlankAndArgs},
    {"a-", RouteVerb::kAccountUnsubscribe, AfterVerb::kBlankAndArgs},
    {"ping", RouteVerb::kPing, AfterVerb::kNothing},
    {"pong", RouteVerb::kPong, AfterVerb::kNothing},
    {"connect", RouteVerb::kConnect, AfterVerb::kArgs},
    {"info", RouteVerb::kInfo, AfterVerb::kArgs},
    {"+ok", RouteVerb::kOk, AfterVerb::kNothing},
    {"-err", RouteVerb::kError, AfterVerb::kBlankAndArgs},
};
static_assert(std::size(kRouteVerbForms) == kRouteVerbCount);

using RouteVerbMatch = VerbMatch<RouteVerb>;

constexpr const VerbForm<RouteVerb>& form_of(RouteVerb verb) {
    return kRouteVerbForms[static_cast<size_t>(verb)];
}
static_assert(form_of(RouteVerb::kMessage).verb == RouteVerb::kMessage);
static_assert(form_of(RouteVerb::kHeaderMessage).verb == RouteVerb::kHeaderMessage);
static_assert(form_of(RouteVerb::kSubscribe).verb == RouteVerb::kSubscribe);
static_assert(form_of(RouteVerb::kUnsubscribe).verb == RouteVerb::kUnsubscribe);
static_assert(form_of(RouteVerb::kError).verb == RouteVerb::kError);

constexpr bool speaks(RouteDialect dialect, RouteVerb verb) {
    switch (verb) {
        case RouteVerb::kMessage:
        case RouteVerb::kSubscribe:
        case RouteVerb::kUnsubscribe:
        case RouteVerb::kAccountSubscribe:
        case RouteVerb::kAccountUnsubscribe:
            return dialect != RouteDialect::kLeafnode;
        case RouteVerb::kLeafMessage:
        case RouteVerb::kLeafSubscribe:
        case RouteVerb::kLeafUnsubscribe:
            return dialect != RouteDialect::kGateway;
        case RouteVerb::kHeaderMessage:
        case RouteVerb::kPing:
        case RouteVerb::kPong:
        case RouteVerb::kConnect:
        case RouteVerb::kInfo:
        case RouteVerb::kOk:
        case RouteVerb::kError:
            break;
    }
    return true;
}

constexpr VerbRows rows_of(RouteDialect dialect) {
    VerbRows rows = 0;
    for (size_t row = 0; row < kRouteVerbCount; ++row) {
        if (speaks(dialect, static_cast<RouteVerb>(row))) rows |= VerbRows{1} << row;
    }
    return rows;
}
constexpr VerbRows kRows[] = {rows_of(RouteDialect::kRoute), rows_of(RouteDialect::kGateway),
                              rows_of(RouteDialect::kAccountRoute),
                              rows_of(RouteDialect::kLeafnode)};
static_assert(std::size(kRows) == kRouteDialectCount);

constexpr VerbRows rows_for(RouteDialect dialect) {
    return kRows[static_cast<size_t>(dialect)];
}

#if defined(__SSE2__)

constexpr uint32_t kCaseBits2 = 0x00002020;  // fold two letters, keep the sign and the blank
constexpr size_t kRouteVerbSize = 5;              // "RMSG "

// The common verbs by one compare of their first four bytes.
RouteVerbMatch match_verb(const char* begin, size_t size, RouteDialect dialect) {
    const VerbRows rows = rows_for(dialect);
    if (size < kRouteVerbSize) [[unlikely]]
        return match_any_verb(kRouteVerbForms, begin, size, rows);
    const uint32_t first = load<uint32_t>(begin);
    const auto match = [&](RouteVerb verb) -> RouteVerbMatch {
        const VerbForm<RouteVerb>& form = form_of(verb);
        if ((rows >> static_cast<size_t>(verb) & 1) != 0 && is_blank(begin[form.text.size()]))
            [[likely]]
            return {&form, form.text.size()};
        return match_any_verb(kRouteVerbForms, begin, size, rows);
    };
    if ((first | kCaseBits4) == word_of("rmsg")) return match(RouteVerb::kMessage);
    if ((first | kCaseBits4) == word_of("hmsg")) return match(RouteVerb::kHeaderMessage);
    if ((first | kCaseBits4) == word_of("lmsg")) return match(RouteVerb::kLeafMessage);
    if ((first | kCaseBits2) == word_of("rs+ ")) return match(RouteVerb::kSubscribe);
    if ((first | kCaseBits2) == word_of("rs- ")) return match(RouteVerb::kUnsubscribe);
    if ((first | kCaseBits2) == word_of("ls+ ")) return match(RouteVerb::kLeafSubscribe);
    if ((first | kCaseBits2) == word_of("ls- ")) return match(RouteVerb::kLeafUnsubscribe);
    return match_any_verb(kRouteVerbForms, begin, size, rows);
}

#else

RouteVerbMatch match_verb(const char* begin, size_t size, RouteDialect dialect) {
    return match_any_verb(kRouteVerbForms, begin, size, rows_for(dialect));
}

#endif

// ---- messages ----------------------------------------------------------------------------------

// The parts of a message's line besides subject, reply and queues.
struct MessageForm {
    size_t origins;   // first
    size_t accounts;  // behind them
    size_t numbers;   // at the end

    constexpr size_t subject_at() const { return origins + accounts; }
    // Words with neither reply nor queues.
    constexpr size_t plain_count() const { return subject_at() + 1 + numbers; }
};

constexpr MessageForm message_form(RouteVerb verb, RouteDialect dialect) {
    const bool has_origin = verb == RouteVerb::kLeafMessage && dialect != RouteDialect::kLeafnode;
    const bool has_header_size = verb == RouteVerb::kHeaderMessage || has_origin;
    return {.origins = has_origin ? 1U : 0U,
            .accounts = names_account(dialect) ? 1U : 0U,
            .numbers = has_header_size ? 2U : 1U};
}

// A size or a weight; -1 if the text is none.
int64_t parse_number(std::string_view text) {
    if (text.empty() || text.size() > kServerNumberDigitsMax) return -1;
    int64_t value = 0;
    for (const char c : text) {
        const uint32_t digit = static_cast<uint8_t>(c) - uint32_t{'0'};
        if (digit > 9) return -1;
        value = value * 10 + digit;
    }
    return value;
}

bool separates(char c) {
    return is_blank(c) || c == '\r' || c == '\n';
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

// The end of a message's line.
struct Numbers {
    std::string_view header_text;  // may be empty
    std::string_view size_text;
    const char* names_end;  // of the word before
};

Numbers take_numbers(const RouteArgs& args, const MessageForm& form, std::string_view text) {
    const bool has_header = form.numbers == 2;
    if (args.count() <= kRouteArgsKept) {
        const std::string_view name = args.at(args.count() - form.numbers - 1);
        return {.header_text = has_header ? args.at(args.count() - 2) : std::string_view(),
                .size_text = args.at(args.count() - 1),
                .names_end = name.data() + name.size()};
    }
    text = trim_end(text);
    Numbers numbers{.header_text = {}, .size_text = last_word(text), .names_end = nullptr};
    text = trim_end(without_last(text, numbers.size_text.size()));
    if (has_header) {
        numbers.header_text = last_word(text);
        text = trim_end(without_last(text, numbers.header_text.size()));
    }
    numbers.names_end = text.data() + text.size();
    return numbers;
}

// Account, subject, reply, queues and the text of the size.
Status take_names(const RouteArgs& args, const MessageForm& form, const Numbers& numbers,
                  RouteOperation* out) {
    out->origin = form.origins == 0 ? std::string_view() : args.at(0);
    out->account = form.accounts == 0 ? std::string_view() : args.at(form.origins);
    out->subject = args.at(form.subject_at());
    out->reply = {};
    out->queues = {};
    out->queue_count = 0;
    out->size_text = numbers.size_text;
    const size_t next_at = form.subject_at() + 1;
    if (args.count() == form.plain_count()) return Status::kOperation;
    if (args.count() == form.plain_count() + 1) {
        out->reply = args.at(next_at);
        return Status::kOperation;
    }
    const std::string_view word = args.at(next_at);
    const char indicator = word.size() == 1 ? word[0] : '\0';
    if (indicator != '+' && indicator != '|') return Status::kBadMessageIndicator;
    const bool has_reply = indicator == '+';
    if (has_reply) out->reply = args.at(next_at + 1);
    const size_t first_at = next_at + (has_reply ? 2 : 1);
    out->queue_count = static_cast<uint32_t>(args.count() - form.numbers - first_at);
    if (out->queue_count == 0) return Status::kOperation;
    const char* first = args.at(first_at).data();
    out->queues = {first, static_cast<size_t>(numbers.names_end - first)};
    return Status::kOperation;
}

Status take_message(const char* begin, const char* end, const RouteArgs& args, RouteDialect dialect,
                    RouteOperation* out) {
    const MessageForm form = message_form(out->verb, dialect);
    if (args.count() < form.plain_count()) return Status::kBadMessageArgs;
    const Numbers numbers = take_numbers(args, form, out->args);
    const Status names = take_names(args, form, numbers, out);
    if (names != Status::kOperation) return names;
    int64_t header = 0;
    const bool has_header = form.numbers == 2;
    if (has_header) {
        header = parse_number(numbers.header_text);
        if (header < 0) return Status::kBadMessageHeaderSize;
    }
    const int64_t total = parse_number(out->size_text);
    if (total < 0) return Status::kBadMessageSize;
    if (header > total) return Status::kBadMessageSizes;
    out->header_size = static_cast<uint32_t>(header);

    const bool is_list = args.count() > form.plain_count() + 1;
    const std::string_view before = is_list ? out->queues : out->subject;
    const char* at = before.data() + before.size();
    const char* const line_end = out->args.data() + out->args.size();
    // Without headers a subscriber gets a MSG, whose line has one number less.
    out->canonical = (has_header == (header > 0)) && (!is_list || out->reply.empty()) &&
                     (out->reply.empty() || follows(&at, out->reply)) &&
                     (!has_header || follows(&at, numbers.header_text)) &&
                     follows(&at, out->size_text) && at == line_end && *line_end == '\r';
    return take_payload_bytes<Status>(begin, end, static_cast<size_t>(total), out);
}

// ---- interest ----------------------------------------------------------------------------------

// [origin] [account] subject, and a queue with its weight (RS+, LS+) or alone (RS-, LS-).
Status take_interest(const RouteArgs& args, bool has_origin, bool has_weight, RouteDialect dialect,
                     RouteOperation* out) {
    const size_t account_at = has_origin ? 1 : 0;
    const size_t subject_at = account_at + (names_account(dialect) ? 1 : 0);
    const size_t plain_count = subject_at + 1;
    const size_t queue_words = has_weight ? 2 : 1;
    out->queue = {};
    out->weight = 0;
    out->consumed = out->line_size;
    if (args.count() != plain_count && args.count() != plain_count + queue_words) {
        if (has_weight) return Status::kBadSubscribeArgs;
        if (dialect != RouteDialect::kLeafnode) return Status::kBadUnsubscribeArgs;
        out->origin = out->account = out->subject = {};
        return Status::kOperation;
    }
    out->origin = has_origin ? args.at(0) : std::string_view();
    out->account = names_account(dialect) ? args.at(account_at) : std::string_view();
    out->subject = args.at(subject_at);
    if (args.count() == plain_count) return Status::kOperation;
    out->queue = args.at(plain_count);
    const int64_t weight = has_weight ? parse_number(args.at(plain_count + 1)) : 0;
    if (weight > 0) out->weight = static_cast<uint32_t>(weight);
    return Status::kOperation;
}

// ---- operations --------------------------------------------------------------------------------

#if defined(__SSE2__)

// Does a line end here within a window, single-spaced up to its CRLF? Then its words, and what take_line()
// sets. `args` stands behind the blank that follows the verb.
bool split_quickly(const char* begin, const char* args, const char* end, uint32_t control_line_max,
                   RouteArgs* words, RouteOperation* out) {
    constexpr size_t kWindow = 64;
    if (end - args < static_cast<ptrdiff_t>(kWindow)) return false;
    const uint64_t blanks = blank_window<kWindow>(args);
    const uint64_t pairs = blanks & (blanks << 1 | 1);
    if (pairs == 0) return false;
    const char* const line_feed = args + lowest_bit(pairs);
    const char* const line_end = line_feed - 1;
    if (load<uint16_t>(line_end) != kCrLf) return false;
    const char* word = args;
    for (uint64_t gaps = blanks;; gaps &= gaps - 1) {
        const char* const gap = args + lowest_bit(gaps);
        words->add({word, static_cast<size_t>(gap - word)});
        if (gap == line_end) break;
        if (*gap != ' ') return false;
        word = gap + 1;
    }
    out->args = {args, static_cast<size_t>(line_end - args)};
    out->line_size = static_cast<uint32_t>(line_feed + 1 - begin);
    return out->args.size() <= control_line_max;
}

#else

bool split_quickly(const char*, const char*, const char*, uint32_t, RouteArgs*, RouteOperation*) {
    return false;
}

#endif

Status take_words(const char* begin, const char* end, const RouteArgs& args,
                  const RouteParseLimits& limits, RouteOperation* out) {
    const bool is_leafnode = limits.dialect == RouteDialect::kLeafnode;
    switch (out->verb) {
        case RouteVerb::kMessage:
        case RouteVerb::kHeaderMessage:
        case RouteVerb::kLeafMessage:
            return take_message(begin, end, args, limits.dialect, out);
        case RouteVerb::kSubscribe:
            return take_interest(args, false, true, limits.dialect, out);
        case RouteVerb::kUnsubscribe:
            return take_interest(args, false, false, limits.dialect, out);
        case RouteVerb::kLeafSubscribe:
            return take_interest(args, !is_leafnode, true, limits.dialect, out);
        case RouteVerb::kLeafUnsubscribe:
            return take_interest(args, !is_leafnode && limits.names_unsubscribe_origin, false,
                                 limits.dialect, out);
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

// Any operation in any spelling; with take_words() the plain and complete definition, of which
// split_quickly() is a short cut.
[[gnu::noinline]] Status parse_any(const char* begin, const char* end,
                                   const RouteParseLimits& limits, RouteOperation* out,
                                   size_t scanned_bytes) {
    const size_t size = static_cast<size_t>(end - begin);
    assert(scanned_bytes <= size);
    const RouteVerbMatch match = match_verb(begin, size, limits.dialect);
    if (match.form == nullptr) return refuse_verb<Status>(match.matched, size, out);
    const char* const verb_end = begin + match.matched;
    out->verb = match.form->verb;
    const bool has_words = out->verb <= RouteVerb::kLeafUnsubscribe;
    RouteArgs args;
    if (has_words && split_quickly(begin, verb_end + 1, end, limits.control_line_max, &args, out)) {
        return take_words(begin, end, args, limits, out);
    }
    const Status line =
        take_line<Status>(begin, verb_end, end, match.form->behind, limits.control_line_max, out,
                          scanned_bytes);
    if (line != Status::kOperation) return line;
    return take_words(begin, end, has_words ? split_route_args(out->args, end) : RouteArgs(),
                      limits, out);
}

}  // namespace

// ---- the fast path -----------------------------------------------------------------------------

#if defined(__SSE2__)
namespace {

// A canonical RMSG (LMSG of a leafnode) without queues, whose line ends within kSize bytes after the
// verb and whose payload is here.
//
//   args      $G foo.bar _INBOX.x 5\r\n
//   blanks    ..1.......1........1.11
//   pairs     ......................1     the first pair of neighbours must be the CRLF
template <size_t kSize, bool kHasAccount>
[[gnu::always_inline]] inline QuickResult quick_message(const char* begin, const char* end,
                                                  const RouteParseLimits& limits,
                                                  RouteOperation* out) {
    const char* const args = begin + kRouteVerbSize;
    const uint64_t blanks = blank_window<kSize>(args);
    const uint64_t pairs = blanks & (blanks << 1 | 1);  // the blank after the verb counts, too
    if (pairs == 0) return QuickResult::kLonger;
    const char* const line_feed = args + lowest_bit(pairs);
    const char* const line_end = line_feed - 1;
    if (load<uint16_t>(line_end) != kCrLf) [[unlikely]] {
        return QuickResult::kOther;
    }
    // Not 0 below: CR and LF are blanks, too. (The blank after the verb, outside the window, is no CR.)
    const char* const account_end = kHasAccount ? args + lowest_bit(blanks) : args - 1;
    const uint64_t behind_account = kHasAccount ? blanks & (blanks - 1) : blanks;
    const char* const subject_end = args + lowest_bit(behind_account);
    if ((kHasAccount && *account_end != ' ') || *subject_end != ' ') [[unlikely]] {
        return QuickResult::kOther;
    }
    const uint64_t behind = behind_account & (behind_account - 1);
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
    out->canonical = true;
    out->header_size = 0;
    out->queue_count = 0;
    out->origin = {};
    out->account = kHasAccount ? std::string_view(args, static_cast<size_t>(account_end - args))
                               : std::string_view();
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
        return QuickResult::kOther;
    }
    out->total_size = static_cast<uint32_t>(size);
    out->consumed = static_cast<size_t>(payload + size + kLineEndSize - begin);
    return QuickResult::kDone;
}

template <bool kHasAccount>
[[gnu::noinline]] Status parse_long_message(const char* begin, const char* end,
                                            const RouteParseLimits& limits, RouteOperation* out,
                                            size_t scanned_bytes) {
    if (quick_message<64, kHasAccount>(begin, end, limits, out) == QuickResult::kDone) {
        return Status::kOperation;
    }
    return parse_any(begin, end, limits, out, scanned_bytes);
}

// The input begins with the dialect's verb for messages, and a window fits behind that.
template <bool kHasAccount>
[[gnu::always_inline]] inline Status parse_message(const char* begin, const char* end,
                                                   const RouteParseLimits& limits,
                                                   RouteOperation* out, size_t scanned_bytes) {
    const QuickResult quick = quick_message<32, kHasAccount>(begin, end, limits, out);
    if (quick == QuickResult::kDone) [[likely]]
        return Status::kOperation;
    if (quick == QuickResult::kLonger && end - begin >= static_cast<ptrdiff_t>(kRouteVerbSize + 64)) {
        return parse_long_message<kHasAccount>(begin, end, limits, out, scanned_bytes);
    }
    return parse_any(begin, end, limits, out, scanned_bytes);
}

// The dialects without accounts.
[[gnu::noinline]] Status parse_without_account(const char* begin, const char* end,
                                               const RouteParseLimits& limits, RouteOperation* out,
                                               size_t scanned_bytes) {
    const bool is_leafnode = limits.dialect == RouteDialect::kLeafnode;
    if (end - begin >= static_cast<ptrdiff_t>(kRouteVerbSize + 32) && begin[4] == ' ' &&
        (load<uint32_t>(begin) | kCaseBits4) == (is_leafnode ? word_of("lmsg") : word_of("rmsg"))) {
        out->verb = is_leafnode ? RouteVerb::kLeafMessage : RouteVerb::kMessage;
        return parse_message<false>(begin, end, limits, out, scanned_bytes);
    }
    return parse_any(begin, end, limits, out, scanned_bytes);
}

}  // namespace

RouteParseStatus parse_route(const char* begin, const char* end, const RouteParseLimits& limits,
                             RouteOperation* out, size_t scanned_bytes) {
    if (!names_account(limits.dialect)) {
        return parse_without_account(begin, end, limits, out, scanned_bytes);
    }
    if (end - begin >= static_cast<ptrdiff_t>(kRouteVerbSize + 32) &&
        (load<uint32_t>(begin) | kCaseBits4) == word_of("rmsg") && begin[4] == ' ') [[likely]] {
        out->verb = RouteVerb::kMessage;
        return parse_message<true>(begin, end, limits, out, scanned_bytes);
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
    constexpr std::string_view kTexts[] = {"RMSG", "HMSG",    "LMSG", "RS+", "RS-",
                                           "LS+",  "LS-",     "A+",   "A-",  "PING",
                                           "PONG", "CONNECT", "INFO", "+OK", "-ERR"};
    static_assert(std::size(kTexts) == kRouteVerbCount);
    return kTexts[static_cast<size_t>(verb)];
}

}  // namespace nuring::proto
