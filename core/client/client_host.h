// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/auth/authenticator.h"
#include "core/base/ids.h"
#include "core/client/closed_connections.h"
#include "core/client/client_movers.h"
#include "core/client/heavy_hitters.h"
#include "core/config/options.h"
#include "core/delivery/delivery.h"
#include "core/link/link.h"
#include "core/link/link_host.h"
#include "core/link/link_traffic.h"
#include "core/link/server_facts.h"
#include "core/tls/tls_profile.h"
#include "proto/client_parser.h"
#include "proto/json_parser.h"

namespace nuring::client {

class Client;
class ClientEvents;
struct ClientUpgrade;

// The limits of clients, taken out of Options when those change.
struct ClientLimits {
    explicit ClientLimits(const config::Options& options);

    uint64_t auth_timeout_ns;
    uint64_t tls_timeout_ns;
    int64_t max_subscriptions;  // 0 or negative: unlimited
    int64_t max_sub_tokens;
    int64_t max_connections;
    bool headers;
    bool follow_subscribers;  // clients move to the worker of those that they exchange messages with
    bool links_servers;       // this server has a cluster, gateways or leafnodes
    proto::ClientParseLimits parse;
};

// The address of this server in INFO: client_advertise, or that of the listener.
struct ClientAddress {
    std::string host;
    uint16_t port = 0;
};

// The settings of WebSocket clients that differ from those of others.
struct WebsocketSettings {
    std::shared_ptr<const auth::Authenticator> authenticator;
    uint64_t auth_timeout_ns = 0;
    uint64_t ping_interval_ns = 0;
    bool tls = false;
};
// Null: there is no such port. `trust` as for the Authenticator.
std::shared_ptr<const WebsocketSettings> make_websocket_settings(const config::Options& options,
                                                                 std::shared_ptr<auth::Trust> trust);

// The settings that a reload replaces as a whole.
struct ClientSettings {
    std::shared_ptr<const config::Options> options;
    std::shared_ptr<const auth::Authenticator> authenticator;  // made from the same options
    std::shared_ptr<const tls::Profile> tls;                   // null: clients speak in clear text
    ClientAddress address;
    std::shared_ptr<const WebsocketSettings> websocket;        // null: no such port
    uint64_t serial = 0;                                       // the later, the greater
};

// The sums of one account's closed links on this worker. Modulo 2^64: what a link brings along from another
// worker is taken off, so that the sum with the open links is what was counted here.
struct ClosedLinkTotals {
    link::LinkTraffic traffic;
    uint64_t slow_consumers = 0;
};

// ClientHost is what the clients of one worker share: settings, limits, and what is remembered of them.
//
// Threads: its worker. Limits: ClientLimits. Errors: none. Lifetime: outlives all clients of its
//          worker.
class ClientHost {
  public:
    ClientHost(delivery::Delivery& delivery, const ClientSettings& settings);
    ~ClientHost();
    ClientHost(const ClientHost&) = delete;
    ClientHost& operator=(const ClientHost&) = delete;

    const config::Options& options() const { return *settings_.options; }
    const auth::Authenticator& authenticator() const { return *settings_.authenticator; }
    const std::shared_ptr<const tls::Profile>& tls() const { return settings_.tls; }
    const ClientAddress& address() const { return settings_.address; }
    const ClientLimits& limits() const { return limits_; }
    ClientEvents* events() const { return events_; }  // may be null
    uint64_t settings_serial() const { return settings_.serial; }

    void apply(const ClientSettings& settings);
    void set_address(ClientAddress address) { settings_.address = std::move(address); }
    // The address of the WebSocket port in INFO; set before the worker runs.
    const ClientAddress& websocket_address() const { return websocket_address_; }
    void set_websocket_address(ClientAddress address) { websocket_address_ = std::move(address); }
    // Not null for a client that has come over WebSocket.
    const WebsocketSettings* websocket() const { return settings_.websocket.get(); }
    // Before the worker runs.
    void set_events(ClientEvents* events) { events_ = events; }

    // A new client connection lives here from now on.
    void adopt(int fd);
    // The same, of one whose upgrade to WebSocket is done: it is counted on this worker already.
    void adopt(link::Handover&& connection, std::unique_ptr<const ClientUpgrade> upgrade);
    // The accepting worker gives a new client connection to the worker that link::WorkerLoads chooses.
    void place(int fd);
    // The worker where a new connection goes, which counts it as of now: release_place() if it does
    // not become a client there.
    base::WorkerId take_place();
    void release_place();

    // May one more TLS handshake begin? Refusals are logged once per second.
    bool admits_handshake(int64_t per_second);

    // All links, or the clients of an account, are checked against the configuration again.
    void check_all();
    void check(const std::string& account);
    // The subscriptions of that client are checked in slices, from the next turn on.
    void check_later(base::LinkHandle client) { checking_.push_back(client); }
    // Once in each turn. True: there are more.
    bool check_slice();
    // The clients that the server has too many of are closed, the last ones first.
    void close_excess();
    // One client less is too many; false: none was. Relaxed: only the count matters.
    bool take_excess();
    // Sends INFO to the clients that know other URLs than there are now (ServerFacts::cluster_views).
    void announce_cluster_view();

    void add_closed(const account::Account& account, const link::LinkTraffic& traffic,
                    bool is_slow);
    // A link goes to another worker: its traffic so far counts here, and is subtracted there.
    void add_departed(const account::Account& account, const link::LinkTraffic& traffic) {
        closed_totals_[&account].traffic += traffic;
    }
    void add_arrived(const account::Account& account, const link::LinkTraffic& traffic) {
        closed_totals_[&account].traffic -= traffic;
    }
    const absl::flat_hash_map<const account::Account*, ClosedLinkTotals>& closed_totals() const {
        return closed_totals_;
    }

    delivery::Delivery& delivery;
    link::LinkHost& host;
    HeavyHitters heavy_hitters;
    ClosedConnections closed;
    ClientMovers movers{*this};
    proto::JsonParser json_parser;

  private:
    void check(const std::vector<base::LinkHandle>& handles);
    // Those whose certificates the new settings no longer pin.
    void close_unpinned(const config::Options& before);
    void report_refused_handshakes();

    ClientSettings settings_;
    std::vector<base::LinkHandle> checking_;
    ClientAddress websocket_address_;
    ClientLimits limits_;
    ClientEvents* events_ = nullptr;
    absl::flat_hash_map<const account::Account*, ClosedLinkTotals> closed_totals_;
    runtime::OwnedTimer<ClientHost, &ClientHost::report_refused_handshakes> refusals_timer_{*this};
};

}  // namespace nuring::client
