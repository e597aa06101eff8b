// SPDX-License-Identifier: Apache-2.0
// The rings that every conformance test runs against.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/ring/epoll_ring.h"
#include "core/ring/uring_ring.h"
#include "tests/ring/conformance.h"

namespace nuring::ring {

std::vector<Flavour> flavours() {
    std::vector<Flavour> all;
    all.push_back({"io_uring", [] { return std::make_unique<KernelBench>(&create_uring_ring); }});
    all.push_back({"io_uring_zero_copy", [] {
                       return std::make_unique<KernelBench>(&create_uring_ring, [](RingOptions& o) {
                           o.zero_copy_threshold_bytes = 1;
                       });
                   }});
    // So small a completion queue that it overflows.
    all.push_back({"io_uring_overflow", [] {
                       return std::make_unique<KernelBench>(
                           &create_uring_ring, [](RingOptions& o) { o.submission_count = 2; });
                   }});
    all.push_back({"epoll", [] { return std::make_unique<KernelBench>(&create_epoll_ring); }});
    all.push_back({"sim_quiet", [] { return std::make_unique<SimBench>(1, sim::SimFaults{}); }});
    static const char* const kNames[] = {"sim_hostile_1", "sim_hostile_2", "sim_hostile_3"};
    for (uint64_t seed = 1; seed <= 3; ++seed) {
        all.push_back({kNames[seed - 1],
                       [seed] { return std::make_unique<SimBench>(seed, hostile_faults()); }});
    }
    return all;
}

namespace {

INSTANTIATE_TEST_SUITE_P(Rings, RingConformanceTest, testing::ValuesIn(flavours()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace nuring::ring
