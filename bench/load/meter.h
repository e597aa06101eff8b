// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <vector>

#include "bench/load/report.h"

namespace nuring::bench {

// Meter reads what the servers' processes have used so far: CPU time of all their threads in nanoseconds
// (the process CPU clock, which does not round to ticks), its user share (ticks) and their memory.
// Threads: one.
// Errors:  a process that is gone adds 0.
// Source:  clock_getcpuclockid(3), proc(5).
class Meter {
  public:
    struct Sample {
        uint64_t wall_ns = 0;
        uint64_t server_cpu_ns = 0;
        uint64_t server_user_ticks = 0;
        uint64_t server_system_ticks = 0;
        uint64_t load_cpu_ns = 0;
    };

    explicit Meter(const std::vector<pid_t>& server_pids);

    Sample sample() const;
    uint64_t rss_bytes() const;

    // Fills the time figures of a result from two samples.
    static void fill(const Sample& from, const Sample& to, Result* result);

  private:
    struct Process {
        pid_t pid;
        clockid_t clock;
    };
    std::vector<Process> servers_;
};

}  // namespace nuring::bench
