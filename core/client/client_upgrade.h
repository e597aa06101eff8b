// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "core/link/websocket_channel.h"

namespace nuring::client {

// The facts from the HTTP request of a WebSocket client.
struct ClientUpgrade {
    link::WebsocketTerms terms;
    std::string forwarded_for;  // the address that a proxy names; may be empty
    // Of cookies: they stand in for what CONNECT leaves empty.
    std::string jwt;
    std::string user;
    std::string password;
    std::string token;
};

// Bytes that one compressed message may become, where payloads have that limit.
uint64_t websocket_message_max(int64_t payload_max);

}  // namespace nuring::client
