// SPDX-License-Identifier: Apache-2.0
#include "bench/load/meter.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "bench/load/clock.h"

namespace nuring::bench {
namespace {

// Reads a small /proc file of a process into the caller's memory; returns its length.
size_t read_proc(pid_t pid, const char* name, char* out, size_t size) {
    FILE* file = std::fopen(fmt::format("/proc/{}/{}", pid, name).c_str(), "re");
    if (file == nullptr) return 0;
    const size_t length = std::fread(out, 1, size - 1, file);
    std::fclose(file);
    out[length] = '\0';
    return length;
}

}  // namespace

Meter::Meter(const std::vector<pid_t>& server_pids) {
    for (const pid_t pid : server_pids) {
        clockid_t clock = 0;
        if (clock_getcpuclockid(pid, &clock) == 0) servers_.push_back({pid, clock});
    }
}

Meter::Sample Meter::sample() const {
    Sample sample;
    sample.wall_ns = now_ns();
    sample.load_cpu_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (const Process& server : servers_) {
        sample.server_cpu_ns += read_clock_ns(server.clock);
        char text[1024];
        if (read_proc(server.pid, "stat", text, sizeof text) == 0) continue;
        // The second field, the name in parentheses, may hold anything: count from its end.
        const char* rest = std::strrchr(text, ')');
        if (rest == nullptr) continue;
        uint64_t user = 0;
        uint64_t system = 0;
        std::sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                    &user, &system);
        sample.server_user_ticks += user;
        sample.server_system_ticks += system;
    }
    return sample;
}

uint64_t Meter::rss_bytes() const {
    uint64_t resident_pages = 0;
    for (const Process& server : servers_) {
        char text[256];
        uint64_t pages = 0;
        if (read_proc(server.pid, "statm", text, sizeof text) == 0) continue;
        std::sscanf(text, "%*u %" SCNu64, &pages);
        resident_pages += pages;
    }
    return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void Meter::fill(const Sample& from, const Sample& to, Result* result) {
    const double user = static_cast<double>(to.server_user_ticks - from.server_user_ticks);
    const double system = static_cast<double>(to.server_system_ticks - from.server_system_ticks);
    result->seconds = static_cast<double>(to.wall_ns - from.wall_ns) / 1e9;
    result->server_cpu_ns = static_cast<double>(to.server_cpu_ns - from.server_cpu_ns);
    result->server_user_share = user + system > 0 ? user / (user + system) : 0;
    result->load_cpu_ns = static_cast<double>(to.load_cpu_ns - from.load_cpu_ns);
}

}  // namespace nuring::bench
