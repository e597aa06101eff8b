// SPDX-License-Identifier: Apache-2.0
#include "core/link/link.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "core/base/errno_text.h"
#include "core/base/host_port.h"
#include "core/link/tls_channel.h"
#include "core/link/worker_links.h"
#include "fmt/format.h"

namespace nuring::link {
namespace {

// Parts that one send gathers: up to 1 MiB in large slabs.
constexpr size_t kGatherPartsMax = 16;

// What a turn delivers before it sends, in bytes of messages: input beyond it waits for the next turn.
// Else the input of one turn, up to 1 MiB, times the subscribers would flood the caches and the memory.
constexpr uint64_t kTurnOutBytesMax = 2 * 1024 * 1024;

constexpr uint64_t kFlushOnClose_ns = 2'000'000'000;  // to get the last bytes out
constexpr uint64_t kLinger_ns = 500'000'000;          // for the peer to read them and close
constexpr uint64_t kLingerBytesMax = 8 * 1024 * 1024; // of input ignored meanwhile

// Buffers above this are given back as soon as they are empty.
constexpr size_t kKeptBufferBytesMax = 64 * 1024;

// Nothing more can, or should, be sent to such a peer.
bool ends_at_once(CloseReason reason) {
    return reason == CloseReason::kReadError || reason == CloseReason::kWriteError ||
           reason == CloseReason::kSlowConsumerPendingBytes ||
           reason == CloseReason::kSlowConsumerWriteDeadline;
}

}  // namespace

Link::Link(WorkerLinks& links, int fd, proto::Kind kind)
    : links_(links),
      outbound_(links.slabs),
      fd_(fd),
      kind_(kind),
      handle_(links.table.add(this)),
      cid_(links.facts.take_cid()),
      start_wall_ns_(links.ring.wall_ns()),
      peer_(links.ring.peer_address(fd)),
      receive_(&receive_completed, *this),
      send_(&send_completed, *this),
      flush_timer_(&flush_timer_fired, *this) {}

Link::~Link() {
    assert(!receive_.pending);
    assert(!send_.pending);
    links_.timers.disarm(flush_timer_);
    links_.table.remove(handle_);
    links_.ring.close(fd_);
}

std::string Link::label() const {
    return fmt::format("{} - {}:{}", base::host_port(peer_.host, peer_.port), proto::id_label(kind_), cid_);
}

void Link::start() { links_.ring.receive(receive_, fd_); }

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
    const auto size = static_cast<size_t>(completion.result);
    links_.worker.drain_arrived();  // may pause, resume or close this link
    if (tls_ == nullptr) [[likely]] {
        take(completion.bytes, size);
    } else {
        receive_tls(completion.bytes, size);
    }
    links_.ring.return_buffer(completion.buffer);
    const uint64_t out_bytes = links_.counters.out_bytes - links_.out_bytes_at_flush;
    if (out_bytes > kTurnOutBytesMax) links_.ring.cut_turn();
}

void Link::take(char* bytes, size_t size) {
    if (state_ == State::kOpen && !paused_) {
        feed(bytes, size);
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
    if (state_ == State::kOpen) {
        if (result == -ECANCELED) {  // paused; or resumed before the cancellation came through
            if (!paused_) links_.ring.receive(receive_, fd_);
            return;
        }
        // A paused link has accepted what it holds; the end is met again when it reads on.
        if (paused_) return;
        if (handshaking()) return fail_handshake(result == 0 ? "EOF" : base::errno_text(-result));
        close(result == 0 ? CloseReason::kClientClosed : CloseReason::kReadError);
        return;
    }
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
        carry_.erase_front(used);
        if (paused_) {
            backlog_.append(carry_.begin(), carry_.size());
            backlog_.append(bytes, size);
            carry_.clear();
            return false;
        }
        if (carry_.empty() && carry_.capacity() > kKeptBufferBytesMax) carry_.shrink();
    }
    return size > 0;
}

void Link::feed(char* bytes, size_t size) {
    if (!carry_.empty() && !feed_carry(bytes, size)) return;
    needed_bytes_ = 0;
    const size_t used = consume(bytes, bytes + size);
    if (state_ != State::kOpen) return;
    if (paused_) {
        backlog_.append(bytes + used, size - used);
    } else if (used < size) {
        carry_.reserve(needed_bytes_);
        carry_.append(bytes + used, size - used);
    }
}

void Link::pause() {
    assert(!paused_);
    paused_ = true;
    links_.ring.cancel(receive_);
}

void Link::hold() {
    if (state_ == State::kOpen && !paused_) pause();
}

void Link::resume() {
    if (!paused_ || state_ != State::kOpen || links_.holding()) return;
    paused_ = false;
    ByteBuffer kept;
    kept.swap(backlog_);
    if (!kept.empty()) feed(kept.begin(), kept.size());
    if (paused_ || state_ != State::kOpen) return;
    if (tls_ != nullptr && tls_->end != CloseReason::kNone) return close(tls_->end);
    if (!receive_.pending) links_.ring.receive(receive_, fd_);
}

// -------------------------------------------------------------------------------- outbound

void Link::queue(std::string_view bytes) {
    if (state_ == State::kShutDown) return;
    outbound_.append(bytes);
    mark_dirty();
    if (state_ == State::kOpen && outbound_.pending_bytes() > links_.limits.max_pending_bytes) {
        links_.slow_consumer_pending(*this);
    }
}

void Link::add_to_dirty() {
    dirty_ = true;
    links_.dirty.push_back(this);
}

void Link::flush() {
    dirty_ = false;
    if (send_.pending || state_ == State::kShutDown) return;
    Outbound& ready = tls_ == nullptr ? outbound_ : encrypt();
    if (state_ == State::kShutDown) return;
    std::array<iovec, kGatherPartsMax> parts;
    const unsigned count = ready.gather(parts);
    if (count == 0) {
        if (state_ == State::kFlushing) begin_linger();
        return;
    }
    send_started_ns_ = links_.ring.now_ns();
    links_.ring.send(send_, fd_, std::span(parts.data(), count));
    ++links_.counters.sends_in_flight;
    if (!flush_timer_.armed()) {
        links_.timers.arm(flush_timer_, send_started_ns_ + links_.limits.write_deadline_ns);
    }
}

void Link::send_completed(ring::Submission& submission, const ring::Completion& completion) {
    static_cast<LinkSubmission&>(submission).owner.on_sent(completion.result);
}

void Link::on_sent(int32_t result) {
    --links_.counters.sends_in_flight;
    if (result > 0) {
        if (tls_ == nullptr) [[likely]] {
            outbound_.consume(static_cast<uint64_t>(result));
        } else {
            tls_sent(static_cast<uint64_t>(result));
        }
        if (state_ == State::kShutDown) return retire_if_done();
        if (!outbound_.empty() || state_ == State::kFlushing) mark_dirty();
        return;
    }
    if (state_ == State::kOpen) {
        links_.log.debug("{} - Error flushing: {}", label(), base::errno_text(-result));
        close(CloseReason::kWriteError);
    } else {
        shut_down();
        retire_if_done();
    }
}

void Link::flush_timer_fired(runtime::Timer& timer) {
    static_cast<LinkTimer&>(timer).owner.on_flush_timer();
}

void Link::on_flush_timer() {
    if (state_ != State::kOpen) {  // closing has taken long enough
        shut_down();
        retire_if_done();
        return;
    }
    // The timer is left armed while sends come and go; only here it is compared with the current one.
    if (!send_.pending) return;
    const uint64_t deadline_ns = send_started_ns_ + links_.limits.write_deadline_ns;
    if (links_.ring.now_ns() < deadline_ns) {
        links_.timers.arm(flush_timer_, deadline_ns);
        return;
    }
    if (handshaking()) return fail_handshake("write deadline exceeded");
    links_.slow_consumer_deadline(*this);
}

// --------------------------------------------------------------------------------- closing

void Link::close(CloseReason reason) {
    if (state_ != State::kOpen) return;
    close_reason_ = reason;
    state_ = State::kFlushing;
    if (tls_ != nullptr) tls_->abandoned->store(true, std::memory_order_relaxed);
    on_close();
    backlog_.clear();
    carry_.clear();
    if (ends_at_once(reason)) {
        shut_down();
        retire_if_done();
        return;
    }
    links_.timers.arm(flush_timer_, links_.ring.now_ns() + kFlushOnClose_ns);
    mark_dirty();
}

void Link::begin_linger() {
    if (close_reason_ == CloseReason::kClientClosed || (!receive_.pending && !paused_)) {
        shut_down();  // the peer has ended already: nothing can come
        retire_if_done();
        return;
    }
    state_ = State::kLingering;
    links_.ring.shutdown_send(fd_);
    if (!receive_.pending) links_.ring.receive(receive_, fd_);
    links_.timers.arm(flush_timer_, links_.ring.now_ns() + kLinger_ns);
}

void Link::shut_down() {
    if (state_ == State::kShutDown) return;
    state_ = State::kShutDown;
    links_.timers.disarm(flush_timer_);
    // With nothing under way the close that follows says the same, one system call cheaper.
    if (receive_.pending || send_.pending) links_.ring.shutdown(fd_);
    // A receive that waits for a buffer is not ended by the shutdown.
    links_.ring.cancel(receive_);
    retire_if_done();
}

void Link::retire_if_done() {
    if (state_ != State::kShutDown || receive_.pending || send_.pending) return;
    if (retired_ || unreleased_) return;
    retired_ = true;
    outbound_.clear();
    links_.retired_links.push_back(this);
}

void Link::shrink() {
    carry_.shrink();
    backlog_.shrink();
}

}  // namespace nuring::link
