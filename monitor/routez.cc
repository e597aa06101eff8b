// SPDX-License-Identifier: Apache-2.0
// /routez: the other servers of the cluster.
#include <algorithm>
#include <memory>
#include <vector>

#include "core/base/rfc3339.h"
#include "core/observe/route_survey.h"
#include "core/ring/kernel_sockets.h"
#include "monitor/format.h"
#include "monitor/pages.h"
#include "monitor/write_link.h"
#include "proto/json_writer.h"

namespace nuring::monitor {
namespace {

// Of the configuration, or as another server has announced them.
template <class Permissions>
void write_permissions(proto::JsonWriter* json, std::string_view key,
                       const Permissions& permissions) {
    if (permissions.allow.empty() && permissions.deny.empty()) return;
    const auto write_list = [json](std::string_view name, const std::vector<std::string>& subjects) {
        if (subjects.empty()) return;
        json->begin_array(name);
        for (const std::string& subject : subjects) json->value(subject);
        json->end_array();
    };
    json->begin_object(key);
    write_list("allow", permissions.allow);
    write_list("deny", permissions.deny);
    json->end_object();
}

void write_route(proto::JsonWriter* json, const delivery::ServerLinkSnapshot& route,
                 const LinkDetail& detail) {
    const uint64_t now_ns = ring::realtime_ns();
    json->begin_object();
    json->field("rid", route.cid);
    json->field("remote_id", route.remote_id);
    json->field("remote_name", route.remote_name);
    json->field("did_solicit", route.did_solicit);
    json->field("is_configured", route.is_configured);
    json->field("ip", route.ip);
    json->field("port", route.port);
    json->field("start", base::format_rfc3339(route.start_wall_ns));
    json->field("last_activity", base::format_rfc3339(route.last_activity_wall_ns));
    if (route.rtt_ns != 0) json->field("rtt", format_rtt(route.rtt_ns));
    json->field("uptime", format_uptime(now_ns - std::min(now_ns, route.start_wall_ns)));
    json->field("idle", format_uptime(now_ns - std::min(now_ns, route.last_activity_wall_ns)));
    if (route.import_subjects.has_value())
        write_permissions(json, "import", *route.import_subjects);
    if (route.export_subjects.has_value())
        write_permissions(json, "export", *route.export_subjects);
    json->field("pending_size", route.pending_bytes);
    json->field("in_msgs", route.traffic.in_messages);
    json->field("out_msgs", route.traffic.out_messages);
    json->field("in_bytes", route.traffic.in_bytes);
    json->field("out_bytes", route.traffic.out_bytes);
    json->field("subscriptions", route.subscription_count);
    std::vector<client::SubscriptionSnapshot> subscriptions;
    for (const delivery::InterestSnapshot& each : route.subscriptions) {
        subscriptions.push_back({.subject = each.subject,
                                 .queue = each.queue,
                                 .sid = each.key,
                                 .delivered = each.delivered,
                                 .max = 0,
                                 .cid = route.cid,
                                 .account = {}});
    }
    write_subscriptions(json, subscriptions, detail);
    json->optional_field("account", route.account);
    json->optional_field("compression", route.compression);
    json->end_object();
}

}  // namespace

absl::Status make_routez(const Sources& sources, const Query& query, HttpAnswer* answer) {
    LinkDetail detail;
    if (absl::Status status = decode_subscriptions(query, &detail); !status.ok()) return status;
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("server_name", sources.server.facts().info.server_name);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    if (const auto& permissions = sources.options->cluster.permissions) {
        write_permissions(&json, "import", permissions->publish);
        write_permissions(&json, "export", permissions->subscribe);
    }
    const auto surveys = sources.runner.run<observe::RouteSurvey>(
        [&] { return std::make_shared<observe::RouteSurvey>(detail.lists_subscriptions()); });
    std::vector<const delivery::ServerLinkSnapshot*> routes;
    for (const auto& survey : surveys) {
        for (const delivery::ServerLinkSnapshot& route : survey->routes()) {
            routes.push_back(&route);
        }
    }
    std::sort(routes.begin(), routes.end(), [](const auto* a, const auto* b) { return a->cid < b->cid; });
    json.field("num_routes", routes.size());
    json.begin_array("routes");
    for (const delivery::ServerLinkSnapshot* route : routes) write_route(&json, *route, detail);
    json.end_array();
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
