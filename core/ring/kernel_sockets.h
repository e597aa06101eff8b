// SPDX-License-Identifier: Apache-2.0
// Plain socket calls that both kernel rings share.
#pragma once

#include <sys/socket.h>

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "core/ring/ring.h"

namespace nuring::ring {

// Opens, binds and listens. An empty host, "0.0.0.0" and "::" bind every interface for both families, as Go
// does it; for IPv4 alone where the kernel has no IPv6.
// TCP_NODELAY is set here because accepted sockets inherit it.
// A name is listened on at one of its addresses, of IPv4 if there is any. A port that is taken is tried for
// a second.
// Errors: the text of getaddrinfo or bind, without the address (listen_error() adds it); of a taken port
//         kAlreadyExists, of one that needs rights kPermissionDenied, of a foreign address kOutOfRange.
absl::StatusOr<ListenSocket> open_listen_socket(const std::string& host, uint16_t port,
                                                bool nonblocking);

// That error in Go's words, with the address that a name stands for: "listen tcp 127.0.0.1:4222: bind: ...",
// "listen tcp: lookup ...".
std::string listen_error(const std::string& host, uint16_t port, const absl::Status& status);

// An address as the kernel has it.
struct RawAddress {
    sockaddr_storage bytes{};
    socklen_t size = 0;
};
// Opens a socket that can be connected to `address`, which goes to `raw`. Returns the descriptor or -errno.
int open_connect_socket(const SocketAddress& address, bool nonblocking, RawAddress* raw);
PeerAddress socket_peer(int fd);
uint64_t monotonic_ns();
uint64_t realtime_ns();
void fill_random_bytes(std::span<unsigned char> out);

}  // namespace nuring::ring
