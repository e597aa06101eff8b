// SPDX-License-Identifier: Apache-2.0
// The part of JetStream that other servers must know, so that its clients can use that of other members.
// Threads: any. Errors: an empty result. Nothing is allocated.
// Source:  server/client.go, processMsgResults and processServiceImport, 2.9 to 2.15.
#pragma once

#include <cstddef>
#include <string_view>

#include "proto/subject.h"

namespace nuring::proto {

inline constexpr std::string_view kJetStreamApi = "$JS.API.>";

// Deliveries of a consumer travel between servers under the deliver subject, and carry in their reply both
// the address of the acknowledgement and the subject of the stream:
//
//   $JS.ACK.<stream>.<consumer>.<...>@<original subject>
//
// The last server, which writes to a client, splits it.
struct JetStreamReply {
    std::string_view ack;      // empty: it is no such reply
    std::string_view subject;  // the original one
};

// The first `@` behind the eighth dot ends the ack subject.
inline JetStreamReply split_jetstream_reply(std::string_view reply) {
    constexpr size_t kDots = 8;
    if (!reply.starts_with(kJetStreamAckPrefix)) return {};
    size_t dots = 0;
    for (size_t i = 0; i < reply.size(); ++i) {
        if (reply[i] == '.') {
            ++dots;
        } else if (reply[i] == '@' && dots >= kDots) {
            if (i + 1 == reply.size()) return {};
            return {.ack = reply.substr(0, i), .subject = reply.substr(i + 1)};
        }
    }
    return {};
}

// Requests that the implicit import of the API does not carry: they meet plain interest in the account.
inline bool is_direct_jetstream_request(std::string_view subject) {
    return subject.starts_with("$JS.API.CONSUMER.MSG.NEXT.") || subject.starts_with("$JS.API.DIRECT.GET");
}

}  // namespace nuring::proto
