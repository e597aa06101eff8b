// SPDX-License-Identifier: Apache-2.0
// /routez, /gatewayz, /leafz: other servers. The latter two are valid and empty: there are none yet.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/rfc3339.h"
#include "core/link/peer_snapshot.h"
#include "core/ring/kernel_sockets.h"
#include "monitor/format.h"
#include "monitor/json_writer.h"
#include "monitor/pages.h"
#include "monitor/write_link.h"

namespace nuring::monitor {
namespace {

void write_permissions(JsonWriter* json, std::string_view key,
                       const config::SubjectPermissions& permissions) {
    if (permissions.empty()) return;
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

void write_route(JsonWriter* json, const link::PeerSnapshot& route, const LinkDetail& detail) {
    const auto write_told = [json](std::string_view key,
                                   const std::optional<proto::SubjectPermission>& told) {
        if (!told.has_value()) return;
        config::SubjectPermissions permissions;
        permissions.allow = told->allow;
        permissions.deny = told->deny;
        write_permissions(json, key, permissions);
    };
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
    write_told("import", route.import_subjects);
    write_told("export", route.export_subjects);
    if (route.rtt_ns != 0) json->field("rtt", format_rtt(route.rtt_ns));
    json->field("uptime", format_uptime(now_ns - std::min(now_ns, route.start_wall_ns)));
    json->field("idle", format_uptime(now_ns - std::min(now_ns, route.last_activity_wall_ns)));
    json->field("pending_size", route.pending_bytes);
    json->field("in_msgs", route.traffic.in_messages);
    json->field("out_msgs", route.traffic.out_messages);
    json->field("in_bytes", route.traffic.in_bytes);
    json->field("out_bytes", route.traffic.out_bytes);
    json->field("subscriptions", route.subscription_count);
    if (detail.lists_subscriptions()) write_texts(json, "subscriptions_list", route.subscriptions);
    json->end_object();
}

}  // namespace

absl::Status make_routez(const Sources& sources, const Query& query, HttpAnswer* answer) {
    LinkDetail detail;
    if (absl::Status status = decode_subscriptions(query, &detail); !status.ok()) return status;
    JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("server_name", sources.server.facts().info.server_name);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    if (const auto& permissions = sources.options->cluster.permissions) {
        write_permissions(&json, "import", permissions->publish);
        write_permissions(&json, "export", permissions->subscribe);
    }
    const auto surveys = sources.runner.run<link::PeerSurvey>(
        [&] { return std::make_shared<link::PeerSurvey>(detail.lists_subscriptions()); });
    std::vector<const link::PeerSnapshot*> routes;
    for (const auto& survey : surveys) {
        for (const link::PeerSnapshot& peer : survey->peers()) routes.push_back(&peer);
    }
    std::sort(routes.begin(), routes.end(), [](const auto* a, const auto* b) { return a->cid < b->cid; });
    json.field("num_routes", routes.size());
    json.begin_array("routes");
    for (const link::PeerSnapshot* route : routes) write_route(&json, *route, detail);
    json.end_array();
    json.end_object();
    return absl::OkStatus();
}

absl::Status make_gatewayz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    const auto accounts = query.boolean("accs");
    if (!accounts.ok()) return accounts.status();
    const config::GatewayOptions& gateway = sources.options->gateway;
    JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    json.optional_field("name", gateway.name);
    if (!gateway.name.empty()) {
        json.optional_field("host", gateway.host);
        json.optional_field("port", gateway.port);
    }
    // A remote that is asked for by name, and is not there, makes a null of the reference's map.
    if (!gateway.name.empty() && !query.text("gw_name").empty()) {
        json.key("outbound_gateways").null();
    } else {
        json.begin_object("outbound_gateways");
        json.end_object();
    }
    json.begin_object("inbound_gateways");
    json.end_object();
    json.end_object();
    return absl::OkStatus();
}

absl::Status make_leafz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    const auto subscriptions = query.boolean("subs");
    if (!subscriptions.ok()) return subscriptions.status();
    JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    json.field("leafnodes", 0);
    // An empty list, as the newest servers have it, where 2.9 says null: nobody trips over a list.
    json.begin_array("leafs");
    json.end_array();
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
