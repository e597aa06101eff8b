// SPDX-License-Identifier: Apache-2.0
// Client, WebSocket: what differs for one that has come to that port.
#include <algorithm>
#include <utility>

#include "core/base/host_port.h"
#include "core/client/client.h"
#include "core/client/client_upgrade.h"
#include "core/link/websocket_channel.h"
#include "fmt/format.h"

namespace nuring::client {
namespace {

// A compressed message may become a few operations of the largest size. (nats-server stops at one
// max_payload, protocol included, so that a client which compresses cannot publish a payload of that
// size.)
constexpr int64_t kMessagePayloads = 8;
constexpr int64_t kMessageProtocol = 64 * 1024;
constexpr int64_t kMessageMax = 64 * 1024 * 1024;

}  // namespace

uint64_t websocket_message_max(int64_t payload_max) {
    if (payload_max <= 0) payload_max = proto::kPayloadSizeDefault;
    if (payload_max > kMessageMax / kMessagePayloads) return kMessageMax;
    return static_cast<uint64_t>(
        std::min(payload_max * kMessagePayloads + kMessageProtocol, kMessageMax));
}

const auth::Authenticator& Client::authenticator() const {
    return is_websocket() ? *clients_.websocket()->authenticator : clients_.authenticator();
}

uint64_t Client::auth_timeout_ns() const {
    return is_websocket() ? clients_.websocket()->auth_timeout_ns
                          : clients_.limits().auth_timeout_ns;
}

uint64_t Client::ping_interval_ns() const {
    return is_websocket() ? clients_.websocket()->ping_interval_ns
                          : host_.limits().ping_interval_ns;
}

// Reading begins with resume(kHandover).
void Client::start_upgraded() {
    start_websocket(upgrade_->terms, websocket_message_max(clients_.limits().parse.payload_max));
}

// Field by field, where CONNECT has nothing.
void Client::fill_from_cookies() {
    proto::ConnectTexts::Views views = connect_.texts.views();
    const auto fill = [&views](proto::ConnectText field, const std::string& cookie) {
        std::string_view& view = views[static_cast<size_t>(field)];
        if (view.empty()) view = cookie;
    };
    fill(proto::ConnectText::kJwt, upgrade_->jwt);
    fill(proto::ConnectText::kUser, upgrade_->user);
    fill(proto::ConnectText::kPass, upgrade_->password);
    fill(proto::ConnectText::kAuthToken, upgrade_->token);
    connect_.texts.assign(views);
}

// "10.0.0.7/127.0.0.1:51234 - wid:7": a proxy may name the address of its client.
std::string Client::label() const {
    if (!is_websocket()) return link::Link::label();
    const std::string address = base::host_port(peer_host(), peer_port());
    const std::string& forwarded = upgrade_->forwarded_for;
    if (forwarded.empty()) return fmt::format("{} - wid:{}", address, cid());
    const bool is_ipv6 = forwarded.find(':') != std::string::npos;
    return fmt::format("{0}{1}{2}/{3} - wid:{4}", is_ipv6 ? "[" : "", forwarded, is_ipv6 ? "]" : "",
                       address, cid());
}

}  // namespace nuring::client
