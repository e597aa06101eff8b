// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>

#include <string>
#include <string_view>

#include "fmt/format.h"

namespace nuring::base {

// "127.0.0.1:4222", "[::1]:4222". Source: Go net.JoinHostPort.
inline std::string host_port(std::string_view host, int port) {
    const bool v6 = host.find(':') != std::string_view::npos;
    return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

// An address rather than a name: "127.0.0.1", "::1", "fe80::1%eth0". Source: Go net.ParseIP, and zones.
inline bool is_numeric_host(const std::string& host) {
    in6_addr bytes;
    if (::inet_pton(AF_INET, host.c_str(), &bytes) == 1) return true;
    return ::inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &bytes) == 1;
}

}  // namespace nuring::base
