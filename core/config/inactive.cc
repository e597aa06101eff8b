// SPDX-License-Identifier: Apache-2.0
#include "core/config/inactive.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace nuring::config {
namespace {

// THE list. Remove a row when the part works.
constexpr std::array kInactive = {
    Part::kGateway,         Part::kRoutePools,
    Part::kCompression,
    Part::kLeafnodes,       Part::kJetStream,
    Part::kWebsocket,       Part::kMqtt,
    Part::kOcsp,
    Part::kAuthCallout,     Part::kProxies,
    Part::kProxyProtocol,   Part::kServerMetadata,
    Part::kWriteTimeout,    Part::kCertificateList,
    Part::kTraceHeaders,    Part::kDefaultSentinel,
    Part::kProfiling,       Part::kResolverInterval,
    Part::kResolverTimeout,
    Part::kExportTrace,
};

}  // namespace

std::string_view part_key(Part part) {
    switch (part) {
        case Part::kCluster:
            return "cluster";
        case Part::kRoutePools:
            return "pool_size";
        case Part::kCompression:
            return "compression";
        case Part::kGateway:
            return "gateway";
        case Part::kLeafnodes:
            return "leafnodes";
        case Part::kExports:
            return "exports";
        case Part::kImports:
            return "imports";
        case Part::kAccountLimits:
            return "limits";
        case Part::kConnectionTypes:
            return "allowed_connection_types";
        case Part::kMonitoring:
            return "http";
        case Part::kOperator:
            return "operator";
        case Part::kJetStream:
            return "jetstream";
        case Part::kWebsocket:
            return "websocket";
        case Part::kMqtt:
            return "mqtt";
        case Part::kMappings:
            return "mappings";
        case Part::kOcsp:
            return "ocsp";
        case Part::kAuthCallout:
            return "auth_callout";
        case Part::kProxies:
            return "proxies";
        case Part::kProxyProtocol:
            return "proxy_protocol";
        case Part::kServerMetadata:
            return "server_metadata";
        case Part::kWriteTimeout:
            return "write_timeout";
        case Part::kCertificateList:
            return "certs";
        case Part::kTraceHeaders:
            return "trace_headers";
        case Part::kDefaultSentinel:
            return "default_sentinel";
        case Part::kProfiling:
            return "prof_port";
        case Part::kResolverInterval:
            return "resolver interval";
        case Part::kResolverTimeout:
            return "resolver timeout";
        case Part::kExportTrace:
            return "allow_trace";
    }
    return "";
}

bool is_active(Part part) {
    return std::find(kInactive.begin(), kInactive.end(), part) == kInactive.end();
}

std::string inactive_text(Part part) {
    return fmt::format("\"{}\" is accepted, but not active in this version", part_key(part));
}

}  // namespace nuring::config
