// SPDX-License-Identifier: Apache-2.0
// nuring-sim: runs simulated worlds, one per seed, and says which seed fails.
//
//   nuring-sim --seed N [--verbose]       one world, with a trace of what its clients did and saw
//   nuring-sim --seeds FROM..TO           many worlds, both ends included
//   nuring-sim --seeds-file FILE          the seeds in a file, one per line; # begins a comment
//   nuring-sim ... --replay-check         each world twice: both runs must be the same
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "tests/sim/fixed_addresses.h"
#include "tests/sim/world.h"

namespace {

// For the signal handler: an assertion in the server ends the process.
volatile unsigned long long current_seed = 0;
const char* program = "nuring-sim";

void say_seed(int signal) {
    char text[512];
    const int size = std::snprintf(text, sizeof text,
                                   "\nseed %llu FAILED: signal %d\nreplay: %s --seed %llu "
                                   "--verbose\n",
                                   current_seed, signal, program, current_seed);
    (void)!::write(STDERR_FILENO, text, static_cast<size_t>(size));
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

struct Arguments {
    std::vector<uint64_t> seeds;
    bool verbose = false;
    bool replay_check = false;
    bool valid = true;
};

bool read_seeds_file(const char* path, std::vector<uint64_t>* seeds) {
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        line = line.substr(0, line.find('#'));
        if (line.find_first_of("0123456789") != std::string::npos) {
            seeds->push_back(std::strtoull(line.c_str(), nullptr, 10));
        }
    }
    return file.eof();
}

Arguments parse(int count, char** values) {
    Arguments arguments;
    for (int i = 1; i < count; ++i) {
        const std::string_view name = values[i];
        const char* value = i + 1 < count ? values[i + 1] : nullptr;
        if (name == "--verbose") {
            arguments.verbose = true;
        } else if (name == "--replay-check") {
            arguments.replay_check = true;
        } else if (name == "--seed" && value != nullptr) {
            arguments.seeds.push_back(std::strtoull(value, nullptr, 10));
            ++i;
        } else if (name == "--seeds" && value != nullptr && std::strstr(value, "..") != nullptr) {
            const uint64_t from = std::strtoull(value, nullptr, 10);
            const uint64_t to = std::strtoull(std::strstr(value, "..") + 2, nullptr, 10);
            for (uint64_t seed = from; seed <= to; ++seed) arguments.seeds.push_back(seed);
            ++i;
        } else if (name == "--seeds-file" && value != nullptr) {
            arguments.valid &= read_seeds_file(value, &arguments.seeds);
            ++i;
        } else {
            arguments.valid = false;
        }
    }
    return arguments;
}

bool run_seed(uint64_t seed, const Arguments& arguments) {
    current_seed = seed;
    nuring::sim::World world(seed, arguments.verbose);
    bool passed = world.run();
    std::string failure = world.failure();
    if (passed && arguments.replay_check) {
        nuring::sim::World again(seed, /*verbose=*/false);
        again.run();
        if (again.digest() != world.digest()) {
            passed = false;
            failure = "the second run of the seed differs from the first";
        }
    }
    if (arguments.verbose) {
        fmt::print(stderr, "seed {}: {}, digest {:016x}\n", seed, world.describe_work(),
                   world.digest());
    }
    if (!passed) {
        fmt::print(stderr,
                   "seed {} FAILED: {}\nworld: {}\nreplay: {} --seed {} --verbose\n", seed,
                   failure, world.swarm().describe(), program, seed);
    }
    return passed;
}

}  // namespace

int main(int count, char** values) {
    nuring::sim::fix_addresses(values);
    program = values[0];
    const Arguments arguments = parse(count, values);
    if (!arguments.valid || arguments.seeds.empty()) {
        fmt::print(
            stderr,
            "usage: nuring-sim (--seed N | --seeds FROM..TO | --seeds-file FILE) [--verbose] "
            "[--replay-check]\n");
        return 2;
    }
    ::signal(SIGABRT, &say_seed);
    ::signal(SIGSEGV, &say_seed);
    size_t failed_count = 0;
    for (const uint64_t seed : arguments.seeds) {
        if (!run_seed(seed, arguments)) ++failed_count;
    }
    fmt::print("{} worlds, {} failed\n", arguments.seeds.size(), failed_count);
    return failed_count == 0 ? 0 : 1;
}
