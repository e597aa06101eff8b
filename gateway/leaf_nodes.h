// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/server/subsystem.h"
#include "core/websocket/websocket_port.h"

namespace nuring::gateway {

// The leafnodes of this server as a subsystem, at either end: the port for servers that hang on this one,
// and the remotes that this one hangs on. Without either it waits for a reload that brings remotes. With a
// leafnode port, leafnodes may come to the WebSocket port, too, if there is one; it is started before and
// outlives the workers.
std::unique_ptr<server::Subsystem> create_leafnodes(websocket::WebsocketPort* websocket = nullptr);

}  // namespace nuring::gateway
