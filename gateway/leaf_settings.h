// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "core/auth/authenticator.h"
#include "core/config/options.h"
#include "proto/info.h"

namespace nuring::tls {
class Profile;
}

namespace nuring::gateway {

// LeafSettings is what all leafnode links of this server go by: an immutable snapshot, which a reload
// replaces as a whole. Threads: any.
struct LeafSettings {
    std::shared_ptr<const config::Options> options;
    // Null: clear text.
    std::shared_ptr<const tls::Profile> tls_acceptor;
    // Of the users that the leafnodes block names itself; null: those of clients may enter, if there are any.
    std::shared_ptr<const auth::Authenticator> authenticator;
    // Those of clients that may come as leafnodes, by the port that they come to. Not in operator mode.
    std::shared_ptr<const auth::Authenticator> common;
    std::shared_ptr<const auth::Authenticator> common_websocket;
    proto::ServerInfo info;  // what this server says of itself to leafnodes

    const config::LeafnodeOptions& leafnodes() const { return options->leafnodes; }
};

// One configured remote. Threads: any; immutable.
struct LeafRemoteSettings {
    config::RemoteLeafnode options;
    std::shared_ptr<const tls::Profile> tls_dialer;  // used where the hub or the configuration asks for TLS
    bool asks_for_tls = false;                       // whatever the hub says
    uint64_t reconnect_ns = 0;
    uint64_t dial_timeout_ns = 0;

    const std::string& account() const { return options.account; }
};

}  // namespace nuring::gateway
