// SPDX-License-Identifier: Apache-2.0
// Plain copies of a worker's gateway connections, for the monitor.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/client/connection_snapshot.h"
#include "core/observe/survey.h"

namespace nuring::gateway {

// How an account's messages are forwarded over one connection.
enum class InterestMode : uint8_t { kOptimistic, kTransitioning, kInterestOnly };

struct GatewayAccountSnapshot {
    std::string name;
    InterestMode mode = InterestMode::kOptimistic;
    uint64_t no_interest_count = 0;   // subjects that the other side does not want; optimistic mode
    uint64_t subscription_count = 0;  // of the other side, plain ones and queues
    uint64_t queue_subscription_count = 0;
    std::vector<client::SubscriptionSnapshot> subscriptions;  // if asked for
};

// One connection to a server of another cluster.
struct GatewaySnapshot {
    std::string cluster_name;  // of the other side
    bool is_outbound = false;  // this server dialed it
    bool is_configured = false;  // named in this server's configuration
    // kind kGateway; `name` is the id of the other server. No lang, version, user or account.
    client::ConnectionSnapshot connection;
    std::vector<GatewayAccountSnapshot> accounts;  // if asked for, by name
};

// The parts that a page asks for.
struct GatewayQuery {
    std::string cluster_name;    // only connections to this cluster; empty: to all
    bool accounts = false;
    std::string account_name;    // only this account; empty: all
    bool subscriptions = false;  // of the accounts
    uint64_t now_ns = 0;         // wall clock
};

// GatewaySurvey copies the gateway connections that have completed their handshake.
// Limits: kSubscriptionsMax subscriptions of each account. Otherwise as observe::Survey.
class GatewaySurvey final : public observe::Survey {
  public:
    static constexpr size_t kSubscriptionsMax = 16 * 1024;

    explicit GatewaySurvey(GatewayQuery query) : query_(std::move(query)) {}
    bool step(const observe::WorkerView& worker) override;
    const std::vector<GatewaySnapshot>& gateways() const { return gateways_; }

  private:
    const GatewayQuery query_;
    size_t position_ = 0;  // one connection per slice
    std::vector<GatewaySnapshot> gateways_;
};

}  // namespace nuring::gateway
