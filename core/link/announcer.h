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
class WorkerLinks;

// Announcer tells the workers that have peers (links to other servers) of changes of this server's interest:
// from the subscriber's worker by a record in the mailbox, thus before any message that is published there
// later; so a peer hears of a reply subject before it gets the request.
//
// Threads: add_worker() before the workers run; on_interest_changed() on the subscriber's worker; the rest on
//          the worker named.
// Limits:  WorkerSet's. Errors: none; a record that finds no room waits in memory, and links that subscribe
//          are paused first (make_room()).
class Announcer final : public account::InterestFeed {
  public:
    // In the order of their ids.
    void add_worker(WorkerLinks& links) { workers_.push_back(&links); }

    // The first peer of that worker has come, or its last one has gone. A peer that comes reads all interest
    // (Sublist::for_each_own()) after this: a change that it does not find there finds it here, since both
    // take the lock of the same shard.
    void set_has_peers(base::WorkerId worker, bool has);

    void on_interest_changed(account::Account& account, const interest::Subscription& subscription) override;

    // May a change of that size be told now? False: the link was paused, and consumes the same input later.
    bool make_room(WorkerLinks& links, Link& link, size_t names_size) const;

  private:
    interest::WorkerSet peer_workers() const;

    std::vector<WorkerLinks*> workers_;
    std::array<std::atomic<uint64_t>, 2> peer_workers_{};
};

}  // namespace nuring::link
