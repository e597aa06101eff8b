// SPDX-License-Identifier: Apache-2.0
// /workerz: what each worker does; ours.
#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
#include "monitor/pages.h"
#include "proto/json_writer.h"

namespace nuring::monitor {
namespace {

void write_worker(proto::JsonWriter* json, const observe::WorkerSnapshot& worker) {
    json->begin_object();
    json->field("id", worker.id);
    json->field("connections", worker.connections);
    json->field("turns", worker.ring.turns);
    json->field("in_msgs", worker.counters.in_messages);
    json->field("out_msgs", worker.counters.out_messages);
    json->field("in_bytes", worker.counters.in_bytes);
    json->field("out_bytes", worker.counters.out_bytes);
    json->field("busy", worker.busy_share);
    json->begin_object("slow_consumers");
    json->field("pending_bytes", worker.counters.faults.slow_consumers_pending);
    json->field("write_deadline", worker.counters.faults.slow_consumers_deadline);
    json->end_object();
    json->field("pauses", worker.counters.pauses);
    json->begin_object("moves");
    json->field("in", worker.counters.arrived_clients);
    json->field("out", worker.counters.departed_clients);
    json->end_object();
    json->begin_object("cache");
    json->field("hits", worker.cache.hits);
    json->field("misses", worker.cache.misses);
    json->field("rebuilds", worker.cache.rebuilds);
    json->field("entries", worker.cache.entries);
    json->end_object();
    json->begin_object("mailbox");
    json->field("depth_bytes", worker.mailbox_depth_bytes);
    json->field("capacity_bytes", worker.mailbox_capacity_bytes);
    json->field("records", worker.worker.records);
    json->field("spilled_records", worker.counters.spilled_records);
    json->field("shared_blocks", worker.counters.shared_blocks);
    json->end_object();
    json->begin_object("ring");
    json->field("kind", worker.ring_name);
    json->field("enobufs", worker.ring.buffer_shortages);
    json->field("cq_overflows", worker.ring.queue_overflows);
    json->field("sends_in_flight", worker.counters.sends_in_flight);
    json->end_object();
    json->begin_object("tls");
    json->field("handshakes", worker.counters.tls_handshakes);
    json->field("failures", worker.counters.tls_handshake_failures);
    json->end_object();
    const runtime::LatencyHistogram& latency = worker.worker.latency;
    json->begin_object("latency");
    json->field("count", latency.count());
    json->field("p50_ns", latency.quantile_ns(0.5));
    json->field("p90_ns", latency.quantile_ns(0.9));
    json->field("p99_ns", latency.quantile_ns(0.99));
    json->field("p999_ns", latency.quantile_ns(0.999));
    json->end_object();
    json->end_object();
}

}  // namespace

absl::Status make_workerz(const Sources& sources, const Query& /*query*/, HttpAnswer* answer) {
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    json.begin_array("workers");
    for (const observe::WorkerSnapshot& worker : ask_workers(sources)) write_worker(&json, worker);
    json.end_array();
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
