// SPDX-License-Identifier: Apache-2.0
// nuring-load: a load generator for NATS servers. It shares no code with the server and talks to it
// by plain sockets, so that it can measure any implementation.
#include <sched.h>

#include "bench/load/fatal.h"
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/scenario.h"
#include "bench/load/server_process.h"

namespace {

void pin_to(int cpu) {
    if (cpu < 0) return;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(static_cast<size_t>(cpu), &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0)
        nuring::bench::fatal("cannot use CPU {}", cpu);
}

}  // namespace

int main(int argc, char** argv) {
    using namespace nuring::bench;
    Options options = read_options(argc, argv);
    const Scenario* scenario = find_scenario(options.scenario);
    if (scenario == nullptr) fatal("no scenario {}; see: nuring-load list", options.scenario);
    if (options.relay && !scenario->relay) fatal("{} has no relay form", options.scenario);
    if (options.far_port != 0 && !crosses_link(*scenario))
        fatal("{} has one server", scenario->name);
    const bool scheduled =
        options.rate != 0 || options.payload_size != 0 || options.connections != 0;
    if (scheduled && !has_schedule(*scenario))
        fatal("{} has its own rate, size and connections", scenario->name);
    ServerProcess server(&options);
    pin_to(options.load_cpu);
    const Result result = scenario->run(options, scenario->shape);
    server.stop();
    print_result(options, result);
    return result.valid ? 0 : kExitInvalid;
}
