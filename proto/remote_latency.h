// SPDX-License-Identifier: Apache-2.0
// The JSON of $SYS.LATENCY.M2.<node>: what the responder's server has measured of a request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/json_parser.h"

namespace nuring::proto {

// Source: remoteLatency in server/accounts.go 2.9.10 and 2.15.3; other keys are ignored.
struct RemoteLatency {
    std::string account;            // key: account; the exporter
    std::string request;            // key: req_id; the reply subject, perhaps with the prefix of a gateway
    std::string responder;          // key: m2.responder; JSON, empty: unknown
    uint64_t responder_rtt_ns = 0;  // key: m2.responder.rtt
    uint64_t service_ns = 0;        // key: m2.service
};

// Fills `latency`; on error it is undefined.
JsonStatus parse_remote_latency(std::string_view json, JsonParser* parser, RemoteLatency* latency);

}  // namespace nuring::proto
