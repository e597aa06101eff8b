// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/prng.h"
#include "core/link/byte_buffer.h"
#include "core/link/channel.h"
#include "core/link/close_reason.h"
#include "core/link/outbound.h"
#include "core/link/websocket_tools.h"
#include "core/runtime/owned_timer.h"
#include "proto/websocket_frames.h"

namespace nuring::link {

// The terms of the upgrade.
struct WebsocketTerms {
    bool dialed = false;  // this end is the WebSocket client
    bool compression = false;
    bool masks_optional = false;  // "Nats-No-Masking": neither end needs masks
    bool browser = false;         // small frames; see proto::WebsocketUpgrade
    bool whole_messages = false;
};

// WebsocketChannel is the layer of a link whose HTTP upgrade is done: NATS protocol travels as the
// payload of WebSocket messages.
//
//   in:   bytes -> WebsocketReader -> payload, unmasked in place -> the link
//                                \--> inflater -> room of the worker -> the link
//   out:  pending [batch ..........][later ....]
//         wire    [pongs][frames made of the batch]
// or, where nothing has to be done to the payload and there is no layer below:
//         sent    [pongs][head of the frame][pending, as it is]
//
// While the link is paused nothing is read: frames wait as they came, so that a compressed message
// takes no memory before it is wanted.
//
// Threads: the link's worker. Limits: kPongBytesMax of pongs; kBatchBytes copied to the wire; what one
//          message becomes by decompression, by the owner; kInflatedPerTurnMax of that per turn.
// Errors:  a close frame with the reason; the log has "read error: mask bit missing".
// Source:  RFC 6455; server/websocket.go 2.15.3 (wsReadLoop, wsCollapsePtoNB, wsEnqueueCloseMessage).
class WebsocketChannel final : public Channel {
  public:
    // Frames for browsers (server/websocket.go: wsFrameSizeForBrowsers).
    static constexpr size_t kBrowserFrameBytes = 4096;
    // Less is not compressed (wsCompressThreshold).
    static constexpr size_t kCompressedMin = 65;
    // A peer that sends pings and reads nothing: older answers than these are dropped, as RFC 6455,
    // 5.5.3 allows.
    static constexpr size_t kPongBytesMax = 4096;
    // Bytes of frames that go on the wire together.
    static constexpr size_t kBatchBytes = 128 * 1024;
    // A frame that leaves from where it is queued: pongs do not wait for more.
    static constexpr uint64_t kInPlaceBytesMax = 1024 * 1024;
    // The limit of decompressed input per turn; later turns read the rest.
    static constexpr uint64_t kInflatedPerTurnMax = 1024 * 1024;

    // `message_max`: bytes that one compressed message may have when it is decompressed. `early`:
    // received before there was this layer; read on resume().
    WebsocketChannel(Link& link, const WebsocketTerms& terms, uint64_t message_max,
                     ByteBuffer early);
    ~WebsocketChannel() override;

    // For a layer that is put below this one. The queue so far becomes frames; `held`: the
    // received bytes that were not read.
    Outbound& frame_all(ByteBuffer* held);
    // The rest of the input that is being read goes to the new layer below.
    void hand_rest_to(Channel& below) {
        if (is_reading_) rest_to_ = &below;
    }

    // Channel
    void receive(char* bytes, size_t size) override;
    void resume() override;
    Outbound& ready() override;
    unsigned gather(std::span<iovec> parts, uint64_t* waiting) override;
    void sent(uint64_t size) override;
    void on_closed() override;
    bool has_last_words() const override { return !last_words_.empty(); }

  protected:
    bool is_done() const override { return last_words_.empty(); }

  private:
    void go_on();
    void read(char* bytes, size_t size);
    bool handle(const proto::WebsocketEvent& event);
    bool handle_payload(const proto::WebsocketEvent& event);
    bool deliver(char* bytes, size_t size);
    bool inflate();
    void hold(char* bytes, size_t size);
    void answer_close(const proto::WebsocketEvent& event);
    void fail(uint16_t code, const std::string& text);
    void add_pong(std::string_view payload);
    void say_last(uint16_t code, std::string_view text);
    bool sends_in_place() const;
    void begin_in_place(uint64_t size);
    void make_batch(Outbound& frames);
    void read_events(char*& begin, char* end);
    void append_message(std::string_view payload, bool compressed);
    std::optional<proto::WebsocketMask::Key> make_mask();

    WebsocketTools& tools_;
    const WebsocketTerms terms_;
    const uint64_t message_max_;
    base::Prng prng_;  // of masks; they hide nothing from anybody
    proto::WebsocketReader reader_;
    ByteBuffer held_;  // frames that came while the link was paused
    std::unique_ptr<proto::WebsocketInflater> inflater_;  // of the compressed message under way
    std::string_view compressed_;  // of it, not decompressed yet; part of the input, or of kept_
    std::string kept_;
    bool inflating_ = false;
    bool message_end_ = false;
    uint64_t inflated_bytes_ = 0;  // of the input being read
    runtime::OwnedTimer<WebsocketChannel, &WebsocketChannel::go_on> go_on_timer_{*this};

    bool is_reading_ = false;
    Channel* rest_to_ = nullptr;

    std::string pongs_;  // whole frames
    Outbound wire_;
    uint64_t wired_bytes_ = 0;  // of the frames pending, that wire_ was made of
    uint64_t in_place_bytes_ = 0;  // of the frames pending, that belong to the frame whose head is out
    std::string last_words_;    // a close frame
    bool finished_ = false;     // it is on the wire
};

// The code and the text of the close frame for a reason; 0: none is sent.
uint16_t websocket_close_code(CloseReason reason);

}  // namespace nuring::link
