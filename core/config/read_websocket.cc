// SPDX-License-Identifier: Apache-2.0
// The `websocket` block. validate_websocket.cc checks a block that has a port.
#include <fmt/format.h>

#include <utility>

#include "core/config/reader.h"

namespace nuring::config {
namespace {

constexpr Row<WebsocketOptions> kWebsocketAuthorizationRows[] = {
    {"user username",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->user); }},
    {"password pass",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->password); }},
    {"token", [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->token); }},
    {"timeout",
     [](Reader& r, const Member& m, WebsocketOptions* w) {
         const ValueType type = m.value.type;
         if (type == ValueType::kInteger || type == ValueType::kFloat) {
             r.timeout(m.value, &w->auth_timeout);
         } else {
             w->auth_timeout = seconds(1);  // as in the reference, whatever it is
         }
     }},
};

void read_websocket_authorization(Reader& reader, const Member& member, WebsocketOptions* websocket) {
    if (!reader.map(member.value)) return;
    read_block(reader, member.value, kWebsocketAuthorizationRows, websocket);
}

void read_handshake_timeout(Reader& reader, const Member& member, WebsocketOptions* websocket) {
    const Value& value = member.value;
    if (value.type != ValueType::kString && value.type != ValueType::kInteger) {
        return reader.error(value, fmt::format("error parsing handshake timeout: unsupported type {}",
                                               value.go_type()));
    }
    reader.seconds_or_duration(value, "handshake timeout", false, &websocket->handshake_timeout);
}

void read_headers(Reader& reader, const Member& member, WebsocketOptions* websocket) {
    if (member.value.type != ValueType::kMap) {
        return reader.error(member.value, fmt::format("error parsing headers: unsupported type {}",
                                                      member.value.go_type()));
    }
    websocket->headers.clear();
    for (const Member& header : member.value.members) {
        if (header.value.type != ValueType::kString) {
            reader.error(header.value, fmt::format("error parsing header key {}: unsupported type {}",
                                                   header.key, header.value.go_type()));
            continue;
        }
        websocket->headers[header.key] = header.value.text;
    }
}

constexpr Row<WebsocketOptions> kWebsocketRows[] = {
    {"listen",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.listen(m.value, &w->host, &w->port); }},
    {"port", [](Reader& r, const Member& m, WebsocketOptions* w) { r.port(m.value, &w->port); }},
    {"host net", [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->host); }},
    {"advertise",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->advertise); }},
    {"no_tls", [](Reader& r, const Member& m, WebsocketOptions* w) { r.boolean(m.value, &w->no_tls); }},
    {"tls", [](Reader& r, const Member& m,
               WebsocketOptions* w) { read_tls(r, m.value, TlsSide::kClients, &w->tls); }},
    {"same_origin",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.boolean(m.value, &w->same_origin); }},
    {"allowed_origins allowed_origin allow_origins allow_origin origins origin",
     [](Reader& r, const Member& m, WebsocketOptions* w) {
         r.names(m.value, "allowed origins", &w->allowed_origins);
     }},
    {"compression compress",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.boolean(m.value, &w->compression); }},
    {"handshake_timeout", read_handshake_timeout},
    {"authorization authentication", read_websocket_authorization},
    {"no_auth_user",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->no_auth_user); }},
    {"jwt_cookie",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->jwt_cookie); }},
    {"user_cookie",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->user_cookie); }},
    {"pass_cookie",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->pass_cookie); }},
    {"token_cookie",
     [](Reader& r, const Member& m, WebsocketOptions* w) { r.text(m.value, &w->token_cookie); }},
    {"headers", read_headers},
    {"ping_interval",
     [](Reader& r, const Member& m, WebsocketOptions* w) {
         r.seconds_or_duration(m.value, "ping_interval", true, &w->ping_interval);
     }},
};

}  // namespace

void read_websocket(Reader& reader, const Value& value) {
    if (value.type != ValueType::kMap) {
        return reader.error(value,
                            fmt::format("Expected websocket to be a map, got {}", value.go_type()));
    }
    reader.note(value, Part::kWebsocket);
    WebsocketOptions websocket;
    read_block(reader, value, kWebsocketRows, &websocket);
    reader.options()->websocket = std::move(websocket);
}

}  // namespace nuring::config
