// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace nuring::server {

// The addresses of this machine's interfaces, numeric, in the system's order; `reachable` leaves out those
// that mean nothing elsewhere: loopback and link-local ones.
// Threads: any, but no worker. Errors: an empty list.
// Source:  Go net.InterfaceAddrs, IP.IsGlobalUnicast.
std::vector<std::string> interface_addresses(bool reachable);

}  // namespace nuring::server
