// SPDX-License-Identifier: Apache-2.0
// Throughput scenarios: publish only, one to one, fan-out, many to many, queue group, wildcards.
#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "bench/load/flow.h"
#include "bench/load/link_interest.h"
#include "bench/load/placement.h"
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

constexpr uint32_t kShuffleSeed = 20190604;

// The subjects that a lane publishes to; more than one are numbered with a fixed width, in random
// order, and all of them match one wildcard.
std::vector<std::string> lane_subjects(const Shape& shape, uint32_t lane) {
    if (shape.subjects == 1) return {fmt::format("load.{}", lane)};
    std::vector<uint32_t> numbers(shape.subjects);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937(kShuffleSeed));
    std::vector<std::string> subjects;
    subjects.reserve(numbers.size());
    for (const uint32_t number : numbers) subjects.push_back(fmt::format("load.{:07}.t", number));
    return subjects;
}

}  // namespace

Result run_flow(const Options& options, const Shape& shape) {
    std::vector<std::unique_ptr<Wire>> wires;
    Placement placement(options);
    const auto connect = [&](char role, uint32_t lane) {
        wires.push_back(std::make_unique<Wire>());
        if (options.relay) {
            wires.back()->open_relay(options.endpoint, role, lane);
        } else if (role == 'S') {
            placement.open_receiver(wires.back().get(), lane);
        } else {
            placement.open_publisher(wires.back().get(), lane);
        }
        return wires.back().get();
    };
    Flow flow(options);
    for (uint32_t lane = 0; lane < shape.publishers; ++lane) {
        Flow::LanePlan plan;
        plan.batch.subjects = lane_subjects(shape, lane);
        plan.batch.payload_size = shape.payload_size;
        plan.batch.bytes_wanted = options.chunk_bytes;
        plan.batch.ping_at_end = shape.subscribers == 0;
        if (options.relay) plan.batch.relay_sid = "1";
        plan.message_frame_size =
            message_frame(plan.batch.subjects[0], "1", "", make_payload(shape.payload_size)).size();
        plan.shared = shape.queue;
        const std::string pattern =
            shape.subjects == 1 ? plan.batch.subjects[0] : std::string("load.*.t");
        for (uint32_t i = 0; i < shape.subscribers; ++i) {
            Wire* wire = connect('S', lane);
            plan.receivers.push_back(wire);
            if (options.relay) continue;
            wire->send_all(fmt::format("SUB {} {}1\r\n", pattern, shape.queue ? "workers " : ""));
            wire->flush();
        }
        Wire* publisher = connect('P', lane);
        if (options.far_port != 0) await_interest(publisher, plan.receivers);
        flow.add_lane(publisher, plan);
    }
    Result result;
    placement.begin();
    flow.run(&result);
    placement.check(flow.published(), &result);
    return result;
}

}  // namespace nuring::bench
