// SPDX-License-Identifier: Apache-2.0
// /gatewayz: connections to servers of other clusters.
#include "monitor/gatewayz.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <tuple>

#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
#include "monitor/pages.h"

namespace nuring::monitor {
namespace {

using gateway::GatewayAccountSnapshot;
using gateway::GatewaySnapshot;

std::string_view mode_name(gateway::InterestMode mode) {
    switch (mode) {
        case gateway::InterestMode::kOptimistic: return "Optimistic";
        case gateway::InterestMode::kTransitioning: return "Transitioning";
        case gateway::InterestMode::kInterestOnly: return "Interest-Only";
    }
    return "";
}

void write_account(proto::JsonWriter* json, const GatewayAccountSnapshot& account, const LinkDetail& detail) {
    json->begin_object();
    json->field("name", account.name);
    json->field("interest_mode", mode_name(account.mode));
    json->optional_field("no_interest_count", account.no_interest_count);
    json->field("interest_only_threshold", kInterestOnlyThreshold);
    json->optional_field("num_subs", account.subscription_count);
    json->optional_field("num_queue_subs", account.queue_subscription_count);
    write_subscriptions(json, account.subscriptions, detail);
    json->end_object();
}

void write_gateway(proto::JsonWriter* json, const GatewaySnapshot& gateway, const LinkDetail& detail,
                   uint64_t now_ns) {
    json->begin_object();
    // Only of those that this server dialed, as in the reference.
    json->field("configured", gateway.is_outbound && gateway.is_configured);
    json->key("connection");
    write_connection(json, gateway.connection, LinkDetail{}, now_ns);
    if (!gateway.accounts.empty()) {
        json->begin_array("accounts");
        for (const GatewayAccountSnapshot& account : gateway.accounts) {
            write_account(json, account, detail);
        }
        json->end_array();
    }
    json->end_object();
}

// One connection per cluster, the newest: an older one is about to close.
void write_outbound(proto::JsonWriter* json, const std::vector<GatewaySnapshot>& gateways,
                    const LinkDetail& detail, uint64_t now_ns) {
    json->begin_object("outbound_gateways");
    for (size_t i = 0; i < gateways.size(); ++i) {
        const GatewaySnapshot& each = gateways[i];
        if (!each.is_outbound) break;
        const bool is_last_of_name = i + 1 == gateways.size() || !gateways[i + 1].is_outbound ||
                                     gateways[i + 1].cluster_name != each.cluster_name;
        if (!is_last_of_name) continue;
        json->key(each.cluster_name);
        write_gateway(json, each, detail, now_ns);
    }
    json->end_object();
}

void write_inbound(proto::JsonWriter* json, const std::vector<GatewaySnapshot>& gateways,
                   const LinkDetail& detail, uint64_t now_ns) {
    json->begin_object("inbound_gateways");
    const GatewaySnapshot* before = nullptr;
    for (const GatewaySnapshot& each : gateways) {
        if (each.is_outbound) continue;
        if (before == nullptr || before->cluster_name != each.cluster_name) {
            if (before != nullptr) json->end_array();
            json->begin_array(each.cluster_name);
        }
        write_gateway(json, each, detail, now_ns);
        before = &each;
    }
    if (before != nullptr) json->end_array();
    json->end_object();
}

}  // namespace

void write_gateways(proto::JsonWriter* json, std::vector<GatewaySnapshot> gateways, bool only_one,
                    const LinkDetail& detail, uint64_t now_ns) {
    std::sort(gateways.begin(), gateways.end(), [](const auto& a, const auto& b) {
        return std::tuple(!a.is_outbound, std::string_view(a.cluster_name), a.connection.cid) <
               std::tuple(!b.is_outbound, std::string_view(b.cluster_name), b.connection.cid);
    });
    if (only_one && (gateways.empty() || !gateways.front().is_outbound)) {
        json->key("outbound_gateways").null();
    } else {
        write_outbound(json, gateways, detail, now_ns);
    }
    write_inbound(json, gateways, detail, now_ns);
}

absl::Status make_gatewayz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    LinkDetail detail;
    if (absl::Status status = decode_subscriptions(query, &detail); !status.ok()) return status;
    const auto accounts = query.boolean("accs");
    if (!accounts.ok()) return accounts.status();
    const config::GatewayOptions& own = sources.options->gateway;
    gateway::GatewayQuery wanted;
    wanted.cluster_name = query.text("gw_name");
    wanted.account_name = query.text("acc_name");
    wanted.accounts = *accounts || !wanted.account_name.empty();
    wanted.subscriptions = detail.lists_subscriptions();
    wanted.now_ns = ring::realtime_ns();
    std::vector<GatewaySnapshot> gateways;
    for (const auto& survey : sources.runner.run<gateway::GatewaySurvey>(
             [&] { return std::make_shared<gateway::GatewaySurvey>(wanted); })) {
        gateways.insert(gateways.end(), survey->gateways().begin(), survey->gateways().end());
    }
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(wanted.now_ns));
    json.optional_field("name", own.name);
    if (!own.name.empty()) {
        json.optional_field("host", own.host);
        json.optional_field("port", own.port);
    }
    write_gateways(&json, std::move(gateways), !own.name.empty() && !wanted.cluster_name.empty(), detail,
                   wanted.now_ns);
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
