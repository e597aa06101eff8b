// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/base/ids.h"
#include "core/runtime/mailbox.h"

namespace nuring::link {

// WorkerLoads holds the load of each worker of a server, for all workers to read. From that it decides which
// worker gets a new client connection, and whether one has room for a client that moves.
//
// The rule: of the workers that are at most kNear_permille busier than the least busy one, the one with the
// fewest clients. An idle server spreads connections evenly; a worker that is much busier than another one
// gets no more. Each client that was placed since the last measurement counts as much as the measured clients
// cost on average, so that a burst of connections spreads. No worker gets more than one and a half times the
// average number of clients, plus kSpareClients.
//
// Threads:  set_busy() on that worker; all others on any. Relaxed: a decision from an older figure is good
//           enough. No lock; each worker has a cache line of its own, written per second and per connection.
// Limits:   see the constants. Errors: none.
// Lifetime: of the server (ServerFacts).
class WorkerLoads {
  public:
    static constexpr uint32_t kNear_permille = 200;
    static constexpr int64_t kSpareClients = 4;
    // No client moves to a worker that would be busier than this with it.
    static constexpr uint32_t kFull_permille = 600;
    // A worker that has measured nothing for this time has slept: it counts as idle.
    static constexpr uint64_t kOld_ns = 2'500'000'000;

    explicit WorkerLoads(uint32_t worker_count)
        : worker_count_(worker_count), loads_(std::make_unique<Load[]>(worker_count)) {}

    // That worker has measured the share of the last second in which it did not wait.
    void set_busy(base::WorkerId worker, double share, uint64_t now_ns);
    uint32_t busy_permille(base::WorkerId worker, uint64_t now_ns) const;

    // The worker for a new client, which counts there as of now.
    base::WorkerId take_place(uint64_t now_ns);
    void add_client(base::WorkerId worker) {
        of(worker).clients.fetch_add(1, std::memory_order_relaxed);
    }
    void remove_client(base::WorkerId worker) {
        of(worker).clients.fetch_sub(1, std::memory_order_relaxed);
    }
    // May a client that takes `permille` of a worker move there?
    bool has_room(base::WorkerId worker, uint32_t permille, uint64_t now_ns) const {
        return busy_permille(worker, now_ns) + of(worker).promised_permille.load(std::memory_order_relaxed) +
                   permille <=
               kFull_permille;
    }
    // A client moves. It counts at the new worker as of now, and so does the part of a worker that it takes.
    void move_client(base::WorkerId from, base::WorkerId to, uint32_t permille) {
        remove_client(from);
        add_client(to);
        of(to).promised_permille.fetch_add(permille, std::memory_order_relaxed);
    }
    int64_t clients(base::WorkerId worker) const {
        return of(worker).clients.load(std::memory_order_relaxed);
    }

  private:
    struct alignas(runtime::kCacheLineBytes) Load {
        std::atomic<int64_t> clients{0};
        std::atomic<int64_t> placed{0};  // of the clients: by take_place(), since the last measurement
        std::atomic<uint32_t> busy_permille{0};
        std::atomic<uint32_t> promised_permille{0};  // of clients that moved there since then
        std::atomic<uint64_t> measured_ns{0};
    };

    Load& of(base::WorkerId worker) const { return loads_[index_of(worker)]; }
    // The average cost of a client, in permille of a worker.
    double cost_of_client(uint64_t now_ns) const;
    // The load of the worker with the clients that have come since it was measured.
    double expected_permille(base::WorkerId worker, double cost, uint64_t now_ns) const;

    const uint32_t worker_count_;
    const std::unique_ptr<Load[]> loads_;
};

}  // namespace nuring::link
