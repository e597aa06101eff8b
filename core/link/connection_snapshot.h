// SPDX-License-Identifier: Apache-2.0
// Plain copies of connections and subscriptions, and what a walk over them looks for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/link/close_reason.h"
#include "core/link/link_traffic.h"
#include "core/tls/tls_peer.h"
#include "proto/kind.h"

namespace nuring::link {

struct SubscriptionSnapshot {
    std::string subject;
    std::string queue;
    std::string sid;
    uint64_t delivered = 0;
    uint64_t max = 0;
    uint64_t cid = 0;
    std::string account;  // only in lists over all connections
};

// One connection as /connz shows it. Times are wall clock, ns since 1970.
struct ConnectionSnapshot {
    uint64_t cid = 0;
    proto::Kind kind = proto::Kind::kClient;
    CloseReason reason = CloseReason::kNone;
    uint16_t port = 0;
    uint32_t subscription_count = 0;
    uint64_t start_ns = 0;
    uint64_t last_activity_ns = 0;
    uint64_t stop_ns = 0;  // 0: open
    uint64_t rtt_ns = 0;   // 0: not known
    uint64_t pending_bytes = 0;
    LinkTraffic traffic;
    std::string host;
    std::string name;
    std::string lang;
    std::string version;
    std::string user;
    std::string account;
    std::string tls_version;  // empty: no TLS
    std::string tls_cipher;
    std::vector<tls::PeerCertificate> certificates;  // if asked for, while it is open
    // Of operator mode.
    std::string jwt;
    std::string issuer_key;
    std::string name_tag;
    std::vector<std::string> tags;
    std::vector<SubscriptionSnapshot> subscriptions;  // if asked for
};

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
uint64_t sort_key(ConnectionSort sort, const ConnectionSnapshot& connection, uint64_t now_ns);

}  // namespace nuring::link
