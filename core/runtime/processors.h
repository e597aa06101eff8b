// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nuring::runtime {

// The processors that this process may use.
struct Processors {
    std::vector<int> mask;  // by affinity or cpuset, at least one
    // How many of them the quota of its control groups pays for (rounded up), at least one.
    size_t count = 1;

    // Under a quota any of the mask may be used for a while. If each server took the first ones, they
    // would be shared by everybody who has a quota on this machine.
    bool may_pin() const { return count == mask.size(); }
};

// Threads: any; reads files of the system. `root` is put before their names, for tests.
// Errors:  what cannot be read does not limit.
// Source:  Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (version 1) of the
//          kernel. A group pays for those inside it, so the least of all up to the root counts; in a
//          container the path is that of the host, and only its root may be seen.
Processors usable_processors(const std::string& root = "");

}  // namespace nuring::runtime
