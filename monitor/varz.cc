// SPDX-License-Identifier: Apache-2.0
// /varz: the server as a whole.
#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "core/base/rfc3339.h"
#include "core/observe/route_survey.h"
#include "core/ring/kernel_sockets.h"
#include "monitor/format.h"
#include "monitor/pages.h"
#include "monitor/write_link.h"
#include "proto/json_writer.h"

namespace nuring::monitor {
namespace {

double seconds_of(std::chrono::nanoseconds duration) {
    return static_cast<double>(duration.count()) / 1e9;
}

// A listener without TLS shows the default, too.
double tls_timeout_of(const std::optional<config::TlsOptions>& tls) {
    return seconds_of(tls.value_or(config::TlsOptions{}).timeout);
}

void write_urls(proto::JsonWriter* json, const std::vector<config::Url>& urls) {
    if (urls.empty()) return;
    json->begin_array("urls");
    for (const config::Url& url : urls) json->value(url.host_port());
    json->end_array();
}

// The rule by which a connection misses its write deadline, if the configuration names one.
void write_late_rule(proto::JsonWriter* json, config::WriteTimeout rule) {
    if (rule == config::WriteTimeout::kDefault) return;
    json->field("write_timeout", rule == config::WriteTimeout::kClose ? "close" : "retry");
}

void write_times(proto::JsonWriter* json, const config::LinkTimes& times) {
    json->optional_field("write_deadline", int64_t{times.write_deadline.count()});
    write_late_rule(json, times.write_timeout);
}

void write_certificate_end(proto::JsonWriter* json, const std::atomic<int64_t>& end_s) {
    const int64_t end = end_s.load(std::memory_order_relaxed);
    if (end <= 0) return;
    json->field("tls_cert_not_after", base::format_rfc3339_seconds(end));
}

void write_cluster(proto::JsonWriter* json, const Sources& sources, const std::string& name) {
    const config::ClusterOptions& cluster = sources.options->cluster;
    json->begin_object("cluster");
    json->optional_field("name", name);
    if (cluster.port != 0) {
        json->optional_field("addr", cluster.host);
        json->field("cluster_port", cluster.port);
        json->optional_field("auth_timeout", seconds_of(cluster.authorization.timeout));
        write_urls(json, cluster.routes);
        json->field("tls_timeout", tls_timeout_of(cluster.tls));
        json->optional_field("tls_required", cluster.tls.has_value());
        json->optional_field("tls_verify", cluster.tls.has_value());
        json->optional_field("pool_size", cluster.pool_size);
        write_times(json, cluster.times);
        write_certificate_end(json, sources.server.facts().certificate_ends.cluster);
    }
    json->end_object();
}

void write_gateway(proto::JsonWriter* json, const Sources& sources) {
    const config::GatewayOptions& gateway = sources.options->gateway;
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
        write_times(json, gateway.times);
        write_certificate_end(json, sources.server.facts().certificate_ends.gateway);
    }
    json->end_object();
}

void write_leafnodes(proto::JsonWriter* json, const Sources& sources) {
    const config::LeafnodeOptions& leafnodes = sources.options->leafnodes;
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
        write_times(json, leafnodes.times);
        write_certificate_end(json, sources.server.facts().certificate_ends.leafnodes);
    }
    json->end_object();
}

void write_websocket(proto::JsonWriter* json, const config::WebsocketOptions& websocket,
                     server::Server& server) {
    json->begin_object("websocket");
    if (websocket.port != 0) {
        const client::ClientAddress& address = server.worker_state(0).clients.websocket_address();
        json->optional_field("host", address.host);
        json->field("port", address.port);
        json->optional_field("advertise", websocket.advertise);
        json->optional_field("no_auth_user", websocket.no_auth_user);
        json->optional_field("jwt_cookie", websocket.jwt_cookie);
        json->optional_field("handshake_timeout", int64_t{websocket.handshake_timeout.count()});
        json->optional_field("auth_timeout", seconds_of(websocket.auth_timeout));
        json->optional_field("no_tls", websocket.no_tls);
        json->optional_field("tls_map", websocket.tls.has_value() && websocket.tls->map);
        if (websocket.tls) write_texts(json, "tls_pinned_certs", websocket.tls->pinned_certs);
        json->optional_field("same_origin", websocket.same_origin);
        write_texts(json, "allowed_origins", websocket.allowed_origins);
        json->optional_field("compression", websocket.compression);
        write_certificate_end(json, server.facts().certificate_ends.websocket);
    }
    json->end_object();
}

// Servers of the cluster, however many connections each of them has.
size_t count_remotes(const Sources& sources) {
    absl::flat_hash_set<std::string> ids;
    for (const auto& survey : sources.runner.run<observe::RouteSurvey>(
             [] { return std::make_shared<observe::RouteSurvey>(); })) {
        for (const delivery::ServerLinkSnapshot& link : survey->routes()) {
            ids.insert(link.remote_id);
        }
    }
    return ids.size();
}

uint64_t stale_of(const link::LinkFaults& faults) {
    return faults.stale_connections;
}

void write_by_kind(proto::JsonWriter* json, std::string_view key, const link::LinkFaultsByKind& faults,
                   uint64_t (*count)(const link::LinkFaults&)) {
    const auto count_of = [&](proto::Kind kind) { return count(faults[index_of(kind)]); };
    json->begin_object(key);
    json->field("clients", count_of(proto::Kind::kClient));
    json->field("routes", count_of(proto::Kind::kRoute));
    json->field("gateways", count_of(proto::Kind::kGateway));
    json->field("leafs", count_of(proto::Kind::kLeafnode) + count_of(proto::Kind::kHub));
    json->end_object();
}

void write_empty(proto::JsonWriter* json, std::string_view key) {
    json->begin_object(key);
    json->end_object();
}

void write_identity(proto::JsonWriter* json, const Sources& sources) {
    const proto::ServerInfo& info = sources.server.facts().info;
    const config::Options& options = *sources.options;
    json->field("server_id", info.server_id);
    json->field("server_name", info.server_name);
    json->field("version", info.version);
    json->field("proto", 1);
    json->optional_field("git_commit", sources.server.facts().commit);
    json->field("go", info.go);
    const auto address = server::client_address(options, sources.server.client_listener().port);
    json->field("host", address->host);
    json->field("port", address->port);
    json->optional_field("auth_required", sources.auth_required);
    json->optional_field("tls_required", options.tls.has_value() && !options.allow_non_tls);
    json->optional_field("tls_verify", options.tls.has_value() && options.tls->verify);
    const auto view = sources.server.facts().cluster_views.now();
    write_texts(json, "connect_urls", view != nullptr ? view->connect_urls : info.connect_urls);
    if (view != nullptr) write_texts(json, "ws_connect_urls", view->ws_connect_urls);
}

void write_limits(proto::JsonWriter* json, const Sources& sources) {
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

void write_runtime(proto::JsonWriter* json, const Sources& sources, uint64_t now_ns) {
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
    json->field("remotes", count_remotes(sources));
    json->field("leafnodes", totals.leafnodes);
    json->field("in_msgs", totals.counters.in_messages);
    json->field("out_msgs", totals.counters.out_messages);
    json->field("in_bytes", totals.counters.in_bytes);
    json->field("out_bytes", totals.counters.out_bytes);
    const link::LinkTraffic& of_servers = totals.counters.of_servers;
    json->field("in_client_msgs", totals.counters.in_messages - of_servers.in_messages);
    json->field("out_client_msgs", totals.counters.out_messages - of_servers.out_messages);
    json->field("in_client_bytes", totals.counters.in_bytes - of_servers.in_bytes);
    json->field("out_client_bytes", totals.counters.out_bytes - of_servers.out_bytes);
    json->field("slow_consumers", totals.slow_consumers());
    json->field("stale_connections", totals.counters.faults.stale_connections);
    json->field("stalled_clients", totals.counters.stalls);
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
    write_by_kind(json, "slow_consumer_stats", totals.counters.faults_by_kind, slow_consumers_of);
    write_by_kind(json, "stale_connection_stats", totals.counters.faults_by_kind, stale_of);
}

}  // namespace

std::vector<observe::WorkerSnapshot> ask_workers(const Sources& sources, bool with_fanout) {
    std::vector<observe::WorkerSnapshot> workers;
    for (const auto& survey : sources.runner.run<observe::WorkerSurvey>(
             [&] { return std::make_shared<observe::WorkerSurvey>(with_fanout); })) {
        workers.push_back(survey->snapshot());
    }
    return workers;
}

Totals sum_of(const std::vector<observe::WorkerSnapshot>& workers) {
    Totals totals;
    for (const observe::WorkerSnapshot& worker : workers) {
        totals.counters += worker.counters;
        totals.counters.of_servers += worker.counters.of_servers;
        totals.routes += worker.routes();
        totals.gateways += worker.gateways();
        totals.leafnodes += worker.leafnodes();
        totals.counters.faults += worker.counters.faults;
        for (size_t kind = 0; kind < proto::kKindCount; ++kind)
            totals.counters.faults_by_kind[kind] += worker.counters.faults_by_kind[kind];
        totals.counters.stalls += worker.counters.stalls;
    }
    return totals;
}

uint64_t count_subscriptions(const Sources& sources) {
    uint64_t count = 0;
    for (account::Account* account : sources.server.accounts().list()) {
        // The subscription for replies is no user's; the reference makes it later. It may come after the
        // count.
        const uint64_t all = account->sublist().count();
        count += all > 0 && !account->reply_pattern().empty() ? all - 1 : all;
    }
    return count;
}

absl::Status make_varz(const Sources& sources, const Query& /*query*/, HttpAnswer* answer) {
    const config::Options& options = *sources.options;
    const uint64_t now_ns = ring::realtime_ns();
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    write_identity(&json, sources);
    write_limits(&json, sources);
    write_cluster(&json, sources, sources.server.cluster_name(options));
    write_gateway(&json, sources);
    write_leafnodes(&json, sources);
    write_empty(&json, "mqtt");
    write_websocket(&json, options.websocket, sources.server);
    write_empty(&json, "jetstream");
    json.field("tls_timeout", tls_timeout_of(options.tls));
    json.field("write_deadline", int64_t{options.write_deadline.count()});
    write_late_rule(&json, options.write_timeout);
    write_runtime(&json, sources, now_ns);
    write_certificate_end(&json, sources.server.facts().certificate_ends.clients);
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
