// SPDX-License-Identifier: Apache-2.0
// The connections to other clusters as JSON.
#pragma once

#include <cstdint>
#include <vector>

#include "gateway/gateway_snapshot.h"
#include "monitor/write_link.h"
#include "proto/json_writer.h"

namespace nuring::monitor {

// How many subjects without interest an account may have before a gateway changes to interest-only.
// Shown on the page; the gateways' own constant must be the same.
inline constexpr int kInterestOnlyThreshold = 1000;

// "outbound_gateways": {name: gateway} and "inbound_gateways": {name: [gateway, ..]}, by name.
// only_one: one cluster was asked for by name; without an outbound connection to it the first is null, as
// the reference's. Source: Gatewayz in server/monitor.go 2.15.
void write_gateways(proto::JsonWriter* json, std::vector<gateway::GatewaySnapshot> gateways, bool only_one,
                    const LinkDetail& detail, uint64_t now_ns);

}  // namespace nuring::monitor
