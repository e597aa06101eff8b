// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/server_link/server_link.h"
#include "gateway/gateway_interest.h"
#include "gateway/gateway_settings.h"
#include "proto/info.h"
#include "proto/route_connect.h"
#include "proto/route_parser.h"

namespace nuring::gateway {

class Gateways;

// GatewayInbound is a connection from a server of another cluster. Messages come in over it; this server
// announces on it the interest of its whole cluster.
//
//   [TLS as server]   INFO ->   <- CONNECT INFO   registered   <- messages   interest, gossip ->
//
// A server that announces all interest by itself (2.9 and later) gets all interest from the start; to
// others it is announced as messages come that nobody wants (InboundInterest).
//
// Threads: its worker. Limits: InboundInterest's, ServerLink's.
// Errors:  the texts of the reference, to the other server; then the connection is closed.
// Source:  server/gateway.go 2.0.0-RC19 to 2.15.3.
class GatewayInbound final : public server_link::ServerLink, private InboundInterest::Sender {
  public:
    GatewayInbound(delivery::Delivery& delivery, int fd, Gateways& gateways);

    void greet();

    const std::string& cluster() const { return cluster_; }
    // The interest that was announced to the other cluster, as far as the query selects it.
    void copy_accounts(const GatewayQuery& query, std::vector<GatewayAccountSnapshot>* out) const;
    // The addresses of this cluster have changed.
    void report_self();
    // Announces all interest of that account, if not yet: at once, or when there is room.
    void announce_account(account::Account& account);

    // --- ServerLink
    // Messages leave over the connection that this server dialed (GatewayOutbound).
    void deliver_to_server(account::Account& /*account*/, const delivery::MessageRun& /*run*/,
                           std::string_view /*queues*/) override {}
    void announce(account::Account& account, std::string_view pattern, std::string_view queue) override;
    void announce_lame_duck() override {}
    void on_account_changed() override;
    size_t announce_slice(account::Account& account, uint32_t slice) override;

  private:
    // --- ServerLink
    void on_channel_ready() override;
    void on_connect(std::string_view json) override;
    void on_logged_in(std::shared_ptr<const auth::Identity> identity) override;
    void on_info(const proto::ServerInfo& info) override;
    void on_subscribe(const proto::RouteOperation& operation) override;
    void on_unsubscribe(const proto::RouteOperation& operation) override;
    void on_account_interest(const proto::RouteOperation& operation, bool is_wanted) override;
    void on_ended() override;
    account::Account* account_of(const proto::RouteOperation& operation) override;
    bool admit_message(const proto::RouteOperation& operation, Inbound* message) override;
    bool carries(account::Account& account) const override;
    size_t wanted(account::Account& account, std::string_view pattern, std::string_view queue) override;
    void on_synced() override;
    server_link::KeepAlive keep_alive_rule() const override;

    // --- InboundInterest::Sender
    void send_change(account::Account& account, std::string_view pattern, std::string_view queue,
                     bool is_wanted) override;
    void send_account(std::string_view account, bool is_wanted) override;
    void start_switch(account::Account& account) override;

    void check_pins();
    bool may_come_from(const std::string& cluster);
    void send_command(account::Account& account, int64_t command);
    void finish_switch(account::Account& account);
    size_t announce_cluster(account::Account& account, uint32_t slice);
    bool is_unwanted(account::Account& account, std::string_view subject);
    bool has_any_interest(account::Account& account);
    bool imports_services(const account::Account& account) const;
    void refuse_line(std::string_view line);

    Gateways& gateways_;
    const std::shared_ptr<const GatewaySettings> settings_;
    proto::RouteConnect connect_;
    std::string cluster_;
    bool has_first_info_ = false;
    bool wants_all_interest_ = false;
    bool is_registering_ = false;    // the first sync runs: it goes over all accounts
    InboundInterest interest_{*this};
    absl::flat_hash_set<account::Account*> switching_;  // all of their interest is being announced
    absl::flat_hash_set<account::Account*> awaiting_;   // the next sync switches them
    bool begins_account_ = false;                       // the sync is at the first slice of one
};

}  // namespace nuring::gateway
