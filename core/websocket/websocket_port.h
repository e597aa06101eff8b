// SPDX-License-Identifier: Apache-2.0
// The WebSocket port as a part of the process.
#pragma once

#include <functional>
#include <memory>

#include "core/base/ids.h"
#include "core/config/options.h"
#include "core/server/subsystem.h"
#include "core/websocket/guest_host.h"

namespace nuring::websocket {

// The port as a subsystem, and what others of the process may ask of it. Threads: the control thread.
class WebsocketPort : public server::Subsystem {
  public:
    // Takes a connection that has asked for "/leafnode", on that worker, where it stays.
    using LeafnodeAcceptor =
        std::function<void(base::WorkerId, link::Handover&&, const proto::WebsocketUpgrade&)>;

    // From now on; before, such connections are refused. On the control thread, while the workers run.
    virtual void accept_leafnodes(LeafnodeAcceptor acceptor) = 0;
};

// Null: the configuration has no such port.
std::unique_ptr<WebsocketPort> create_websocket_port(const config::Options& options);

}  // namespace nuring::websocket
