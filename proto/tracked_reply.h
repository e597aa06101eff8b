// SPDX-License-Identifier: Apache-2.0
// Reply subjects of requests that a server measures: they name the server that wants to know when the answer
// left its responder, which may be a client of another server.
//
//   _R_.<...>.<node: 8>.T
//
// Threads: any. Errors: none. Limits: the name of a node has a fixed size.
// Source:  newServiceReply in server/accounts.go, getHash in server/events.go, 2.9.10 and 2.15.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nuring::proto {

inline constexpr size_t kNodeHashSize = 8;
inline constexpr size_t kTrackedSuffixSize = 1 + kNodeHashSize + 2;

// The name of a node: of the SHA-256 of the server's name.
std::string node_hash(std::span<const uint8_t> digest);

// Does it end like a tracked reply? For the data path: the rest is for tracking_node().
inline bool may_be_tracked(std::string_view reply) {
    return reply.size() > kTrackedSuffixSize && reply.back() == 'T' && reply[reply.size() - 2] == '.';
}

// The node that measures; empty: the reply is not tracked.
std::string_view tracking_node(std::string_view reply);

}  // namespace nuring::proto
