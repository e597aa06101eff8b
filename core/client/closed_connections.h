// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "core/client/connection_snapshot.h"
#include "core/link/server_facts.h"

namespace nuring::client {

// ClosedConnections remembers those of the server's last connections to end that lived on this worker,
// and why they ended. A count of all ends, over all workers, says which are too old by now.
// Threads: one worker.
// Limits:  count_max of all workers together are shown; a worker that closes nothing may hold on to older
//          ones, but never to more than count_max. Of each, the first subscriptions, up to kSubscriptionsMax
//          and kSubscriptionBytesMax of their texts, so that a client with a million of them, or with long
//          ones, does not stay in memory for ever.
// Errors:  none. Source: ours; the reference keeps whole connections (server/ring.go).
class ClosedConnections {
  public:
    static constexpr size_t kSubscriptionsMax = 256;
    static constexpr size_t kSubscriptionBytesMax = 16 * 1024;

    ClosedConnections(link::ServerFacts& facts, size_t count_max)
        : facts_(facts), count_max_(count_max) {}

    void add(ConnectionSnapshot connection) {
        if (count_max_ == 0) return;
        drop_long(&connection.subscriptions);
        // relaxed: the order of ends on different workers means nothing
        const uint64_t serial = facts_.closed_connections.fetch_add(1, std::memory_order_relaxed);
        entries_.push_back({serial, std::move(connection)});
        drop_old();
    }

    // Entries keep their index while they are there: [begin(), end()), the oldest first.
    void drop_old() {
        const uint64_t ends = facts_.closed_connections.load(std::memory_order_relaxed);
        while (!entries_.empty() && entries_.front().serial + count_max_ < ends) {
            entries_.pop_front();
            ++begin_;
        }
    }
    size_t begin() const { return begin_; }
    size_t end() const { return begin_ + entries_.size(); }
    const ConnectionSnapshot& at(size_t index) const { return entries_[index - begin_].connection; }

  private:
    static void drop_long(std::vector<SubscriptionSnapshot>* all) {
        size_t bytes = 0;
        const auto end = std::find_if(all->begin(), all->end(), [&bytes](const SubscriptionSnapshot& each) {
            bytes += each.subject.size() + each.queue.size() + each.sid.size();
            return bytes > kSubscriptionBytesMax;
        });
        all->erase(end, all->end());
    }

    struct Entry {
        uint64_t serial;
        ConnectionSnapshot connection;
    };
    link::ServerFacts& facts_;
    const size_t count_max_;
    size_t begin_ = 0;
    std::deque<Entry> entries_;
};

}  // namespace nuring::client
