// SPDX-License-Identifier: Apache-2.0
// How a connection becomes a WebSocket: one HTTP request, one answer, on both sides.
//
// The request is read by http_request.h, our own strict reader: it refuses what Go's net/http refuses,
// in the same words, is bounded by the size of the head that the caller gathers, and is fuzzed. HTTP
// libraries own sockets and threads, or accept more than nats-server does.
//
// Threads: any; no state. Errors: in the results, as texts.
// Source:  RFC 6455, 4; RFC 7692, 5; server/websocket.go 2.15.3 (wsUpgrade, wsDial);
//          net/http/cookie.go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/websocket_origin.h"

namespace nuring::proto {

// Bytes of a request's or an answer's head. (nats-server accepts 1 MiB. Browsers send less than 4 KiB, and
// proxies pass on up to 8 KiB.)
inline constexpr size_t kWebsocketHeadBytesMax = 16 * 1024;

// The end of the path decides.
enum class WebsocketEndpoint : uint8_t { kClient, kLeafnode, kMqtt };

struct WebsocketUpgradeRules {
    bool tls = false;                               // the connection is encrypted
    bool compression = false;                       // permessage-deflate may be granted
    bool mqtt = false;                              // "/mqtt" is served
    const WebsocketOriginRules* origins = nullptr;  // null: any
};

struct WebsocketUpgrade {
    // A whole answer; empty: the upgrade is granted.
    std::string refusal;
    // For the log: "origin not allowed: not same origin"; empty: nothing is logged.
    std::string reason;
    bool goes_on = false;  // refused, but another request may follow

    WebsocketEndpoint endpoint = WebsocketEndpoint::kClient;
    std::string accept;  // Sec-WebSocket-Accept
    bool compression = false;
    bool masks_optional = false;  // Nats-No-Masking
    bool browser = false;         // reads small frames better
    bool whole_messages = false;  // Safari: compressed messages must not be fragmented
    std::string forwarded_for;    // an IP address, or empty
    std::vector<std::pair<std::string, std::string>> cookies;

    // The last cookie of that name; empty if there is none.
    std::string_view cookie(std::string_view name) const;
};

// Reads the head of a request, up to and with its empty line.
WebsocketUpgrade read_websocket_upgrade(std::string_view head, const WebsocketUpgradeRules& rules);

// The answer to a head that has become too long.
std::string refuse_long_websocket_head();

// The answer that grants an upgrade. `further_fields`: whole lines.
std::string make_websocket_answer(const WebsocketUpgrade& upgrade, std::string_view further_fields);

// The request of a dialing server.
struct WebsocketDial {
    std::string path;  // "/leafnode", with the path of its URL in front
    std::string host;
    std::string key;  // make_websocket_key()
    bool compression = false;
    bool no_masking = false;
};

inline constexpr size_t kWebsocketNonceSize = 16;
// From kWebsocketNonceSize random bytes.
std::string make_websocket_key(std::string_view nonce);

std::string make_websocket_request(const WebsocketDial& dial);

struct WebsocketAnswer {
    std::string error;  // "invalid websocket connection"; empty: upgraded
    bool compression = false;
    bool no_masking = false;
};

// Reads the head of the answer to such a request.
WebsocketAnswer read_websocket_answer(std::string_view head, const WebsocketDial& dial);

// The accept value that belongs to a key.
std::string websocket_accept(std::string_view key);

}  // namespace nuring::proto
