// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/config/options.h"
#include "core/server_link/server_link.h"
#include "proto/gateway_reply.h"
#include "proto/info.h"

namespace nuring::tls {
class Profile;
}

namespace nuring::gateway {

// GatewaySettings is what all gateway connections of this server go by: an immutable snapshot, replaced as a
// whole by a reload.
// Threads: any.
struct GatewaySettings {
    std::shared_ptr<const config::Options> options;
    std::shared_ptr<const tls::Profile> tls_acceptor;  // null: clear text
    // For the clusters that are dialed; null: clear text. `tls_dialer` is for those without a block of
    // their own.
    std::shared_ptr<const tls::Profile> tls_dialer;
    absl::flat_hash_map<std::string, std::shared_ptr<const tls::Profile>> remote_dialers;
    proto::ServerInfo info;           // what this server says of itself, but for the addresses of its cluster
    proto::ReplyOrigin reply_origin;  // of this server
    std::string old_hash;             // of the cluster, in replies to servers before 2.1.2

    const config::GatewayOptions& gateway() const { return options->gateway; }
    const std::string& name() const { return options->gateway.name; }
    // The credentials of a gateway that dials this server.
    server_link::ServerLink::LoginRule login_rule() const {
        server_link::ServerLink::LoginRule rule{.wanted = gateway().authorization};
        if (const auto& tls = gateway().tls; tls.has_value()) {
            rule.maps_certificate = tls->map;
            if (tls->check_known_urls) {
                rule.known_urls.emplace();
                for (const config::RemoteGateway& remote : gateway().gateways) {
                    rule.known_urls->insert(rule.known_urls->end(), remote.urls.begin(), remote.urls.end());
                }
            }
        }
        return rule;
    }
    std::shared_ptr<const tls::Profile> dialer_of(const std::string& name) const {
        const auto own = remote_dialers.find(name);
        return own == remote_dialers.end() ? tls_dialer : own->second;
    }
};

}  // namespace nuring::gateway
