// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"

namespace nuring::auth {

// allowed_connection_types: every client here is a STANDARD one. Types that this server does not know are
// passed over, but a list of nothing else is no list of everything.
inline bool allows_plain_connections(const std::vector<std::string>& types) {
    return types.empty() || std::any_of(types.begin(), types.end(), [](const std::string& type) {
               return absl::EqualsIgnoreCase(type, "STANDARD");
           });
}

}  // namespace nuring::auth
