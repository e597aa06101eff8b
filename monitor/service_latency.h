// SPDX-License-Identifier: Apache-2.0
// Tells exporters how long their services took: io.nats.server.metric.v1.service_latency, on the
// subject that the export's `latency` names.
// Threads: tell_service_latency() on the requestor's worker; what is said of the responder, and the
//          message itself, come from the responder's.
// Limits:  nothing is written for a subject without interest.
// Errors:  who has gone is left out.
// Source:  ServiceLatency in server/accounts.go 2.9.10. Its sums: "total" is the requestor's round trip
//          time and the time from request to answer here; "service" is the latter without the
//          responder's round trip time.
#pragma once

#include "core/link/service_latency.h"
#include "core/server/server.h"

namespace nuring::monitor {

class EventWriter;

// server and writer outlive the workers' tasks.
void tell_service_latency(server::Server& server, EventWriter& writer, link::WorkerLinks& links,
                          link::ServiceLatency latency);

}  // namespace nuring::monitor
