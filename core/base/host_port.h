// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "fmt/format.h"

namespace nuring::base {

// "127.0.0.1:4222", "[::1]:4222". Source: Go net.JoinHostPort.
inline std::string host_port(std::string_view host, int port) {
    const bool v6 = host.find(':') != std::string_view::npos;
    return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace nuring::base
