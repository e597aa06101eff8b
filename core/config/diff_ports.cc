// SPDX-License-Identifier: Apache-2.0
#include "core/config/diff_ports.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/fixed_fields.h"
#include "core/config/show_value.h"

namespace nuring::config {
namespace {

std::string show_urls(const std::vector<Url>& urls) {
    std::string out;
    for (const Url& url : urls) out += (out.empty() ? "" : " ") + url.redacted();
    return fmt::format("[{}]", out);
}

std::string show_headers(const std::map<std::string, std::string>& headers) {
    std::string out;
    for (const auto& [name, value] : headers) out += (out.empty() ? "" : " ") + name;
    return fmt::format("[{}]", out);
}

const RemoteGateway* find(const std::vector<RemoteGateway>& remotes, const std::string& name) {
    const auto found = std::find_if(remotes.begin(), remotes.end(),
                                    [&](const RemoteGateway& each) { return each.name == name; });
    return found == remotes.end() ? nullptr : &*found;
}

void compare_remotes(const std::vector<RemoteGateway>& before,
                     const std::vector<RemoteGateway>& after, FixedFields* fixed) {
    constexpr std::string_view kKey = "gateway.gateways";
    for (const RemoteGateway& old : before) {
        const RemoteGateway* now = find(after, old.name);
        if (now == nullptr) {
            fixed->refuse_part(kKey, fmt::format("remote gateway \"{}\"", old.name), "");
            continue;
        }
        if (old.urls == now->urls) continue;
        const std::string where = fmt::format("remote gateway \"{}\": ", old.name);
        const std::string old_urls = show_urls(old.urls);
        const std::string new_urls = show_urls(now->urls);
        if (old_urls == new_urls) {
            fixed->refuse(kKey, where, "URLs", old_urls, "the same with another password");
        } else {
            fixed->refuse(kKey, where, "URLs", old_urls, new_urls);
        }
    }
    for (const RemoteGateway& now : after) {
        if (find(before, now.name) == nullptr) {
            fixed->refuse_part(kKey, "", fmt::format("remote gateway \"{}\"", now.name));
        }
    }
}

GatewayOptions fixed_part(GatewayOptions gateway) {
    gateway.tls.reset();
    for (RemoteGateway& remote : gateway.gateways) remote.tls.reset();
    std::sort(gateway.gateways.begin(), gateway.gateways.end(),
              [](const RemoteGateway& a, const RemoteGateway& b) { return a.name < b.name; });
    return gateway;
}

WebsocketOptions fixed_part(WebsocketOptions websocket) {
    websocket.tls.reset();
    return websocket;
}

bool maps_certificates(const std::optional<TlsOptions>& tls) { return tls.has_value() && tls->map; }
bool checks_known_urls(const std::optional<TlsOptions>& tls) {
    return tls.has_value() && tls->check_known_urls;
}

// Connections that are there have logged in by the rule of before, and are not asked again.
bool same_login(const std::optional<TlsOptions>& before, const std::optional<TlsOptions>& after) {
    return maps_certificates(before) == maps_certificates(after) &&
           checks_known_urls(before) == checks_known_urls(after);
}

void compare_login(std::string_view key, const std::optional<TlsOptions>& before,
                   const std::optional<TlsOptions>& after, FixedFields* fixed) {
    fixed->compare(key, "", "TLSMap", maps_certificates(before), maps_certificates(after));
    fixed->compare(key, "", "TLSCheckKnownURLs", checks_known_urls(before), checks_known_urls(after));
}

bool same_tls(const GatewayOptions& before, const GatewayOptions& after) {
    const auto same = [&](const RemoteGateway& old) {
        const RemoteGateway* now = find(after.gateways, old.name);
        return now != nullptr && now->tls == old.tls;
    };
    return before.tls == after.tls &&
           std::all_of(before.gateways.begin(), before.gateways.end(), same);
}

}  // namespace

void compare_gateway(const GatewayOptions& before, const GatewayOptions& after,
                     std::vector<Change>* changes) {
    if (fixed_part(before) == fixed_part(after) && same_login(before.tls, after.tls)) {
        if (same_tls(before, after)) return;
        changes->push_back({OptionId::kGatewayTls, true, false, "Reloaded: gateway tls"});
        return;
    }
    const size_t count = changes->size();
    FixedFields fixed("Gateway", FixedFields::Form::kBraces, changes);
    fixed.compare("gateway.name", "", "Name", before.name, after.name);
    fixed.compare("gateway.host", "", "Host", before.host, after.host);
    fixed.compare("gateway.port", "", "Port", before.port, after.port);
    const LinkAuthorization& old = before.authorization;
    const LinkAuthorization& now = after.authorization;
    fixed.compare("gateway.authorization", "", "Username", old.user, now.user);
    fixed.compare_secret("gateway.authorization", "", "Password", old.password, now.password);
    fixed.compare_login_timeout("gateway.authorization", "gateway.tls", before.tls.has_value(),
                                after.tls.has_value(), old.timeout, now.timeout);
    fixed.compare("gateway.advertise", "", "Advertise", before.advertise, after.advertise);
    fixed.compare("gateway.connect_retries", "", "ConnectRetries", before.connect_retries,
                  after.connect_retries);
    fixed.compare("gateway.connect_backoff", "", "ConnectBackoff", before.connect_backoff,
                  after.connect_backoff);
    fixed.compare("gateway.reject_unknown", "", "RejectUnknown", before.reject_unknown,
                  after.reject_unknown);
    fixed.compare("gateway.ping_interval", "", "PingInterval", before.times.ping_interval,
                  after.times.ping_interval);
    fixed.compare("gateway.ping_max", "", "MaxPingsOut", before.times.ping_max,
                  after.times.ping_max);
    fixed.compare("gateway.write_deadline", "", "WriteDeadline", before.times.write_deadline,
                  after.times.write_deadline);
    fixed.compare("gateway.write_timeout", "", "WriteTimeout", before.times.write_timeout,
                  after.times.write_timeout);
    compare_login("gateway.tls", before.tls, after.tls, &fixed);
    compare_remotes(before.gateways, after.gateways, &fixed);
    if (changes->size() == count) fixed.refuse("gateway", "the block has changed");
}

void compare_websocket(const WebsocketOptions& before, const WebsocketOptions& after,
                       std::vector<Change>* changes) {
    const bool had_tls = before.tls.has_value();
    const bool has_tls = after.tls.has_value();
    if (fixed_part(before) == fixed_part(after) && had_tls == has_tls &&
        same_login(before.tls, after.tls)) {
        if (before == after) return;
        changes->push_back({OptionId::kWebsocketTls, true, false, "Reloaded: websocket tls"});
        return;
    }
    const size_t count = changes->size();
    FixedFields fixed("Websocket", FixedFields::Form::kBraces, changes);
    fixed.compare("websocket.host", "", "Host", before.host, after.host);
    fixed.compare("websocket.port", "", "Port", before.port, after.port);
    fixed.compare("websocket.advertise", "", "Advertise", before.advertise, after.advertise);
    fixed.compare("websocket.no_tls", "", "NoTLS", before.no_tls, after.no_tls);
    // Whether there is TLS at all is part of the listener's address.
    fixed.compare_presence("websocket.tls", "TLS", had_tls, has_tls);
    if (had_tls && has_tls) compare_login("websocket.tls", before.tls, after.tls, &fixed);
    fixed.compare("websocket.same_origin", "", "SameOrigin", before.same_origin, after.same_origin);
    fixed.compare("websocket.allowed_origins", "", "AllowedOrigins", before.allowed_origins,
                  after.allowed_origins);
    fixed.compare("websocket.compression", "", "Compression", before.compression,
                  after.compression);
    fixed.compare("websocket.handshake_timeout", "", "HandshakeTimeout", before.handshake_timeout,
                  after.handshake_timeout);
    fixed.compare("websocket.no_auth_user", "", "NoAuthUser", before.no_auth_user,
                  after.no_auth_user);
    fixed.compare("websocket.jwt_cookie", "", "JWTCookie", before.jwt_cookie, after.jwt_cookie);
    fixed.compare("websocket.user_cookie", "", "UsernameCookie", before.user_cookie,
                  after.user_cookie);
    fixed.compare("websocket.pass_cookie", "", "PasswordCookie", before.pass_cookie,
                  after.pass_cookie);
    fixed.compare("websocket.token_cookie", "", "TokenCookie", before.token_cookie,
                  after.token_cookie);
    fixed.compare("websocket.authorization", "", "Username", before.user, after.user);
    fixed.compare_secret("websocket.authorization", "", "Password", before.password,
                         after.password);
    fixed.compare_secret("websocket.authorization", "", "Token", before.token, after.token);
    fixed.compare("websocket.authorization", "", "AuthTimeout", before.auth_timeout,
                  after.auth_timeout);
    if (before.headers != after.headers) {
        fixed.refuse("websocket.headers", "", "Headers", show_headers(before.headers),
                     show_headers(after.headers));
    }
    fixed.compare("websocket.ping_interval", "", "PingInterval", before.ping_interval,
                  after.ping_interval);
    if (changes->size() == count) fixed.refuse("websocket", "the block has changed");
}

}  // namespace nuring::config
