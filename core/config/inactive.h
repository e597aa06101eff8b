// SPDX-License-Identifier: Apache-2.0
// Parts of the configuration that are read and checked, but whose behaviour is not built yet.
// Each is a row of the table in inactive.cc; the row goes when the part works.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nuring::config {

// Every part that was once inactive has a name here, so that the code that notes it can stay.
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
    kAuthCallout,
    kProxies,
    kProxyProtocol,
    kServerMetadata,
    kWriteTimeout,
    kCertificateList,
    kTraceHeaders,
    kDefaultSentinel,
    kProfiling,
    kResolverInterval,
    kResolverTimeout,
    kExportTrace,
    kRoutePools,
    kCompression,
};

// How the part is called in messages: its key.
std::string_view part_key(Part part);

// False as long as the part has a row in the table of inactive parts.
bool is_active(Part part);

// "\"cluster\" is accepted, but not active in this version"
std::string inactive_text(Part part);

}  // namespace nuring::config
