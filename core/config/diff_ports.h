// SPDX-License-Identifier: Apache-2.0
// The parts of diff() about gateways and WebSocket: a reload changes only their TLS. Private to core/config.
#pragma once

#include <vector>

#include "core/config/diff.h"
#include "core/config/options.h"

namespace nuring::config {

// Append what a reload from one to the other changes or may not change. The order of gateways is no change.
void compare_gateway(const GatewayOptions& active, const GatewayOptions& fresh,
                     std::vector<Change>* changes);
void compare_websocket(const WebsocketOptions& active, const WebsocketOptions& fresh,
                       std::vector<Change>* changes);

}  // namespace nuring::config
