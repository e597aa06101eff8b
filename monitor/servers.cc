// SPDX-License-Identifier: Apache-2.0
// /routez, /gatewayz, /leafz: other servers. There are none yet; the pages are valid and empty.
#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
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
    json.field("num_routes", 0);
    json.begin_array("routes");
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
