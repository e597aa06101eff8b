// SPDX-License-Identifier: Apache-2.0
// Checks of a `websocket` block that has a port.
// Source: validateWebsocketOptions in server/websocket.go 2.15.3.
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "core/config/text.h"
#include "core/config/url.h"
#include "core/config/validate_parts.h"

namespace nuring::config {
namespace {

void report_websocket_fault(Diagnostics* out, std::string_view text) {
    out->error({}, text);
}

void check_origin(const std::string& origin, Diagnostics* out) {
    const absl::StatusOr<Url> url = parse_url(origin);
    if (!url.ok()) {
        return report_websocket_fault(out, fmt::format("unable to parse allowed origin: parse \"{}\": {}", origin,
                                    std::string(url.status().message())));
    }
    if (url->scheme.empty() && !origin.starts_with('/')) {
        return report_websocket_fault(out, fmt::format("unable to parse allowed origin: parse \"{}\": invalid URI for request",
                                    origin));
    }
    if (url->scheme != "http" && url->scheme != "https") {
        return report_websocket_fault(out, fmt::format("unable to parse allowed origin \"{}\": allowed origins must be "
                                    "absolute URLs with http or https scheme",
                                    origin));
    }
    if (url->host.empty()) {
        report_websocket_fault(out, fmt::format("unable to parse allowed origin \"{}\": host is required", origin));
    }
}

// Those that the upgrade itself answers with.
void check_header(const std::string& name, Diagnostics* out) {
    const std::string folded = to_lower(name);
    for (const std::string_view own :
         {"host", "content-length", "connection", "upgrade", "nats-no-masking"}) {
        if (folded != own) continue;
        return report_websocket_fault(out, fmt::format("websocket: invalid header \"{}\" not allowed", name));
    }
    if (folded.starts_with("sec-websocket-")) {
        report_websocket_fault(out, fmt::format("websocket: invalid header \"{}\", \"Sec-WebSocket-\" prefix not allowed",
                             name));
    }
}

// Ours: what would end the header, or start another one, is not sent.
void check_header_bytes(const std::string& name, const std::string& value, Diagnostics* out) {
    const auto is_control = [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; };
    bool bad = name.empty() || name.find_first_of(" \t:()<>@,;\\\"/[]?={}") != std::string::npos;
    for (const char c : name) bad = bad || is_control(c);
    for (const char c : value) bad = bad || is_control(c);
    if (bad) report_websocket_fault(out, fmt::format("websocket: invalid header \"{}\"", name));
}

}  // namespace

void validate_websocket(const Options& options, Diagnostics* out) {
    const WebsocketOptions& websocket = options.websocket;
    if (websocket.port == 0) return;
    if (!websocket.tls && !websocket.no_tls) report_websocket_fault(out, "websocket requires TLS configuration");
    for (const std::string& origin : websocket.allowed_origins) check_origin(origin, out);
    check_no_auth_user(options, websocket.no_auth_user, out);
    if (!options.authorization.users.empty() || !options.authorization.nkeys.empty()) {
        if (!websocket.user.empty()) {
            report_websocket_fault(out, "websocket authentication username not compatible with presence of users/nkeys");
        }
        if (!websocket.token.empty()) {
            report_websocket_fault(out, "websocket authentication token not compatible with presence of users/nkeys");
        }
    }
    if (!websocket.jwt_cookie.empty() && !options.trust.active()) {
        report_websocket_fault(out, fmt::format("trusted operators or trusted keys configuration is required for JWT "
                             "authentication via cookie \"{}\"",
                             websocket.jwt_cookie));
    }
    for (const auto& [name, value] : websocket.headers) {
        check_header(name, out);
        check_header_bytes(name, value, out);
    }
}

}  // namespace nuring::config
