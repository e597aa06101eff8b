// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace nuring::runtime {

// The scheduler's figures of a thread.
struct RunTimes {
    uint64_t run_ns = 0;    // on a processor
    uint64_t delay_ns = 0;  // ready to run, but waiting for a processor
};

// Of a thread of this process. Nothing: the kernel does not say (no CONFIG_SCHED_INFO).
// `root` is put before the name of the file, for tests.
// Source: Documentation/scheduler/sched-stats.rst of the kernel, /proc/<pid>/schedstat.
std::optional<RunTimes> read_run_times(int thread, const std::string& root = "");

// PinGuard judges whether a pinned thread should be let go: on a processor that it shares with others it
// waits for them although another processor may be idle.
// Threads: one. Limits: see the constants. Errors: none.
// Source:  ours; docs/benchmarks.md has what pinning costs on a busy machine.
class PinGuard {
  public:
    static constexpr uint64_t kInterval_ns = 1'000'000'000;  // between two readings
    static constexpr uint64_t kDelayMax_ns = kInterval_ns / 50;
    // A thread that runs little is delayed little in all, but with every message.
    static constexpr uint64_t kDelaySmall_ns = kInterval_ns / 500;
    static constexpr uint32_t kReadingsMax = 2;  // that may be bad in a row

    // The next reading; true: let it go.
    bool is_crowded(const RunTimes& now);

  private:
    std::optional<RunTimes> last_;
    uint32_t bad_readings_ = 0;
};

}  // namespace nuring::runtime
