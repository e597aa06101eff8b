// SPDX-License-Identifier: Apache-2.0
// The pages: each asks the workers for plain copies and writes them down.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/config/options.h"
#include "core/observe/worker_snapshot.h"
#include "core/server/server.h"
#include "core/server/survey_runner.h"
#include "monitor/http_answer.h"
#include "monitor/process_usage.h"
#include "monitor/query.h"

namespace nuring::monitor {

inline constexpr char kJsonType[] = "application/json";
inline constexpr char kTextType[] = "text/plain; charset=utf-8";

// The sources of pages. Threads: the monitor's.
struct Sources {
    server::Server& server;
    server::SurveyRunner& runner;
    ProcessUsage& usage;
    std::shared_ptr<const config::Options> options;
    uint64_t config_load_ns = 0;
    bool auth_required = false;
    bool ready = false;  // clients may connect
    uint16_t http_port = 0;
    uint16_t https_port = 0;
    std::map<std::string, uint64_t> request_counts;
    // Reloads the configuration and returns what is wrong with it; requests under $SYS only.
    std::function<std::string()> reload = {};
};

// Fills in body, type and, where it is not 200, status. An error is the text of a 400.
// Threads: the monitor's; they wait for the workers.
// Source:  server/monitor.go 2.0.0-RC19, with the fields of 2.10.
using MakePage = absl::Status (*)(const Sources& sources, const Query& query, HttpAnswer* answer);

absl::Status make_varz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_connz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_subsz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_routez(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_gatewayz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_leafz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_accountz(const Sources& sources, const Query& query, HttpAnswer* answer);
// The detail of /accountz alone: one account, by `acc`.
absl::Status make_account_info(const Sources& sources, const Query& query, HttpAnswer* answer);
// All accounts, or the one that `acc` names.
absl::Status make_accstatz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_healthz(const Sources& sources, const Query& query, HttpAnswer* answer);
// The same for $SYS, where no status line says how it went. Source: HealthStatus, 2.10.
absl::Status make_health_reply(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_jsz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_ipqueuesz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_raftz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_stacksz(const Sources& sources, const Query& query, HttpAnswer* answer);
// Ours.
absl::Status make_workerz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_topz(const Sources& sources, const Query& query, HttpAnswer* answer);
absl::Status make_metrics(const Sources& sources, const Query& query, HttpAnswer* answer);

inline uint64_t slow_consumers_of(const link::LinkFaults& faults) {
    return faults.slow_consumers_pending + faults.slow_consumers_deadline;
}

// The sums of all workers.
struct Totals {
    observe::WorkerCounters counters;
    uint64_t routes = 0;
    uint64_t gateways = 0;
    uint64_t leafnodes = 0;
    uint64_t slow_consumers() const {
        return slow_consumers_of(counters.faults);
    }
};

// Empty when the server is ending.
std::vector<observe::WorkerSnapshot> ask_workers(const Sources& sources, bool with_fanout = false);
Totals sum_of(const std::vector<observe::WorkerSnapshot>& workers);
uint64_t count_subscriptions(const Sources& sources);

}  // namespace nuring::monitor
