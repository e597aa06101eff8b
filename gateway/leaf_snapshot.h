// SPDX-License-Identifier: Apache-2.0
// Plain copies of a worker's leafnode connections, for the monitor.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/client/connection_snapshot.h"
#include "core/observe/survey.h"

namespace nuring::gateway {

// One leafnode connection, of either end.
struct LeafSnapshot {
    bool is_spoke = false;     // the other side is the hub
    bool is_isolated = false;  // the other side asked for no interest of other leafnodes
    std::string compression;   // as /leafz shows it: "off", "s2_fast", ...; empty: not negotiated
    // kind kLeafnode; `name` is the name of the other server, `account` the local one.
    client::ConnectionSnapshot connection;
};

// The parts that a page asks for.
struct LeafQuery {
    std::string account;         // only leafnodes of this account; empty: all
    bool subscriptions = false;  // what the other side wants
    uint64_t now_ns = 0;         // wall clock
};

// LeafSurvey copies the leafnode connections that have completed their handshake.
// Limits: kSubscriptionsMax subscriptions of each. Otherwise as observe::Survey.
class LeafSurvey final : public observe::Survey {
  public:
    static constexpr size_t kSubscriptionsMax = 16 * 1024;

    explicit LeafSurvey(LeafQuery query) : query_(std::move(query)) {}
    bool step(const observe::WorkerView& worker) override;
    const std::vector<LeafSnapshot>& leafs() const { return leafs_; }

  private:
    const LeafQuery query_;
    std::vector<LeafSnapshot> leafs_;
};

}  // namespace nuring::gateway
