// SPDX-License-Identifier: Apache-2.0
// Parts of the configuration, and whether this server acts upon them. All are read and checked. Each is a row
// of the table in inactive.cc; its state there changes when the part works.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nuring::config {

// The treatment of a part that the file asks for.
enum class PartState : uint8_t {
    kBuilt,    // it works
    kNoticed,  // the server starts without it and says so: nobody gets access or messages because of that
    kRefused,  // the server does not start: without it, it would admit or show more than the file allows
};

enum class Part : uint8_t {
    kCluster,
    kGateway,
    kLeafnodes,
    kExports,
    kImports,
    kAccountLimits,
    kConnectionTypes,
    kMonitoring,
    kOperator,
    kJetStream,
    kWebsocket,
    kMqtt,
    kMappings,
    kOcsp,
    kOcspCache,
    kOcspPeer,
    kAuthCallout,
    kProxies,
    kProxyRequired,
    kProxyProtocol,
    kServerMetadata,
    kFeatureFlags,
    kCertificateList,
    kProfiling,
    kResolverInterval,
    kResolverTimeout,
    kExportTrace,
    kMessageTrace,
    kHybridCurves,
    // Inside leafnodes.
    kWebsocketRemotes,
    kRemoteProxy,
    kIsolation,
    kCount,
};

// The name of the part in messages: its key, in most cases.
std::string_view part_key(Part part);

PartState part_state(Part part);

inline bool is_active(Part part) {
    return part_state(part) == PartState::kBuilt;
}

// "\"mqtt\" is accepted, but not active in this version", or for a part that is refused
// "\"auth_callout\" is not active in this version: without it, <what would go wrong> - <remedy>".
std::string inactive_text(Part part);

}  // namespace nuring::config
