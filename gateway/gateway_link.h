// SPDX-License-Identifier: Apache-2.0
// The common part of both directions of a gateway connection.
// Source: server/gateway.go 2.15.3.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/config/options.h"
#include "core/server_link/server_link.h"
#include "proto/kind.h"
#include "proto/route_dialect.h"

namespace nuring::gateway {

inline constexpr server_link::LinkTraits kGatewayTraits{.kind = proto::Kind::kGateway,
                                                        .dialect = proto::RouteDialect::kGateway,
                                                        .type = "Gateway",
                                                        .noun = "Gateway",
                                                        .channel = "gateway",
                                                        .passes_answers = true};

// The request in an INFO: `gateway_cmd`.
inline constexpr int64_t kGossipCommand = 1;           // there is such a cluster
inline constexpr int64_t kAllInterestCommand = 2;      // all interest of an account follows
inline constexpr int64_t kAllInterestDoneCommand = 3;  // that was all

inline uint64_t nanoseconds(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }

// The round trips decide which cluster is nearest, so they are measured often.
inline server_link::KeepAlive gateway_keep_alive(server_link::KeepAlive rule,
                                                 const config::LinkTimes& times) {
    if (times.ping_interval.count() > 0) rule.interval_ns = nanoseconds(times.ping_interval);
    rule.interval_ns = std::min(rule.interval_ns, nanoseconds(config::kGatewayPingIntervalMax));
    if (times.ping_max > 0) rule.outstanding_max = times.ping_max;
    return rule;
}

}  // namespace nuring::gateway
