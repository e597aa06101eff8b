// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace nuring::config {

// Url is the address of another server (route, gateway, leafnode) or of an account resolver.
struct Url {
    std::string scheme;    // lower case; empty for a bare host:port
    std::string user;      // percent-decoded
    std::string password;  // percent-decoded
    bool has_user = false;
    bool has_password = false;
    std::string host;  // without brackets
    int port = 0;      // 0: none given; -1: "pick one" (only --cluster uses it)
    std::string path;  // with its leading slash, query included; mostly empty

    // The text as configured, with the password in it.
    std::string text;

    bool is_websocket() const { return scheme == "ws" || scheme == "wss"; }
    // "host:port", IPv6 in brackets; without port only the host.
    std::string host_port() const;
    // The text for logs: the password replaced by "xxxxx", as Go prints it.
    std::string redacted() const;

    friend bool operator==(const Url&, const Url&) = default;
};

// Reads what Go's url.Parse reads out of a server address, and besides it a bare host:port, which
// Go misreads as scheme:opaque. The error says what is wrong with the text, not where it stood.
// Source: Go net/url, as far as server addresses use it.
absl::StatusOr<Url> parse_url(std::string_view text);

// "%2F" decoded; nothing for a bad escape.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace nuring::config
