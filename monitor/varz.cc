// SPDX-License-Identifier: Apache-2.0
// /varz: the server as a whole.
#include <algorithm>
#include <thread>

#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
#include "monitor/format.h"
#include "monitor/json_writer.h"
#include "monitor/pages.h"
#include "monitor/write_link.h"

namespace nuring::monitor {
namespace {

double seconds_of(std::chrono::nanoseconds duration) {
    return static_cast<double>(duration.count()) / 1e9;
}

// A listener without TLS shows the default, too.
double tls_timeout_of(const std::optional<config::TlsOptions>& tls) {
    return seconds_of(tls.value_or(config::TlsOptions{}).timeout);
}

void write_urls(JsonWriter* json, const std::vector<config::Url>& urls) {
    if (urls.empty()) return;
    json->begin_array("urls");
    for (const config::Url& url : urls) json->value(url.host_port());
    json->end_array();
}

void write_cluster(JsonWriter* json, const config::ClusterOptions& cluster,
                   const std::string& gateway_name) {
    json->begin_object("cluster");
    // A server with gateways is a cluster even if it is alone in it.
    json->optional_field("name", cluster.name.empty() ? gateway_name : cluster.name);
    if (cluster.port != 0) {
        json->optional_field("addr", cluster.host);
        json->field("cluster_port", cluster.port);
        json->optional_field("auth_timeout", seconds_of(cluster.authorization.timeout));
        write_urls(json, cluster.routes);
        json->field("tls_timeout", tls_timeout_of(cluster.tls));
        json->optional_field("tls_required", cluster.tls.has_value());
        json->optional_field("tls_verify", cluster.tls.has_value());
        json->optional_field("pool_size", cluster.pool_size);
    }
    json->end_object();
}

void write_gateway(JsonWriter* json, const config::GatewayOptions& gateway) {
    json->begin_object("gateway");
    json->optional_field("name", gateway.name);
    if (gateway.configured()) {
        json->optional_field("host", gateway.host);
        json->optional_field("port", gateway.port);
        json->optional_field("auth_timeout", seconds_of(gateway.authorization.timeout));
        json->field("tls_timeout", tls_timeout_of(gateway.tls));
        json->optional_field("tls_required", gateway.tls.has_value());
        json->optional_field("tls_verify", gateway.tls.has_value());
        json->optional_field("advertise", gateway.advertise);
        json->optional_field("connect_retries", gateway.connect_retries);
        if (!gateway.gateways.empty()) {
            json->begin_array("gateways");
            for (const config::RemoteGateway& remote : gateway.gateways) {
                json->begin_object();
                json->field("name", remote.name);
                if (remote.tls) json->field("tls_timeout", seconds_of(remote.tls->timeout));
                write_urls(json, remote.urls);
                json->end_object();
            }
            json->end_array();
        }
        json->optional_field("reject_unknown", gateway.reject_unknown);
    }
    json->end_object();
}

void write_leafnodes(JsonWriter* json, const config::LeafnodeOptions& leafnodes) {
    json->begin_object("leaf");
    if (leafnodes.configured()) {
        json->optional_field("host", leafnodes.host);
        json->optional_field("port", leafnodes.port);
        json->optional_field("auth_timeout", seconds_of(leafnodes.authorization.timeout));
        if (leafnodes.port != 0) json->field("tls_timeout", tls_timeout_of(leafnodes.tls));
        json->optional_field("tls_required", leafnodes.tls.has_value());
        json->optional_field("tls_verify", leafnodes.tls.has_value() && leafnodes.tls->verify);
        if (!leafnodes.remotes.empty()) {
            json->begin_array("remotes");
            for (const config::RemoteLeafnode& remote : leafnodes.remotes) {
                json->begin_object();
                json->optional_field("local_account", remote.account);
                if (remote.tls) json->field("tls_timeout", seconds_of(remote.tls->timeout));
                write_urls(json, remote.urls);
                if (!remote.deny_exports.empty() || !remote.deny_imports.empty()) {
                    json->begin_object("deny");
                    write_texts(json, "exports", remote.deny_exports);
                    write_texts(json, "imports", remote.deny_imports);
                    json->end_object();
                }
                json->end_object();
            }
            json->end_array();
        }
    }
    json->end_object();
}

void write_by_kind(JsonWriter* json, std::string_view key, uint64_t clients) {
    json->begin_object(key);
    json->field("clients", clients);
    json->field("routes", 0);
    json->field("gateways", 0);
    json->field("leafs", 0);
    json->end_object();
}

void write_empty(JsonWriter* json, std::string_view key) {
    json->begin_object(key);
    json->end_object();
}

void write_identity(JsonWriter* json, const Sources& sources) {
    const proto::ServerInfo& info = sources.server.facts().info;
    const config::Options& options = *sources.options;
    json->field("server_id", info.server_id);
    json->field("server_name", info.server_name);
    json->field("version", info.version);
    json->field("proto", 1);
    json->field("go", info.go);
    const auto address = server::client_address(options, sources.server.client_listener().port);
    json->field("host", address->host);
    json->field("port", address->port);
    json->optional_field("auth_required", sources.auth_required);
    json->optional_field("tls_required", options.tls.has_value() && !options.allow_non_tls);
    json->optional_field("tls_verify", options.tls.has_value() && options.tls->verify);
    const auto view = sources.server.facts().cluster_views.now();
    write_texts(json, "connect_urls", view != nullptr ? view->connect_urls : info.connect_urls);
}

void write_limits(JsonWriter* json, const Sources& sources) {
    const config::Options& options = *sources.options;
    json->field("max_connections", options.max_connections);
    json->optional_field("max_subscriptions", std::max<int64_t>(options.max_subscriptions, 0));
    json->field("ping_interval", int64_t{options.ping_interval.count()});
    json->field("ping_max", options.ping_max);
    json->field("http_host", options.http.host);
    json->field("http_port", sources.http_port);
    json->field("http_base_path", options.http.base_path == "/" ? "" : options.http.base_path);
    json->field("https_port", sources.https_port);
    json->field("auth_timeout", seconds_of(options.authorization.timeout));
    json->field("max_control_line", options.max_control_line);
    json->field("max_payload", options.max_payload);
    json->field("max_pending", options.max_pending);
}

void write_runtime(JsonWriter* json, const Sources& sources, uint64_t now_ns) {
    const link::ServerFacts& facts = sources.server.facts();
    const Totals totals = sum_of(ask_workers(sources));
    json->field("start", base::format_rfc3339(facts.start_wall_ns));
    json->field("now", base::format_rfc3339(now_ns));
    json->field("uptime", format_uptime(now_ns - std::min(now_ns, facts.start_wall_ns)));
    json->field("mem", sources.usage.memory_bytes());
    json->field("cores", std::thread::hardware_concurrency());
    json->field("gomaxprocs", sources.server.worker_count());
    json->field("cpu", sources.usage.cpu_percent());
    json->field("connections", facts.clients.load(std::memory_order_relaxed));
    json->field("total_connections", facts.total_clients.load(std::memory_order_relaxed));
    json->field("routes", totals.routes);
    json->field("remotes", totals.routes);  // one connection each
    json->field("leafnodes", 0);
    json->field("in_msgs", totals.counters.in_messages);
    json->field("out_msgs", totals.counters.out_messages);
    json->field("in_bytes", totals.counters.in_bytes);
    json->field("out_bytes", totals.counters.out_bytes);
    const link::LinkTraffic& of_peers = totals.counters.of_peers;
    json->field("in_client_msgs", totals.counters.in_messages - of_peers.in_messages);
    json->field("out_client_msgs", totals.counters.out_messages - of_peers.out_messages);
    json->field("in_client_bytes", totals.counters.in_bytes - of_peers.in_bytes);
    json->field("out_client_bytes", totals.counters.out_bytes - of_peers.out_bytes);
    json->field("slow_consumers", totals.slow_consumers());
    json->field("stale_connections", totals.counters.stale_connections);
    json->field("stalled_clients", totals.counters.pauses);
    json->field("subscriptions", count_subscriptions(sources));
    json->begin_object("http_req_stats");
    for (const auto& [path, count] : sources.request_counts) json->field(path, count);
    json->end_object();
    json->field("config_load_time", base::format_rfc3339(sources.config_load_ns));
    write_texts(json, "tags", sources.options->server_tags);
    if (!sources.options->no_system_account) {
        const std::string& name = sources.options->system_account;
        json->field("system_account", name.empty() ? "$SYS" : name);
    }
    write_by_kind(json, "slow_consumer_stats", totals.slow_consumers());
    write_by_kind(json, "stale_connection_stats", totals.counters.stale_connections);
}

}  // namespace

std::vector<link::WorkerSnapshot> ask_workers(const Sources& sources, bool with_fanout) {
    std::vector<link::WorkerSnapshot> workers;
    for (const auto& survey : sources.runner.run<link::WorkerSurvey>(
             [&] { return std::make_shared<link::WorkerSurvey>(with_fanout); })) {
        workers.push_back(survey->snapshot());
    }
    return workers;
}

Totals sum_of(const std::vector<link::WorkerSnapshot>& workers) {
    Totals totals;
    for (const link::WorkerSnapshot& worker : workers) {
        totals.counters += worker.counters;
        totals.counters.of_peers += worker.counters.of_peers;
        totals.routes += worker.routes;
        totals.counters.slow_consumers_pending += worker.counters.slow_consumers_pending;
        totals.counters.slow_consumers_deadline += worker.counters.slow_consumers_deadline;
        totals.counters.stale_connections += worker.counters.stale_connections;
        totals.counters.pauses += worker.counters.pauses;
    }
    return totals;
}

uint64_t count_subscriptions(const Sources& sources) {
    uint64_t count = 0;
    for (account::Account* account : sources.server.accounts().list()) {
        count += account->sublist().count();
    }
    return count;
}

absl::Status make_varz(const Sources& sources, const Query& /*query*/, HttpAnswer* answer) {
    const config::Options& options = *sources.options;
    const uint64_t now_ns = ring::realtime_ns();
    JsonWriter json(&answer->body);
    json.begin_object();
    write_identity(&json, sources);
    write_limits(&json, sources);
    write_cluster(&json, options.cluster, options.gateway.name);
    write_gateway(&json, options.gateway);
    write_leafnodes(&json, options.leafnodes);
    write_empty(&json, "mqtt");
    write_empty(&json, "websocket");
    write_empty(&json, "jetstream");
    json.field("tls_timeout", tls_timeout_of(options.tls));
    json.field("write_deadline", int64_t{options.write_deadline.count()});
    write_runtime(&json, sources, now_ns);
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
