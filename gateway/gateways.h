// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/link/gateway_gossip.h"
#include "core/server/link_workers.h"
#include "core/server/server.h"
#include "core/server_link/gossip_urls.h"
#include "core/server_link/link_target.h"
#include "core/server_link/retry_dialer.h"
#include "gateway/gateway_remotes.h"
#include "gateway/gateway_settings.h"
#include "proto/info.h"

namespace nuring::gateway {

class GatewayInbound;
class GatewayOutbound;

// Gateways is the common part of the gateway connections of one server: the other clusters, the
// connections, the dialed addresses, and the gossip to the other servers of this cluster.
//
// Threads:  the connections call it on their workers; it takes a mutex for moments, when a connection comes,
//           ends or is reported, never per message. reload() and stop() on the control thread.
// Limits:   GatewayRemotes'.
// Errors:   a cluster that cannot be reached is dialed again: a configured one without end, a learned one
//           `connect_retries` rounds over its addresses.
// Lifetime: outlives the workers' links.
class Gateways final : public link::GatewayGossip, private server_link::RetryDialer::User {
  public:
    Gateways(server::Server& server, std::shared_ptr<const GatewaySettings> settings);
    ~Gateways();
    Gateways(const Gateways&) = delete;
    Gateways& operator=(const Gateways&) = delete;

    std::shared_ptr<const GatewaySettings> settings() const;
    GatewayRemotes& remotes() { return remotes_; }
    // Null: there is none.
    const account::Account* system_account() const { return workers_.server().system_account(); }
    // Of that worker's thread.
    link::StrangerList& strangers(base::WorkerId worker) {
        return workers_.strangers(worker);
    }

    // --- control thread
    void dial_configured();
    // Learns from the system account for which accounts other clusters have leafnodes.
    void follow_leafnodes();
    void reload(std::shared_ptr<const GatewaySettings> settings);
    // Dials nobody from now on; returns when no dialer is left on any worker.
    void stop();

    // --- any worker
    // An accepted connection: goes to the worker with the fewest.
    void accept(int fd);
    // The INFO of this server, with the addresses of its cluster.
    proto::ServerInfo own_info() const;
    // One INFO for each cluster but that one, for the other end of a new connection.
    // Is this server, or another one of its cluster, called as that one of another cluster says that it is?
    bool has_server_name(const proto::ServerInfo& info) const;
    std::vector<proto::ServerInfo> gossip(const std::string& except) const;
    // Another server has reported a cluster: it is dialed if it is new.
    void learn(const proto::ServerInfo& info) override;
    // A cluster has said on a connection what it is.
    void on_remote_info(const proto::ServerInfo& info);

    // False: there is such a connection.
    [[nodiscard]] bool add_outbound(const GatewayOutbound& link, const proto::ServerInfo& info);
    void add_inbound(const GatewayInbound& link, const proto::ServerInfo& info);
    void outbound_closed(const GatewayOutbound& link);
    void inbound_closed(const GatewayInbound& link);
    // A round trip was measured.
    void on_rtt(const GatewayOutbound& link);

    // --- link::GatewayGossip; any thread
    void add_cluster_url(const std::string& url) override;
    void remove_cluster_url(const std::string& url) override;
    std::vector<proto::ServerInfo> gossip_for_routes() const override;

  private:
    struct Dialing;

    // server_link::RetryDialer::User, on the dialer's worker
    std::optional<server_link::LinkTarget> next_target(server_link::RetryDialer& dialer) override;
    void on_attempt(server_link::RetryDialer& dialer) override;
    void on_connected(server_link::RetryDialer& dialer, int fd) override;
    bool on_failed(server_link::RetryDialer& dialer, const absl::Status& error) override;
    void on_ended(server_link::RetryDialer& dialer) override;

    void dial(const std::string& name, uint64_t delay_ns, bool is_reconnect);
    void close_unless_pinned(const GatewayEntry& entry, const std::optional<config::TlsOptions>& tls);
    void publish_table();
    void on_leafnode(std::string_view account);
    void announce_account(account::Account& account, uint32_t worker);
    void report_to_inbound();
    void report_to_routes(const proto::ServerInfo& info);

    server::LinkWorkers<Dialing> workers_;
    GatewayRemotes remotes_;
    std::atomic<uint64_t> table_version_{0};
    std::vector<uint64_t> table_versions_;  // of the table that each worker has; of its thread
    // Accounts that are being announced, of worker 0. True: it was asked for again.
    absl::flat_hash_map<account::Account*, bool> announcing_;

    mutable std::mutex mutex_;
    std::shared_ptr<const GatewaySettings> settings_;  // guarded by mutex_, like all below
    // By the name of the cluster. True: it was asked for again, maybe when this dialing had already given up.
    absl::flat_hash_map<std::string, bool> dialing_;
    server_link::GossipUrls cluster_urls_;             // of the other servers of this cluster
};

}  // namespace nuring::gateway
