// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "core/ring/ring.h"
#include "proto/websocket_deflate.h"

namespace nuring::link {

// WebsocketTools is what the WebSocket links of one worker share for permessage-deflate: the machines
// that compress and decompress, and the memory for what they make. A link has an inflater only while a
// compressed message is on its way.
// Threads: its worker. Limits: kKeptInflaters, of about 40 KiB each, are kept for later; how many are
//          out is bounded by the number of links. Errors: none. Lifetime: outlives the links.
class WebsocketTools {
  public:
    static constexpr size_t kKeptInflaters = 16;
    // Bytes that one step of decompression makes.
    static constexpr size_t kRoomBytes = 32 * 1024;
    // Bytes of frames that are compressed or masked together.
    static constexpr size_t kBatchBytes = 128 * 1024;

    std::unique_ptr<proto::WebsocketInflater> take_inflater() {
        if (kept_.empty()) {
            return std::make_unique<proto::WebsocketInflater>(proto::DeflateWindow::kPerMessage);
        }
        auto inflater = std::move(kept_.back());
        kept_.pop_back();
        return inflater;
    }
    void give_back(std::unique_ptr<proto::WebsocketInflater> inflater) {
        if (inflater != nullptr && kept_.size() < kKeptInflaters)
            kept_.push_back(std::move(inflater));
    }
    proto::WebsocketDeflater& deflater() {
        if (deflater_ == nullptr) {
            deflater_ =
                std::make_unique<proto::WebsocketDeflater>(proto::DeflateWindow::kPerMessage);
        }
        return *deflater_;
    }
    // For what was decompressed; with the slack of a receive buffer behind it.
    std::span<char> room() {
        if (room_ == nullptr)
            room_ = std::make_unique<char[]>(kRoomBytes + ring::kReceiveSlackBytes);
        return {room_.get(), kRoomBytes};
    }
    // For a batch of frames, compressed or masked.
    std::span<char> batch() {
        constexpr size_t kSize = proto::WebsocketDeflater::bound(kBatchBytes);
        if (batch_ == nullptr) batch_ = std::make_unique<char[]>(kSize);
        return {batch_.get(), kSize};
    }

  private:
    std::vector<std::unique_ptr<proto::WebsocketInflater>> kept_;
    std::unique_ptr<proto::WebsocketDeflater> deflater_;
    std::unique_ptr<char[]> room_;
    std::unique_ptr<char[]> batch_;
};

}  // namespace nuring::link
