// SPDX-License-Identifier: Apache-2.0
// Frames for another server, written into the caller's memory. To a leafnode LS+ LS- LMSG go without an
// origin, and LMSG with one size; no account goes to a leafnode or a route of one account (route_dialect.h).
//
//   RS+ <account> <subject>[ <queue> <weight>]\r\n              LS+ <origin> ...
//   RS- <account> <subject>[ <queue>]\r\n                       LS- [<origin>] ...
//   RMSG <account> <subject>[ <reply>] <total>\r\n              HMSG ... <header> <total>\r\n
//   RMSG <account> <subject> | <queues> <total>\r\n             LMSG <origin> ... <header> <total>\r\n
//   RMSG <account> <subject> + <reply> <queues> <total>\r\n
//   |<----------- head ----------->|<- tail
//
// Every encode_ function writes at `out`, which must have room for the matching _size() (exactly
// that much), and returns the end of what it wrote.
// Threads: any. Errors: none. Nothing is allocated.
// Source:  server/route.go and client.go (deliverMsg), 2.0.0-RC19; H and L verbs as since 2.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proto/encode_client.h"
#include "proto/route_dialect.h"

namespace nuring::proto {

// ---- interest ----------------------------------------------------------------------------------

// Subscriptions to one subject here. `origin`: of a leafnode's cluster, for routes that said `lnoc`.
struct RouteInterest {
    std::string_view account;  // empty where the dialect has none
    std::string_view subject;
    std::string_view queue = {};            // may be empty
    uint32_t weight = 0;                    // subscribers; 0: the last one left, thus RS- or LS-
    std::string_view origin = {};           // set: LS+ or LS- instead of RS+ or RS-
    bool names_unsubscribe_origin = false;  // the peer said `lnocu`
    RouteDialect dialect = RouteDialect::kRoute;
};

// RS+ or LS+, with the weight of a queue; RS- or LS-.
size_t route_interest_size(const RouteInterest& interest);
char* encode_route_interest(char* out, const RouteInterest& interest);

// A+ <account>\r\n or A- <account>\r\n
constexpr size_t account_interest_size(std::string_view account) {
    return sizeof("A+ \r\n") - 1 + account.size();
}
char* encode_account_interest(char* out, std::string_view account, bool is_wanted);

// ---- messages ----------------------------------------------------------------------------------

// The parts of a message's line besides the sizes. `queues`: names with one blank between them.
struct RouteMessageHead {
    std::string_view account;  // empty where the dialect has none
    std::string_view subject;
    std::string_view reply = {};   // may be empty
    std::string_view queues = {};  // may be empty
    std::string_view origin = {};  // set: LMSG
    bool has_headers = false;      // HMSG instead of RMSG, or of a leafnode's LMSG
    RouteDialect dialect = RouteDialect::kRoute;

    std::string_view verb() const {
        if (!origin.empty()) return "LMSG ";
        if (has_headers) return "HMSG ";
        return dialect == RouteDialect::kLeafnode ? "LMSG " : "RMSG ";
    }
};

// Everything that comes before the tail. Without queues the tail is "[ <reply>] <sizes>\r\n...", as
// of a MSG frame; with queues the reply is in the head, and the tail begins with the sizes.
inline size_t route_head_size(const RouteMessageHead& head) {
    size_t size = sizeof("RMSG ") - 1 + head.subject.size();
    if (!head.account.empty()) size += head.account.size() + 1;
    if (!head.origin.empty()) size += head.origin.size() + 1;
    if (!head.queues.empty()) {
        size += 2 + 1 + head.queues.size();
        if (!head.reply.empty()) size += 1 + head.reply.size();
    }
    return size;
}

inline char* encode_route_head(char* out, const RouteMessageHead& head) {
    std::memcpy(out, head.verb().data(), 5);
    out += 5;
    if (!head.origin.empty()) {
        out = append_short(out, head.origin);
        *out++ = ' ';
    }
    if (!head.account.empty()) {
        out = append_short(out, head.account);
        *out++ = ' ';
    }
    out = append_short(out, head.subject);
    if (head.queues.empty()) return out;
    std::memcpy(out, head.reply.empty() ? " |" : " +", 2);
    out += 2;
    if (!head.reply.empty()) {
        *out++ = ' ';
        out = append_short(out, head.reply);
    }
    *out++ = ' ';
    return append_short(out, head.queues);
}

// A whole message in its parts. Without `has_headers` (the peer has none) the headers are left out:
// the sender strips them. An LMSG always says how long they are.
struct RouteMessage {
    RouteMessageHead head;
    std::string_view headers = {};
    std::string_view body;
};
size_t route_message_size(const RouteMessage& message);
char* encode_route_message(char* out, const RouteMessage& message);

}  // namespace nuring::proto
