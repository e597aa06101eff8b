// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/link/byte_buffer.h"
#include "core/link/channel.h"
#include "core/link/link.h"
#include "core/link/outbound.h"
#include "core/runtime/owned_timer.h"
#include "proto/s2.h"

namespace nuring::link {

// S2Channel is the layer of a link whose two ends have agreed on compression: all bytes travel in the chunks
// of an S2 stream (proto/s2.h), one stream for the life of the link.
//
//   in:   bytes -> S2Reader -> one chunk, decompressed -> the link
//   out:  pending [batch ..........][later ....]
//         wire    [in clear, as it was queued before][chunks made of the batch]
//
// WebSocket stands on it: whole frames are compressed, as nats-server does.
//
// A chunk of some bytes can become 4 MiB: it is handed on in slices, and after kDecompressedPerTurnMax the
// rest waits for the next turn. While the link is paused input waits as it came.
//
// Threads: the link's worker.
// Limits:  compressed per flush: kBatchBytes, or one block of S2Encoder, within about 200 us. S2Reader's for
//          what comes, with chunks of at most kFirstBlockMax until trust_peer(): up to 8 MiB while a chunk
//          is open. Held input: what one receive has brought.
// Errors:  a stream that is corrupt closes the link with kReadError; the log says why.
// Source:  server/client.go, flushOutbound and readLoop 2.15 (Go's reader closes without a line in the log).
class S2Channel final : public Channel {
  public:
    static constexpr size_t kBatchBytes = 128 * 1024;
    // Little enough that the chunk made of it fits a slab.
    static constexpr size_t kChunkBytes = 32 * 1024;
    static constexpr uint64_t kDecompressedPerTurnMax = 1024 * 1024;
    static constexpr size_t kSliceBytes = 256 * 1024;
    // The largest block that Go's writers make.
    static constexpr size_t kFirstBlockMax = 1024 * 1024;
    static constexpr size_t kStrangerBlockMax = 64 * 1024;

    // On top of the layers: what `link` has queued already leaves in clear text.
    S2Channel(Link& link, proto::S2Mode mode);
    // Below the layer that has made those bytes, which leave in clear text; `held` came and was not read yet.
    S2Channel(Link& link, proto::S2Mode mode, Outbound& clear, ByteBuffer held);
    ~S2Channel() override;

    void set_mode(proto::S2Mode mode) { mode_ = mode; }
    // Nobody knows yet who the peer is: little memory for it.
    void distrust_peer() { reader_.set_block_max(kStrangerBlockMax); }
    // The other server is known: blocks of the full size may come.
    void trust_peer() { reader_.set_block_max(proto::kS2BlockMax); }

    // Channel
    void receive(char* bytes, size_t size) override;
    void resume() override;
    Outbound& ready() override;
    void sent(uint64_t size) override;
    void on_closed() override;

  protected:
    // All that the link has queued, and what the layer above says at last, is on the wire.
    bool is_done() const override {
        return is_topmost() ? link_.pending_bytes() == wired_bytes_ : is_all_wired_;
    }

  private:
    void go_on();
    void read(const char* bytes, size_t size);
    bool next_slice(std::string_view* input, std::string_view* slice);
    void hold(std::string_view input);
    void make_batch(Outbound& plain);
    std::string_view make_whole(std::span<const iovec> parts);
    void append_chunk(std::string_view bytes);

    proto::S2Mode mode_;
    proto::S2Reader reader_;
    ByteBuffer held_;         // came while the link was paused
    std::string_view plain_;  // of the last chunk, not handed on yet; the reader's, or kept_
    std::string kept_;
    runtime::OwnedTimer<S2Channel, &S2Channel::go_on> go_on_timer_{*this};
    Outbound wire_;
    bool identified_ = false;    // the stream has begun
    uint64_t wired_bytes_ = 0;   // of what is pending, that wire_ was made of
    bool is_all_wired_ = false;  // likewise, and nothing more will come
};

}  // namespace nuring::link
