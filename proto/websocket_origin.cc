// SPDX-License-Identifier: Apache-2.0
#include "proto/websocket_origin.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "fmt/format.h"
#include "proto/http_head.h"
#include "proto/quote.h"

namespace nuring::proto {
namespace {

std::string lower_case(std::string_view text) {
    std::string lower(text);
    absl::AsciiStrToLower(&lower);
    return lower;
}

std::string parse_error(std::string_view text, std::string_view why) {
    return fmt::format("parse {}: {}", quote(text), why);
}

bool is_scheme(std::string_view text) {
    const auto letter = [](char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); };
    return !text.empty() && letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' ||
                      c == '.';
           });
}

bool is_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); });
}

std::string address_error(std::string_view text, std::string_view why) {
    return fmt::format("address {}: {}", text, why);
}

std::string_view default_port(bool tls) {
    return tls ? "443" : "80";
}

}  // namespace

std::string split_web_host(std::string_view text, bool tls, WebOrigin* origin) {
    const size_t colon = text.rfind(':');
    std::string_view host = text;
    std::string_view port = default_port(tls);
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) return address_error(text, "missing ']' in address");
        const std::string_view behind = text.substr(end + 1);
        host = text.substr(1, end - 1);
        if (!behind.empty()) {
            if (behind.front() != ':') return address_error(text, "missing port in address");
            if (end + 1 != colon) return address_error(text, "too many colons in address");
            port = behind.substr(1);
        }
    } else if (colon != std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (host.find(':') != std::string_view::npos) {
            return address_error(text, "too many colons in address");
        }
    }
    origin->host = lower_case(host);
    origin->port = port;
    return {};
}

std::string read_web_origin(std::string_view text, WebOrigin* origin) {
    constexpr std::string_view kInvalid = "invalid URI for request";
    if (text.empty()) return parse_error(text, "empty url");
    const size_t colon = text.find(':');
    const std::string_view scheme = text.substr(0, std::min(colon, text.size()));
    if (!is_http_field_value(text))
        return parse_error(text, "net/url: invalid control character in URL");
    std::string_view rest = text;
    if (!text.starts_with('/')) {
        if (colon == std::string_view::npos || !is_scheme(scheme))
            return parse_error(text, kInvalid);
        origin->scheme = lower_case(scheme);
        rest = text.substr(colon + 1);
        if (!rest.starts_with('/')) return parse_error(text, kInvalid);
    }
    std::string_view host;
    if (rest.starts_with("//")) host = rest.substr(2, rest.find_first_of("/?#", 2) - 2);
    // A user in front of the host has no part in the comparison.
    if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
    if (!is_http_host(host)) return parse_error(text, "invalid character in host name");
    const size_t port = host.rfind(':');
    if (port != std::string_view::npos && host.find(']', port) == std::string_view::npos &&
        !is_digits(host.substr(port + 1))) {
        return parse_error(text,
                           fmt::format("invalid port {} after host", quote(host.substr(port))));
    }
    return split_web_host(host, origin->scheme == "https", origin);
}

std::string refuse_web_origin(const WebsocketOriginRules& rules, std::string_view origin,
                              std::string_view host, bool tls) {
    if ((!rules.same_origin && rules.allowed.empty()) || origin.empty()) return {};
    WebOrigin page;
    if (std::string why = read_web_origin(origin, &page); !why.empty()) return why;
    if (rules.same_origin) {
        WebOrigin own;
        own.scheme = tls ? "https" : "http";
        if (std::string why = split_web_host(host, tls, &own); !why.empty()) return why;
        if (page != own) return "not same origin";
    }
    const bool listed =
        std::find(rules.allowed.begin(), rules.allowed.end(), page) != rules.allowed.end();
    return rules.allowed.empty() || listed ? "" : "not in the allowed list";
}

}  // namespace nuring::proto
