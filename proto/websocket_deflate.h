// SPDX-License-Identifier: Apache-2.0
// permessage-deflate: the messages of a WebSocket, compressed.
//
// zlib does the work: it is the most widely read implementation of deflate, its memory per stream is
// fixed, and it stops at any byte of input and output.
//
// Source:  RFC 7692, 7.2; limits: ours (server/websocket.go 2.15.3 gathers whole messages first).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

struct z_stream_s;

namespace nuring::proto {

enum class DeflateWindow : uint8_t {
    kPerMessage,     // "no_context_takeover": each message begins with an empty window
    kPerConnection,  // the window of one message serves the next
};

// WebsocketInflater decompresses messages, one after the other, each in as many pieces as it comes in
// and out. With a window per message one inflater can serve the messages of many connections, one at a
// time.
//
//     begin_message(limit);
//     for each frame: while (take(&input, last, out, ...) == kMore) use(out);
//
// Threads: one. Limits: about 40 KiB of memory; what one message may become is given by the caller, and
//          nothing beyond it is decompressed. Work per call is bounded by the room for output.
// Errors:  kCorrupt, kTooLarge: the message cannot be continued.
class WebsocketInflater {
  public:
    enum class [[nodiscard]] Status : uint8_t {
        kMore,       // call again with the rest of the input: the room was full, or the tail is due
        kNeedInput,  // the piece is used up, the message goes on
        kDone,       // the message is complete
        kCorrupt,    // not deflate, or it ends in the middle of a block
        kTooLarge,   // more than size_max of begin_message()
    };

    explicit WebsocketInflater(DeflateWindow window);
    ~WebsocketInflater();
    WebsocketInflater(const WebsocketInflater&) = delete;
    WebsocketInflater& operator=(const WebsocketInflater&) = delete;

    // `size_max`: bytes that the message may have when it is decompressed.
    void begin_message(uint64_t size_max);
    // Decompresses from the front of `input` into at most `room` bytes at `out`. `last`: the message
    // ends with this input. `*written` is set in any case.
    Status take(std::string_view* input, bool last, char* out, size_t room, size_t* written);

    // Compressed bytes of the message that have been used.
    uint64_t consumed() const { return consumed_; }

  private:
    enum class Step : uint8_t { kBetween, kBody, kTail, kIgnored };

    Status inflate_some(std::string_view* input, char* out, size_t room, size_t* written);
    Status end_message();
    void reset();

    const DeflateWindow window_;
    std::unique_ptr<z_stream_s> stream_;
    Step step_ = Step::kBetween;
    bool empty_ = true;        // no input yet
    bool at_boundary_ = true;  // the last byte of input ended a block
    std::string_view tail_;    // what is left of the bytes that the sender removed
    uint64_t size_left_ = 0;
    uint64_t consumed_ = 0;
};

// WebsocketDeflater compresses whole messages at the fastest level.
// Threads: one. Limits: about 260 KiB of memory.
// Errors:  none but a result that does not fit.
class WebsocketDeflater {
  public:
    explicit WebsocketDeflater(DeflateWindow window);
    ~WebsocketDeflater();
    WebsocketDeflater(const WebsocketDeflater&) = delete;
    WebsocketDeflater& operator=(const WebsocketDeflater&) = delete;

    // Room that a message of this size needs.
    static constexpr size_t bound(size_t size) { return size + size / 8 + size / 64 + 64; }

    // A message is the sum of its pieces, of which one at least is not empty; `last` ends it. Returns
    // how many bytes were written to `out`, whose room must be bound() of the message less what was
    // written before.
    size_t add(std::string_view piece, bool last, char* out, size_t room);

  private:
    const DeflateWindow window_;
    std::unique_ptr<z_stream_s> stream_;
};

}  // namespace nuring::proto
