// SPDX-License-Identifier: Apache-2.0
// /leafz: leafnode connections, from either end.
#include "monitor/leafz.h"

#include <algorithm>
#include <memory>

#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
#include "monitor/format.h"
#include "monitor/write_link.h"

namespace nuring::monitor {
namespace {

using gateway::LeafSnapshot;

void write_leaf(proto::JsonWriter* json, const LeafSnapshot& leaf, bool with_subscriptions) {
    const client::ConnectionSnapshot& connection = leaf.connection;
    json->begin_object();
    json->field("id", connection.cid);
    json->field("name", connection.name);
    json->field("is_spoke", leaf.is_spoke);
    json->optional_field("is_isolated", leaf.is_isolated);
    json->field("account", connection.account);
    json->field("ip", connection.host);
    json->field("port", connection.port);
    json->field("rtt", connection.rtt_ns == 0 ? "0s" : format_rtt(connection.rtt_ns));
    json->field("in_msgs", connection.traffic.in_messages);
    json->field("out_msgs", connection.traffic.out_messages);
    json->field("in_bytes", connection.traffic.in_bytes);
    json->field("out_bytes", connection.traffic.out_bytes);
    json->field("subscriptions", connection.subscription_count);
    write_subscriptions(json, connection.subscriptions, {.subscriptions = with_subscriptions});
    json->optional_field("compression", leaf.compression);
    json->end_object();
}

}  // namespace

std::vector<LeafSnapshot> ask_leafs(const Sources& sources, const gateway::LeafQuery& query) {
    std::vector<LeafSnapshot> leafs;
    for (const auto& survey : sources.runner.run<gateway::LeafSurvey>(
             [&] { return std::make_shared<gateway::LeafSurvey>(query); })) {
        leafs.insert(leafs.end(), survey->leafs().begin(), survey->leafs().end());
    }
    std::sort(leafs.begin(), leafs.end(),
              [](const auto& a, const auto& b) { return a.connection.cid < b.connection.cid; });
    return leafs;
}

// An empty list where 2.9 and 2.10 say null, as the newest: no reader trips over a list.
void write_leafs(proto::JsonWriter* json, const std::vector<LeafSnapshot>& leafs, bool with_subscriptions) {
    json->field("leafnodes", leafs.size());
    json->begin_array("leafs");
    for (const LeafSnapshot& leaf : leafs) write_leaf(json, leaf, with_subscriptions);
    json->end_array();
}

absl::Status make_leafz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    const auto subscriptions = query.boolean("subs");
    if (!subscriptions.ok()) return subscriptions.status();
    gateway::LeafQuery wanted;
    wanted.account = query.text("acc");
    wanted.subscriptions = *subscriptions;
    wanted.now_ns = ring::realtime_ns();
    const std::vector<LeafSnapshot> leafs = ask_leafs(sources, wanted);
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(wanted.now_ns));
    write_leafs(&json, leafs, *subscriptions);
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
