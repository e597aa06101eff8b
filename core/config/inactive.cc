// SPDX-License-Identifier: Apache-2.0
#include "core/config/inactive.h"

#include <fmt/format.h>

#include <array>
#include <cassert>
#include <cstddef>

namespace nuring::config {
namespace {

struct PartRow {
    Part part;
    std::string_view key;
    PartState state;
    std::string_view danger = {};  // of kRefused: what happens without the part
};

// THE list, in the order of the enumeration. To switch a part on, write kBuilt.
//
// A part may be kNoticed only if its absence gives nobody access or data that the file forbids: a missing
// listener, a link that is not dialed, a trace that is not written. A part that decides who may log in, what
// they may do, or who sees their traffic is kRefused until it works. The options inside a
// block that is not built need no row.
constexpr std::array kPartRows = {
    PartRow{Part::kCluster, "cluster", PartState::kBuilt},
    PartRow{Part::kGateway, "gateway", PartState::kBuilt},
    PartRow{Part::kLeafnodes, "leafnodes", PartState::kBuilt},
    PartRow{Part::kExports, "exports", PartState::kBuilt},
    PartRow{Part::kImports, "imports", PartState::kBuilt},
    PartRow{Part::kAccountLimits, "limits", PartState::kBuilt},
    PartRow{Part::kConnectionTypes, "allowed_connection_types", PartState::kBuilt},
    PartRow{Part::kMonitoring, "http", PartState::kBuilt},
    PartRow{Part::kOperator, "operator", PartState::kBuilt},
    PartRow{Part::kJetStream, "jetstream", PartState::kNoticed},
    PartRow{Part::kWebsocket, "websocket", PartState::kBuilt},
    PartRow{Part::kMqtt, "mqtt", PartState::kNoticed},
    PartRow{Part::kMappings, "mappings", PartState::kBuilt},
    PartRow{Part::kOcsp, "ocsp", PartState::kRefused,
            "a revoked certificate of this server or of a peer would stay in use"},
    PartRow{Part::kOcspCache, "ocsp_cache", PartState::kNoticed},
    PartRow{Part::kOcspPeer, "ocsp_peer", PartState::kRefused,
            "a peer with a revoked certificate would be admitted"},
    PartRow{Part::kAuthCallout, "auth_callout", PartState::kRefused,
            "clients would be admitted that the service would refuse"},
    PartRow{Part::kProxies, "proxies", PartState::kRefused,
            "clients of a proxy that is not trusted would be admitted"},
    PartRow{Part::kProxyRequired, "proxy_required", PartState::kRefused,
            "clients would be admitted without the proxy"},
    PartRow{Part::kProxyProtocol, "proxy_protocol", PartState::kRefused,
            "clients would be admitted without the proxy, and rules about addresses would not see "
            "theirs"},
    PartRow{Part::kServerMetadata, "server_metadata", PartState::kNoticed},
    PartRow{Part::kFeatureFlags, "feature_flags", PartState::kNoticed},
    PartRow{Part::kCertificateList, "certs", PartState::kRefused,
            "no or another certificate would be shown"},
    PartRow{Part::kProfiling, "prof_port", PartState::kNoticed},
    PartRow{Part::kResolverInterval, "resolver interval", PartState::kNoticed},
    PartRow{Part::kResolverTimeout, "resolver timeout", PartState::kNoticed},
    PartRow{Part::kExportTrace, "allow_trace", PartState::kNoticed},
    PartRow{Part::kMessageTrace, "msg_trace", PartState::kNoticed},
    PartRow{Part::kHybridCurves, "curve_preferences", PartState::kNoticed},
    PartRow{Part::kWebsocketRemotes, "a remote by ws or wss", PartState::kBuilt},
    PartRow{Part::kRemoteProxy, "proxy", PartState::kRefused,
            "the remote would be dialed without the proxy"},
    PartRow{Part::kIsolation, "isolate_leafnode_interest", PartState::kBuilt},
};

constexpr bool in_order() {
    for (size_t i = 0; i < kPartRows.size(); ++i) {
        if (static_cast<size_t>(kPartRows[i].part) != i) return false;
        if ((kPartRows[i].state == PartState::kRefused) == kPartRows[i].danger.empty())
            return false;
    }
    return true;
}
static_assert(kPartRows.size() == static_cast<size_t>(Part::kCount));
static_assert(in_order());

const PartRow& row_of(Part part) {
    assert(part < Part::kCount);
    return kPartRows[static_cast<size_t>(part)];
}

}  // namespace

std::string_view part_key(Part part) {
    return row_of(part).key;
}

PartState part_state(Part part) {
    return row_of(part).state;
}

std::string inactive_text(Part part) {
    const PartRow& row = row_of(part);
    if (row.state != PartState::kRefused) {
        return fmt::format("\"{}\" is accepted, but not active in this version", row.key);
    }
    return fmt::format(
        "\"{}\" is not active in this version: without it, {} - remove it on purpose, or keep "
        "nats-server",
        row.key, row.danger);
}

}  // namespace nuring::config
