// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bench/load/send_buffer.h"
#include "bench/load/wire_end.h"
#include "core/tls/tls_engine.h"

namespace nuring::bench {

// TlsEnd is the TLS of one connection; it checks no certificate. Threads, limits, errors: WireEnd's.
class TlsEnd final : public WireEnd {
  public:
    // Blocking: reads INFO, which comes in clear text, then shakes hands.
    explicit TlsEnd(int fd);

    ssize_t send(std::string_view bytes) override;
    bool flush() override { return outgoing_.flush(fd_); }
    ssize_t receive(std::span<char> room, bool* blocked) override;

  private:
    tls::Output output() {
        return {.append = [](void* out, const char* bytes,
                             size_t size) { static_cast<std::string*>(out)->append(bytes, size); },
                .state = &outgoing_.bytes()};
    }
    bool receive_some();

    const int fd_;
    std::unique_ptr<tls::Engine> engine_;
    std::string incoming_;
    SendBuffer outgoing_;
    bool closed_ = false;
};

}  // namespace nuring::bench
