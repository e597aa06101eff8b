// SPDX-License-Identifier: Apache-2.0
#include "core/websocket/guest_host.h"

#include "core/client/client_upgrade.h"
#include "core/link/handover.h"
#include "core/websocket/guest.h"

namespace nuring::websocket {

void GuestHost::admit(int fd) {
    link::LinkHost& host = clients_.host;
    if (host.refuses_clients()) {
        clients_.release_place();
        return host.ring.close(fd);
    }
    auto* guest = new Guest(*this, host, fd);  // LinkHost deletes it once it is retired
    guests_.add(*guest);
    guest->greet();
}

void GuestHost::release_guest(Guest& guest) {
    guests_.remove(guest);
    clients_.release_place();
}

void GuestHost::pass_on(Guest& guest, link::Handover&& connection,
                   const proto::WebsocketUpgrade& upgrade) {
    guests_.remove(guest);
    if (upgrade.endpoint == proto::WebsocketEndpoint::kLeafnode) {
        clients_.release_place();
        return leafnodes_(std::move(connection), upgrade);
    }
    const config::WebsocketOptions& options = settings_->options->websocket;
    auto client = std::make_unique<client::ClientUpgrade>();
    client->terms.compression = upgrade.compression;
    client->terms.masks_optional = upgrade.masks_optional;
    client->terms.browser = upgrade.browser;
    client->terms.whole_messages = upgrade.whole_messages;
    client->forwarded_for = upgrade.forwarded_for;
    const auto cookie = [&upgrade](const std::string& name) {
        return name.empty() ? std::string() : std::string(upgrade.cookie(name));
    };
    client->jwt = cookie(options.jwt_cookie);
    client->user = cookie(options.user_cookie);
    client->password = cookie(options.pass_cookie);
    client->token = cookie(options.token_cookie);
    clients_.adopt(std::move(connection), std::move(client));
}

}  // namespace nuring::websocket
