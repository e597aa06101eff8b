// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/tls/tls_engine.h"

namespace nuring::bench {

// TlsEnd is the TLS of one connection of the generator: it wraps the socket's send and recv, and
// checks no certificate.
// Threads: one. Limits: it takes new plaintext only when the ciphertext of the last has left.
// Errors:  a handshake that fails ends the process; later ones look like a closed connection.
class TlsEnd {
  public:
    // Blocking: reads INFO, which comes in clear text, then shakes hands.
    explicit TlsEnd(int fd);

    // As send(2): bytes taken, 0 when the socket is full, -1 when it is closed.
    ssize_t send(std::string_view bytes);
    // Sends ciphertext that is left; true: none is.
    bool flush();
    // As recv(2), until `room` is full or nothing is left: `blocked` tells which.
    ssize_t receive(std::span<char> room, bool* blocked);

  private:
    tls::Output output() {
        return {.append = [](void* out, const char* bytes,
                             size_t size) { static_cast<std::string*>(out)->append(bytes, size); },
                .state = &outgoing_};
    }
    bool receive_some();

    const int fd_;
    std::unique_ptr<tls::Engine> engine_;
    std::string incoming_;
    std::string outgoing_;
    size_t sent_ = 0;  // of outgoing_
    bool closed_ = false;
};

}  // namespace nuring::bench
