// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/link/cluster_view.h"
#include "core/link/origin_clusters.h"
#include "core/link/gateway_gossip.h"
#include "core/link/lame_duck_pace.h"
#include "core/link/rate_limit.h"
#include "core/link/route_directory.h"
#include "core/link/server_events.h"
#include "core/link/worker_loads.h"
#include "proto/info.h"

namespace nuring::link {

// When the certificates that ports show end, in seconds since 1970; 0: a port has none.
// Threads: written where a block is loaded, read by the monitor.
struct CertificateEnds {
    std::atomic<int64_t> clients{0};
    std::atomic<int64_t> cluster{0};
    std::atomic<int64_t> gateway{0};
    std::atomic<int64_t> leafnodes{0};
    std::atomic<int64_t> websocket{0};
};

// ServerFacts is what all workers know of the server that they are part of, and the few counters that
// belong to the server as a whole. None of it is touched per message.
// Threads: the plain fields are fixed before the workers start; the counters are for all.
struct ServerFacts {
    explicit ServerFacts(uint32_t worker_count)
        : worker_loads(worker_count) {}

    // Ids count links of every kind together, from 1. Relaxed: only uniqueness matters.
    uint64_t take_cid() { return last_cid.fetch_add(1, std::memory_order_relaxed) + 1; }

    // Relaxed, too: the number of a message that the server sends by itself.
    uint64_t take_sequence() { return own_messages.fetch_add(1, std::memory_order_relaxed) + 1; }

    // The INFO for all clients; client_id and client_ip differ, and ClientSettings::address has host
    // and port.
    proto::ServerInfo info;
    std::string node_hash;  // proto/tracked_reply.h
    std::string commit;     // of the sources it was built from
    uint64_t start_wall_ns = 0;
    std::string leafnode_url;  // where leafnodes find this server, for its cluster; empty: nowhere

    // The addresses of this server for WebSocket clients; empty: none.
    std::vector<std::string> websocket_urls;

    ClusterViews cluster_views;
    ServerEvents* server_events = nullptr;  // null: nobody listens; set before the workers run
    OriginClusters origin_clusters;
    CertificateEnds certificate_ends;

    GatewayGossip* gateways = nullptr;  // null: this server has none; fixed before the workers start
    std::string gateway_url;            // where other clusters find this server
    RouteDirectory route_directory;     // kept where there are gateways

    std::atomic<uint64_t> last_cid{0};
    std::atomic<uint64_t> total_clients{0};                 // ever accepted
    std::atomic<int64_t> clients{0};                        // now, all workers
    std::atomic<int64_t> websocket_clients{0};              // of them: over WebSocket
    RateLimit tls_rate;                                     // handshakes begun
    std::atomic<uint64_t> own_messages{0};                  // events and answers: their "seq"
    std::atomic<uint64_t> dropped_log_lines{0};
    std::atomic<uint64_t> dropped_system_requests{0};       // under $SYS: too many waited
    std::atomic<uint64_t> closed_connections{0};            // clients that have ended
    std::atomic<int64_t> excess_clients{0};                 // to be closed by a reload
    std::atomic<bool> lame_duck{false};                     // it goes: INFO names other servers only
    std::atomic<bool> lame_duck_closing{false};             // the first client is being closed
    LameDuckPace lame_duck_pace;                            // when the next one is
    WorkerLoads worker_loads;                               // where a new client goes
};

}  // namespace nuring::link
