// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/processors.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

namespace nuring::runtime {
namespace {

// How a version of control groups says what a group may use.
using ReadQuota = size_t (*)(const std::string& folder);

size_t processors_of(int64_t quota_us, int64_t period_us) {
    if (quota_us <= 0 || period_us <= 0) return SIZE_MAX;
    return static_cast<size_t>((quota_us + period_us - 1) / period_us);
}

// "<quota or max> <period>"
size_t read_quota_v2(const std::string& folder) {
    std::ifstream file(folder + "/cpu.max");
    std::string quota;
    int64_t period_us = 0;
    if (!(file >> quota >> period_us)) return SIZE_MAX;
    return processors_of(std::strtoll(quota.c_str(), nullptr, 10), period_us);  // "max": 0
}

// -1: none
size_t read_quota_v1(const std::string& folder) {
    std::ifstream quota(folder + "/cpu.cfs_quota_us");
    std::ifstream period(folder + "/cpu.cfs_period_us");
    int64_t quota_us = 0;
    int64_t period_us = 0;
    if (!(quota >> quota_us) || !(period >> period_us)) return SIZE_MAX;
    return processors_of(quota_us, period_us);
}

// The least from the group up to the root of the hierarchy, which is where a container sees its own.
size_t least_quota(const std::string& hierarchy, std::string path, ReadQuota read) {
    size_t least = SIZE_MAX;
    while (true) {
        while (path.ends_with('/')) path.pop_back();
        least = std::min(least, read(hierarchy + path));
        if (path.empty()) return least;
        const size_t parent = path.rfind('/');
        path.resize(parent == std::string::npos ? 0 : parent);
    }
}

bool has_controller(std::string_view list, std::string_view name) {
    while (!list.empty()) {
        const size_t end = std::min(list.find(','), list.size());
        if (list.substr(0, end) == name) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

// Lines are "<number>:<controllers>:<path>"; version 2 has number 0 and no controllers.
size_t quota_processors(const std::string& root) {
    const std::string groups = root + "/sys/fs/cgroup";
    std::ifstream file(root + "/proc/self/cgroup");
    size_t least = SIZE_MAX;
    std::string line;
    while (std::getline(file, line)) {
        const size_t first = line.find(':');
        const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string path = line.substr(second + 1);
        if (controllers.empty()) {
            for (const char* const mount : {"", "/unified"}) {
                least = std::min(least, least_quota(groups + mount, path, &read_quota_v2));
            }
        } else if (has_controller(controllers, "cpu")) {
            least = std::min(least, least_quota(groups + "/" + controllers, path, &read_quota_v1));
        }
    }
    return least;
}

}  // namespace

Processors usable_processors(const std::string& root) {
    Processors usable;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
            if (CPU_ISSET(processor, &set)) usable.mask.push_back(processor);
        }
    }
    if (usable.mask.empty()) usable.mask.push_back(0);
    usable.count = std::clamp<size_t>(quota_processors(root), 1, usable.mask.size());
    return usable;
}

}  // namespace nuring::runtime
