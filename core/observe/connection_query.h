// SPDX-License-Identifier: Apache-2.0
// Which connections a walk over all of them looks for, and in which order it lists them.
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

// Which connections, in which order, and how many of them.
struct ConnectionQuery {
    ConnectionSort sort = ConnectionSort::kCid;
    ConnectionState state = ConnectionState::kOpen;
    uint64_t cid = 0;            // 0: any
    std::string account;         // empty: any
    std::string user;            // empty: any
    std::string subject_filter;  // has a subscription that overlaps with it; empty: any
    bool subscriptions = false;  // copy them, too
    bool certificates = false;   // as well
    size_t count_max = 1024;     // the first so many in the order
    uint64_t now_ns = 0;         // wall clock
};

// What is the place of a connection in the order? Small numbers come first; equals go by cid.
uint64_t sort_key(ConnectionSort sort, const client::ConnectionSnapshot& connection,
                  uint64_t now_ns);

}  // namespace nuring::observe
