// SPDX-License-Identifier: Apache-2.0
// Plain copies of connections and subscriptions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/link/close_reason.h"
#include "core/link/link_traffic.h"
#include "core/tls/tls_peer.h"
#include "proto/kind.h"

namespace nuring::client {

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
    bool is_websocket = false;  // a client that came over WebSocket
    link::CloseReason reason = link::CloseReason::kNone;
    uint16_t port = 0;
    std::optional<uint32_t> worker;  // where it lives, or has ended; nothing: is not shown
    uint32_t subscription_count = 0;
    uint64_t start_ns = 0;
    uint64_t last_activity_ns = 0;
    uint64_t stop_ns = 0;  // 0: open
    uint64_t rtt_ns = 0;   // 0: not known
    uint64_t pending_bytes = 0;
    link::LinkTraffic traffic;
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

}  // namespace nuring::client
