// SPDX-License-Identifier: Apache-2.0
// The reference's log lines for bad arguments of servers: server/route.go, gateway.go and leafnode.go 2.9.10.
#include <string>

#include "proto/route_parser.h"

namespace nuring::proto {
namespace {

using Status = RouteParseStatus;

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

// Behind the subject.
size_t indicator_index(RouteVerb verb, RouteDialect dialect) {
    const bool has_origin = verb == RouteVerb::kLeafMessage && dialect != RouteDialect::kLeafnode;
    return (has_origin ? 1U : 0U) + (names_account(dialect) ? 1U : 0U) + 1U;
}

// The reference's names for what took the args.
std::string_view message_function(RouteVerb verb, RouteDialect dialect) {
    const bool is_leafnode = dialect == RouteDialect::kLeafnode;
    if (verb == RouteVerb::kHeaderMessage) {
        return is_leafnode ? "processLeafHeaderMsgArgs" : "processRoutedHeaderMsgArgs";
    }
    if (is_leafnode) return "processLeafMsgArgs";
    return verb == RouteVerb::kMessage ? "processRoutedMsgArgs"
                                       : "processRoutedOriginClusterMsgArgs";
}

std::string_view subscribe_function(RouteDialect dialect) {
    if (dialect == RouteDialect::kLeafnode) return "processLeafSub";
    return dialect == RouteDialect::kGateway ? "processGatewaySubjectSub" : "processRemoteSub";
}

std::string_view unsubscribe_function(RouteDialect dialect) {
    return dialect == RouteDialect::kGateway ? "processGatewaySubjectUnsub" : "processRemoteUnsub";
}

std::string log_line_of(std::string_view function, std::string_view text, std::string_view shown) {
    return std::string(function).append(" ").append(text).append(": '").append(shown).append("'");
}

}  // namespace

std::string log_line(RouteParseStatus status, const RouteOperation& operation,
                     RouteDialect dialect) {
    const std::string_view args = operation.args;
    const std::string_view message = message_function(operation.verb, dialect);
    switch (status) {
        case Status::kBadMessageArgs:
            return log_line_of(message, "Parse Error", listed(args));
        case Status::kBadMessageIndicator:
            return log_line_of(message, "Bad or Missing Reply Indicator",
                               word_at(args, indicator_index(operation.verb, dialect)));
        case Status::kBadMessageHeaderSize:
            return log_line_of(message, "Bad or Missing Header Size", args);
        case Status::kBadMessageSize:
            return log_line_of(message, "Bad or Missing Size", listed(args));
        case Status::kBadMessageSizes:
            return log_line_of(message, "Header Size larger then TotalSize", args);
        case Status::kBadSubscribeArgs:
            return log_line_of(subscribe_function(dialect), "Parse Error", args);
        case Status::kBadUnsubscribeArgs:
            return log_line_of(unsubscribe_function(dialect), "parse error", args);
        case Status::kOperation:
        case Status::kNeedMore:
        case Status::kUnknownOperation:
        case Status::kControlLineTooLong:
            break;
    }
    return {};
}

}  // namespace nuring::proto
