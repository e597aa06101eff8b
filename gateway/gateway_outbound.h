// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/server_link/link_target.h"
#include "core/server_link/server_link.h"
#include "gateway/gateway_interest.h"
#include "gateway/gateway_pending.h"
#include "gateway/gateway_recent.h"
#include "gateway/gateway_settings.h"
#include "proto/info.h"
#include "proto/route_parser.h"

namespace nuring::gateway {

class Gateways;

// GatewayOutbound is the connection to another cluster that this server has dialed. Messages leave over it;
// the other server announces its cluster's interest on it.
//
//   [TLS as client]   <- INFO    CONNECT INFO ->   registered   messages ->   <- interest, gossip
//
// Nothing is sent, not even a PING, before the other server's INFO.
//
// Threads: its worker. Limits: OutboundInterest's, RecentInterest's, ServerLink's.
// Errors:  the texts of the reference, to the other server; then the connection is closed, and dialed again.
// Source:  server/gateway.go 2.0.0-RC19 to 2.15.3.
class GatewayOutbound final : public server_link::ServerLink, private OutboundInterest::Store {
  public:
    // cluster: the name that the other server must have.
    GatewayOutbound(delivery::Delivery& delivery, int fd, Gateways& gateways, server_link::LinkTarget target,
                    std::string cluster);

    // tls_name: what its certificate must name, where the address does not.
    void greet(const std::string& tls_name);

    const std::string& cluster() const { return cluster_; }
    // The interest of the other cluster, as the query asks.
    void copy_accounts(const GatewayQuery& query, std::vector<GatewayAccountSnapshot>* out) const;

    // --- ServerLink
    void deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                         std::string_view queues) override;
    void announce(account::Account& account, std::string_view pattern, std::string_view queue) override;
    void announce_lame_duck() override {}
    void on_account_changed() override;

  private:
    // --- ServerLink
    void on_channel_ready() override;
    void on_connect(std::string_view /*json*/) override {}
    void on_info(const proto::ServerInfo& info) override;
    void on_pong() override;
    void on_subscribe(const proto::RouteOperation& operation) override;
    void on_unsubscribe(const proto::RouteOperation& operation) override;
    void on_account_interest(const proto::RouteOperation& operation, bool is_wanted) override;
    void on_ended() override;
    account::Account* account_of(const proto::RouteOperation& operation) override;
    bool carries(account::Account& /*account*/) const override { return false; }
    server_link::KeepAlive keep_alive_rule() const override;

    // --- OutboundInterest::Store
    bool add(account::Account& account, std::string_view pattern, std::string_view queue) override;
    bool remove(account::Account& account, std::string_view pattern, std::string_view queue) override;
    void remove_plain(account::Account& account) override;

    void on_first_info(const proto::ServerInfo& info);
    void on_command(const proto::ServerInfo& info);
    void check_pins();
    void announce_self(const proto::ServerInfo& info);
    // The mapped form of a reply, for this peer; empty: it may stay as it is.
    std::string_view reply_prefix(account::Account& account, const delivery::MessageRun& run);

    Gateways& gateways_;
    const std::shared_ptr<const GatewaySettings> settings_;
    const std::string cluster_;
    bool has_first_info_ = false;
    std::vector<std::string> reported_urls_;  // of the last one that was passed on
    bool maps_the_old_way_ = false;  // a server before 2.1.2
    std::string old_prefix_;
    // From the first INFO on.
    std::unique_ptr<OutboundInterest> interest_;
    std::unique_ptr<PendingInterest> pending_;
    RecentInterest recent_;
};

}  // namespace nuring::gateway
