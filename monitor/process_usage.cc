// SPDX-License-Identifier: Apache-2.0
#include "monitor/process_usage.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <sstream>
#include <vector>

#include "core/ring/kernel_sockets.h"
#include "fmt/format.h"

namespace nuring::monitor {
namespace {

constexpr uint64_t kSample_ns = 1'000'000'000;

std::string read_file(const std::string& path) {
    std::string text;
    std::FILE* file = std::fopen(path.c_str(), "re");
    if (file == nullptr) return text;
    std::array<char, 4096> bytes;
    while (const size_t got = std::fread(bytes.data(), 1, bytes.size(), file)) {
        text.append(bytes.data(), got);
    }
    std::fclose(file);
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

std::vector<std::string> entries_of(const char* folder) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder), ::closedir);
    if (directory == nullptr) return names;
    while (const dirent* entry = ::readdir(directory.get())) {
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    return names;
}

// The fields of /proc/<pid>/stat from the third on; the second, a name, may hold anything.
std::vector<std::string> stat_fields(const std::string& path) {
    const std::string text = read_file(path);
    const size_t name_end = text.rfind(')');
    std::vector<std::string> fields;
    if (name_end == std::string::npos) return fields;
    std::istringstream rest(text.substr(name_end + 1));
    for (std::string field; rest >> field;) fields.push_back(field);
    return fields;
}

double ticks_to_seconds(const std::string& ticks) {
    return std::strtod(ticks.c_str(), nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessUsage::ProcessUsage() : last_seconds_(cpu_seconds()), last_ns_(ring::monotonic_ns()) {}

double ProcessUsage::cpu_percent() {
    const uint64_t now_ns = ring::monotonic_ns();
    if (now_ns - last_ns_ >= kSample_ns) {
        const double seconds = cpu_seconds();
        const double passed = static_cast<double>(now_ns - last_ns_) / 1e9;
        percent_ = std::floor((seconds - last_seconds_) / passed * 1000) / 10;
        last_seconds_ = seconds;
        last_ns_ = now_ns;
    }
    return percent_;
}

uint64_t ProcessUsage::memory_bytes() const {
    unsigned long long pages = 0;
    unsigned long long resident = 0;
    const std::string text = read_file("/proc/self/statm");
    if (std::sscanf(text.c_str(), "%llu %llu", &pages, &resident) != 2) return 0;
    return resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

double ProcessUsage::cpu_seconds() const {
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t ProcessUsage::open_files() const { return entries_of("/proc/self/fd").size(); }

uint64_t ProcessUsage::open_files_max() const {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

std::string describe_threads() {
    std::vector<std::string> threads = entries_of("/proc/self/task");
    std::sort(threads.begin(), threads.end(), [](const std::string& a, const std::string& b) {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
    std::string text;
    for (const std::string& id : threads) {
        const std::string folder = "/proc/self/task/" + id;
        const std::vector<std::string> stat = stat_fields(folder + "/stat");
        if (stat.size() < 13) continue;  // has ended meanwhile
        const std::string wchan = read_file(folder + "/wchan");
        text += fmt::format("thread {} \"{}\" [{}]:\n\tuser {:.2f} s, system {:.2f} s\n", id,
                            read_file(folder + "/comm"), stat[0], ticks_to_seconds(stat[11]),
                            ticks_to_seconds(stat[12]));
        if (!wchan.empty() && wchan != "0") text += fmt::format("\tin {}\n", wchan);
        std::istringstream status(read_file(folder + "/status"));
        for (std::string line; std::getline(status, line);) {
            if (line.find("ctxt_switches") == std::string::npos) continue;
            std::replace(line.begin(), line.end(), '\t', ' ');
            text += fmt::format("\t{}\n", line);
        }
        text += '\n';
    }
    return text;
}

}  // namespace nuring::monitor
