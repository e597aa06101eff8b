// SPDX-License-Identifier: Apache-2.0
// Parts of the configuration that are read and checked, but whose behaviour is not built yet.
// Each is a row of the table in inactive.cc; its state there changes when the part works.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nuring::config {

// The treatment of a part that the file asks for.
enum class PartState : uint8_t {
    kBuilt,    // it works
    kNoticed,  // goes without it and says so: nobody enters or sees anything because of that
    kRefused,  // does not start: without the part, the server would admit or show more than the file says
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
    kTraceHeaders,
    kProfiling,
    kResolverInterval,
    kResolverTimeout,
    kExportTrace,
    kMessageTrace,
    kHybridCurves,
    // Inside leafnodes; they count once that is built.
    kWebsocketRemotes,
    kRemoteProxy,
    kIsolation,
    kCount,
};

// How the part is called in messages: its key.
std::string_view part_key(Part part);

PartState part_state(Part part);

inline bool is_active(Part part) {
    return part_state(part) == PartState::kBuilt;
}

// "\"mqtt\" is accepted, but not active in this version", or for a part that is refused
// "\"auth_callout\" is not active in this version: without it, <what would go wrong> - <remedy>".
std::string inactive_text(Part part);

}  // namespace nuring::config
