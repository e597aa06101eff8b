// SPDX-License-Identifier: Apache-2.0
#include "core/config/url.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/hex.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

constexpr std::string_view kSchemeEnd = "://";
constexpr int kUrlPortMax = 65535;

bool is_scheme(std::string_view text) {
    if (text.empty() || !is_alpha(text[0])) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
    });
}

bool is_host_byte(char c) {
    return is_alpha(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80 ||
           std::string_view("-._~!$&'()*+,;=:").find(c) != std::string_view::npos;
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
}

absl::Status bad(const std::string& why) {
    return absl::InvalidArgumentError(why);
}

absl::Status read_user(std::string_view text, Url* url) {
    const size_t colon = text.find(':');
    const std::optional<std::string> user = percent_decode(text.substr(0, colon));
    if (!user) return bad("invalid escape in the user name");
    url->has_user = true;
    url->user = *user;
    if (colon == std::string_view::npos) return absl::OkStatus();
    const std::optional<std::string> password = percent_decode(text.substr(colon + 1));
    if (!password) return bad("invalid escape in the password");
    url->has_password = true;
    url->password = *password;
    return absl::OkStatus();
}

absl::Status read_port(std::string_view text, Url* url) {
    if (text.empty()) return absl::OkStatus();  // "host:" has no port
    const std::optional<int64_t> port = to_integer(text);
    if (!port || *port < -1 || *port > kUrlPortMax) {
        return bad(fmt::format("invalid port \":{}\" after host", text));
    }
    url->port = static_cast<int>(*port);
    return absl::OkStatus();
}

absl::Status read_host(std::string_view text, Url* url) {
    std::string_view port;
    if (text.starts_with('[')) {
        const size_t close = text.find(']');
        if (close == std::string_view::npos) return bad("missing ']' in host");
        url->host = text.substr(1, close - 1);
        port = text.substr(close + 1);
        if (!port.empty() && port[0] != ':') {
            return bad(fmt::format("invalid port \"{}\" after host", port));
        }
    } else {
        const size_t colon = text.rfind(':');
        url->host = text.substr(0, colon);
        if (url->host.find(':') != std::string::npos) {
            return bad("an IPv6 host must stand in brackets");
        }
        if (colon != std::string_view::npos) port = text.substr(colon);
    }
    for (const char c : url->host) {
        if (!is_host_byte(c)) {
            return bad(fmt::format("invalid character \"{}\" in host name", c));
        }
    }
    return read_port(port.empty() ? port : port.substr(1), url);
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const int high = base::hex_value(text[i + 1]);
        const int low = base::hex_value(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::string Url::host_port() const {
    const bool brackets = host.find(':') != std::string::npos;
    const std::string shown = brackets ? "[" + host + "]" : host;
    return port == 0 ? shown : fmt::format("{}:{}", shown, port);
}

std::string Url::redacted() const {
    if (!has_password) return text;
    const size_t scheme_end = text.find(kSchemeEnd);
    const size_t start = scheme_end == std::string::npos ? 0 : scheme_end + kSchemeEnd.size();
    const size_t end = text.find_first_of("/?#", start);
    const size_t at = text.rfind('@', end);
    const size_t colon = text.find(':', start);
    return text.substr(0, colon + 1) + "xxxxx" + text.substr(at);
}

absl::StatusOr<Url> parse_url(std::string_view text) {
    text = strip(text);
    Url url;
    url.text = text;
    for (const char c : text) {
        if (is_control(c)) {
            return bad("invalid control character in URL");
        }
    }
    const size_t scheme_end = text.find(kSchemeEnd);
    if (scheme_end != std::string_view::npos) {
        const std::string_view scheme = text.substr(0, scheme_end);
        if (scheme.empty()) return bad("missing protocol scheme");
        if (!is_scheme(scheme)) return bad("invalid protocol scheme");
        url.scheme = to_lower(scheme);
        text.remove_prefix(scheme_end + kSchemeEnd.size());
    }
    const size_t path = text.find_first_of("/?#");
    std::string_view authority = text.substr(0, path);
    if (path != std::string_view::npos) url.path = text.substr(path, text.find('#') - path);

    const size_t at = authority.rfind('@');
    if (at != std::string_view::npos) {
        if (const absl::Status status = read_user(authority.substr(0, at), &url); !status.ok()) {
            return status;
        }
        authority.remove_prefix(at + 1);
    }
    if (const absl::Status status = read_host(authority, &url); !status.ok()) return status;
    return url;
}

}  // namespace nuring::config
