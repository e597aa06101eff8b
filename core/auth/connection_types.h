// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"

namespace nuring::auth {

// How a client has come.
enum class ConnectionType : uint8_t { kStandard, kWebsocket };

// allowed_connection_types. Types that this server does not know are passed over, but a list of nothing
// else is no list of everything.
inline bool allows_connection(const std::vector<std::string>& types, ConnectionType wanted) {
    const char* const name = wanted == ConnectionType::kWebsocket ? "WEBSOCKET" : "STANDARD";
    return types.empty() || std::any_of(types.begin(), types.end(), [name](const std::string& type) {
               return absl::EqualsIgnoreCase(type, name);
           });
}

}  // namespace nuring::auth
