// SPDX-License-Identifier: Apache-2.0
// The table of scenarios: a name, what it measures, and the function that runs it.
#pragma once

#include <span>
#include <string_view>

#include "bench/load/options.h"
#include "bench/load/report.h"

namespace nuring::bench {

// Arguments that the table gives to a scenario's function, so that one function serves a family.
struct Shape {
    uint32_t publishers = 1;
    uint32_t subscribers = 1;  // per publisher
    uint32_t payload_size = 128;
    uint32_t subjects = 1;  // distinct ones, matched by one wildcard if more than 1
    bool queue = false;     // the subscribers share the messages
};

struct Scenario {
    std::string_view name;
    std::string_view summary;
    bool relay;  // nuring-relay can stand in for the server
    Shape shape;
    Result (*run)(const Options& options, const Shape& shape);
};

std::span<const Scenario> scenarios();
const Scenario* find_scenario(std::string_view name);
// Whether its receivers can be clients of another server (--far-port).
bool crosses_link(const Scenario& scenario);
// Whether rate, size and number of connections can be chosen.
bool has_schedule(const Scenario& scenario);

Result run_flow(const Options& options, const Shape& shape);
Result run_request_reply(const Options& options, const Shape& shape);
Result run_paced_pairs(const Options& options, const Shape& shape);
Result run_scheduled_pairs(const Options& options, const Shape& shape);
Result run_scheduled_requests(const Options& options, const Shape& shape);
Result run_many_subscriptions(const Options& options, const Shape& shape);
Result run_churn(const Options& options, const Shape& shape);
Result run_unsub_ack(const Options& options, const Shape& shape);
Result run_connection_storm(const Options& options, const Shape& shape);
Result run_login_storm(const Options& options, const Shape& shape);
Result run_stuck_subscriber(const Options& options, const Shape& shape);
Result run_verify(const Options& options, const Shape& shape);

}  // namespace nuring::bench
