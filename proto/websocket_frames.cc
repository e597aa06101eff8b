// SPDX-License-Identifier: Apache-2.0
#include "proto/websocket_frames.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "fmt/format.h"
#include "proto/utf8.h"

namespace nuring::proto {
namespace {

constexpr size_t kShortHeadSize = 2;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;
constexpr uint8_t kReservedBits = 0x30;
constexpr size_t kCloseCodeSize = 2;
constexpr std::string_view kCutMark = "...";

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const Rune rune = first_rune(text);
        if (!rune.valid) return false;
        text.remove_prefix(rune.size);
    }
    return true;
}

}  // namespace

std::string to_text(WebsocketError error, uint16_t number) {
    switch (error) {
        case WebsocketError::kNone:
            break;
        case WebsocketError::kReservedBits:
            return "RSV2 and RSV3 must be clear";
        case WebsocketError::kNotNegotiated:
            return "compressed frame received without negotiated permessage-deflate";
        case WebsocketError::kMaskMissing:
            return "mask bit missing";
        case WebsocketError::kMaskPresent:
            return "mask bit set by a server";
        case WebsocketError::kControlTooLong:
            return "control frame length bigger than maximum allowed of 125 bytes";
        case WebsocketError::kControlFragment:
            return "control frame does not have final bit set";
        case WebsocketError::kControlCompressed:
            return "control frame must not be compressed";
        case WebsocketError::kMessageUnfinished:
            return "new message started before final frame for previous message was received";
        case WebsocketError::kBadContinuation:
            return "invalid continuation frame";
        case WebsocketError::kUnknownOpcode:
            return fmt::format("unknown opcode {}", number);
        case WebsocketError::kBadLength:
            return "invalid 64-bit payload length";
        case WebsocketError::kCloseSize:
            return "close frame payload cannot be 1 byte";
        case WebsocketError::kCloseCode:
            return fmt::format("invalid close status code {}", number);
    }
    return {};
}

bool is_websocket_close_code(uint16_t code) {
    switch (code) {
        case 1004:
        case 1005:
        case 1006:
        case 1015:
            return false;
        default:
            return code >= 1000 && code < 5000 && (code < 1016 || code >= 3000);
    }
}

WebsocketEvent WebsocketReader::fail(WebsocketError error, uint16_t number) {
    assert(error != WebsocketError::kNone);
    step_ = Step::kEnded;
    WebsocketEvent event;
    event.kind = WebsocketEvent::Kind::kError;
    event.error = error;
    event.number = number;
    return event;
}

// Size of the head, by its first two bytes.
size_t WebsocketReader::head_size() const {
    if (head_filled_ < kShortHeadSize) return kShortHeadSize;
    const size_t length_size = short_length() == kLength64   ? 8
                               : short_length() == kLength16 ? 2
                                                             : 0;
    return kShortHeadSize + length_size + (masked() ? WebsocketMask::kKeySize : 0);
}

// The rules that the first byte breaks alone, then those that need the second.
WebsocketError WebsocketReader::check_head(uint16_t* number) {
    if ((head_[0] & kReservedBits) != 0) return WebsocketError::kReservedBits;
    if (compressed() && !compression_) return WebsocketError::kNotNegotiated;
    if (head_filled_ < kShortHeadSize) return WebsocketError::kNone;
    if (masks_ == Masks::kNeeded && !masked()) return WebsocketError::kMaskMissing;
    if (masks_ == Masks::kRefused && masked()) return WebsocketError::kMaskPresent;
    return check_opcode(number);
}

WebsocketError WebsocketReader::check_opcode(uint16_t* number) {
    switch (opcode()) {
        case static_cast<uint8_t>(WebsocketOpcode::kClose):
        case static_cast<uint8_t>(WebsocketOpcode::kPing):
        case static_cast<uint8_t>(WebsocketOpcode::kPong):
            if (short_length() > kWebsocketControlPayloadMax)
                return WebsocketError::kControlTooLong;
            if (!final()) return WebsocketError::kControlFragment;
            if (compressed()) return WebsocketError::kControlCompressed;
            return WebsocketError::kNone;
        case static_cast<uint8_t>(WebsocketOpcode::kText):
        case static_cast<uint8_t>(WebsocketOpcode::kBinary):
            return in_message_ ? WebsocketError::kMessageUnfinished : WebsocketError::kNone;
        case static_cast<uint8_t>(WebsocketOpcode::kContinuation):
            if (!in_message_ || compressed()) return WebsocketError::kBadContinuation;
            return WebsocketError::kNone;
        default:
            *number = opcode();
            return WebsocketError::kUnknownOpcode;
    }
}

WebsocketError WebsocketReader::read_length() {
    left_ = short_length();
    const size_t size = left_ == kLength64 ? 8 : left_ == kLength16 ? 2 : 0;
    if (size == 0) return WebsocketError::kNone;
    left_ = 0;
    for (size_t i = 0; i < size; ++i) left_ = left_ << 8 | head_[kShortHeadSize + i];
    return left_ >> 63 != 0 ? WebsocketError::kBadLength : WebsocketError::kNone;
}

// True: the head is complete. Else the input is empty, or the event is an error.
bool WebsocketReader::read_head(char*& begin, const char* end, WebsocketEvent* event) {
    assert(head_filled_ < head_size());
    while (begin != end && head_filled_ < head_size()) {
        head_[head_filled_++] = static_cast<uint8_t>(*begin++);
        uint16_t number = 0;
        WebsocketError error = WebsocketError::kNone;
        if (head_filled_ <= kShortHeadSize) error = check_head(&number);
        // The top bit of a long length stands in its first byte.
        if (head_filled_ == kShortHeadSize + 1 && short_length() == kLength64 &&
            (head_[kShortHeadSize] & 0x80) != 0) {
            error = WebsocketError::kBadLength;
        }
        if (error != WebsocketError::kNone) {
            *event = fail(error, number);
            return false;
        }
    }
    if (head_filled_ < head_size()) return false;
    const WebsocketError error = read_length();
    assert(error == WebsocketError::kNone);
    if (masked()) {
        WebsocketMask::Key key;
        std::memcpy(key.data(), head_.data() + head_size() - key.size(), key.size());
        mask_ = WebsocketMask(key);
    }
    head_filled_ = 0;
    if (is_control()) {
        step_ = Step::kControl;
        control_filled_ = 0;
        return true;
    }
    if (!in_message_) message_compressed_ = compressed();
    in_message_ = true;
    step_ = Step::kPayload;
    return true;
}

WebsocketEvent WebsocketReader::take_payload(char*& begin, char* end) {
    const auto size =
        static_cast<size_t>(std::min<uint64_t>(left_, static_cast<uint64_t>(end - begin)));
    if (masked()) mask_.apply(begin, size);
    WebsocketEvent event;
    event.kind = WebsocketEvent::Kind::kPayload;
    event.payload = {begin, size};
    event.compressed = message_compressed_;
    begin += size;
    left_ -= size;
    if (left_ > 0) return event;
    step_ = Step::kHead;
    event.message_end = final();
    if (final()) in_message_ = false;
    return event;
}

WebsocketEvent WebsocketReader::finish_close() {
    WebsocketEvent event;
    event.kind = WebsocketEvent::Kind::kClose;
    const std::string_view payload(control_.data(), control_filled_);
    if (!payload.empty()) {
        if (payload.size() < kCloseCodeSize) return fail(WebsocketError::kCloseSize, 0);
        event.number = static_cast<uint16_t>(static_cast<uint8_t>(payload[0]) << 8 |
                                             static_cast<uint8_t>(payload[1]));
        if (!is_websocket_close_code(event.number)) {
            return fail(WebsocketError::kCloseCode, event.number);
        }
        event.has_close_code = true;
        event.payload = payload.substr(kCloseCodeSize);
        event.text_is_utf8 = is_utf8(event.payload);
    }
    step_ = Step::kEnded;
    return event;
}

WebsocketEvent WebsocketReader::take_control(char*& begin, char* end) {
    const auto size =
        static_cast<size_t>(std::min<uint64_t>(left_, static_cast<uint64_t>(end - begin)));
    assert(control_filled_ + size <= control_.size());
    if (size > 0) {
        char* to = control_.data() + control_filled_;
        std::memcpy(to, begin, size);
        if (masked()) mask_.apply(to, size);
        begin += size;
        left_ -= size;
        control_filled_ = static_cast<uint8_t>(control_filled_ + size);
    }
    if (left_ > 0) return {};
    step_ = Step::kHead;
    if (opcode() == static_cast<uint8_t>(WebsocketOpcode::kClose)) return finish_close();
    WebsocketEvent event;
    event.kind = opcode() == static_cast<uint8_t>(WebsocketOpcode::kPing)
                     ? WebsocketEvent::Kind::kPing
                     : WebsocketEvent::Kind::kPong;
    event.payload = {control_.data(), control_filled_};
    return event;
}

WebsocketEvent WebsocketReader::next(char*& begin, char* end) {
    assert(begin <= end);
    assert(step_ != Step::kEnded);
    if (step_ == Step::kHead) {
        WebsocketEvent event;
        if (!read_head(begin, end, &event)) return event;
    }
    if (step_ == Step::kControl) return take_control(begin, end);
    // An empty frame is an event, too: it may end a message.
    if (left_ > 0 && begin == end) return {};
    return take_payload(begin, end);
}

size_t write_websocket_head(const WebsocketFrame& frame, char* out) {
    assert(frame.payload_size >> 63 == 0);
    const auto put = [out](size_t at, uint64_t byte) { out[at] = static_cast<char>(byte); };
    put(0, static_cast<uint8_t>(frame.opcode) | (frame.final ? 0x80U : 0) |
               (frame.compressed ? 0x40U : 0));
    const uint8_t mask_bit = frame.mask.has_value() ? 0x80 : 0;
    size_t size = kShortHeadSize;
    if (frame.payload_size < kLength16) {
        put(1, mask_bit | frame.payload_size);
    } else {
        const bool is_long = frame.payload_size > UINT16_MAX;
        put(1, static_cast<uint8_t>(mask_bit | (is_long ? kLength64 : kLength16)));
        for (size_t shift = is_long ? 64 : 16; shift > 0; shift -= 8) {
            put(size++, frame.payload_size >> (shift - 8) & 0xff);
        }
    }
    if (frame.mask.has_value()) {
        std::memcpy(out + size, frame.mask->data(), frame.mask->size());
        size += frame.mask->size();
    }
    assert(size <= kWebsocketHeadSizeMax);
    return size;
}

std::string make_websocket_control(WebsocketOpcode opcode, std::string_view payload,
                                   const std::optional<WebsocketMask::Key>& mask) {
    assert(payload.size() <= kWebsocketControlPayloadMax);
    assert(static_cast<uint8_t>(opcode) >= static_cast<uint8_t>(WebsocketOpcode::kClose));
    std::array<char, kWebsocketHeadSizeMax> head;
    WebsocketFrame frame;
    frame.opcode = opcode;
    frame.payload_size = payload.size();
    frame.mask = mask;
    const size_t head_size = write_websocket_head(frame, head.data());
    std::string whole(head.data(), head_size);
    whole += payload;
    if (mask.has_value()) WebsocketMask(*mask).apply(whole.data() + head_size, payload.size());
    return whole;
}

std::string make_websocket_close(uint16_t code, std::string_view text) {
    std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    if (text.size() <= kWebsocketCloseTextMax) return payload.append(text);
    payload += cut_text(text, kWebsocketCloseTextMax - kCutMark.size());
    return payload.append(kCutMark);
}

}  // namespace nuring::proto
