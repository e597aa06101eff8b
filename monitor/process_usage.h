// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace nuring::monitor {

// ProcessUsage reads from the kernel what this process uses: memory, processor time, descriptors.
// Threads: one at a time. Limits: none. Errors: a figure that cannot be read is 0. Source: proc(5).
class ProcessUsage {
  public:
    ProcessUsage();

    // Percent of one processor with one decimal, between the last two readings that were at least a second
    // apart: 100 is one busy thread.
    double cpu_percent();
    uint64_t memory_bytes() const;  // resident
    double cpu_seconds() const;     // user and system, so far
    uint64_t open_files() const;
    uint64_t open_files_max() const;

  private:
    double last_seconds_;
    uint64_t last_ns_;
    double percent_ = 0;
};

// One block of text per thread of this process: its name, where it waits in the kernel, its times.
std::string describe_threads();

}  // namespace nuring::monitor
