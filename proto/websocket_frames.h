// SPDX-License-Identifier: Apache-2.0
// Frames of a WebSocket: their heads, in and out, and the rules that hold between them.
//
//    0               1               2               3
//   +-+-+-+-+-------+-+-------------+-------------------------------+
//   |F|R|R|R| opcode|M| length      | 126: 16 bits of length        |
//   |I|S|S|S|       |A| 0-125       | 127: 64 bits of length        |
//   |N|V|V|V|  4    |S|     7       |                               |
//   | |1|2|3|       |K|             |                               |
//   +-+-+-+-+-------+-+-------------+-------------------------------+
//   | 4 bytes of mask, if MASK      | payload                       |
//   +-------------------------------+-------------------------------+
//
// Source:  RFC 6455, 5; RFC 7692, 6; order and texts of errors: server/websocket.go 2.15.3.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/websocket_mask.h"

namespace nuring::proto {

enum class WebsocketOpcode : uint8_t {
    kContinuation = 0,
    kText = 1,
    kBinary = 2,
    kClose = 8,
    kPing = 9,
    kPong = 10,
};

// Codes of a close frame (RFC 6455, 7.4.1).
inline constexpr uint16_t kWebsocketNormalClosure = 1000;
inline constexpr uint16_t kWebsocketGoingAway = 1001;
inline constexpr uint16_t kWebsocketProtocolError = 1002;
inline constexpr uint16_t kWebsocketInvalidPayload = 1007;
inline constexpr uint16_t kWebsocketPolicyViolation = 1008;
inline constexpr uint16_t kWebsocketMessageTooBig = 1009;
inline constexpr uint16_t kWebsocketInternalError = 1011;

inline constexpr size_t kWebsocketHeadSizeMax = 14;         // bytes, with a mask
inline constexpr size_t kWebsocketControlPayloadMax = 125;  // bytes
inline constexpr size_t kWebsocketCloseTextMax = kWebsocketControlPayloadMax - 2;

enum class WebsocketError : uint8_t {
    kNone,
    kReservedBits,
    kNotNegotiated,
    kMaskMissing,
    kMaskPresent,
    kControlTooLong,
    kControlFragment,
    kControlCompressed,
    kMessageUnfinished,
    kBadContinuation,
    kUnknownOpcode,  // number: the opcode
    kBadLength,
    kCloseSize,
    kCloseCode,  // number: the code
};

// The text of a close frame and of the log: "mask bit missing".
std::string to_text(WebsocketError error, uint16_t number);

// Whether a peer may send this code in a close frame.
bool is_websocket_close_code(uint16_t code);

// One step of reading.
struct WebsocketEvent {
    enum class Kind : uint8_t {
        kNeedMore,  // all input is taken
        kPayload,   // a part of a message
        kPing,
        kPong,
        kClose,
        kError,  // `error`, `number`; the connection ends
    };
    Kind kind = Kind::kNeedMore;

    bool compressed = false;      // kPayload: of a compressed message
    bool message_end = false;     // kPayload: the last part, which may be empty
    bool has_close_code = false;  // kClose
    bool text_is_utf8 = true;     // kClose
    WebsocketError error = WebsocketError::kNone;
    uint16_t number = 0;  // kClose: the code; kError: see WebsocketError

    // kPayload: unmasked, part of the input. Control frames: their payload (kClose: the text behind the
    // code), part of the reader until its next call.
    std::string_view payload;
};

// WebsocketReader takes a stream of frames apart. It holds at most one head and one control frame;
// payload of messages is unmasked in place and passed on as it comes, so that a frame may have any
// length.
// Threads: one. Limits: 63 bits of length; 125 bytes of a control frame's payload.
// Errors:  kError as soon as the offending byte is there, whatever the split of the input; after that,
//          or after kClose, next() must not be called again.
// Lifetime: events hold views into the input.
class WebsocketReader {
  public:
    enum class Masks : uint8_t {
        kNeeded,    // a server reads: each frame has one
        kOptional,  // a server that has granted "Nats-No-Masking"
        kRefused,   // a client reads: a server never masks
    };

    WebsocketReader(Masks masks, bool compression) : masks_(masks), compression_(compression) {}

    // Takes from `begin` to `end` as much as makes one event, and moves `begin` behind it.
    WebsocketEvent next(char*& begin, char* end);

    // Whether a message has begun and not ended.
    bool in_message() const { return in_message_; }

  private:
    enum class Step : uint8_t { kHead, kPayload, kControl, kEnded };

    bool read_head(char*& begin, const char* end, WebsocketEvent* event);
    size_t head_size() const;
    WebsocketError check_head(uint16_t* number);
    WebsocketError check_opcode(uint16_t* number);
    WebsocketError read_length();
    WebsocketEvent take_payload(char*& begin, char* end);
    WebsocketEvent take_control(char*& begin, char* end);
    WebsocketEvent finish_close();
    WebsocketEvent fail(WebsocketError error, uint16_t number);

    bool final() const { return (head_[0] & 0x80) != 0; }
    bool compressed() const { return (head_[0] & 0x40) != 0; }
    bool masked() const { return (head_[1] & 0x80) != 0; }
    uint8_t opcode() const { return head_[0] & 0x0f; }
    uint8_t short_length() const { return head_[1] & 0x7f; }
    bool is_control() const { return opcode() >= 8; }

    const Masks masks_;
    const bool compression_;
    Step step_ = Step::kHead;
    bool in_message_ = false;
    bool message_compressed_ = false;
    uint8_t head_filled_ = 0;
    uint8_t control_filled_ = 0;
    std::array<uint8_t, kWebsocketHeadSizeMax> head_ = {};
    WebsocketMask mask_;
    uint64_t left_ = 0;  // bytes of the frame's payload that have not come
    std::array<char, kWebsocketControlPayloadMax> control_ = {};
};

struct WebsocketFrame {
    WebsocketOpcode opcode = WebsocketOpcode::kBinary;
    bool final = true;
    bool compressed = false;  // first frame of a compressed message
    uint64_t payload_size = 0;
    std::optional<WebsocketMask::Key> mask;
};

// Writes the head of a frame, kWebsocketHeadSizeMax bytes at most; returns its size.
size_t write_websocket_head(const WebsocketFrame& frame, char* out);

// A whole control frame; the payload is at most kWebsocketControlPayloadMax bytes.
std::string make_websocket_control(WebsocketOpcode opcode, std::string_view payload,
                                   const std::optional<WebsocketMask::Key>& mask);

// The payload of a close frame: the code, and the text, which is cut behind a whole character if need
// be.
std::string make_websocket_close(uint16_t code, std::string_view text);

}  // namespace nuring::proto
