// SPDX-License-Identifier: Apache-2.0
#include "monitor/service_latency.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/base/rfc3339.h"
#include "core/client/client.h"
#include "core/delivery/remote_server.h"
#include "core/delivery/server_link_snapshot.h"
#include "core/server/worker_state.h"
#include "monitor/event_writer.h"
#include "fmt/format.h"
#include "proto/gateway_reply.h"
#include "proto/json_writer.h"
#include "proto/remote_latency.h"
#include "proto/tracked_reply.h"

namespace nuring::monitor {
namespace {

constexpr std::string_view kType = "io.nats.server.metric.v1.service_latency";

std::string_view status_text(delivery::LatencyStatus status) {
    switch (status) {
        case delivery::LatencyStatus::kAnswered:
            return "";
        case delivery::LatencyStatus::kNoReplySubject:
            return "Bad Request";
        case delivery::LatencyStatus::kRequestorGone:
            return "Request Timeout";
        case delivery::LatencyStatus::kNoResponders:
            return "Service Unavailable";
        case delivery::LatencyStatus::kTooLate:
            return "Service Timeout";
    }
    return "";
}

// Source: getClientInfo in server/client.go 2.9.10, of a leafnode that asks.
delivery::LatencyParty describe_leafnode(const delivery::RemoteServer& link, std::string_view account,
                                         bool detailed) {
    delivery::ServerLinkSnapshot snapshot;
    link.copy(/*wall_ns=*/0, /*subscriptions=*/0, &snapshot);
    delivery::LatencyParty party{.json = {}, .rtt_ns = snapshot.rtt_ns};
    proto::JsonWriter json(&party.json, /*indent=*/0);
    json.begin_object();
    if (detailed) {
        json.field("host", link.peer_host());
        json.field("id", link.cid());
    }
    json.field("acc", account);
    if (detailed) json.optional_field("name", snapshot.remote_name);
    if (party.rtt_ns != 0) json.field("rtt", party.rtt_ns);
    if (detailed) json.field("kind", "Leafnode");
    json.end_object();
    return party;
}

void write_headers(proto::JsonWriter* json, const delivery::TraceHeaders& headers) {
    if (headers.empty()) return;
    json->begin_object("header");
    for (const auto& [name, values] : headers) {
        json->begin_array(name);
        for (const std::string& value : values) json->value(value);
        json->end_array();
    }
    json->end_object();
}

void write_times(proto::JsonWriter* json, const delivery::ServiceLatency& latency,
                 const delivery::LatencyParty& responder) {
    const delivery::LatencyParty& requestor = latency.requestor;
    json->field("start", base::format_rfc3339(latency.start_wall_ns - requestor.rtt_ns));
    if (latency.status != delivery::LatencyStatus::kAnswered) {
        for (const std::string_view key : {"service", "system", "total"}) json->field(key, 0);
        return;
    }
    if (latency.remote.has_value()) {
        const uint64_t there_ns = latency.remote->service_ns + latency.remote->responder_rtt_ns;
        json->field("service", latency.remote->service_ns);
        json->field("system", latency.service_ns - std::min(latency.service_ns, there_ns));
        return json->field("total", requestor.rtt_ns + latency.service_ns);
    }
    const uint64_t system_ns = responder.rtt_ns == 0 ? 0 : latency.system_ns;
    json->field("service", latency.service_ns - std::min(latency.service_ns, responder.rtt_ns));
    json->field("system", system_ns);
    json->field("total", requestor.rtt_ns + latency.service_ns + system_ns);
}

// On the responder's worker, or on any if it is a client of another server.
void publish(EventWriter& writer, server::WorkerState& state, const delivery::ServiceLatency& latency) {
    delivery::LatencyParty responder = describe_party(
        state, {.link = latency.responder, .account = latency.exporter, .detailed = true});
    if (latency.remote.has_value()) responder.json = latency.remote->responder;
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    writer.write_type(&json, kType, &state.delivery.prng);
    json.field("status", static_cast<uint16_t>(latency.status));
    json.optional_field("description", status_text(latency.status));
    if (!latency.requestor.json.empty()) json.raw_field("requestor", latency.requestor.json);
    if (!responder.json.empty()) json.raw_field("responder", responder.json);
    write_headers(&json, latency.headers);
    write_times(&json, latency, responder);
    json.end_object();
    state.internal.publish({.account = latency.exporter,
                            .subject = latency.subject,
                            .reply = {},
                            .headers = {},
                            .body = std::move(text)});
}

}  // namespace

delivery::LatencyParty describe_party(server::WorkerState& state, const delivery::LatencyLink& party) {
    const link::Link* link = party.link.valid() ? state.host.table.find(party.link) : nullptr;
    if (link == nullptr) return {};
    if (const client::Client* client = client::as_client(link)) {
        return {.json = client->request_info(party.detailed, {}), .rtt_ns = client->rtt_ns()};
    }
    if (interest::rules_of(link->kind()).rank != interest::QueueRank::kLeaf) return {};
    return describe_leafnode(static_cast<const delivery::RemoteServer&>(*link), party.account->name(),
                             party.detailed);
}

void publish_service_latency(server::Server& server, EventWriter& writer,
                             server::WorkerState& state, delivery::ServiceLatency latency) {
    if (!state.internal.has_interest(*latency.exporter, latency.subject)) return;
    const bool is_here = !latency.responder.valid() || latency.responder.worker() == state.host.id;
    if (is_here) return publish(writer, state, latency);
    const auto worker = static_cast<uint32_t>(latency.responder.worker());
    server.post(worker, [&server, &writer, worker, latency = std::move(latency)] {
        publish(writer, server.worker_state(worker), latency);
    });
}

std::string remote_latency_subject(std::string_view node) {
    return fmt::format("$SYS.LATENCY.M2.{}", node);
}

void report_tracked_answer(account::Account& system, server::WorkerState& state,
                           const delivery::TrackedAnswer& answer) {
    const delivery::LatencyParty responder = describe_party(
        state, {.link = answer.responder, .account = answer.exporter, .detailed = true});
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    json.field("account", answer.exporter->name());
    json.field("req_id", answer.request);
    json.begin_object("m2");
    // The measurement is no event by itself: these stay empty, as in the reference.
    json.field("type", "");
    json.field("id", "");
    json.field("timestamp", "0001-01-01T00:00:00Z");
    json.field("status", static_cast<uint16_t>(delivery::LatencyStatus::kAnswered));
    if (!responder.json.empty()) json.raw_field("responder", responder.json);
    json.field("start", base::format_rfc3339(state.host.ring.wall_ns() - answer.elapsed_ns));
    json.field("service", answer.elapsed_ns - std::min(answer.elapsed_ns, responder.rtt_ns));
    json.field("system", 0);
    json.field("total", answer.elapsed_ns);
    json.end_object();
    json.end_object();
    // Without a look at the interest: the servers of other clusters have not announced theirs.
    state.internal.publish({.account = &system,
                            .subject = remote_latency_subject(proto::tracking_node(answer.request)),
                            .reply = {},
                            .headers = {},
                            .body = std::move(text)});
}

void take_remote_latency(server::Server& server, proto::JsonParser* parser, std::string_view json) {
    proto::RemoteLatency remote;
    if (proto::parse_remote_latency(json, parser, &remote) != proto::JsonStatus::kOk) return;
    const account::Account* exporter = server.accounts().find(remote.account);
    const auto worker =
        delivery::ReplyTable::worker_of(proto::without_gateway_prefix(remote.request));
    if (exporter == nullptr || !worker.has_value() || index_of(*worker) >= server.worker_count()) return;
    const auto index = static_cast<uint32_t>(index_of(*worker));
    server.post(index, [&server, index, exporter, remote = std::move(remote)] {
        server.worker_state(index).delivery.services.on_remote_latency(*exporter, remote);
    });
}

}  // namespace nuring::monitor
