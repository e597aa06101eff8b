// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/load/histogram.h"
#include "bench/load/options.h"

namespace nuring::bench {

// Result is what one scenario found. A result with `valid` false says in `why` which promise broke
// (messages missing, connection closed, ...); its figures must not be used.
struct Result {
    bool valid = true;
    std::string why;
    uint64_t messages = 0;     // delivered (publish-only: taken by the server) in the measured time
    double seconds = 0;        // measured time
    double server_cpu_ns = 0;  // all the server's threads, in the measured time
    double server_user_share = 0;  // of it in user space, 0..1; coarse (clock ticks)
    double load_cpu_ns = 0;        // the generator's own
    uint64_t rss_bytes = 0;        // server, at the end of the measured time
    Histogram latency;
    std::vector<std::pair<std::string_view, double>> figures;  // particular to the scenario

    void invalidate(std::string reason) {
        valid = false;
        if (why.empty()) why = std::move(reason);
    }
};

// One line for people or, with options.json, for programs.
void print_result(const Options& options, const Result& result);

}  // namespace nuring::bench
