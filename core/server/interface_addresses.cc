// SPDX-License-Identifier: Apache-2.0
#include "core/server/interface_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <array>
#include <memory>

#include "core/base/host_port.h"

namespace nuring::server {
namespace {

bool is_reachable(const in_addr& address) {
    const uint32_t bits = ntohl(address.s_addr);
    return bits >> 24 != 127 && bits >> 16 != 0xa9fe && bits != 0 && bits >> 28 < 14;
}

bool is_reachable(const in6_addr& address) {
    return !IN6_IS_ADDR_LOOPBACK(&address) && !IN6_IS_ADDR_LINKLOCAL(&address) &&
           !IN6_IS_ADDR_UNSPECIFIED(&address) && !IN6_IS_ADDR_MULTICAST(&address);
}

}  // namespace

std::vector<std::string> interface_addresses(bool reachable) {
    std::vector<std::string> addresses;
    ifaddrs* found = nullptr;
    if (::getifaddrs(&found) != 0) return addresses;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> guard(found, ::freeifaddrs);
    std::array<char, INET6_ADDRSTRLEN> text;
    for (const ifaddrs* entry = found; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr) continue;
        if (entry->ifa_addr->sa_family == AF_INET) {
            const auto* v4 = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
            if (reachable && !is_reachable(v4->sin_addr)) continue;
            ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
            addresses.emplace_back(text.data());
        } else if (entry->ifa_addr->sa_family == AF_INET6) {
            const auto* v6 = reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr);
            if (reachable && !is_reachable(v6->sin6_addr)) continue;
            ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
            addresses.emplace_back(text.data());
        }
    }
    return addresses;
}

bool is_wildcard(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

std::string reachable_host(const std::string& host) {
    if (!is_wildcard(host)) return host;
    const std::vector<std::string> addresses = interface_addresses(/*reachable=*/true);
    return addresses.empty() ? host : addresses.front();
}

std::vector<std::string> reachable_addresses(const std::string& host, int port) {
    if (!is_wildcard(host)) return {base::host_port(host, port)};
    std::vector<std::string> all;
    for (const std::string& address : interface_addresses(/*reachable=*/true)) {
        all.push_back(base::host_port(address, port));
    }
    return all;
}

}  // namespace nuring::server
