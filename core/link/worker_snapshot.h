// SPDX-License-Identifier: Apache-2.0
// Plain copies of what a worker counts, as a whole and by account.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/interest/match_cache.h"
#include "core/link/survey.h"
#include "core/link/worker_links.h"
#include "core/ring/ring.h"
#include "core/runtime/worker.h"

namespace nuring::link {

struct WorkerSnapshot {
    uint32_t id = 0;
    uint64_t connections = 0;  // links of every kind
    uint64_t routes = 0;       // of them: registered ones to servers of the cluster
    LinkCounters counters;
    const char* ring_name = "";
    ring::RingStats ring;
    runtime::WorkerStats worker;
    double busy_share = 0;
    interest::MatchCacheStats cache;
    size_t mailbox_depth_bytes = 0;  // what others have sent it and it has not taken yet
    size_t mailbox_capacity_bytes = 0;
};

// WorkerSurvey copies the counters of one worker; with_fanout also walks over its match cache.
class WorkerSurvey final : public Survey {
  public:
    explicit WorkerSurvey(bool with_fanout = false) : with_fanout_(with_fanout) {}
    bool step(WorkerLinks& links) override;
    const WorkerSnapshot& snapshot() const { return snapshot_; }

  private:
    const bool with_fanout_;
    WorkerSnapshot snapshot_;
};

// What one account is to one worker: the links that are there, and all that ever were.
struct AccountSnapshot {
    uint64_t connections = 0;
    LinkTraffic traffic;
    uint64_t slow_consumers = 0;

    AccountSnapshot& operator+=(const AccountSnapshot& other) {
        connections += other.connections;
        traffic += other.traffic;
        slow_consumers += other.slow_consumers;
        return *this;
    }
};

// AccountSurvey adds up what the clients of each account do and have done on one worker.
class AccountSurvey final : public Survey {
  public:
    bool step(WorkerLinks& links) override;
    // Accounts that had no links here are missing.
    const absl::flat_hash_map<const account::Account*, AccountSnapshot>& accounts() const {
        return accounts_;
    }

  private:
    size_t position_ = 0;
    absl::flat_hash_map<const account::Account*, AccountSnapshot> accounts_;
};

// SubscriptionSurvey copies a worker's client subscriptions, of one account (empty: of all), and of those
// only what matches a literal subject (empty: all). The first count_max of them.
class SubscriptionSurvey final : public Survey {
  public:
    SubscriptionSurvey(std::string account, std::string subject, size_t count_max)
        : account_(std::move(account)), subject_(std::move(subject)), count_max_(count_max) {}
    bool step(WorkerLinks& links) override;

    std::vector<SubscriptionSnapshot>& subscriptions() { return subscriptions_; }

  private:
    const std::string account_;
    const std::string subject_;
    const size_t count_max_;
    size_t position_ = 0;               // of the walk over the links
    size_t subscription_position_ = 0;  // within the link where it stopped
    std::vector<SubscriptionSnapshot> subscriptions_;
};

}  // namespace nuring::link
