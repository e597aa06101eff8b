// SPDX-License-Identifier: Apache-2.0
// A whole server and its clients in one thread, from a seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.h"
#include "core/log/log.h"
#include "core/server/server.h"
#include "tests/sim/oracle.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_jobs.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_ring.h"
#include "tests/sim/swarm.h"
#include "tests/sim/world_log.h"

namespace nuring::sim {

// World runs one seed: it draws the options, builds the server on simulated rings, lets the clients
// loose, decides which worker runs when, lets everything come to rest, and checks what is left.
//
// A run:  1 clients act until the operations are used up; faults of all kinds; reloads in between
//         2 no more losses; every client reads and sends a last PING; until all are answered
//         3 nothing moves any more: the oracle's verdict, the checkers' (memory, buffers, counts)
//         4 clients leave, or the server leaves them as a lame duck: every link, buffer and descriptor
//           must go
//         5 the server stops
//
// Threads: one. Limits: kStepsMax. Errors: failure() says what went wrong first; a bug may assert.
class World final : public WorldLog {
  public:
    static constexpr uint64_t kStepsMax = 20'000'000;

    World(uint64_t seed, bool verbose);
    ~World();

    // True when the server kept all its promises.
    bool run();
    const Swarm& swarm() const { return swarm_; }
    std::string describe_work() const;

  private:
    std::shared_ptr<config::Options> options() const;
    void start_server();
    void reload();
    void add_client();
    void schedule_action(SimClient& client, uint64_t delay_max_ns);
    bool is_runnable(uint32_t worker) const;
    void run_worker(uint32_t worker);
    // Lets one thing happen; false when nothing ever will by itself. `timers` may pass the time up
    // to the next timer of a worker.
    bool step(bool timers);
    // Until the condition holds; fails with `what` after so long, or when nothing moves any more.
    void run_until(const std::function<bool()>& condition, uint64_t limit_ns, const char* what);
    void come_to_rest();
    void check_bounds();
    void check_at_rest();
    void check_empty();
    uint64_t replaced_members() const;
    // Of clients, in all accounts; own_subscriptions_ are there without any (imports).
    uint64_t subscription_count() const;
    size_t link_count() const;
    size_t connected_client_count() const;
    std::string describe_stuck() const;

    const uint64_t seed_;
    const Swarm swarm_;
    base::Prng prng_;  // of the scheduler
    SimNet net_;
    SimJobs jobs_{net_};
    Oracle oracle_;
    std::vector<std::unique_ptr<SimRing>> rings_;
    std::unique_ptr<log::Logger> logger_;
    std::unique_ptr<server::Server> server_;
    std::vector<std::unique_ptr<SimClient>> clients_;
    std::vector<uint64_t> asleep_until_ns_;  // by worker: a hiccup
    bool acting_ = true;
    bool moving_ = true;  // clients, between workers
    uint64_t moves_with_subscriptions_ = 0;  // that were begun
    uint64_t operations_left_ = 0;
    uint64_t own_subscriptions_ = 0;
    uint64_t step_count_ = 0;
};

}  // namespace nuring::sim
