// SPDX-License-Identifier: Apache-2.0
// One server of a simulated cluster, from its start to its crash.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.h"
#include "core/log/log.h"
#include "core/log/log_flush.h"
#include "core/server/server.h"
#include "core/server/subsystem.h"
#include "tests/sim/sim_jobs.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_ring.h"

namespace nuring::sim {

struct SimServerSetup {
    HostId host = 0;
    std::shared_ptr<const config::Options> options;
    uint32_t worker_count = 1;
    ring::RingOptions ring;
    size_t mailbox_bytes = 256 * 1024;
    size_t released_per_turn = 0;  // 0: as the server has it
    size_t share_bytes = 0;        // likewise
    // Each line that it logs.
    std::function<void(std::string_view line)> on_log;
};

// SimServer is one process: a server with its subsystems, on simulated rings. The world decides
// when its workers run.
// Threads: one. Errors: start() says what went wrong.
// Lifetime: a process that crashed has requests under way and cannot be taken apart, as little as a real
// one:
//           crash() leaves it as it is, and whoever owns it keeps it to the end of the program.
class SimServer {
  public:
    SimServer(SimNet& net, SimServerSetup setup);
    ~SimServer();
    SimServer(const SimServer&) = delete;
    SimServer& operator=(const SimServer&) = delete;

    // Empty: it runs.
    std::string start();
    void reload(std::shared_ptr<const config::Options> options, bool authorization);
    void enter_lame_duck() { server_->enter_lame_duck(); }
    // The kernel takes everything from it, at once.
    void crash(bool silent);

    HostId host() const { return setup_.host; }
    bool crashed() const { return crashed_; }
    uint16_t client_port() const { return server_->client_listener().port; }
    server::Server& server() { return *server_; }
    uint32_t worker_count() const { return setup_.worker_count; }
    bool is_drained() const { return server_->drained_count() == setup_.worker_count; }

    // --- scheduling
    bool is_runnable(uint32_t worker) const;
    // When that worker wants to run by itself.
    uint64_t wake_ns(uint32_t worker) const;
    void run(uint32_t worker);
    // The worker, or (UINT32_MAX) the whole process, does not run until then.
    void pause_worker(uint32_t worker, uint64_t until_ns) { asleep_until_ns_[worker] = until_ns; }
    void pause(uint64_t until_ns);
    // All workers run from then on, as far as it is known by now.
    uint64_t awake_ns() const {
        return *std::max_element(asleep_until_ns_.begin(), asleep_until_ns_.end());
    }
    bool is_asleep(uint32_t worker) const { return net_.now_ns() < asleep_until_ns_[worker]; }
    void flush_log() { flusher_->drain(); }

  private:
    class LogSink;

    SimNet& net_;
    const SimServerSetup setup_;
    std::vector<std::unique_ptr<SimRing>> rings_;
    SimJobs jobs_;
    std::unique_ptr<log::Logger> logger_;
    std::unique_ptr<log::Flusher> flusher_;
    std::unique_ptr<server::Server> server_;
    server::Subsystems subsystems_;
    std::vector<uint64_t> asleep_until_ns_;
    bool crashed_ = false;
};

}  // namespace nuring::sim
