// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/link/link.h"
#include "core/link/link_host.h"
#include "core/runtime/owned_timer.h"
#include "core/websocket/port_settings.h"
#include "proto/websocket_upgrade.h"

namespace nuring::websocket {

class GuestHost;

// Guest is a connection to the WebSocket port until its HTTP upgrade is done. It is not counted as a
// client, and no page shows it.
//
//   accepted --> [TLS] --> request --> answer 101 --> handed over to a client or leafnode
//                               \---> answer 4xx --> another request, or closed
//
// Threads: its worker.
// Limits:  proto::kWebsocketHeadBytesMax of a request; PortSettings::handshake_ns for TLS, and again for
//          the rest.
// Errors:  answered and logged as in nats-server. Input that is not HTTP is not logged.
// Source:  server/websocket.go 2.15.3 (startWebsocketServer, wsUpgrade); the limits are ours.
class Guest final : public link::Link {
  public:
    Guest(GuestHost& guest_host, link::LinkHost& host, int fd);
    ~Guest() override;

    void greet();

    std::string label() const override;
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    // Link
    size_t consume(const char* begin, const char* end) override;
    void on_close() override;
    void on_handshake_done() override;
    void on_handshake_failed(std::string_view error) override;
    void hand_over(link::Handover&& connection) override;

    void arm_timer();
    void on_late();
    bool before_tls() const;
    size_t consume_request(std::string_view input);
    size_t refuse_clear_text(std::string_view input);
    void answer(std::string_view head, bool is_last);
    void refuse(const std::string& answer, bool goes_on);
    std::string address() const;

    GuestHost& guest_host_;
    const std::shared_ptr<const PortSettings> settings_;  // those of its arrival
    runtime::OwnedTimer<Guest, &Guest::on_late> timer_{*this};
    proto::WebsocketUpgrade upgrade_;
};

}  // namespace nuring::websocket
