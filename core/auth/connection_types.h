// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace nuring::auth {

// The kind of a connection that a user makes: a client or a leafnode, with or without WebSocket.
enum class ConnectionType : uint8_t { kStandard, kWebsocket, kLeafnode, kLeafnodeWebsocket };

constexpr absl::string_view name_of(ConnectionType type) {
    constexpr std::array<absl::string_view, 4> kNames{"STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS"};
    return kNames[static_cast<size_t>(type)];
}

// Does `allowed_connection_types` of a user allow that type? An empty list allows all. Types that this server
// does not know are ignored; a list of only such types allows none.
inline bool allows_connection(const std::vector<std::string>& types, ConnectionType wanted) {
    return types.empty() || std::any_of(types.begin(), types.end(), [wanted](const std::string& type) {
               return absl::EqualsIgnoreCase(type, name_of(wanted));
           });
}

}  // namespace nuring::auth
