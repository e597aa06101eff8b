// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nuring::server {

// The addresses of this machine's interfaces, numeric, in the system's order; `reachable` leaves out those
// that mean nothing elsewhere: loopback and link-local ones.
// Threads: any, but no worker. Errors: an empty list.
// Source:  Go net.InterfaceAddrs, IP.IsGlobalUnicast.
std::vector<std::string> interface_addresses(bool reachable);

// Does a socket bound to that host listen on all interfaces?
bool is_wildcard(const std::string& host);

// The host itself; a wildcard is replaced by the first reachable address, if there is one.
std::string reachable_host(const std::string& host);

// host:port; for a wildcard one for each reachable address. Source: server/server.go, getClientConnectURLs.
std::vector<std::string> reachable_addresses(const std::string& host, int port);

}  // namespace nuring::server
