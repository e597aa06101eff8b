// SPDX-License-Identifier: Apache-2.0
// Plain copies of what a worker counts, as a whole and by account.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/client/connection_snapshot.h"
#include "core/interest/match_cache.h"
#include "core/link/link_host.h"
#include "core/link/link_traffic.h"
#include "core/observe/survey.h"
#include "core/ring/ring.h"
#include "core/runtime/worker.h"

namespace nuring::observe {

// Counters of one worker over all links that it ever had.
struct WorkerCounters : link::LinkTraffic {
    link::LinkTraffic of_servers;  // the part that went over links to other servers
    link::LinkFaultsByKind faults_by_kind{};
    link::LinkFaults faults;  // their sum
    uint64_t sends_in_flight = 0;
    uint64_t pauses = 0;
    uint64_t stalls = 0;
    uint64_t spilled_records = 0;
    uint64_t shared_blocks = 0;
    uint64_t replaced_members = 0;
    uint64_t lost_group_messages = 0;
    uint64_t departed_clients = 0;  // moved to other workers
    uint64_t arrived_clients = 0;
    uint64_t tls_handshakes = 0;
    uint64_t tls_handshake_failures = 0;
};
WorkerCounters counters_of(const WorkerView& worker);

struct WorkerSnapshot {
    uint32_t id = 0;
    uint64_t connections = 0;  // links of every kind
    std::array<uint64_t, proto::kKindCount> server_links{};  // of them: registered ones, by kind
    WorkerCounters counters;
    const char* ring_name = "";
    ring::RingStats ring;
    runtime::WorkerStats worker;
    double busy_share = 0;
    interest::MatchCacheStats cache;
    size_t mailbox_depth_bytes = 0;  // what others have sent it and it has not taken yet
    size_t mailbox_capacity_bytes = 0;

    uint64_t routes() const { return server_links[index_of(proto::Kind::kRoute)]; }
    // From either side, of either end.
    uint64_t gateways() const { return server_links[index_of(proto::Kind::kGateway)]; }
    uint64_t leafnodes() const {
        return server_links[index_of(proto::Kind::kLeafnode)] +
               server_links[index_of(proto::Kind::kHub)];
    }
};

// WorkerSurvey copies the counters of one worker; with_fanout also walks over its match cache.
class WorkerSurvey final : public Survey {
  public:
    explicit WorkerSurvey(bool with_fanout = false) : with_fanout_(with_fanout) {}
    bool step(const WorkerView& worker) override;
    const WorkerSnapshot& snapshot() const { return snapshot_; }

  private:
    const bool with_fanout_;
    WorkerSnapshot snapshot_;
};

// One account on one worker: its open links, and the sums of all that ever were.
struct AccountSnapshot {
    uint64_t connections = 0;
    link::LinkTraffic traffic;
    uint64_t slow_consumers = 0;
    uint64_t leafnodes = 0;  // the monitor adds them (LeafSurvey)

    AccountSnapshot& operator+=(const AccountSnapshot& other) {
        connections += other.connections;
        leafnodes += other.leafnodes;
        traffic += other.traffic;
        slow_consumers += other.slow_consumers;
        return *this;
    }
};

// AccountSurvey adds up what the clients of each account do and have done on one worker.
class AccountSurvey final : public Survey {
  public:
    bool step(const WorkerView& worker) override;
    // Accounts that had no links here are missing.
    const absl::flat_hash_map<const account::Account*, AccountSnapshot>& accounts() const {
        return accounts_;
    }

  private:
    size_t position_ = 0;
    absl::flat_hash_map<const account::Account*, AccountSnapshot> accounts_;
};

// SubscriptionSurvey copies a worker's client subscriptions, of one account (empty: of all), and of those
// only what matches a literal subject (empty: all). The first count_max of them; total() counts all.
class SubscriptionSurvey final : public Survey {
  public:
    SubscriptionSurvey(std::string account, std::string subject, size_t count_max)
        : account_(std::move(account)), subject_(std::move(subject)), count_max_(count_max) {}
    bool step(const WorkerView& worker) override;

    std::vector<client::SubscriptionSnapshot>& subscriptions() { return subscriptions_; }
    uint64_t total() const { return total_; }

  private:
    const std::string account_;
    const std::string subject_;
    const size_t count_max_;
    size_t position_ = 0;               // of the walk over the links
    base::LinkHandle walked_;           // the link where it stopped
    size_t subscription_position_ = 0;  // within it
    uint64_t total_ = 0;
    std::vector<client::SubscriptionSnapshot> subscriptions_;
};

}  // namespace nuring::observe
