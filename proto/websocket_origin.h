// SPDX-License-Identifier: Apache-2.0
// The web pages that may open a WebSocket: a browser names its page's origin, other clients do not.
// Source:  server/websocket.go 2.15.3 (checkOrigin); RFC 6454, 4; RFC 6455, 10.2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nuring::proto {

// Scheme, host in lower case, and port (80 or 443 if none is given).
struct WebOrigin {
    std::string scheme;
    std::string host;
    std::string port;

    bool operator==(const WebOrigin&) const = default;
};

// Reads "https://example.com:8443"; returns why it is none, in Go's words, or nothing.
std::string read_web_origin(std::string_view text, WebOrigin* origin);

// Splits "host:port" as Go's net.SplitHostPort; without a port the default of the scheme is taken.
// Returns why it cannot be split, or nothing.
std::string split_web_host(std::string_view text, bool tls, WebOrigin* origin);

struct WebsocketOriginRules {
    bool same_origin = false;
    std::vector<WebOrigin> allowed;  // empty: any
};

// Why a page of this origin may not connect to a server that it addresses as `host`; empty: it may.
std::string refuse_web_origin(const WebsocketOriginRules& rules, std::string_view origin,
                              std::string_view host, bool tls);

}  // namespace nuring::proto
