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

Meter::Meter(pid_t server_pid) : server_pid_(server_pid) {
    if (server_pid_ != 0 && clock_getcpuclockid(server_pid_, &server_clock_) != 0) server_pid_ = 0;
}

Meter::Sample Meter::sample() const {
    Sample sample;
    sample.wall_ns = now_ns();
    sample.load_cpu_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (server_pid_ == 0) return sample;
    sample.server_cpu_ns = read_clock_ns(server_clock_);
    char text[1024];
    if (read_proc(server_pid_, "stat", text, sizeof text) == 0) return sample;
    // The second field, the name in parentheses, may hold anything: count from its end.
    const char* rest = std::strrchr(text, ')');
    if (rest == nullptr) return sample;
    std::sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
                &sample.server_user_ticks, &sample.server_system_ticks);
    return sample;
}

uint64_t Meter::rss_bytes() const {
    char text[256];
    if (server_pid_ == 0 || read_proc(server_pid_, "statm", text, sizeof text) == 0) return 0;
    uint64_t resident_pages = 0;
    std::sscanf(text, "%*u %" SCNu64, &resident_pages);
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
