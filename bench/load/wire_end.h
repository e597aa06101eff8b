// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <span>
#include <string_view>

#include "bench/load/fatal.h"

namespace nuring::bench {

// For set-up, which is blocking.
inline void await_end(int fd, short events) {
    constexpr int kPatience_ms = 5000;
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    if (poll(&entry, 1, kPatience_ms) == 0) fatal("no set-up in {} ms", kPatience_ms);
}

// WireEnd wraps the send and recv of one connection of the generator, so that NATS bytes travel as
// something else.
// Threads: one. Limits: it takes new bytes only when what it made of the last has left.
// Errors:  a set-up that fails ends the process; later errors look like a closed connection.
class WireEnd {
  public:
    virtual ~WireEnd() = default;

    // As send(2): bytes taken, 0 when the socket is full, -1 when it is closed.
    virtual ssize_t send(std::string_view bytes) = 0;
    // Sends what is left of earlier calls; true: nothing is.
    virtual bool flush() = 0;
    // As recv(2), until `room` is full or nothing is left: `blocked` tells which.
    virtual ssize_t receive(std::span<char> room, bool* blocked) = 0;
};

}  // namespace nuring::bench
