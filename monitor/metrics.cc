// SPDX-License-Identifier: Apache-2.0
// /metrics: the Prometheus text format, version 0.0.4; ours. docs/monitoring.md lists the names.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "gateway/gateway_snapshot.h"
#include "monitor/pages.h"

namespace nuring::monitor {
namespace {

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

// Bounds of the histogram: powers of two of a nanosecond, 1 us to 1 s, which its buckets know exactly.
constexpr uint32_t kBoundFirst = 10;
constexpr uint32_t kBoundLast = 30;

std::string label_text(std::string_view value) {
    std::string text;
    for (const char c : value) {
        if (c == '\\' || c == '"') text += '\\';
        if (c == '\n') {
            text += "\\n";
        } else {
            text += c;
        }
    }
    return text;
}

// Writes families of metrics: a head, then samples.
class MetricsWriter {
  public:
    explicit MetricsWriter(std::string* out) : out_(*out) {}

    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    }
    template <class Value>
    void sample(std::string_view labels, Value value, std::string_view suffix = "") {
        fmt::format_to(std::back_inserter(out_), "{}{}", name_, suffix);
        if (!labels.empty()) fmt::format_to(std::back_inserter(out_), "{{{}}}", labels);
        fmt::format_to(std::back_inserter(out_), " {}\n", value);
    }
    template <class Value>
    void metric(std::string_view name, std::string_view type, std::string_view help, Value value) {
        family(name, type, help);
        sample("", value);
    }

  private:
    std::string& out_;
    std::string_view name_;
};

// One metric of each worker.
struct WorkerMetric {
    std::string_view name;
    std::string_view type;
    std::string_view help;
    uint64_t (*value)(const observe::WorkerSnapshot& worker);
    std::string_view labels;  // further ones
};

using W = const observe::WorkerSnapshot&;
constexpr std::string_view kCounter = "counter";
constexpr std::string_view kGauge = "gauge";

// Metrics of one name stand together.
constexpr WorkerMetric kWorkerMetrics[] = {
    {"nats_uring_received_messages_total", kCounter, "Messages that peers have sent.",
     [](W w) { return w.counters.in_messages; }, ""},
    {"nats_uring_received_bytes_total", kCounter, "Bytes of these messages, headers included.",
     [](W w) { return w.counters.in_bytes; }, ""},
    {"nats_uring_sent_messages_total", kCounter, "Messages delivered to peers.",
     [](W w) { return w.counters.out_messages; }, ""},
    {"nats_uring_sent_bytes_total", kCounter, "Bytes of these messages, headers included.",
     [](W w) { return w.counters.out_bytes; }, ""},
    {"nats_uring_worker_connections", kGauge, "Connections that live on the worker.",
     [](W w) { return w.connections; }, ""},
    {"nats_uring_worker_turns_total", kCounter, "Turns of the worker's loop.",
     [](W w) { return w.ring.turns; }, ""},
    {"nats_uring_worker_waits_total", kCounter, "Turns that found nothing to do and waited.",
     [](W w) { return w.worker.parks; }, ""},
    {"nats_uring_slow_consumers_total", kCounter,
     "Connections closed because they did not take their messages, by the limit that they exceeded.",
     [](W w) { return w.counters.faults.slow_consumers_pending; }, "reason=\"pending_bytes\""},
    {"nats_uring_slow_consumers_total", kCounter, "",
     [](W w) { return w.counters.faults.slow_consumers_deadline; }, "reason=\"write_deadline\""},
    {"nats_uring_stale_connections_total", kCounter,
     "Connections closed because they did not answer PINGs.",
     [](W w) { return w.counters.faults.stale_connections; }, ""},
    {"nats_uring_read_pauses_total", kCounter,
     "Times that reading from a connection was stopped because a mailbox was full.",
     [](W w) { return w.counters.pauses; }, ""},
    {"nats_uring_worker_moves_total", kCounter, "Clients that came from other workers, or went there.",
     [](W w) { return w.counters.arrived_clients; }, "direction=\"in\""},
    {"nats_uring_worker_moves_total", kCounter, "",
     [](W w) { return w.counters.departed_clients; }, "direction=\"out\""},
    {"nats_uring_mailbox_depth_bytes", kGauge, "Bytes from other workers that wait for this one.",
     [](W w) { return uint64_t{w.mailbox_depth_bytes}; }, ""},
    {"nats_uring_mailbox_capacity_bytes", kGauge, "Size of the worker's mailboxes.",
     [](W w) { return uint64_t{w.mailbox_capacity_bytes}; }, ""},
    {"nats_uring_mailbox_records_total", kCounter, "Records taken from mailboxes.",
     [](W w) { return w.worker.records; }, ""},
    {"nats_uring_mailbox_spilled_records_total", kCounter,
     "Records that found their mailbox full and waited in memory.",
     [](W w) { return w.counters.spilled_records; }, ""},
    {"nats_uring_mailbox_shared_blocks_total", kCounter,
     "Records sent that name messages in the receive buffer instead of holding them.",
     [](W w) { return w.counters.shared_blocks; }, ""},
    {"nats_uring_match_cache_hits_total", kCounter, "Look-ups that were cached and current.",
     [](W w) { return w.cache.hits; }, ""},
    {"nats_uring_match_cache_misses_total", kCounter, "Look-ups that were not cached.",
     [](W w) { return w.cache.misses; }, ""},
    {"nats_uring_match_cache_rebuilds_total", kCounter,
     "Look-ups whose cached match was outdated by a subscription.",
     [](W w) { return w.cache.rebuilds; }, ""},
    {"nats_uring_match_cache_entries", kGauge, "Matches in the cache.",
     [](W w) { return uint64_t{w.cache.entries}; }, ""},
    {"nats_uring_ring_system_calls_total", kCounter, "System calls that submit or wait.",
     [](W w) { return w.ring.enters; }, ""},
    {"nats_uring_ring_receives_total", kCounter, "Receives completed.",
     [](W w) { return w.ring.receives; }, ""},
    {"nats_uring_ring_sends_total", kCounter, "Sends submitted.",
     [](W w) { return w.ring.sends; }, ""},
    {"nats_uring_ring_short_sends_total", kCounter, "Sends that the kernel took in part.",
     [](W w) { return w.ring.short_sends; }, ""},
    {"nats_uring_ring_sends_in_flight", kGauge, "Sends that the kernel has not completed.",
     [](W w) { return w.counters.sends_in_flight; }, ""},
    {"nats_uring_ring_buffer_shortages_total", kCounter,
     "Receives that found no free buffer (ENOBUFS).",
     [](W w) { return w.ring.buffer_shortages; }, ""},
    {"nats_uring_ring_overflows_total", kCounter, "Overflows of the completion queue.",
     [](W w) { return w.ring.queue_overflows; }, ""},
    {"nats_uring_ring_wakes_sent_total", kCounter, "Other workers woken from their wait.",
     [](W w) { return w.ring.wakes_sent; }, ""},
    {"nats_uring_tls_handshakes_total", kCounter, "TLS handshakes, by their result.",
     [](W w) { return w.counters.tls_handshakes; }, "result=\"ok\""},
    {"nats_uring_tls_handshakes_total", kCounter, "",
     [](W w) { return w.counters.tls_handshake_failures; }, "result=\"failed\""},
};

void write_workers(MetricsWriter* out, const std::vector<observe::WorkerSnapshot>& workers) {
    std::string_view family;
    for (const WorkerMetric& metric : kWorkerMetrics) {
        if (metric.name != family) out->family(metric.name, metric.type, metric.help);
        family = metric.name;
        for (const observe::WorkerSnapshot& worker : workers) {
            out->sample(fmt::format("worker=\"{}\"{}{}", worker.id, metric.labels.empty() ? "" : ",",
                                    metric.labels),
                        metric.value(worker));
        }
    }
    out->family("nats_uring_worker_busy_ratio", kGauge,
                "Part of the last second that the worker did not wait.");
    for (const observe::WorkerSnapshot& worker : workers) {
        out->sample(fmt::format("worker=\"{}\"", worker.id), worker.busy_share);
    }
    out->family("nats_uring_worker_busy_seconds_total", kCounter,
                "Time that the worker did not wait.");
    for (const observe::WorkerSnapshot& worker : workers) {
        out->sample(fmt::format("worker=\"{}\"", worker.id),
                    static_cast<double>(worker.worker.busy_ns) / 1e9);
    }
}

void write_latency(MetricsWriter* out, const std::vector<observe::WorkerSnapshot>& workers) {
    out->family("nats_uring_turn_latency_seconds", "histogram",
                "From receiving to submitting what is sent for it, per turn that did both.");
    for (const observe::WorkerSnapshot& worker : workers) {
        const runtime::LatencyHistogram& latency = worker.worker.latency;
        for (uint32_t bits = kBoundFirst; bits <= kBoundLast; ++bits) {
            out->sample(fmt::format("worker=\"{}\",le=\"{}\"", worker.id,
                                    static_cast<double>(uint64_t{1} << bits) / 1e9),
                        latency.count_below_power(bits), "_bucket");
        }
        out->sample(fmt::format("worker=\"{}\",le=\"+Inf\"", worker.id), latency.count(), "_bucket");
        out->sample(fmt::format("worker=\"{}\"", worker.id),
                    static_cast<double>(latency.sum_ns()) / 1e9, "_sum");
        out->sample(fmt::format("worker=\"{}\"", worker.id), latency.count(), "_count");
    }
}

void write_process(MetricsWriter* out, const Sources& sources) {
    ProcessUsage& usage = sources.usage;
    out->metric("process_cpu_seconds_total", kCounter, "Processor time, user and system.",
                usage.cpu_seconds());
    out->metric("process_resident_memory_bytes", kGauge, "Memory that is resident.",
                usage.memory_bytes());
    out->metric("process_open_fds", kGauge, "Open file descriptors.", usage.open_files());
    out->metric("process_max_fds", kGauge, "The most file descriptors there may be.",
                usage.open_files_max());
    out->metric("process_start_time_seconds", kGauge, "When the server was started, since 1970.",
                static_cast<double>(sources.server.facts().start_wall_ns) / 1e9);
}

// The connections to, or from, one other cluster; those that have ended are not counted.
struct GatewaySums {
    uint64_t messages = 0;  // in the one direction that they take on gateways
    uint64_t bytes = 0;
    uint64_t pending_bytes = 0;
    uint64_t rtt_ns = 0;
};

void write_gateways(MetricsWriter* out, const Sources& sources) {
    std::map<std::pair<bool, std::string>, GatewaySums> all;  // by direction (outbound: true) and cluster
    uint64_t outbound_count = 0;
    uint64_t inbound_count = 0;
    for (const auto& survey : sources.runner.run<gateway::GatewaySurvey>(
             [] { return std::make_shared<gateway::GatewaySurvey>(gateway::GatewayQuery{}); })) {
        for (const gateway::GatewaySnapshot& each : survey->gateways()) {
            const auto& traffic = each.connection.traffic;
            GatewaySums& sums = all[{each.is_outbound, each.cluster_name}];
            ++(each.is_outbound ? outbound_count : inbound_count);
            sums.messages += each.is_outbound ? traffic.out_messages : traffic.in_messages;
            sums.bytes += each.is_outbound ? traffic.out_bytes : traffic.in_bytes;
            sums.pending_bytes += each.connection.pending_bytes;
            sums.rtt_ns = std::max(sums.rtt_ns, each.connection.rtt_ns);
        }
    }
    out->family("nats_uring_gateways", kGauge,
                "Connections to and from servers of other clusters.");
    out->sample("direction=\"outbound\"", outbound_count);
    out->sample("direction=\"inbound\"", inbound_count);
    const auto write = [&](std::string_view name, std::string_view type, std::string_view help,
                           auto value) {
        if (!all.empty()) out->family(name, type, help);
        for (const auto& [key, sums] : all) {
            out->sample(fmt::format("cluster=\"{}\",direction=\"{}\"", label_text(key.second),
                                    key.first ? "outbound" : "inbound"),
                        value(sums));
        }
    };
    write("nats_uring_gateway_messages_total", kCounter,
          "Messages sent to another cluster, or received from it, over the connections that stand.",
          [](const GatewaySums& sums) { return sums.messages; });
    write("nats_uring_gateway_bytes_total", kCounter, "Bytes of these messages, headers included.",
          [](const GatewaySums& sums) { return sums.bytes; });
    write("nats_uring_gateway_pending_bytes", kGauge,
          "Bytes that wait to be sent to another cluster.",
          [](const GatewaySums& sums) { return sums.pending_bytes; });
    write("nats_uring_gateway_rtt_seconds", kGauge,
          "Round trip to another cluster; 0: not known.",
          [](const GatewaySums& sums) { return static_cast<double>(sums.rtt_ns) / 1e9; });
}

void write_server(MetricsWriter* out, const Sources& sources, const Totals& totals) {
    const link::ServerFacts& facts = sources.server.facts();
    const config::Options& options = *sources.options;
    out->family("nats_uring_build_info", kGauge, "Who this is; always 1.");
    out->sample(fmt::format("version=\"{}\",protocol=\"{}\",server_id=\"{}\",server_name=\"{}\"",
                            label_text(facts.info.go), label_text(facts.info.version),
                            label_text(facts.info.server_id), label_text(facts.info.server_name)),
                1);
    out->metric("nats_uring_log_dropped_lines_total", kCounter,
                "Log lines that found no room, because the log was too slow.",
                facts.dropped_log_lines.load(std::memory_order_relaxed));
    out->metric("nats_uring_system_requests_dropped_total", kCounter,
                "Requests under $SYS that were dropped, because too many waited.",
                facts.dropped_system_requests.load(std::memory_order_relaxed));
    out->metric("nats_uring_connections", kGauge, "Clients that are connected.",
                facts.clients.load(std::memory_order_relaxed));
    out->metric("nats_uring_websocket_connections", kGauge, "Of these: over WebSocket.",
                facts.websocket_clients.load(std::memory_order_relaxed));
    out->metric("nats_uring_accepted_connections_total", kCounter, "Clients ever accepted.",
                facts.total_clients.load(std::memory_order_relaxed));
    out->metric("nats_uring_max_connections", kGauge, "The most clients there may be.",
                options.max_connections);
    out->metric("nats_uring_max_payload_bytes", kGauge, "The largest message that is taken.",
                options.max_payload);
    out->metric("nats_uring_subscriptions", kGauge, "Subscriptions of all accounts.",
                count_subscriptions(sources));
    out->metric("nats_uring_routes", kGauge, "Connections to servers of the cluster.",
                totals.routes);
    write_gateways(out, sources);
    out->metric("nats_uring_leafnodes", kGauge, "Leafnode connections, of either end.",
                totals.leafnodes);
    out->metric("nats_uring_config_load_time_seconds", kGauge,
                "When the configuration was read, since 1970.",
                static_cast<double>(sources.config_load_ns) / 1e9);
    out->family("nats_uring_http_requests_total", kCounter, "Requests for pages of the monitor.");
    for (const auto& [path, count] : sources.request_counts) {
        out->sample(fmt::format("path=\"{}\"", label_text(path)), count);
    }
}

}  // namespace

absl::Status make_metrics(const Sources& sources, const Query& /*query*/, HttpAnswer* answer) {
    const std::vector<observe::WorkerSnapshot> workers = ask_workers(sources);
    MetricsWriter out(&answer->body);
    write_server(&out, sources, sum_of(workers));
    write_workers(&out, workers);
    write_latency(&out, workers);
    write_process(&out, sources);
    answer->content_type = kMetricsType;
    return absl::OkStatus();
}

}  // namespace nuring::monitor
