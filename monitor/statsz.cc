// SPDX-License-Identifier: Apache-2.0
#include "monitor/statsz.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/base/rfc3339.h"
#include "core/observe/route_survey.h"
#include "core/ring/kernel_sockets.h"
#include "gateway/gateway_snapshot.h"
#include "monitor/account_sums.h"
#include "monitor/process_usage.h"

namespace nuring::monitor {
namespace {

std::vector<delivery::ServerLinkSnapshot> ask_routes(const Sources& from) {
    std::vector<delivery::ServerLinkSnapshot> routes;
    for (const auto& survey : from.runner.run<observe::RouteSurvey>(
             [] { return std::make_shared<observe::RouteSurvey>(); })) {
        routes.insert(routes.end(), survey->routes().begin(), survey->routes().end());
    }
    return routes;
}

// Each of them may have several routes.
size_t count_servers(const std::vector<delivery::ServerLinkSnapshot>& routes) {
    absl::flat_hash_set<std::string_view> ids;
    for (const delivery::ServerLinkSnapshot& route : routes) ids.insert(route.remote_id);
    return ids.size();
}

void write_statsz_routes(proto::JsonWriter* json, const std::vector<delivery::ServerLinkSnapshot>& routes) {
    if (routes.empty()) return;
    json->begin_array("routes");
    for (const delivery::ServerLinkSnapshot& route : routes) {
        json->begin_object();
        json->field("rid", route.cid);
        json->field("name", route.remote_name);
        write_traffic(json, "sent", route.traffic.out_messages, route.traffic.out_bytes);
        write_traffic(json, "received", route.traffic.in_messages, route.traffic.in_bytes);
        json->field("pending", route.pending_bytes);
        json->end_object();
    }
    json->end_array();
}

// One entry for each cluster that this server has dialed; what comes from there comes over connections that
// its servers have dialed.
void write_statsz_gateways(proto::JsonWriter* json, const Sources& from) {
    std::vector<gateway::GatewaySnapshot> gateways;
    for (const auto& survey : from.runner.run<gateway::GatewaySurvey>([] {
             gateway::GatewayQuery query;
             query.now_ns = ring::realtime_ns();
             return std::make_shared<gateway::GatewaySurvey>(std::move(query));
         })) {
        gateways.insert(gateways.end(), survey->gateways().begin(), survey->gateways().end());
    }
    const bool has_outbound = std::any_of(gateways.begin(), gateways.end(),
                                          [](const auto& each) { return each.is_outbound; });
    if (!has_outbound) return;
    json->begin_array("gateways");
    for (const gateway::GatewaySnapshot& outbound : gateways) {
        if (!outbound.is_outbound) continue;
        link::LinkTraffic received;
        int64_t inbound_count = 0;
        for (const gateway::GatewaySnapshot& each : gateways) {
            if (each.is_outbound || each.cluster_name != outbound.cluster_name) continue;
            received.in_messages += each.connection.traffic.in_messages;
            received.in_bytes += each.connection.traffic.in_bytes;
            ++inbound_count;
        }
        const link::LinkTraffic& sent = outbound.connection.traffic;
        json->begin_object();
        json->field("gwid", outbound.connection.cid);
        json->field("name", outbound.cluster_name);
        write_traffic(json, "sent", sent.out_messages, sent.out_bytes);
        write_traffic(json, "received", received.in_messages, received.in_bytes);
        json->field("inbound_connections", inbound_count);
        json->end_object();
    }
    json->end_array();
}

}  // namespace

std::string make_statsz(const Sources& from, EventWriter* writer) {
    const Totals totals = sum_of(ask_workers(from));
    const link::ServerFacts& facts = from.server.facts();
    const AccountSums accounts = ask_accounts(from.server, from.runner);
    const auto active = std::count_if(accounts.begin(), accounts.end(), [](const auto& entry) {
        return entry.second.connections + entry.second.leafnodes != 0;
    });
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    json.begin_object("server");
    writer->write_server(&json, *from.options);
    json.end_object();
    json.begin_object("statsz");
    json.field("start", base::format_rfc3339(facts.start_wall_ns));
    json.field("mem", from.usage.memory_bytes());
    json.field("cores", std::thread::hardware_concurrency());
    json.field("cpu", from.usage.cpu_percent());
    json.field("connections", facts.clients.load(std::memory_order_relaxed));
    json.field("total_connections", facts.total_clients.load(std::memory_order_relaxed));
    json.field("active_accounts", active);
    json.field("subscriptions", count_subscriptions(from));
    write_traffic(&json, "sent", totals.counters.out_messages, totals.counters.out_bytes);
    write_traffic(&json, "received", totals.counters.in_messages, totals.counters.in_bytes);
    json.field("slow_consumers", totals.slow_consumers());
    const std::vector<delivery::ServerLinkSnapshot> routes = ask_routes(from);
    json.field("active_servers", count_servers(routes) + 1);
    write_statsz_routes(&json, routes);
    write_statsz_gateways(&json, from);
    json.end_object();
    json.end_object();
    return text;
}

std::string make_idz(const proto::ServerInfo& info) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    json.field("name", info.server_name);
    json.field("host", info.host);
    json.field("id", info.server_id);
    json.end_object();
    return text;
}

}  // namespace nuring::monitor
