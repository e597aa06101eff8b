// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bench/load/send_buffer.h"
#include "bench/load/wire_end.h"
#include "proto/websocket_frames.h"

namespace nuring::bench {

// WebsocketEnd is the WebSocket of one connection: each send is one masked frame. It offers no
// compression. Threads, limits, errors: WireEnd's.
class WebsocketEnd final : public WireEnd {
  public:
    // Blocking: asks for the upgrade and reads the answer.
    WebsocketEnd(int fd, const std::string& host);

    ssize_t send(std::string_view bytes) override;
    bool flush() override { return outgoing_.flush(fd_); }
    ssize_t receive(std::span<char> room, bool* blocked) override;

  private:
    ssize_t receive_some();

    const int fd_;
    proto::WebsocketReader reader_{proto::WebsocketReader::Masks::kRefused, /*compression=*/false};
    const std::unique_ptr<char[]> area_;
    char* begin_ = nullptr;  // of what was received and not read
    char* end_ = nullptr;
    std::string_view payload_;  // of the frame being read, part of the former
    SendBuffer outgoing_;
    bool closed_ = false;
};

}  // namespace nuring::bench
