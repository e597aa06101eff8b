// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "core/client/client_host.h"
#include "core/link/link.h"
#include "core/link/stranger_list.h"
#include "core/websocket/port_settings.h"
#include "proto/websocket_upgrade.h"

namespace nuring::websocket {

class Guest;

// GuestHost admits connections to the WebSocket port, on one worker: as guests first, and as clients or
// leafnodes once their upgrade is done.
//
// Threads: its worker. Limits: kGuestsMax guests at a time; for one more the oldest is closed. Errors: none.
// Lifetime: outlives its guests.
class GuestHost {
  public:
    // Connections without an upgrade, which cost a TLS handshake and kWebsocketHeadBytesMax at most.
    static constexpr size_t kGuestsMax = 1024;

    // Takes a connection that has asked for "/leafnode".
    using LeafnodeAcceptor = std::function<void(link::Handover&&, const proto::WebsocketUpgrade&)>;

    GuestHost(client::ClientHost& clients, std::shared_ptr<const PortSettings> settings)
        : clients_(clients), settings_(std::move(settings)) {}
    GuestHost(const GuestHost&) = delete;
    GuestHost& operator=(const GuestHost&) = delete;

    // A new connection, which is counted on this worker already.
    void admit(int fd);
    void set_settings(std::shared_ptr<const PortSettings> settings) {
        settings_ = std::move(settings);
    }
    // Empty: leafnodes are not accepted.
    void set_leafnode_acceptor(LeafnodeAcceptor acceptor) { leafnodes_ = std::move(acceptor); }

    // --- called by guests
    std::shared_ptr<const PortSettings> settings() const { return settings_; }
    bool accepts_leafnodes() const { return leafnodes_ != nullptr; }
    void pass_on(Guest& guest, link::Handover&& connection, const proto::WebsocketUpgrade& upgrade);
    // The guest has not become anything.
    void release_guest(Guest& guest);

  private:
    client::ClientHost& clients_;
    std::shared_ptr<const PortSettings> settings_;
    LeafnodeAcceptor leafnodes_;
    link::StrangerList guests_{kGuestsMax};
};

}  // namespace nuring::websocket
