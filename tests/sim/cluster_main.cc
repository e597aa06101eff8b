// SPDX-License-Identifier: Apache-2.0
// nuring-sim-cluster: runs simulated clusters, one per seed, and says which one fails.
//
//   nuring-sim-cluster --seed N [--verbose]        one world, with a trace of all that happens in it
//   nuring-sim-cluster --world TEXT [--verbose]    likewise, as a failing seed has printed it
//   nuring-sim-cluster --seeds FROM..TO            many worlds, each in a process of its own
//   nuring-sim-cluster --worlds-file FILE          those of a file, one per line; # begins a comment
//                                                  (NURING_SIM_SEEDS=FROM..TO in the environment goes
//                                                  first)
//   ... --replay-check                             each world twice: both runs must be the same
//   ... --marks                                    fails if something that must happen in some world
//   never did
//   ... --canary NAME                              with a planted bug (canary.h): succeeds if a world fails
//   nuring-sim-cluster --shrink --seed N           looks for a smaller world that fails, too
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "tests/sim/canary.h"
#include "tests/sim/cluster_draw.h"
#include "tests/sim/cluster_world.h"
#include "tests/sim/fixed_addresses.h"

namespace {

using nuring::sim::ClusterDraw;

constexpr uint32_t kShrinkRunsMax = 400;
constexpr unsigned kWorldSecondsMax = 120;  // then it is stuck

// What must come up in some world of a long run.
constexpr std::array<std::string_view, 37> kMarks = {"cut",
                                                     "one_way",
                                                     "reset",
                                                     "crash",
                                                     "silent",
                                                     "move",
                                                     "pause",
                                                     "reload",
                                                     "lame_duck",
                                                     "rough",
                                                     "pools",
                                                     "deny",
                                                     "accounts",
                                                     "names",
                                                     "random-reset",
                                                     "duplicate-route",
                                                     "stale-connection",
                                                     "cluster-name-adopted",
                                                     "dial-failed",
                                                     "dial-lost",
                                                     "replayed-gossip",
                                                     "sync-without-room",
                                                     "slow-consumer",
                                                     "hop",
                                                     "demanded-afar",
                                                     "demanded-of-group",
                                                     "no-responders",
                                                     "reading-paused",
                                                     "moved-client",
                                                     "spill",
                                                     "shared-block",
                                                     "replaced-member",
                                                     "buffer-shortage",
                                                     "short-send",
                                                     "redirected-member",
                                                     "demanded-over-gateway",
                                                     "demanded-over-leafnode"};

struct Wanted {
    std::vector<ClusterDraw> worlds;
    bool is_single = false;
    bool verbose = false;
    bool replay_check = false;
    bool marks = false;
    bool shrink = false;
    std::string canary;
    bool valid = true;
};

bool read_worlds_file(const char* path, std::vector<ClusterDraw>* worlds) {
    std::ifstream file(path);
    std::string line;
    bool valid = file.is_open();
    while (std::getline(file, line)) {
        line = line.substr(0, line.find('#'));
        if (line.find_first_not_of(' ') == std::string::npos) continue;
        const auto draw = nuring::sim::parse_draw(line);
        valid &= draw.has_value();
        if (draw.has_value()) worlds->push_back(*draw);
    }
    return valid;
}

bool parse_value(std::string_view name, const char* value, Wanted* wanted) {
    if (name == "--seed") {
        wanted->worlds.push_back(nuring::sim::draw_cluster(std::strtoull(value, nullptr, 10)));
        wanted->is_single = true;
    } else if (name == "--world") {
        const auto draw = nuring::sim::parse_draw(value);
        if (!draw.has_value()) return false;
        wanted->worlds.push_back(*draw);
        wanted->is_single = true;
    } else if (name == "--seeds" && std::strstr(value, "..") != nullptr) {
        const char* const others = std::getenv("NURING_SIM_SEEDS");
        if (others != nullptr && std::strstr(others, "..") != nullptr) value = others;
        const uint64_t to = std::strtoull(std::strstr(value, "..") + 2, nullptr, 10);
        for (uint64_t seed = std::strtoull(value, nullptr, 10); seed <= to; ++seed) {
            wanted->worlds.push_back(nuring::sim::draw_cluster(seed));
        }
    } else if (name == "--worlds-file") {
        return read_worlds_file(value, &wanted->worlds);
    } else if (name == "--canary") {
        wanted->canary = value;
        return nuring::sim::make_canary(value, 0) != nullptr;
    } else {
        return false;
    }
    return true;
}

Wanted parse_arguments(int count, char** values) {
    Wanted wanted;
    bool has_worlds = false;
    for (int i = 1; i < count && wanted.valid; ++i) {
        const std::string_view name = values[i];
        if (name == "--verbose") {
            wanted.verbose = true;
        } else if (name == "--replay-check") {
            wanted.replay_check = true;
        } else if (name == "--marks") {
            wanted.marks = true;
        } else if (name == "--shrink") {
            wanted.shrink = true;
        } else {
            wanted.valid = i + 1 < count && parse_value(name, values[i + 1], &wanted);
            has_worlds |= name == "--seed" || name == "--seeds" || name.starts_with("--world");
            ++i;
        }
    }
    wanted.valid &= has_worlds;
    return wanted;
}

// ------------------------------------------------------------------------- one world, in this process

// Its result goes to standard output, one line each: what the parent reads.
int run_here(const ClusterDraw& draw, const Wanted& wanted) {
    ::alarm(kWorldSecondsMax * 10);
    nuring::sim::ClusterWorld world(draw, wanted.verbose);
    if (!wanted.canary.empty()) {
        world.set_meddler(nuring::sim::make_canary(wanted.canary, draw.dice));
    }
    const bool passed = world.run();
    fmt::print("digest {:016x}\nwork {}\n", world.digest(), world.describe_work());
    for (const std::string& mark : world.marks()) fmt::print("mark {}\n", mark);
    if (!passed) fmt::print("failure {}\nworld {}\n", world.failure(), draw.describe());
    std::fflush(stdout);
    return passed ? 0 : 1;
}

// --------------------------------------------------------------------------------- worlds in processes

struct Result {
    bool passed = false;
    std::string digest;
    std::string work;
    std::string failure;
    std::set<std::string> marks;
};

Result run_apart(const ClusterDraw& draw, const std::string& canary) {
    std::array<int, 2> ends{};
    Result result;
    if (::pipe(ends.data()) != 0) {
        result.failure = "no pipe";
        return result;
    }
    const std::string text = draw.describe();
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], STDOUT_FILENO);
        ::close(ends[0]);
        ::close(ends[1]);
        if (canary.empty()) {
            ::execl("/proc/self/exe", "nuring-sim-cluster", "--world", text.c_str(), nullptr);
        } else {
            ::execl("/proc/self/exe", "nuring-sim-cluster", "--canary", canary.c_str(), "--world",
                    text.c_str(), nullptr);
        }
        ::_exit(127);
    }
    ::close(ends[1]);
    std::string output;
    std::array<char, 4096> part{};
    for (ssize_t size = 0; (size = ::read(ends[0], part.data(), part.size())) > 0;) {
        output.append(part.data(), static_cast<size_t>(size));
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    result.passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (WIFSIGNALED(status)) result.failure = fmt::format("signal {}", WTERMSIG(status));
    while (!output.empty()) {
        const size_t end = std::min(output.find('\n'), output.size());
        const std::string line = output.substr(0, end);
        output.erase(0, std::min(end + 1, output.size()));
        if (line.starts_with("digest ")) result.digest = line.substr(7);
        if (line.starts_with("work ")) result.work = line.substr(5);
        if (line.starts_with("mark ")) result.marks.insert(line.substr(5));
        if (line.starts_with("failure ")) result.failure = line.substr(8);
    }
    if (!result.passed && result.failure.empty()) result.failure = "no word";
    return result;
}

int shrink(ClusterDraw draw, const std::string& canary) {
    uint32_t run_count = 0;
    bool found = true;
    while (found && run_count < kShrinkRunsMax) {
        found = false;
        for (const ClusterDraw& candidate : nuring::sim::smaller_than(draw)) {
            if (++run_count > kShrinkRunsMax) break;
            const Result result = run_apart(candidate, canary);
            if (result.passed) continue;
            fmt::print(stderr, "still fails: {}\n  {}\n", candidate.describe(), result.failure);
            draw = candidate;
            found = true;
            break;
        }
    }
    fmt::print("{}\n", draw.describe());
    return 0;
}

int run_all(const Wanted& wanted, const char* program) {
    size_t failed_count = 0;
    std::map<std::string, size_t> marks;
    for (const ClusterDraw& draw : wanted.worlds) {
        Result result = run_apart(draw, wanted.canary);
        if (result.passed && wanted.replay_check) {
            const Result again = run_apart(draw, wanted.canary);
            if (again.digest != result.digest) {
                result.passed = false;
                result.failure = "the second run of the world differs from the first";
            }
        }
        for (const std::string& mark : result.marks) ++marks[mark];
        if (wanted.verbose) fmt::print("dice {}: {}\n", draw.dice, result.work);
        if (result.passed) continue;
        ++failed_count;
        fmt::print(stderr, "dice {} FAILED: {}\nreplay: {} --verbose --world '{}'\n", draw.dice,
                   result.failure, program, draw.describe());
        if (!wanted.canary.empty()) break;
    }
    fmt::print("{} worlds, {} failed\n", wanted.worlds.size(), failed_count);
    if (!wanted.canary.empty()) return failed_count != 0 ? 0 : 1;
    for (const std::string_view mark : kMarks) {
        const auto at = marks.find(std::string(mark));
        if (wanted.marks) fmt::print("{}: {} worlds\n", mark, at == marks.end() ? 0 : at->second);
        if (wanted.marks && at == marks.end()) ++failed_count;
    }
    return failed_count == 0 ? 0 : 1;
}

}  // namespace

// Asked by LeakSanitizer: a server that crashes frees nothing.
extern "C" int __lsan_is_turned_off() {
    return 1;
}

int main(int count, char** values) {
    nuring::sim::fix_addresses(values);
    const Wanted wanted = parse_arguments(count, values);
    if (!wanted.valid) {
        fmt::print(stderr,
                   "usage: nuring-sim-cluster (--seed N | --world TEXT | --seeds FROM..TO | "
                   "--worlds-file FILE)\n"
                   "       [--verbose] [--replay-check] [--marks] [--canary NAME] [--shrink]\n");
        return 2;
    }
    if (wanted.shrink) return shrink(wanted.worlds.front(), wanted.canary);
    if (wanted.is_single && !wanted.replay_check) return run_here(wanted.worlds.front(), wanted);
    return run_all(wanted, values[0]);
}
