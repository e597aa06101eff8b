// SPDX-License-Identifier: Apache-2.0
#include "core/link/websocket_channel.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "core/link/link.h"
#include "core/link/link_host.h"
#include "fmt/format.h"

namespace nuring::link {
namespace {

using Kind = proto::WebsocketEvent::Kind;
using Masks = proto::WebsocketReader::Masks;

// Small slabs enough for a batch.
constexpr size_t kBatchPartsMax = WebsocketChannel::kBatchBytes / runtime::SlabPool::kSmallBytes;
static_assert(WebsocketChannel::kBatchBytes == WebsocketTools::kBatchBytes);
constexpr std::string_view kInvalidText = "invalid utf8 body in close frame";
constexpr std::string_view kTooLarge = "maximum payload exceeded";

Masks masks_of(const WebsocketTerms& terms) {
    if (terms.dialed) return Masks::kRefused;
    return terms.masks_optional ? Masks::kOptional : Masks::kNeeded;
}

}  // namespace

// Source: wsEnqueueCloseMessage 2.15.3. An end of the socket itself has no close frame.
uint16_t websocket_close_code(CloseReason reason) {
    switch (reason) {
        case CloseReason::kClientClosed:
            return proto::kWebsocketNormalClosure;
        case CloseReason::kAuthenticationTimeout:
        case CloseReason::kAuthenticationFailure:
        case CloseReason::kAuthenticationExpired:
        case CloseReason::kRevocation:
        case CloseReason::kMissingAccount:
        case CloseReason::kMaxConnectionsExceeded:
        case CloseReason::kMaxAccountConnectionsExceeded:
        case CloseReason::kMaxControlLineExceeded:
        case CloseReason::kMaxSubscriptionsExceeded:
            return proto::kWebsocketPolicyViolation;
        case CloseReason::kParseError:
        case CloseReason::kProtocolViolation:
        case CloseReason::kBadClientProtocolVersion:
            return proto::kWebsocketProtocolError;
        case CloseReason::kMaxPayloadExceeded:
            return proto::kWebsocketMessageTooBig;
        case CloseReason::kStaleConnection:
        case CloseReason::kServerShutdown:
            return proto::kWebsocketGoingAway;
        case CloseReason::kNone:
        case CloseReason::kTlsHandshakeFailure:
        case CloseReason::kReadError:
        case CloseReason::kWriteError:
        case CloseReason::kSlowConsumerPendingBytes:
        case CloseReason::kSlowConsumerWriteDeadline:
            return 0;
        default:
            return proto::kWebsocketInternalError;
    }
}

void WebsocketChannel::go_on() {
    link_.resume(PauseReason::kChannel);
}

WebsocketChannel::WebsocketChannel(Link& link, const WebsocketTerms& terms, uint64_t message_max,
                                   ByteBuffer early)
    : Channel(link),
      tools_(host().websocket_tools),
      terms_(terms),
      message_max_(message_max),
      prng_(host().ring.random_seed()),
      reader_(masks_of(terms), terms.compression),
      wire_(host().slabs) {
    held_.swap(early);
}

WebsocketChannel::~WebsocketChannel() {
    host().timers.disarm(go_on_timer_);
    tools_.give_back(std::move(inflater_));
}

// ----------------------------------------------------------------------------------- inbound

void WebsocketChannel::receive(char* bytes, size_t size) {
    if (!link_.open()) return ignore(size);
    if (paused()) return held_.append(bytes, size);
    assert(held_.empty());
    read(bytes, size);
}

void WebsocketChannel::resume() {
    ByteBuffer held;
    held.swap(held_);
    read(held.begin(), held.size());
}

void WebsocketChannel::read(char* bytes, size_t size) {
    inflated_bytes_ = 0;
    char* begin = bytes;
    char* const end = bytes + size;
    is_reading_ = true;
    read_events(begin, end);
    is_reading_ = false;
    const auto left = static_cast<size_t>(end - begin);
    if (Channel* below = std::exchange(rest_to_, nullptr); below != nullptr) {
        if (left > 0) below->receive(begin, left);
    } else if (left > 0 || inflating_) {
        if (link_.open()) hold(begin, left);
    }
}

// Until the input is used up, the link is paused or closed, or a new layer is to have the rest.
void WebsocketChannel::read_events(char*& begin, char* end) {
    while (rest_to_ == nullptr) {
        bool goes_on = true;
        if (inflating_) {
            goes_on = inflate();
        } else {
            const proto::WebsocketEvent event = reader_.next(begin, end);
            if (event.kind == Kind::kNeedMore) return;
            goes_on = handle(event);
        }
        if (!goes_on) return;
    }
}

// The link was paused: the rest of the input, and of the frame that is being decompressed, waits.
void WebsocketChannel::hold(char* bytes, size_t size) {
    assert(paused());
    held_.append(bytes, size);
    if (!inflating_) return;
    std::string rest(compressed_);
    kept_.swap(rest);
    compressed_ = kept_;
}

// False: the link is paused or closed.
bool WebsocketChannel::handle(const proto::WebsocketEvent& event) {
    switch (event.kind) {
        case Kind::kNeedMore:
        case Kind::kPong:
            return true;
        case Kind::kPayload:
            return handle_payload(event);
        case Kind::kPing:
            add_pong(event.payload);
            return true;
        case Kind::kClose:
            answer_close(event);
            return false;
        case Kind::kError:
            fail(proto::kWebsocketProtocolError, to_text(event.error, event.number));
            return false;
    }
    return true;
}

bool WebsocketChannel::handle_payload(const proto::WebsocketEvent& event) {
    if (event.compressed) {
        if (inflater_ == nullptr) {
            inflater_ = tools_.take_inflater();
            inflater_->begin_message(message_max_);
        }
        compressed_ = event.payload;
        message_end_ = event.message_end;
        inflating_ = true;
        return true;
    }
    // The reader was given memory that may be changed.
    return deliver(const_cast<char*>(event.payload.data()), event.payload.size());
}

bool WebsocketChannel::deliver(char* bytes, size_t size) {
    if (size > 0) pass_up(bytes, size);
    return link_.open() && !paused();
}

// Makes one portion of bytes. False: the link is paused or closed.
bool WebsocketChannel::inflate() {
    using Status = proto::WebsocketInflater::Status;
    const std::span<char> room = tools_.room();
    size_t size = 0;
    const Status status =
        inflater_->take(&compressed_, message_end_, room.data(), room.size(), &size);
    inflating_ = status == Status::kMore;
    if (status == Status::kDone) tools_.give_back(std::move(inflater_));
    if (status == Status::kTooLarge) {
        fail(proto::kWebsocketMessageTooBig, std::string(kTooLarge));
        return false;
    }
    if (status == Status::kCorrupt) {
        fail(proto::kWebsocketInvalidPayload,
             fmt::format("flate: corrupt input before offset {}", inflater_->consumed()));
        return false;
    }
    inflated_bytes_ += size;
    if (!deliver(room.data(), size)) return false;
    if (inflated_bytes_ <= kInflatedPerTurnMax) return true;
    link_.pause(PauseReason::kChannel);
    host().timers.arm(go_on_timer_, host().ring.now_ns());
    return false;
}

// The same code and text as the peer's; without a code, a frame without payload.
void WebsocketChannel::answer_close(const proto::WebsocketEvent& event) {
    if (!event.has_close_code) {
        last_words_ =
            proto::make_websocket_control(proto::WebsocketOpcode::kClose, {}, make_mask());
    } else if (!event.text_is_utf8) {
        say_last(proto::kWebsocketInvalidPayload, kInvalidText);
    } else {
        say_last(event.number, event.payload);
    }
    link_.close(CloseReason::kClientClosed);
}

void WebsocketChannel::fail(uint16_t code, const std::string& text) {
    say_last(code, text);
    host().log.error("{} - read error: {}", link_.label(), text);
    link_.close(CloseReason::kReadError);
}

void WebsocketChannel::add_pong(std::string_view payload) {
    if (pongs_.size() > kPongBytesMax) pongs_.clear();
    pongs_ += proto::make_websocket_control(proto::WebsocketOpcode::kPong, payload, make_mask());
    mark_dirty();
}

// ---------------------------------------------------------------------------------- outbound

// Only the end that has dialed masks, unless both agreed to do without.
std::optional<proto::WebsocketMask::Key> WebsocketChannel::make_mask() {
    if (!terms_.dialed || terms_.masks_optional) return std::nullopt;
    const auto bits = static_cast<uint32_t>(prng_.next());
    proto::WebsocketMask::Key key;
    std::memcpy(key.data(), &bits, key.size());
    return key;
}

void WebsocketChannel::say_last(uint16_t code, std::string_view text) {
    if (!last_words_.empty() || finished_) return;
    last_words_ = proto::make_websocket_control(
        proto::WebsocketOpcode::kClose, proto::make_websocket_close(code, text), make_mask());
}

void WebsocketChannel::on_closed() {
    host().timers.disarm(go_on_timer_);
    held_.clear();
    held_.shrink();
    const CloseReason reason = link_.close_reason();
    if (const uint16_t code = websocket_close_code(reason); code != 0)
        say_last(code, to_text(reason));
}

// One message, whose payload is masked in place if need be.
void WebsocketChannel::append_message(std::string_view payload, bool compressed) {
    const bool cut = terms_.browser && !(compressed && terms_.whole_messages);
    const size_t most = cut ? kBrowserFrameBytes : payload.size();
    for (size_t at = 0; at < payload.size();) {
        const std::string_view piece = payload.substr(at, most);
        proto::WebsocketFrame frame;
        frame.payload_size = piece.size();
        frame.mask = make_mask();
        const bool first = at == 0;
        at += piece.size();
        // Without compression each frame is a message of its own.
        if (compressed) {
            frame.final = at == payload.size();
            frame.compressed = first;
            if (!first) frame.opcode = proto::WebsocketOpcode::kContinuation;
        }
        std::array<char, proto::kWebsocketHeadSizeMax> head;
        wire_.append({head.data(), proto::write_websocket_head(frame, head.data())});
        if (frame.mask.has_value()) {
            // Part of the worker's batch, which is ours for the moment.
            proto::WebsocketMask(*frame.mask).apply(const_cast<char*>(piece.data()), piece.size());
        }
        wire_.append(piece);
    }
}

void WebsocketChannel::make_batch(Outbound& frames) {
    std::array<iovec, kBatchPartsMax> parts;
    const unsigned count = frames.gather(parts, wired_bytes_);
    uint64_t size = 0;
    unsigned used = 0;
    for (; used < count && size < kBatchBytes; ++used) {
        parts[used].iov_len =
            static_cast<size_t>(std::min<uint64_t>(parts[used].iov_len, kBatchBytes - size));
        size += parts[used].iov_len;
    }
    wired_bytes_ += size;
    const bool compressed = terms_.compression && size >= kCompressedMin;
    const bool whole = compressed || terms_.browser || terms_.dialed;
    if (!whole) {
        std::array<char, proto::kWebsocketHeadSizeMax> head;
        wire_.append({head.data(), proto::write_websocket_head({.payload_size = size, .mask = {}},
                                                               head.data())});
    }
    const std::span<char> batch = whole ? tools_.batch() : std::span<char>();
    size_t made = 0;
    for (unsigned i = 0; i < used; ++i) {
        const std::string_view part(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
        if (!whole) {
            wire_.append(part);
        } else if (compressed) {
            made += tools_.deflater().add(part, i + 1 == used, batch.data() + made,
                                          batch.size() - made);
        } else {
            assert(made + part.size() <= batch.size());
            std::memcpy(batch.data() + made, part.data(), part.size());
            made += part.size();
        }
    }
    if (whole) append_message({batch.data(), made}, compressed);
}

// Of servers not: they may put compression below (frame_all()), while a send is under way.
bool WebsocketChannel::sends_in_place() const {
    return !terms_.dialed && !terms_.browser && !terms_.compression &&
           !proto::is_server(link_.kind()) && is_lowest() && is_topmost();
}

void WebsocketChannel::begin_in_place(uint64_t size) {
    in_place_bytes_ = std::min(size, kInPlaceBytesMax);
    std::array<char, proto::kWebsocketHeadSizeMax> head;
    wire_.append({head.data(), proto::write_websocket_head(
                                   {.payload_size = in_place_bytes_, .mask = {}}, head.data())});
}

Outbound& WebsocketChannel::ready() {
    if (!wire_.empty() || in_place_bytes_ > 0) return wire_;
    if (!pongs_.empty()) wire_.append(std::exchange(pongs_, {}));
    Outbound& frames = pending();
    if (!frames.empty() && sends_in_place()) {
        begin_in_place(frames.pending_bytes());
        return wire_;
    }
    if (!frames.empty()) make_batch(frames);
    if (!last_words_.empty() && is_last(frames, wired_bytes_)) {
        wire_.append(std::exchange(last_words_, {}));
        finished_ = true;
    }
    return wire_;
}

unsigned WebsocketChannel::gather(std::span<iovec> parts, uint64_t* waiting) {
    unsigned count = Channel::gather(parts, waiting);
    *waiting += in_place_bytes_;
    if (in_place_bytes_ == 0 || count == parts.size()) return count;
    const unsigned end = count + pending().gather(parts.subspan(count));
    for (uint64_t left = in_place_bytes_; count < end && left > 0; ++count) {
        parts[count].iov_len =
            static_cast<size_t>(std::min<uint64_t>(parts[count].iov_len, left));
        left -= parts[count].iov_len;
    }
    return count;
}

Outbound& WebsocketChannel::frame_all(ByteBuffer* held) {
    assert(in_place_bytes_ == 0);
    held->swap(held_);
    if (!pongs_.empty()) wire_.append(std::exchange(pongs_, {}));
    Outbound& frames = pending();
    while (wired_bytes_ < frames.pending_bytes()) make_batch(frames);
    return wire_;
}

void WebsocketChannel::sent(uint64_t size) {
    const uint64_t of_wire = std::min(size, wire_.pending_bytes());
    wire_.consume(of_wire);
    const uint64_t in_place = size - of_wire;
    assert(in_place <= in_place_bytes_);
    in_place_bytes_ -= in_place;
    if (in_place > 0) took(in_place);
    if (!wire_.empty() || in_place_bytes_ > 0) return mark_dirty();
    if (wired_bytes_ > 0) took(std::exchange(wired_bytes_, 0));
    if (!pongs_.empty()) mark_dirty();
}

}  // namespace nuring::link
