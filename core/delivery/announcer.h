// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/account/interest_feed.h"
#include "core/base/ids.h"
#include "core/delivery/interest_gate.h"
#include "core/interest/match_result.h"
#include "core/runtime/mailbox.h"

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
// Limits:  WorkerSet's; kLinesAheadMax. Errors: none; a record that finds no room waits in memory, and links
//          that subscribe are paused first (make_room()).
class Announcer final : public account::InterestFeed {
  public:
    // Lines that one worker has left to another one to announce, and that this one has not announced yet: a
    // record of some 50 bytes may make thousands of lines, a full mailbox of them seconds of work.
    static constexpr uint64_t kLinesAheadMax =
        uint64_t{InterestGate::kCostPerTurn} * InterestGate::kLinesPerCost;
    // A line about a group costs as much as so many others: each server's weight is kept.
    static constexpr uint64_t kLinesPerGroupLine = 4;

    // In the order of their ids.
    void add_worker(Delivery& delivery) {
        workers_.push_back(&delivery);
        ways_.push_back(std::make_unique<std::array<Way, interest::WorkerSet::kWorkersMax>>());
    }

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
    bool make_room(Delivery& delivery, link::Link& link, size_t names_size);
    // Is another worker behind with announcing? Then this one is woken when there is room again.
    bool must_wait(Delivery& delivery);
    // Is more than half of a mailbox full? Likewise.
    bool lacks_room(Delivery& delivery);
    // Worker `to` has announced a record of worker `from`.
    void note_announced(base::WorkerId from, base::WorkerId to, uint32_t lines) {
        std::atomic<uint64_t>& announced = way(from, to).announced;
        // release: pairs with is_ahead(); the only writer
        announced.store(announced.load(std::memory_order_relaxed) + lines, std::memory_order_release);
    }
    // Lines that a change of a plain pattern makes, on all workers.
    uint32_t line_count() const {
        return server_count_.load(std::memory_order_relaxed);  // relaxed: as in set_server_count()
    }

  private:
    // Lines that one worker leaves to another one to announce.
    struct Way {
        // of the sender
        alignas(runtime::kCacheLineBytes) uint64_t left = 0;
        uint64_t known_announced = 0;
        // of the receiver
        alignas(runtime::kCacheLineBytes) std::atomic<uint64_t> announced{0};
    };

    Way& way(base::WorkerId from, base::WorkerId to) { return (*ways_[index_of(from)])[index_of(to)]; }
    bool is_ahead(base::WorkerId from, base::WorkerId to);
    interest::WorkerSet workers_with_servers() const;
    void announce(account::Account& account, const interest::Subscription& subscription,
                  bool is_of_others);

    std::vector<Delivery*> workers_;
    std::vector<std::unique_ptr<std::array<Way, interest::WorkerSet::kWorkersMax>>> ways_;  // by the sender
    std::atomic<uint32_t> server_count_{0};
    std::array<std::atomic<uint64_t>, 2> with_servers_{};
    std::array<std::atomic<uint32_t>, interest::WorkerSet::kWorkersMax> server_counts_{};
};

}  // namespace nuring::delivery
