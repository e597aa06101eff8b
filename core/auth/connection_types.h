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

// A client or a leafnode, and which port it uses.
enum class ConnectionType : uint8_t { kStandard, kWebsocket, kLeafnode, kLeafnodeWebsocket };

constexpr absl::string_view name_of(ConnectionType type) {
    constexpr std::array<absl::string_view, 4> kNames{"STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS"};
    return kNames[static_cast<size_t>(type)];
}

// allowed_connection_types. Types that this server does not know are passed over, but a list of nothing
// else is no list of everything.
inline bool allows_connection(const std::vector<std::string>& types, ConnectionType wanted) {
    return types.empty() || std::any_of(types.begin(), types.end(), [wanted](const std::string& type) {
               return absl::EqualsIgnoreCase(type, name_of(wanted));
           });
}

}  // namespace nuring::auth
