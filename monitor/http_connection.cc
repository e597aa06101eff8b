// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>

#include "proto/http_head.h"

namespace nuring::monitor {

HttpConnection::~HttpConnection() {
    ::close(fd_);
}

void HttpConnection::end() {
    state_ = State::kEnded;
    std::string().swap(input_);  // an assignment would keep the memory
    std::string().swap(received_);
}

pollfd HttpConnection::waiting() const {
    const bool writes = state_ == State::kWriting || wire_taken_ < wire_.size();
    // Requests that are here are answered first: each answer moves the bytes behind its request.
    const bool reads = (state_ == State::kReading && !holds_request_) ||
                       (state_ == State::kLingering && !lingers_in_silence());
    const bool watches = state_ == State::kAwaiting && !half_closed_;
    return {.fd = fd_,
            .events = static_cast<short>((writes ? POLLOUT : 0) | (reads ? POLLIN : 0) |
                                         (watches ? POLLRDHUP : 0)),
            .revents = 0};
}

uint64_t HttpConnection::deadline_ns() const {
    switch (state_) {
        case State::kReading:
            return since_ns_ + (idle() ? kIdleTime_ns : kHeadTime_ns);
        case State::kAwaiting:
            return since_ns_ + kAwaitTime_ns;
        case State::kWriting:
            return since_ns_ + kWriteTime_ns;
        case State::kLingering:
            return since_ns_ + kLingerTime_ns;
        case State::kEnded:
            break;
    }
    return 0;
}

void HttpConnection::on_events(short events, uint64_t now_ns) {
    if ((events & POLLOUT) != 0) on_writable(now_ns);
    if (state_ == State::kAwaiting) {
        if ((events & (POLLERR | POLLHUP)) != 0) return end();
        if ((events & POLLRDHUP) != 0) {
            half_closed_ = true;
            probe(now_ns);
        }
    } else if (lingers_in_silence()) {
        end();  // poll() would report the same again at once
    } else if (state_ == State::kReading || state_ == State::kLingering) {
        on_readable(now_ns);
    }
}

void HttpConnection::await_page(PageRequest request, uint64_t now_ns) {
    assert(state_ == State::kReading);
    assert(request.size > 0);
    assert(request.size <= input_.size());
    awaited_ = std::move(request);
    is_served_ = false;
    state_ = State::kAwaiting;
    since_ns_ = now_ns;
    probed_until_ns_ = 0;
    if (half_closed_) probe(now_ns);
}

// The first bytes are the same whatever the page will be.
void HttpConnection::probe(uint64_t now_ns) {
    assert(state_ == State::kAwaiting);
    assert(probe_size_ == 0);
    probed_until_ns_ = now_ns + kProbeTime_ns;
    const std::string_view begin = http_version(awaited_.form);
    probe_size_ = begin.size();
    if (engine_ != nullptr) {
        if (!engine_->write(begin, to_wire())) return end();
        return on_writable(now_ns);
    }
    const ssize_t sent = ::send(fd_, begin.data(), begin.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    // A socket that has no room for nine bytes is not one that is worth a page.
    if (sent != static_cast<ssize_t>(begin.size())) end();
}

void HttpConnection::on_readable(uint64_t now_ns) {
    std::array<char, kReadBytes> bytes;
    for (int reads = 0; reads < kReadsMax && !lingers_in_silence(); ++reads) {
        const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got < 0 || (got == 0 && state_ == State::kLingering)) return end();
        if (got == 0) {  // what it has asked for before is still answered
            half_closed_ = true;
            return;
        }
        if (state_ == State::kLingering) {
            lingered_bytes_ += static_cast<size_t>(got);
            continue;
        }
        if (input_.empty() && received_.empty()) since_ns_ = now_ns;  // a request begins
        const std::string_view fresh(bytes.data(), static_cast<size_t>(got));
        if (engine_ == nullptr) {
            input_ += fresh;
        } else if (!decrypt(fresh)) {
            return end();
        }
        if (input_.size() > kHeadBytesMax) return;  // enough to judge
    }
}

size_t HttpConnection::complete_request() {
    const size_t size = find_request();
    holds_request_ = size != 0;
    return size;
}

size_t HttpConnection::find_request() {
    if (state_ != State::kReading) return 0;
    if (const size_t size = proto::find_http_head_end(input_, scanned_); size != 0) return size;
    // Input that does not begin like HTTP is refused at once.
    const size_t line_end = input_.find('\n', scanned_ == 0 ? 0 : scanned_ - 1);
    if (!first_line_seen_ && line_end != std::string::npos) {
        first_line_seen_ = true;
        if (input_.find(" HTTP/1.") >= line_end) return line_end + 1;
    }
    scanned_ = input_.size();
    return 0;
}

void HttpConnection::on_answered(size_t request_size, Reply reply, uint64_t now_ns) {
    assert(state_ == State::kReading || state_ == State::kAwaiting);
    assert(request_size <= input_.size());
    assert(probe_size_ <= reply.head.size());
    input_.erase(0, request_size);
    input_.shrink_to_fit();
    scanned_ = 0;
    first_line_seen_ = false;
    answered_ = true;
    reply_ = std::move(reply);
    taken_ = std::exchange(probe_size_, 0);
    state_ = State::kWriting;
    since_ns_ = answered_ns_ = now_ns;
    on_writable(now_ns);
}

void HttpConnection::on_writable(uint64_t now_ns) {
    const bool done = engine_ == nullptr ? send_clear(now_ns) : send_encrypted(now_ns);
    if (!done || state_ != State::kWriting) return;  // there is more, or it was a handshake's
    const bool goes_on = reply_.goes_on;
    reply_ = Reply();
    taken_ = 0;
    if (goes_on) {
        state_ = State::kReading;
        return;
    }
    // Closing with unread input would make the kernel reset what has just been sent.
    ::shutdown(fd_, SHUT_WR);
    state_ = State::kLingering;
}

// Counts what the socket took; false: it takes no more for now, or has failed.
bool HttpConnection::on_sent(ssize_t sent, size_t* count, uint64_t now_ns) {
    if (sent < 0 && errno == EINTR) return true;
    if (sent < 0 && errno == EAGAIN) return false;
    if (sent <= 0) {
        end();
        return false;
    }
    *count += static_cast<size_t>(sent);
    if (state_ == State::kWriting) since_ns_ = now_ns;
    return true;
}

// True: the socket has all of the reply.
bool HttpConnection::send_clear(uint64_t now_ns) {
    const size_t all = reply_.head.size() + body().size();
    while (taken_ < all) {
        const std::string_view head =
            std::string_view(reply_.head).substr(std::min(taken_, reply_.head.size()));
        const std::string_view rest = body().substr(taken_ - (reply_.head.size() - head.size()));
        // sendmsg() only reads what these point to.
        std::array<iovec, 2> parts = {{{const_cast<char*>(head.data()), head.size()},
                                       {const_cast<char*>(rest.data()), rest.size()}}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        if (!on_sent(::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL), &taken_, now_ns)) {
            return false;
        }
    }
    return true;
}

// True: the socket has all of the reply, and all that TLS itself had to say.
bool HttpConnection::send_encrypted(uint64_t now_ns) {
    do {
        while (wire_taken_ < wire_.size()) {
            const ssize_t sent = ::send(fd_, wire_.data() + wire_taken_, wire_.size() - wire_taken_,
                                        MSG_DONTWAIT | MSG_NOSIGNAL);
            if (!on_sent(sent, &wire_taken_, now_ns)) return false;
        }
        wire_.clear();
        wire_taken_ = 0;
    } while (state_ == State::kWriting && encrypt_next());
    std::string().swap(wire_);
    return state_ != State::kEnded;
}

// The next piece of the reply, and its end, to the wire. False: there is none, or it failed.
bool HttpConnection::encrypt_next() {
    const size_t head_size = reply_.head.size();
    if (taken_ < head_size) {
        if (!engine_->write(std::string_view(reply_.head).substr(taken_), to_wire())) end();
        taken_ = head_size;
    } else if (const std::string_view next = body().substr(taken_ - head_size, kSliceBytes);
               !next.empty()) {
        if (!engine_->write(next, to_wire())) end();
        taken_ += next.size();
    } else if (!reply_.goes_on && !notified_) {
        engine_->close_notify(to_wire());
        notified_ = true;
    } else {
        return false;
    }
    return state_ != State::kEnded;
}

tls::Output HttpConnection::to_wire() {
    return {.append = [](void* wire, const char* bytes,
                         size_t size) { static_cast<std::string*>(wire)->append(bytes, size); },
            .state = &wire_};
}

// Ciphertext to input. False: it is no TLS, or has ended.
bool HttpConnection::decrypt(std::string_view fresh) {
    received_ += fresh;
    std::string_view rest = received_;
    bool good = true;
    if (!handshake_done_) {
        const tls::HandshakeStatus status = engine_->handshake(&rest, to_wire());
        good = status != tls::HandshakeStatus::kFailed;
        handshake_done_ = status == tls::HandshakeStatus::kDone;
    }
    while (good && handshake_done_) {
        std::array<char, kReadBytes> plain;
        size_t size = 0;
        const tls::ReadStatus status = engine_->read(&rest, plain, &size, to_wire());
        input_.append(plain.data(), size);
        good = status == tls::ReadStatus::kFull || status == tls::ReadStatus::kNeedsInput;
        half_closed_ |= status == tls::ReadStatus::kClosed;
        if (status != tls::ReadStatus::kFull) break;
    }
    received_.erase(0, received_.size() - rest.size());
    if (!wire_.empty()) on_writable(since_ns_);
    return good || half_closed_;
}

}  // namespace nuring::monitor
