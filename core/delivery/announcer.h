// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/account/interest_feed.h"
#include "core/base/ids.h"
#include "core/interest/match_result.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

class Delivery;

// Announcer brings changes of this server's interest to the workers that have links to other servers: from
// the subscriber's worker by a record in the mailbox, thus before any message that is published there
// later. So the interest in a reply subject leaves before the request.
//
// Threads: add_worker() before the workers run; on_interest_changed() on the subscriber's worker; the rest on
//          the worker named.
// Limits:  WorkerSet's. Errors: none; a record that finds no room waits in memory, and links that subscribe
//          are paused first (make_room()).
class Announcer final : public account::InterestFeed {
  public:
    // In the order of their ids.
    void add_worker(Delivery& delivery) { workers_.push_back(&delivery); }

    // A link of that worker to another server was added or removed. A new link reads all interest
    // (Sublist::for_each_own()) after this: a change that is not found there is announced, since both take
    // the lock of the same shard.
    void set_server_count(base::WorkerId worker, size_t count);

    void on_interest_changed(account::Account& account,
                             const interest::Subscription& subscription) override;
    void on_leaf_interest_changed(account::Account& account,
                                  const interest::Subscription& subscription) override;

    // May a change of that size be announced now? False: the link was paused, and consumes the same input
    // later.
    bool make_room(Delivery& delivery, link::Link& link, size_t names_size) const;

  private:
    interest::WorkerSet workers_with_servers() const;
    void announce(account::Account& account, const interest::Subscription& subscription,
                  bool is_of_others);

    std::vector<Delivery*> workers_;
    std::array<std::atomic<uint64_t>, 2> with_servers_{};
    std::array<std::atomic<uint32_t>, interest::WorkerSet::kWorkersMax> server_counts_{};
};

}  // namespace nuring::delivery
