// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/config/options.h"
#include "core/tls/tls_profile.h"
#include "proto/websocket_origin.h"

namespace nuring::websocket {

// The settings of one server's WebSocket port; immutable, a reload makes another one.
struct PortSettings {
    std::shared_ptr<const config::Options> options;
    std::shared_ptr<const tls::Profile> tls;  // null: clear text
    proto::WebsocketOriginRules origins;
    std::string header_lines;   // that the answer to an upgrade has in addition
    uint64_t handshake_ns = 0;  // for the request, and for TLS before it
};

}  // namespace nuring::websocket
