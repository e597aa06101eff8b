// SPDX-License-Identifier: Apache-2.0
#include "core/link/link.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/errno_text.h"
#include "core/base/host_port.h"
#include "core/link/channel.h"
#include "core/link/handover.h"
#include "core/link/link_host.h"
#include "core/link/s2_channel.h"
#include "core/link/tls_channel.h"
#include "core/link/websocket_channel.h"
#include "fmt/format.h"

namespace nuring::link {
namespace {

// Parts that one send gathers. It carries what a turn delivers, else a link would fall behind whose socket
// takes everything. (Slabs in a row are at least half full: see Outbound::begin_frame().)
constexpr size_t kGatherPartsMax = ring::kSendPartsMax;
static_assert(kGatherPartsMax * runtime::SlabPool::kLargeBytes / 2 >= kTurnBytesMax);

constexpr uint64_t kFlushOnClose_ns = 2'000'000'000;   // to get the last bytes out
constexpr uint64_t kLinger_ns = 500'000'000;           // for the peer to read them and close
constexpr uint64_t kHandover_ns = 100'000'000;         // until on_handover_late()
constexpr uint64_t kLingerBytesMax = 8 * 1024 * 1024;  // of input ignored meanwhile

// Buffers above this are given back as soon as they are empty.
constexpr size_t kKeptBufferBytesMax = 64 * 1024;

constexpr uint16_t bit_of(PauseReason reason) {
    return static_cast<uint16_t>(1U << static_cast<unsigned>(reason));
}

// Nothing more can, or should, be sent to such a peer.
bool ends_at_once(CloseReason reason) {
    return reason == CloseReason::kReadError || reason == CloseReason::kWriteError ||
           reason == CloseReason::kSlowConsumerPendingBytes ||
           reason == CloseReason::kSlowConsumerWriteDeadline;
}

}  // namespace

Link::Link(LinkHost& host, int fd, proto::Kind kind)
    : host_(host),
      outbound_(host.slabs),
      kind_traffic_(host.traffic_of(kind)),
      fd_(fd),
      kind_(kind),
      handle_(host.table.add(this)),
      cid_(host.facts.take_cid()),
      start_wall_ns_(host.ring.wall_ns()),
      peer_(host.ring.peer_address(fd)),
      receive_(&receive_completed, *this),
      send_(&send_completed, *this) {}

Link::Link(LinkHost& host, Handover&& connection, proto::Kind kind)
    : host_(host),
      outbound_(host.slabs),
      traffic_(connection.traffic),
      kind_traffic_(host.traffic_of(kind)),
      fd_(connection.fd),
      kind_(kind),
      pauses_(bit_of(PauseReason::kHandover)),
      input_end_(connection.input_end),
      handle_(connection.handle.valid() ? host.table.put(connection.handle, this) : host.table.add(this)),
      cid_(connection.cid),
      start_wall_ns_(connection.start_wall_ns != 0 ? connection.start_wall_ns : host.ring.wall_ns()),
      peer_(connection.peer.port != 0 ? connection.peer : host.ring.peer_address(fd_)),
      receive_(&receive_completed, *this),
      send_(&send_completed, *this) {
    backlog_.swap(connection.received);
    if (!connection.output.empty()) {
        outbound_.append({connection.output.begin(), connection.output.size()});
        mark_dirty();
    }
    if (connection.engine != nullptr) go_on_with_tls(std::move(connection.engine));
}

Link::~Link() {
    assert(!receive_.pending);
    assert(!send_.pending);
    host_.timers.disarm(flush_timer_);
    host_.table.remove(handle_);
    if (fd_ >= 0) host_.ring.close(fd_);
}

std::string Link::label() const {
    return fmt::format("{} - {}:{}", base::host_port(peer_.host, peer_.port),
                       proto::id_label(kind_), cid_);
}

void Link::start() {
    assert(fd_ >= 0);
    assert(!receive_.pending);
    host_.ring.receive(receive_, fd_);
}

// --------------------------------------------------------------------------------- inbound

void Link::receive_completed(ring::Submission& submission, const ring::Completion& completion) {
    Link& link = static_cast<LinkSubmission&>(submission).owner;
    if (completion.result > 0) {
        link.on_received(completion);
    } else {
        link.on_receive_ended(completion.result);
    }
}

void Link::on_received(const ring::Completion& completion) {
    assert(fd_ >= 0);
    const auto size = static_cast<size_t>(completion.result);
    if (channel_ == nullptr) [[likely]] {
        host_.input.begin(completion);
        take(completion.bytes, size);
        host_.input.end();
    } else {
        channel_->receive(completion.bytes, size);
        host_.ring.return_buffer(completion.buffer);
    }
    if (host_.has_full_turn()) host_.ring.cut_turn();
}

void Link::take(char* bytes, size_t size) {
    if (state_ == State::kOpen && !paused()) {
        const size_t left = feed(bytes, size);
        backlog_.append(bytes + (size - left), left);
    } else if (state_ == State::kOpen) {
        backlog_.append(bytes, size);
    } else {
        discard(size);
    }
}

void Link::discard(size_t size) {
    discarded_bytes_ += size;
    if (discarded_bytes_ > kLingerBytesMax) shut_down();
}

void Link::on_receive_ended(int32_t result) {
    if (result != -ECANCELED) peer_ended_ = true;
    if (state_ == State::kOpen) {
        if (result == -ECANCELED) {  // paused; or resumed before the cancellation came through
            if (!paused()) host_.ring.receive(receive_, fd_);
            if (handing_over_) finish_handover();
            return;
        }
        // A paused link has accepted what it holds; the end is met again when it reads on.
        if (handing_over_) return finish_handover();
        if (paused()) return;
        if (channel_ != nullptr &&
            channel_->on_failed(result == 0 ? "EOF" : base::errno_text(-result))) {
            return;
        }
        close(result == 0 ? CloseReason::kClientClosed : CloseReason::kReadError);
        return;
    }
    if (state_ == State::kLingering && result == -ECANCELED) return host_.ring.receive(receive_, fd_);
    if (state_ == State::kLingering) shut_down();
    retire_if_done();
}

// Offers what was kept of an incomplete operation, completed by the new bytes. False when the new
// bytes are used up (or the link paused or closed).
bool Link::feed_carry(char*& bytes, size_t& size) {
    while (!carry_.empty() && size > 0) {
        size_t taken = size;
        if (needed_bytes_ > carry_.size()) {
            taken = std::min(size, needed_bytes_ - carry_.size());
            carry_.reserve(needed_bytes_);
        } else if (const void* end = std::memchr(bytes, '\n', size); end != nullptr) {
            taken = static_cast<size_t>(static_cast<const char*>(end) - bytes) + 1;
        }
        carry_.append(bytes, taken);
        bytes += taken;
        size -= taken;
        if (carry_.size() < needed_bytes_) return false;
        needed_bytes_ = 0;
        const size_t used = consume(carry_.begin(), carry_.end());
        if (state_ != State::kOpen) return false;
        assert(used <= carry_.size());
        carry_.erase_front(used);
        if (input_changed_) [[unlikely]] {
            ByteBuffer rest;
            rest.swap(carry_);
            rest.append(bytes, size);
            feed_changed(rest.begin(), rest.size());
            return false;
        }
        if (paused()) {
            backlog_.append(carry_.begin(), carry_.size());
            backlog_.append(bytes, size);
            carry_.clear();
            return false;
        }
        if (carry_.empty() && carry_.capacity() > kKeptBufferBytesMax) carry_.shrink();
    }
    return size > 0;
}

// Returns how many bytes at the end were not consumed because the link was paused: the caller keeps them.
size_t Link::feed(char* bytes, size_t size) {
    input_changed_ = false;
    if (!carry_.empty() && !feed_carry(bytes, size)) return 0;
    needed_bytes_ = 0;
    const size_t used = consume(bytes, bytes + size);
    assert(used <= size);
    if (state_ != State::kOpen) return 0;
    if (input_changed_) [[unlikely]] {
        feed_changed(bytes + used, size - used);
        return 0;
    }
    if (paused()) return size - used;
    if (used < size) {
        carry_.reserve(needed_bytes_);
        carry_.append(bytes + used, size - used);
    }
    return 0;
}

// The rest of the same input is for the channel that was put on top. (The rest of a WebSocket frame is not
// compressed.)
void Link::feed_changed(char* bytes, size_t size) {
    input_changed_ = false;
    needed_bytes_ = 0;
    if (size == 0) return;
    if (websocket_ != nullptr) return take(bytes, size);
    assert(s2_channel_ != nullptr);
    s2_channel_->receive(bytes, size);
}

void Link::pause(PauseReason reason) {
    if (!paused()) host_.ring.cancel(receive_);
    pauses_ |= bit_of(reason);
}

bool Link::is_stalled() const { return (pauses_ & bit_of(PauseReason::kStall)) != 0; }

void Link::hold() {
    handing_over_ = false;
    if (state_ == State::kOpen) pause(PauseReason::kHold);
}

void Link::resume(PauseReason reason) {
    if ((pauses_ & bit_of(reason)) == 0 || state_ != State::kOpen) return;
    pauses_ &= static_cast<uint16_t>(~bit_of(reason));
    if (paused() || host_.holding()) return;
    ByteBuffer kept;
    kept.swap(backlog_);
    const size_t left = kept.empty() ? 0 : feed(kept.begin(), kept.size());
    if (left > 0) {
        assert(backlog_.empty());
        kept.erase_front(kept.size() - left);
        backlog_.swap(kept);
        return;
    }
    if (paused() || state_ != State::kOpen) return;
    if (channel_ != nullptr) channel_->resume();
    if (paused() || state_ != State::kOpen) return;
    if (input_end_ != CloseReason::kNone) return close(input_end_);
    if (!receive_.pending) host_.ring.receive(receive_, fd_);
}

// -------------------------------------------------------------------------------- outbound

void Link::queue(std::string_view bytes) {
    if (state_ == State::kShutDown || is_over_limit_) return;
    outbound_.append(bytes);
    mark_dirty();
    is_over_limit_ = state_ == State::kOpen && outbound_.pending_bytes() > host_.limits().max_pending_bytes;
}

void Link::add_to_dirty() {
    assert(!dirty_);
    dirty_ = true;
    host_.add_dirty(*this);
}

void Link::flush() {
    dirty_ = false;
    if (is_over_limit_ && state_ == State::kOpen) return host_.close_slow_consumer(*this);
    if (send_.pending || state_ == State::kShutDown) return;
    std::array<iovec, kGatherPartsMax> parts;
    unsigned count = 0;
    uint64_t waiting = 0;
    if (channel_ == nullptr) [[likely]] {
        count = outbound_.gather(parts);
        waiting = outbound_.pending_bytes();
    } else {
        count = channel_->gather(parts, &waiting);
        if (state_ == State::kShutDown) return;
    }
    if (count == 0) {
        if (state_ == State::kFlushing) begin_linger();
        if (handing_over_) finish_handover();
        return;
    }
    assert(fd_ >= 0);
    send_started_ns_ = host_.ring.now_ns();
    if (batch_left_bytes_ == 0) {
        batch_left_bytes_ = waiting;
        batch_started_ns_ = send_started_ns_;
    }
    host_.ring.send(send_, fd_, std::span(parts.data(), count));
    host_.count_send();
    if (!flush_timer_.armed()) {
        host_.timers.arm(flush_timer_, send_started_ns_ + host_.write_deadline_of(kind_).ns);
    }
}

void Link::send_completed(ring::Submission& submission, const ring::Completion& completion) {
    static_cast<LinkSubmission&>(submission).owner.on_sent(completion.result);
}

void Link::on_sent(int32_t result) {
    host_.count_sent();
    if (result > 0) {
        batch_left_bytes_ -= std::min(batch_left_bytes_, static_cast<uint64_t>(result));
        if (channel_ == nullptr) [[likely]] {
            outbound_.consume(static_cast<uint64_t>(result));
        } else {
            channel_->sent(static_cast<uint64_t>(result));
        }
        if (behind_since_ns_ != 0 && pending_bytes() < host_.limits().stall_from_bytes / 2) [[unlikely]] {
            behind_since_ns_ = 0;
            on_caught_up();
        }
        if (state_ == State::kShutDown) return retire_if_done();
        if (!outbound_.empty() || state_ == State::kFlushing || handing_over_) mark_dirty();
        return;
    }
    if (state_ == State::kOpen) {
        host_.log.debug("{} - Error flushing: {}", label(), base::errno_text(-result));
        close(CloseReason::kWriteError);
    } else {
        shut_down();
        retire_if_done();
    }
}

void Link::on_flush_timer() {
    if (state_ == State::kOpen && handing_over_) {
        on_handover_late();
        if (state_ != State::kOpen) return;  // the input that was kept has closed it
    }
    if (state_ != State::kOpen) {  // closing has taken long enough
        shut_down();
        retire_if_done();
        return;
    }
    // The timer is left armed while sends come and go; only here it is compared with the current one.
    if (!send_.pending) return;
    const LinkLimits::WriteDeadline& deadline = host_.write_deadline_of(kind_);
    const uint64_t deadline_ns = deadline.ns + (deadline.is_for_all ? batch_started_ns_ : send_started_ns_);
    if (host_.ring.now_ns() < deadline_ns) {
        host_.timers.arm(flush_timer_, deadline_ns);
        return;
    }
    if (channel_ != nullptr && channel_->on_failed("write deadline exceeded")) return;
    host_.close_late_consumer(*this);
}

// --------------------------------------------------------------------------------- closing

void Link::close(CloseReason reason) {
    if (state_ != State::kOpen) return;
    close_reason_ = reason;
    assert(reason != CloseReason::kNone);
    was_idle_ = outbound_.empty() && !send_.pending;
    state_ = State::kFlushing;
    handing_over_ = false;
    if (std::exchange(parked_, false)) dirty_ = false;
    // relaxed: a job that misses it only works in vain
    if (ended_ != nullptr) ended_->store(true, std::memory_order_relaxed);
    for (Channel* each = channel_.get(); each != nullptr; each = each->above_.get())
        each->on_closed();
    on_close();
    backlog_.clear();
    carry_.clear();
    const bool has_last_words = channel_ != nullptr && channel_->has_last_words();
    if (ends_at_once(reason) && !has_last_words) {
        shut_down();
        retire_if_done();
        return;
    }
    host_.timers.arm(flush_timer_, host_.ring.now_ns() + kFlushOnClose_ns);
    mark_dirty();
}

void Link::begin_linger() {
    assert(state_ == State::kFlushing);
    const bool owes_nothing = close_reason_ == CloseReason::kServerShutdown && was_idle_;
    if (close_reason_ == CloseReason::kClientClosed || peer_ended_ || owes_nothing) {
        shut_down();  // the peer has ended already, and nothing can come; or it waits for nothing
        retire_if_done();
        return;
    }
    state_ = State::kLingering;
    host_.ring.shutdown_send(fd_);
    if (!receive_.pending) host_.ring.receive(receive_, fd_);
    host_.timers.arm(flush_timer_, host_.ring.now_ns() + kLinger_ns);
}

void Link::shut_down() {
    if (state_ == State::kShutDown) return;
    state_ = State::kShutDown;
    host_.timers.disarm(flush_timer_);
    // With nothing under way the close that follows says the same, one system call cheaper.
    if (receive_.pending || send_.pending) host_.ring.shutdown(fd_);
    // A receive that waits for a buffer is not ended by the shutdown.
    host_.ring.cancel(receive_);
    retire_if_done();
}

void Link::retire_if_done() {
    if (state_ != State::kShutDown || receive_.pending || send_.pending) return;
    if (retired_ || unreleased_) return;
    assert(!flush_timer_.armed());
    retired_ = true;
    outbound_.clear();
    host_.retire(*this);
}

std::shared_ptr<const std::atomic<bool>> Link::ended() {
    if (ended_ == nullptr) ended_ = std::make_shared<std::atomic<bool>>(state_ != State::kOpen);
    return ended_;
}

void Link::begin_release() {
    assert(state_ != State::kOpen);
    assert(!unreleased_);
    if (release(host_.releases_left())) return;
    unreleased_ = true;
    host_.release_later(*this);
}

void Link::keep_closed() {
    assert(state_ != State::kOpen);
    assert(!unreleased_);
    unreleased_ = true;
}

void Link::end_closed() {
    assert(unreleased_);
    unreleased_ = false;
    retire_if_done();
}

bool Link::release_slice(size_t most) {
    if (!release(most)) return false;
    unreleased_ = false;
    retire_if_done();
    return true;
}

// -------------------------------------------------------------------------------- channels

void Link::push_channel(std::unique_ptr<Channel> channel) {
    assert(outbound_.empty());
    std::unique_ptr<Channel>* place = &channel_;
    while (*place != nullptr) place = &(*place)->above_;
    *place = std::move(channel);
}

void Link::start_compression(proto::S2Mode mode) {
    assert(s2_channel_ == nullptr);
    if (websocket_ != nullptr) return lay_below_websocket(mode);
    auto channel = std::make_unique<S2Channel>(*this, mode);
    s2_channel_ = channel.get();
    assert(outbound_.empty());
    push_channel(std::move(channel));
    input_changed_ = true;
    mark_dirty();
}

// On TLS, if there is any.
void Link::lay_below_websocket(proto::S2Mode mode) {
    std::unique_ptr<Channel>& place = tls_ != nullptr ? tls_->above_ : channel_;
    assert(place.get() == websocket_);
    ByteBuffer held;
    Outbound& clear = websocket_->frame_all(&held);
    auto channel = std::make_unique<S2Channel>(*this, mode, clear, std::move(held));
    s2_channel_ = channel.get();
    channel->above_ = std::move(place);
    place = std::move(channel);
    websocket_->hand_rest_to(*s2_channel_);
    input_changed_ = true;
    mark_dirty();
}

void Link::start_websocket(const WebsocketTerms& terms, uint64_t message_max) {
    assert(paused());
    assert(!receive_.pending);
    assert(websocket_ == nullptr);
    ByteBuffer early;
    early.swap(backlog_);
    auto channel = std::make_unique<WebsocketChannel>(*this, terms, message_max, std::move(early));
    websocket_ = channel.get();
    push_channel(std::move(channel));
}

// ---------------------------------------------------------------------------------- handover

void Link::begin_handover(bool parks) {
    handing_over_ = true;
    parks_ = parks;
    pause(PauseReason::kHandover);
    host_.timers.arm(flush_timer_, host_.ring.now_ns() + kHandover_ns);
    mark_dirty();
}

void Link::cancel_handover() {
    if (!std::exchange(handing_over_, false)) return;
    resume(PauseReason::kHandover);
}

void Link::finish_handover() {
    assert(handing_over_);
    if (state_ != State::kOpen || receive_.pending || send_.pending || !outbound_.empty()) return;
    if (dirty_) return;  // flush() comes, and may send: a channel may have something to say yet
    handing_over_ = false;
    host_.timers.disarm(flush_timer_);
    if (!parks_) return leave();
    parked_ = true;
    dirty_ = true;  // so that it is never flushed
    on_parked();
}

void Link::leave_parked() {
    assert(parked_);
    parked_ = false;
    leave();
}

void Link::leave() {
    assert(state_ == State::kOpen);
    Handover connection;
    connection.fd = std::exchange(fd_, -1);
    connection.cid = cid_;
    if (tls_ != nullptr) connection.engine = tls_->take_engine();
    connection.received.swap(carry_.empty() ? backlog_ : carry_);
    connection.received.append(backlog_.begin(), backlog_.size());
    backlog_.clear();
    connection.input_end = input_end_;
    take_output(&connection.output);
    connection.peer = peer_;
    state_ = State::kShutDown;
    hand_over(std::move(connection));
    retire_if_done();
}

void Link::take_output(ByteBuffer* output) {
    std::array<iovec, kGatherPartsMax> parts;
    while (!outbound_.empty()) {
        const unsigned count = outbound_.gather(parts);
        size_t size = 0;
        for (unsigned i = 0; i < count; ++i) {
            output->append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
            size += parts[i].iov_len;
        }
        outbound_.consume(size);
    }
}

void Link::end_input(CloseReason reason) {
    input_end_ = reason;
    if (!paused()) close(reason);
}

void Link::shrink() {
    carry_.shrink();
    backlog_.shrink();
}

}  // namespace nuring::link
