// SPDX-License-Identifier: Apache-2.0
// Publishes to exporters how long their services took: io.nats.server.metric.v1.service_latency, on the
// subject that the export's `latency` names. If requestor and responder are clients of different servers,
// the responder's reports to the requestor's, on $SYS.LATENCY.M2.<node>, when the answer left.
// Threads: publish_service_latency() on the requestor's worker; what is said of the responder, and the
//          message itself, come from the responder's. report_tracked_answer() on the responder's worker.
// Limits:  nothing is written for a subject without interest.
// Errors:  who has gone is left out.
// Source:  ServiceLatency in server/accounts.go 2.9.10. Its sums: "total" is the requestor's round trip
//          time and the time from request to answer here; "service" is the latter without the
//          responder's round trip time. With two servers "service" is what the responder's has measured,
//          and "system" the rest of the time: routes and servers.
#pragma once

#include "core/delivery/service_latency.h"
#include "core/server/server.h"

namespace nuring::monitor {

class EventWriter;

// A connection of that worker as a sample describes it; empty: it has gone.
delivery::LatencyParty describe_party(server::WorkerState& state, const delivery::LatencyLink& party);

// server and writer outlive the workers' tasks.
void publish_service_latency(server::Server& server, EventWriter& writer,
                             server::WorkerState& state, delivery::ServiceLatency latency);

void report_tracked_answer(account::Account& system, server::WorkerState& state,
                           const delivery::TrackedAnswer& answer);

// Takes the report of another server. On worker 0; goes on to the worker of the request. Errors: an invalid
// report, or one that belongs to no request, is ignored.
void take_remote_latency(server::Server& server, proto::JsonParser* parser, std::string_view json);

// The subject of reports to that node.
std::string remote_latency_subject(std::string_view node);

}  // namespace nuring::monitor
