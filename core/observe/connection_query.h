// SPDX-License-Identifier: Apache-2.0
// A query over all connections of the server: filters, order and how many to return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/client/connection_snapshot.h"

namespace nuring::observe {

enum class ConnectionSort : uint8_t {
    kCid,
    kSubscriptions,
    kPending,
    kMessagesTo,
    kMessagesFrom,
    kBytesTo,
    kBytesFrom,
    kLast,
    kIdle,
    kUptime,
    kStop,
    kReason,
    kRtt,
};

enum class ConnectionState : uint8_t { kOpen, kClosed, kAll };

// Threads: any. Errors: none; values come checked from the page or request (monitor/query.h).
struct ConnectionQuery {
    ConnectionSort sort = ConnectionSort::kCid;
    ConnectionState state = ConnectionState::kOpen;
    uint64_t cid = 0;            // 0: any
    std::string account;         // empty: any
    std::string user;            // empty: any
    std::string subject_filter;  // has a subscription that overlaps with it; empty: any
    bool subscriptions = false;  // copy the subscriptions of each connection, too
    bool certificates = false;   // copy the peer's certificates, too
    size_t count_max = 1024;     // copy only the first ones in the order
    uint64_t now_ns = 0;         // wall clock
};

// The place of a connection in the order. Smaller keys come first; equal ones are ordered by cid.
uint64_t sort_key(ConnectionSort sort, const client::ConnectionSnapshot& connection,
                  uint64_t now_ns);

}  // namespace nuring::observe
