// SPDX-License-Identifier: Apache-2.0
#include "monitor/service_latency.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/base/rfc3339.h"
#include "core/link/client.h"
#include "core/link/worker_links.h"
#include "monitor/event_writer.h"
#include "monitor/json_writer.h"

namespace nuring::monitor {
namespace {

constexpr std::string_view kType = "io.nats.server.metric.v1.service_latency";

struct Party {
    std::string json;  // empty: unknown
    uint64_t rtt_ns = 0;
};

std::string_view status_text(link::LatencyStatus status) {
    switch (status) {
        case link::LatencyStatus::kAnswered:
            return "";
        case link::LatencyStatus::kNoReplySubject:
            return "Bad Request";
        case link::LatencyStatus::kRequestorGone:
            return "Request Timeout";
        case link::LatencyStatus::kNoResponders:
            return "Service Unavailable";
        case link::LatencyStatus::kTooLate:
            return "Service Timeout";
    }
    return "";
}

Party party_of(link::WorkerLinks& links, base::LinkHandle handle, bool detailed) {
    const link::Link* found = handle.valid() ? links.table.find(handle) : nullptr;
    if (found == nullptr || found->kind() != proto::Kind::kClient) return {};
    const auto& client = static_cast<const link::Client&>(*found);
    return {.json = client.request_info(detailed, {}), .rtt_ns = client.rtt_ns()};
}

void write_headers(JsonWriter* json, const link::TraceHeaders& headers) {
    if (headers.empty()) return;
    json->begin_object("header");
    for (const auto& [name, values] : headers) {
        json->begin_array(name);
        for (const std::string& value : values) json->value(value);
        json->end_array();
    }
    json->end_object();
}

void write_times(JsonWriter* json, const link::ServiceLatency& latency, const Party& requestor,
                 const Party& responder) {
    json->field("start", base::format_rfc3339(latency.start_wall_ns - requestor.rtt_ns));
    if (latency.status != link::LatencyStatus::kAnswered) {
        for (const std::string_view key : {"service", "system", "total"}) json->field(key, 0);
        return;
    }
    const uint64_t system_ns = responder.rtt_ns == 0 ? 0 : latency.system_ns;
    json->field("service", latency.service_ns - std::min(latency.service_ns, responder.rtt_ns));
    json->field("system", system_ns);
    json->field("total", requestor.rtt_ns + latency.service_ns + system_ns);
}

// On the responder's worker.
void publish(EventWriter& writer, link::WorkerLinks& links, const link::ServiceLatency& latency,
             const Party& requestor) {
    const Party responder = party_of(links, latency.responder, /*detailed=*/true);
    std::string text;
    JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    writer.write_type(&json, kType, &links.prng);
    json.field("status", static_cast<uint16_t>(latency.status));
    json.optional_field("description", status_text(latency.status));
    if (!requestor.json.empty()) json.raw_field("requestor", requestor.json);
    if (!responder.json.empty()) json.raw_field("responder", responder.json);
    write_headers(&json, latency.headers);
    write_times(&json, latency, requestor, responder);
    json.end_object();
    links.internal.publish({.account = latency.exporter,
                            .subject = latency.subject,
                            .reply = {},
                            .headers = {},
                            .body = std::move(text)});
}

}  // namespace

void tell_service_latency(server::Server& server, EventWriter& writer, link::WorkerLinks& links,
                          link::ServiceLatency latency) {
    if (!links.internal.has_interest(*latency.exporter, latency.subject)) return;
    Party requestor = party_of(links, latency.requestor, latency.share);
    const bool is_here = !latency.responder.valid() || latency.responder.worker() == links.id;
    if (is_here) return publish(writer, links, latency, requestor);
    const auto worker = static_cast<uint32_t>(latency.responder.worker());
    server.post(worker, [&server, &writer, worker, latency = std::move(latency),
                         requestor = std::move(requestor)] {
        publish(writer, server.links(worker), latency, requestor);
    });
}

}  // namespace nuring::monitor
