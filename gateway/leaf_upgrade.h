// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/delivery/delivery.h"
#include "core/link/link.h"
#include "core/runtime/owned_timer.h"
#include "core/server_link/link_target.h"
#include "gateway/leaf_settings.h"
#include "proto/websocket_upgrade.h"

namespace nuring::gateway {

class LeafRemote;

// LeafUpgrade is a dialed connection to the WebSocket port of a hub until its HTTP upgrade is done.
//
//   dialed --> [TLS] --> request --> answer 101 --> handed over: LeafRemote makes a LeafLink of it
//                              \---> another answer --> closed: LeafRemote dials again
//
// Threads: its worker.
// Limits:  proto::kWebsocketHeadBytesMax of an answer; `tls.timeout`, then `first_info_timeout`.
// Errors:  logged as in nats-server. Source: server/leafnode.go 2.15.3, leafNodeSolicitWSConnection.
class LeafUpgrade final : public link::Link {
  public:
    LeafUpgrade(delivery::Delivery& delivery, int fd, LeafRemote& remote, server_link::LinkTarget target);
    ~LeafUpgrade() override;

    void greet();
    // Its remote is not wanted any more.
    void leave_remote(link::CloseReason reason);

    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    // Link
    size_t consume(const char* begin, const char* end) override;
    void on_close() override;
    bool on_handshake_begun() override;
    void on_handshake_done() override;
    void on_handshake_failed(std::string_view error) override;
    void hand_over(link::Handover&& connection) override;

    void arm_timer(uint64_t after_ns);
    void on_late();
    void ask();
    void refuse(std::string_view error);

    LeafRemote* remote_;  // null: not wanted any more
    const std::shared_ptr<const LeafRemoteSettings> settings_;
    const server_link::LinkTarget target_;
    proto::WebsocketDial dial_;
    proto::WebsocketAnswer answer_;
    runtime::OwnedTimer<LeafUpgrade, &LeafUpgrade::on_late> timer_{*this};
};

}  // namespace nuring::gateway
