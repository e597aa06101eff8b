// SPDX-License-Identifier: Apache-2.0
#include "bench/load/scenario.h"

namespace nuring::bench {
namespace {

constexpr Scenario kScenarios[] = {
    {"pub-16", "publish only, nobody listens", false, {1, 0, 16, 1, false}, run_flow},
    {"1to1-16", "one publisher, one subscriber", true, {1, 1, 16, 1, false}, run_flow},
    {"1to1-128", "the same, 128 B", true, {1, 1, 128, 1, false}, run_flow},
    {"1to1-1k", "the same, 1 KiB", true, {1, 1, 1024, 1, false}, run_flow},
    {"1to1-16k", "the same, 16 KiB", true, {1, 1, 16384, 1, false}, run_flow},
    {"fanout-10", "one publisher, 10 subscribers, 128 B", true, {1, 10, 128, 1, false}, run_flow},
    {"fanout-100",
     "one publisher, 100 subscribers, 128 B",
     true,
     {1, 100, 128, 1, false},
     run_flow},
    {"8x8-128", "8 publishers, each with its subscriber", true, {8, 1, 128, 1, false}, run_flow},
    {"queue-4", "one queue group of 4, 128 B", false, {1, 4, 128, 1, true}, run_flow},
    {"wild-10k", "a wildcard, 10,000 subjects, 16 B", false, {1, 1, 16, 10'000, false}, run_flow},
    {"wild-1m", "a wildcard, 1,000,000 subjects", false, {1, 1, 16, 1'000'000, false}, run_flow},
    {"reqrep-1", "request-reply, 1 client, 128 B", true, {1, 1, 128, 1, false}, run_request_reply},
    {"reqrep-32", "32 clients, one service", false, {32, 1, 128, 1, false}, run_request_reply},
    {"pairs-100-paced",
     "100 pairs, 50,000 messages/s, 128 B",
     true,
     {100, 1, 128, 1, false},
     run_paced_pairs},
    {"latency-deliver",
     "publisher to subscriber on a fixed schedule (tools/latency)",
     true,
     {8, 1, 128, 1, false},
     run_scheduled_pairs},
    {"latency-request",
     "request-reply on a fixed schedule (tools/latency)",
     false,
     {8, 1, 128, 1, false},
     run_scheduled_requests},
    {"subs-1m",
     "1,000,000 literal subscriptions, 16 B",
     false,
     {1, 1, 16, 1'000'000, false},
     run_many_subscriptions},
    {"churn",
     "1 to 1 beside SUB+UNSUB, 1 pair per 4 messages",
     false,
     {1, 1, 128, 1, false},
     run_churn},
    {"unsub-ack",
     "messages after an acknowledged UNSUB",
     false,
     {1, 1, 128, 1, false},
     run_unsub_ack},
    {"storm-5k",
     "5,000 connections at once, then idle",
     false,
     {5000, 0, 0, 1, false},
     run_connection_storm},
    {"login-storm",
     "1 to 1 beside 200 logins with hashed passwords (-c bench/load/login_storm.conf)",
     false,
     {200, 1, 128, 1, false},
     run_login_storm},
    {"stuck-subscriber",
     "one subscriber that never reads",
     false,
     {1, 1, 128, 1, false},
     run_stuck_subscriber},
    {"verify",
     "loss, duplicates and order over 10 M messages",
     false,
     {8, 8, 0, 1, false},
     run_verify},
};

}  // namespace

std::span<const Scenario> scenarios() {
    return kScenarios;
}

const Scenario* find_scenario(std::string_view name) {
    for (const Scenario& scenario : kScenarios) {
        if (scenario.name == name) return &scenario;
    }
    return nullptr;
}

bool crosses_link(const Scenario& scenario) {
    if (scenario.run == run_flow) return scenario.shape.subscribers != 0;
    return scenario.run == run_request_reply || scenario.run == run_paced_pairs ||
           has_schedule(scenario);
}

bool has_schedule(const Scenario& scenario) {
    return scenario.run == run_scheduled_pairs || scenario.run == run_scheduled_requests;
}

}  // namespace nuring::bench
