// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/link/connection_snapshot.h"

namespace nuring::link {

// ClosedConnections remembers the last connections of a worker that have ended, and why.
// Threads: one worker.
// Limits:  count_max connections (the worker's share of max_closed_clients); of each, subscriptions up to
//          kSubscriptionsMax, so that a client with a million of them does not stay in memory for ever.
// Errors:  none. Source: ours; the reference keeps whole connections (server/ring.go).
class ClosedConnections {
  public:
    static constexpr size_t kSubscriptionsMax = 256;

    explicit ClosedConnections(size_t count_max) : count_max_(count_max) {}

    void add(ConnectionSnapshot connection) {
        if (count_max_ == 0) return;
        if (ring_.size() < count_max_) {
            ring_.push_back(std::move(connection));
        } else {
            ring_[next_] = std::move(connection);
            next_ = (next_ + 1) % count_max_;
        }
    }

    // In no particular order.
    size_t count() const { return ring_.size(); }
    const ConnectionSnapshot& at(size_t index) const { return ring_[index]; }

  private:
    const size_t count_max_;
    size_t next_ = 0;  // the oldest, once the ring is full
    std::vector<ConnectionSnapshot> ring_;
};

}  // namespace nuring::link
