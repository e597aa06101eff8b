// SPDX-License-Identifier: Apache-2.0
// Bytes of another server in, one operation out. Routes, gateways and leafnodes speak dialects of one
// protocol (RouteDialect).
//
//   RMSG $G orders.new _INBOX.x 5\r\nhello\r\n          plain subscribers only
//   RMSG $G orders.new | workers audit 5\r\nhello\r\n    and one member of each group
//   RMSG $G orders.new + _INBOX.x workers 5\r\nhello\r\n  the same, with a reply
//   |<------------ line_size ------------->|<size>|
//   |<----------------- consumed ---------------->|
//
// parse_route() is a pull parser without state, as parse_client(): from the start of an operation
// it answers with that operation, with "more bytes are needed", or with what is wrong. Operations
// hold views into the input; they live as long as the caller keeps those bytes.
//
// Threads: any; no state. Limits: RouteParseLimits, kServerNumberDigitsMax. Subjects, names and
//          payloads are not looked into. Nothing is allocated (log_line() apart).
// Errors:  RouteParseStatus, as soon as the offending byte is there: the answer for an input never
//          depends on how it was split over calls.
// Source:  server/parser.go, route.go, gateway.go and leafnode.go 2.0.0-RC19; HMSG, LMSG, LS+ and LS-
//          as 2.2 to 2.10. There, verbs of clients and of other dialects pass the parser, too, with
//          effects that nobody meant; here they are unknown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/limits.h"
#include "proto/route_dialect.h"

namespace nuring::proto {

// Those with a payload come first.
enum class RouteVerb : uint8_t {
    kMessage,             // RMSG
    kHeaderMessage,       // HMSG
    kLeafMessage,         // LMSG
    kSubscribe,           // RS+
    kUnsubscribe,         // RS-
    kLeafSubscribe,       // LS+
    kLeafUnsubscribe,     // LS-
    kAccountSubscribe,    // A+: means something to gateways only
    kAccountUnsubscribe,  // A-
    kPing,
    kPong,
    kConnect,
    kInfo,
    kOk,
    kError,
};

inline constexpr size_t kRouteVerbCount = 15;

constexpr bool has_payload(RouteVerb verb) {
    return verb <= RouteVerb::kLeafMessage;
}

// As a server sends it: "RMSG".
std::string_view to_text(RouteVerb verb);

enum class [[nodiscard]] RouteParseStatus : uint8_t{
    kOperation,         // `consumed` bytes are one operation
    kNeedMore,          // see `needed_bytes` and `scanned_bytes`
    kUnknownOperation,  // bad verb or payload end; `error_offset`. -ERR kErrUnknownOperation, close
    kControlLineTooLong,  // -ERR kErrControlLineExceeded, close
    // Logged by log_line(), closed without -ERR. `verb` is set:
    kBadMessageArgs,        // RMSG, HMSG, LMSG
    kBadMessageIndicator,   // neither + nor |
    kBadMessageHeaderSize,  // HMSG, LMSG
    kBadMessageSize,
    kBadMessageSizes,  // header size > total size
    kBadSubscribeArgs,
    kBadUnsubscribeArgs,
};

struct RouteParseLimits {
    RouteDialect dialect = RouteDialect::kRoute;
    uint32_t control_line_max = kServerControlLineSizeDefault;  // bytes of a line's argument part
    // Both sides of a route said `lnocu` (2.10.23): LS- names the origin, too.
    bool names_unsubscribe_origin = false;
};

// RouteOperation is the answer; the caller may use one object for ever. The fields named for the
// verb and the status are set, the others are undefined. "messages": RMSG, HMSG, LMSG. "interest":
// RS+ RS- LS+ LS-.
struct RouteOperation {
    RouteVerb verb = RouteVerb::kPing;

    // Messages: behind the subject, or behind the queue names of a | list, the input is just how a
    // MSG (RMSG) or HMSG (HMSG, LMSG) frame ends after its sid, so that frame_tail() may be used.
    bool canonical = false;

    uint32_t line_size = 0;  // all: bytes of the control line with its line end

    uint32_t header_size = 0;  // messages
    uint32_t total_size = 0;   // messages: headers and body, without the CRLF

    uint32_t queue_count = 0;  // messages: names in `queues`
    uint32_t weight = 0;       // RS+, LS+ with a queue: its members there; 0 if it is no number

    size_t consumed = 0;  // kOperation

    std::string_view origin;   // messages, interest: of LMSG, LS+, LS-: the leafnode's cluster
    std::string_view account;  // messages, interest, A+, A-; empty if the dialect has none
    // Messages, interest. Empty with an LS- of a leafnode whose words make no sense: the reference finds
    // no such subscription and goes on.
    std::string_view subject;
    std::string_view reply;      // messages; may be empty
    std::string_view queues;     // messages: the names with the blanks between them; may be empty
    std::string_view size_text;  // messages: total size as it was written
    const char* payload = nullptr;  // messages

    std::string_view queue;  // interest; may be empty

    // All: the raw argument text, without blanks in front, as written otherwise. CONNECT and INFO:
    // the JSON (with the blank that the reference puts behind it); -ERR: its text.
    std::string_view args;

    size_t needed_bytes = 0;   // kNeedMore: size of the whole operation, 0 = not known yet
    size_t scanned_bytes = 0;  // kNeedMore: pass to the next call; these bytes hold no line end
    size_t error_offset = 0;   // kUnknownOperation: the offending byte

    // " [reply ]size\r\npayload\r\n", or with two sizes.
    std::string_view frame_tail() const {
        const std::string_view before = queues.empty() ? subject : queues;
        const char* from = before.data() + before.size();
        return {from, static_cast<size_t>(payload + total_size + kLineEndSize - from)};
    }
};

// Parses the one operation that starts at `begin`. `scanned_bytes`: the value that the last
// kNeedMore for the same operation gave, else 0.
RouteParseStatus parse_route(const char* begin, const char* end, const RouteParseLimits& limits,
                             RouteOperation* out, size_t scanned_bytes = 0);

// Takes the next name off `queues`; empty when there is none left.
std::string_view take_queue(std::string_view* queues);

// The reference's log line for bad arguments ("processRoutedMsgArgs Parse Error: '[$G foo]'"); empty
// for the other statuses.
std::string log_line(RouteParseStatus status, const RouteOperation& operation,
                     RouteDialect dialect = RouteDialect::kRoute);

}  // namespace nuring::proto
