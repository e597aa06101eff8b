// SPDX-License-Identifier: Apache-2.0
#include "core/ring/epoll_ring.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <climits>
#include <ctime>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/errno_text.h"
#include "core/base/remedy.h"
#include "core/base/time_units.h"
#include "core/ring/kernel_sockets.h"
#include "core/ring/receive_arena.h"

namespace nuring::ring {
namespace {

constexpr unsigned kReceivesPerTurnMax = 8;  // runs of bytes per socket and turn
constexpr unsigned kAcceptsPerTurnMax = 64;  // connections per listening socket and turn
constexpr unsigned kEventsPerTurnMax = 512;  // sockets whose readiness is fetched per turn
constexpr uint32_t kWakeTag = UINT32_MAX;    // the eventfd; descriptors are below INT_MAX

absl::Status errno_status(const char* what, int error) {
    return absl::UnavailableError(
        fmt::format("epoll ring: {}: {}{}", what, base::errno_text(error), base::file_remedy(error)));
}

// EpollRing gives the seam's completions on top of readiness: it takes over where io_uring is
// denied (containers, old kernels). Sockets are registered once, edge-triggered for both
// directions, and the ring remembers what is readable and writable; so a turn costs one epoll_wait,
// one recv per run of bytes, one sendmsg per send, and no epoll_ctl.
//
// Threads: see Ring. notify() is an atomic exchange and at most one eventfd write per turn.
// Limits:  RingOptions; kReceivesPerTurnMax runs of bytes per socket and turn, kAcceptsPerTurnMax
//          connections per listening socket and turn, kEventsPerTurnMax sockets looked at per turn.
//          Receive memory is one lazily touched mapping; the buffer returned last is lent first.
// Errors:  see Ring. send() tries at once and delivers the result from the next turn().
// Source:  ours; epoll(7) on edge-triggered use.
class EpollRing final : public Ring {
  public:
    static absl::StatusOr<std::unique_ptr<EpollRing>> create(const RingOptions& options);
    ~EpollRing() override;
    EpollRing(const EpollRing&) = delete;
    EpollRing& operator=(const EpollRing&) = delete;

    const char* name() const override { return "epoll"; }
    absl::Status start() override;
    absl::StatusOr<ListenSocket> listen(const std::string& host, uint16_t port) override {
        return open_listen_socket(host, port, /*nonblocking=*/true);
    }
    void accept(Submission& submission, int fd) override;
    void connect(Submission& submission, const SocketAddress& address) override;
    void receive(Submission& submission, int fd) override;
    void send(Submission& submission, int fd, std::span<const iovec> parts) override;
    void cancel(Submission& submission) override;
    void shutdown_send(int fd) override { (void)::shutdown(fd, SHUT_WR); }
    void shutdown(int fd) override;
    void close(int fd) override;
    void detach(int fd) override;
    PeerAddress peer_address(int fd) override { return socket_peer(fd); }
    void return_buffer(uint32_t buffer) override { arena_.push(buffer); }
    unsigned turn(uint64_t deadline_ns) override;
    void wake(Ring& other) override;
    void notify() override;
    uint64_t wall_ns() override { return realtime_ns(); }
    uint64_t fresh_now_ns() override { return monotonic_ns(); }
    void fill_random(std::span<unsigned char> out) override { fill_random_bytes(out); }

  private:
    // The state of one descriptor. Slots are kept for ever and reused with the descriptor's
    // number; a slot may still be linked in the ready list after its socket was closed.
    struct Socket {
        int fd = -1;
        bool registered = false;
        bool readable = false;  // until a read finds nothing
        bool writable = true;   // until a send finds no room
        bool hang_up = false;   // the peer ended or failed: read on until the end is seen
        bool shut = false;      // by our own shutdown(): a receive sees the end at once
        bool in_ready = false;
        Submission* reader = nullptr;  // accept or receive
        Submission* writer = nullptr;  // a send that found no room, or a connect
        std::vector<iovec> parts;      // of the writer
        Socket* next_ready = nullptr;
    };
    struct ReadyList {
        Socket* head = nullptr;
        Socket* tail = nullptr;
        unsigned count = 0;
        void push_back(Socket& socket);
        void push_front(Socket& socket);
        Socket* pop_front();
    };

    explicit EpollRing(const RingOptions& options)
        : options_(options), events_(kEventsPerTurnMax) {
        keepable_buffers_ = options.receive_buffer_count_max / kKeepablePart;
    }
    absl::Status open();

    Socket& socket_of(int fd);
    // Registers the socket on first use; returns 0 or -errno.
    int watch(Socket& socket);
    void begin(Submission& submission, Submission::Kind kind, int fd);
    void arm_reader(Submission& submission, Submission::Kind kind, int fd);
    void mark_ready(Socket& socket);
    // Tries the send; true when `result` is final.
    bool try_send(Socket& socket, std::span<const iovec> parts, int32_t& result);
    void finish_connect(Socket& socket);
    // Queues the last completion of a submission for delivery by turn().
    void finish_later(Submission& submission, int32_t result);
    void deliver(Submission& submission, const Completion& completion);
    unsigned deliver_finished();
    static void forget(Socket& socket);
    unsigned wait(uint64_t deadline_ns);
    void note_event(const epoll_event& event);
    unsigned serve_accept(Socket& socket);
    unsigned serve_receive(Socket& socket, unsigned most);
    unsigned serve_ready();
    unsigned serve_receives(ReadyList& ready, unsigned most);
    unsigned serve_small(ReadyList& ready);
    bool work_at_hand() const;

    const RingOptions options_;
    int epoll_fd_ = -1;
    int event_fd_ = -1;
    bool has_pwait2_ = true;
    ReceiveArena arena_;
    std::vector<std::unique_ptr<Socket>> sockets_;  // by descriptor
    ReadyList ready_accepts_;
    ReadyList ready_receives_;
    ReadyList ready_slow_;        // one of them is served per turn
    bool is_slow_last_ = false;   // in the next turn, since it has cut this one
    Submission* finished_head_ = nullptr;
    Submission* finished_tail_ = nullptr;
    std::vector<epoll_event> events_;
    // notify() sets it (release) and writes the eventfd only if it was clear; turn() clears it
    // (acquire) when it takes the event, so that what the notifier wrote before is seen.
    std::atomic<bool> notified_{false};
};

void EpollRing::ReadyList::push_back(Socket& socket) {
    assert(socket.in_ready);
    socket.next_ready = nullptr;
    if (tail == nullptr) {
        head = &socket;
    } else {
        tail->next_ready = &socket;
    }
    tail = &socket;
    ++count;
}

void EpollRing::ReadyList::push_front(Socket& socket) {
    assert(socket.in_ready);
    socket.next_ready = head;
    head = &socket;
    if (tail == nullptr) tail = &socket;
    ++count;
}

EpollRing::Socket* EpollRing::ReadyList::pop_front() {
    Socket* const socket = head;
    if (socket == nullptr) return nullptr;
    head = socket->next_ready;
    if (head == nullptr) tail = nullptr;
    socket->next_ready = nullptr;
    --count;
    return socket;
}

absl::StatusOr<std::unique_ptr<EpollRing>> EpollRing::create(const RingOptions& options) {
    assert(options.receive_buffer_bytes > 0);
    assert(options.receive_buffer_count_max > 0);
    std::unique_ptr<EpollRing> ring(new EpollRing(options));
    if (const absl::Status status = ring->open(); !status.ok()) return status;
    return ring;
}

absl::Status EpollRing::open() {
    epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd_ < 0) return errno_status("epoll_create1", errno);
    event_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd_ < 0) return errno_status("eventfd", errno);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u32 = kWakeTag;
    if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, event_fd_, &event) != 0) {
        return errno_status("epoll_ctl", errno);
    }
    return arena_.create(options_);
}

EpollRing::~EpollRing() {
    if (event_fd_ >= 0) ::close(event_fd_);
    if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

absl::Status EpollRing::start() {
    now_ns_ = monotonic_ns();
    return absl::OkStatus();
}

EpollRing::Socket& EpollRing::socket_of(int fd) {
    assert(fd >= 0);
    const auto index = static_cast<size_t>(fd);
    if (index >= sockets_.size()) sockets_.resize(index + 1);
    if (sockets_[index] == nullptr) {
        sockets_[index] = std::make_unique<Socket>();
        sockets_[index]->fd = fd;
    }
    return *sockets_[index];
}

int EpollRing::watch(Socket& socket) {
    if (socket.registered) return 0;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = static_cast<uint32_t>(socket.fd);
    if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, socket.fd, &event) != 0) return -errno;
    socket.registered = true;
    return 0;
}

void EpollRing::begin(Submission& submission, Submission::Kind kind, int fd) {
    assert(!submission.pending);
    submission.pending = true;
    submission.kind = kind;
    submission.cancelled = false;
    submission.fd = fd;
    submission.next = nullptr;
    submission.state = nullptr;
}

void EpollRing::mark_ready(Socket& socket) {
    if (socket.in_ready || !socket.readable || socket.reader == nullptr) return;
    socket.in_ready = true;
    const bool is_accept = socket.reader->kind == Submission::Kind::kAccept;
    ReadyList& receives = socket.reader->is_slow ? ready_slow_ : ready_receives_;
    (is_accept ? ready_accepts_ : receives).push_back(socket);
}

void EpollRing::arm_reader(Submission& submission, Submission::Kind kind, int fd) {
    begin(submission, kind, fd);
    Socket& socket = socket_of(fd);
    assert(socket.reader == nullptr);
    if (const int error = watch(socket); error != 0) {
        finish_later(submission, error);
    } else if (socket.shut) {
        finish_later(submission, 0);
    } else {
        socket.reader = &submission;
        mark_ready(socket);
    }
}

void EpollRing::accept(Submission& submission, int fd) {
    arm_reader(submission, Submission::Kind::kAccept, fd);
}

void EpollRing::connect(Submission& submission, const SocketAddress& address) {
    RawAddress raw;
    const int fd = open_connect_socket(address, /*nonblocking=*/true, &raw);
    begin(submission, Submission::Kind::kConnect, fd);
    if (fd < 0) return finish_later(submission, fd);
    int error = 0;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&raw.bytes), raw.size) != 0) error = -errno;
    if (error == 0) return finish_later(submission, fd);
    Socket& socket = socket_of(fd);
    assert(socket.writer == nullptr);
    // Watched only now: a socket that does not connect yet counts as one that hung up.
    if (error == -EINPROGRESS) error = watch(socket);
    if (error != 0) {
        close(fd);
        return finish_later(submission, error);
    }
    socket.writer = &submission;
}

// The descriptor leaves the epoll set: another ring may get it.
void EpollRing::finish_connect(Socket& socket) {
    Submission& submission = *socket.writer;
    socket.writer = nullptr;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) {
        close(socket.fd);
        return finish_later(submission, -error);
    }
    (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, socket.fd, nullptr);
    forget(socket);
    finish_later(submission, socket.fd);
}

void EpollRing::receive(Submission& submission, int fd) {
    arm_reader(submission, Submission::Kind::kReceive, fd);
}

void EpollRing::send(Submission& submission, int fd, std::span<const iovec> parts) {
    assert(!parts.empty());
    assert(parts.size() <= kSendPartsMax);
    begin(submission, Submission::Kind::kSend, fd);
    Socket& socket = socket_of(fd);
    assert(socket.writer == nullptr);
    int32_t result = 0;
    if (const int error = watch(socket); error != 0) {
        finish_later(submission, error);
    } else if (socket.writable && try_send(socket, parts, result)) {
        finish_later(submission, result);
    } else {
        socket.writer = &submission;
        socket.parts.assign(parts.begin(), parts.end());
    }
}

bool EpollRing::try_send(Socket& socket, std::span<const iovec> parts, int32_t& result) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    ssize_t sent = 0;
    do {
        sent = ::sendmsg(socket.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno == EAGAIN) {
            socket.writable = false;
            return false;
        }
        result = -errno;
        return true;
    }
    ++stats_.sends;
    size_t wanted = 0;
    for (const iovec& part : parts) wanted += part.iov_len;
    if (static_cast<size_t>(sent) < wanted) ++stats_.short_sends;
    result = static_cast<int32_t>(sent);
    return true;
}

void EpollRing::finish_later(Submission& submission, int32_t result) {
    assert(submission.pending);
    assert(submission.state == nullptr);
    submission.state = this;  // marks it as finished, see cancel()
    submission.fd = result;   // no longer needed as the descriptor
    submission.next = nullptr;
    if (finished_tail_ == nullptr) {
        finished_head_ = &submission;
    } else {
        finished_tail_->next = &submission;
    }
    finished_tail_ = &submission;
}

void EpollRing::cancel(Submission& submission) {
    if (!submission.pending || submission.state != nullptr) return;
    submission.cancelled = true;
    Socket& socket = socket_of(submission.fd);
    if (socket.reader == &submission) socket.reader = nullptr;
    if (socket.writer == &submission) socket.writer = nullptr;
    if (submission.kind == Submission::Kind::kConnect) close(submission.fd);
    finish_later(submission, -ECANCELED);
}

void EpollRing::shutdown(int fd) {
    ::shutdown(fd, SHUT_RDWR);
    Socket& socket = socket_of(fd);
    socket.shut = true;
    if (socket.reader != nullptr) {
        Submission& reader = *socket.reader;
        socket.reader = nullptr;
        finish_later(reader, 0);
    }
    if (socket.writer != nullptr) {
        Submission& writer = *socket.writer;
        socket.writer = nullptr;
        finish_later(writer, -EPIPE);
    }
}

void EpollRing::close(int fd) {
    Socket& socket = socket_of(fd);
    assert(socket.reader == nullptr);
    assert(socket.writer == nullptr);
    ::close(fd);  // leaves the epoll set by itself
    forget(socket);
}

void EpollRing::detach(int fd) {
    Socket& socket = socket_of(fd);
    assert(socket.reader == nullptr);
    assert(socket.writer == nullptr);
    if (socket.registered) (void)::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
    forget(socket);
}

void EpollRing::forget(Socket& socket) {
    socket.registered = false;
    socket.readable = false;
    socket.writable = true;
    socket.hang_up = false;
    socket.shut = false;
    socket.parts = {};
}

void EpollRing::deliver(Submission& submission, const Completion& completion) {
    ++stats_.completions;
    if (!completion.more) submission.pending = false;
    if (completion.bytes != nullptr) before_receive();
    submission.complete(submission, completion);
}

unsigned EpollRing::deliver_finished() {
    // A request that finishes inside a completion function waits for the next turn.
    Submission* at = finished_head_;
    finished_head_ = nullptr;
    finished_tail_ = nullptr;
    unsigned count = 0;
    while (at != nullptr) {
        Submission& submission = *at;
        at = at->next;
        submission.state = nullptr;
        submission.next = nullptr;
        deliver(submission, Completion{.result = submission.fd});
        ++count;
    }
    return count;
}

bool EpollRing::work_at_hand() const {
    return finished_head_ != nullptr || ready_accepts_.head != nullptr ||
           ((ready_receives_.head != nullptr || ready_slow_.head != nullptr) && !arena_.empty());
}

unsigned EpollRing::wait(uint64_t deadline_ns) {
    while (true) {
        ++stats_.enters;
        int count = 0;
        const uint64_t now = deadline_ns == 0 || deadline_ns == kForever ? 0 : monotonic_ns();
        const uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
        if (has_pwait2_) {
            const timespec timeout{static_cast<time_t>(left / base::kSecond_ns),
                                   static_cast<long>(left % base::kSecond_ns)};
            count = ::epoll_pwait2(epoll_fd_, events_.data(), static_cast<int>(events_.size()),
                                   deadline_ns == kForever ? nullptr : &timeout, nullptr);
        } else {
            const uint64_t ms = std::min<uint64_t>(
                (left + base::kMillisecond_ns - 1) / base::kMillisecond_ns, INT_MAX);
            count = ::epoll_wait(epoll_fd_, events_.data(), static_cast<int>(events_.size()),
                                 deadline_ns == kForever ? -1 : static_cast<int>(ms));
        }
        if (count >= 0) return static_cast<unsigned>(count);
        // A kernel before 5.11 lacks epoll_pwait2; a seccomp filter may answer EPERM instead.
        if ((errno == ENOSYS || errno == EPERM) && has_pwait2_) {
            has_pwait2_ = false;
        } else {
            assert(errno == EINTR);
        }
    }
}

void EpollRing::note_event(const epoll_event& event) {
    if (event.data.u32 == kWakeTag) {
        // Edge-triggered: the counter need not be read.
        notified_.exchange(false, std::memory_order_acq_rel);
        ++stats_.wakes_received;
        return;
    }
    Socket& socket = *sockets_[event.data.u32];
    if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) socket.hang_up = true;
    if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        socket.readable = true;
        mark_ready(socket);
    }
    if ((event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
    socket.writable = true;
    if (socket.writer == nullptr) return;
    if (socket.writer->kind == Submission::Kind::kConnect) return finish_connect(socket);
    int32_t result = 0;
    if (try_send(socket, socket.parts, result)) {
        Submission& writer = *socket.writer;
        socket.writer = nullptr;
        finish_later(writer, result);
    }
}

unsigned EpollRing::serve_accept(Socket& socket) {
    Submission* const reader = socket.reader;
    unsigned count = 0;
    // The completion function may cancel the reader, close the socket, or arm another.
    while (count < kAcceptsPerTurnMax && socket.readable && socket.reader == reader) {
        const int fd = ::accept4(socket.fd, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) {
            ++count;
            deliver(*reader, Completion{.result = fd, .more = true});
        } else if (errno == EAGAIN) {
            socket.readable = false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            const int32_t error = -errno;
            socket.reader = nullptr;
            deliver(*reader, Completion{.result = error});
            return count + 1;
        }
    }
    return count;
}

// `most` runs of bytes at most.
unsigned EpollRing::serve_receive(Socket& socket, unsigned most) {
    Submission* const reader = socket.reader;
    unsigned count = 0;
    while (count < most && socket.readable && socket.reader == reader && !arena_.empty()) {
        if (cut_ && count != 0) break;
        const uint32_t buffer = arena_.top();
        char* const bytes = arena_.bytes(buffer);
        const uint32_t bytes_max = reader->in_small_runs
                                       ? std::min(kSmallRunBytes, options_.receive_buffer_bytes)
                                       : options_.receive_buffer_bytes;
        const ssize_t size = ::recv(socket.fd, bytes, bytes_max, MSG_DONTWAIT);
        if (size > 0) {
            arena_.pop();
            ++stats_.receives;
            ++count;
            // A run shorter than asked for emptied the socket; what comes later is a new edge.
            if (static_cast<size_t>(size) < bytes_max && !socket.hang_up) {
                socket.readable = false;
            }
            const bool is_large = static_cast<size_t>(size) >= options_.receive_buffer_bytes / 2;
            const uint64_t begin_ns = is_large ? monotonic_ns() : 0;
            deliver(*reader, Completion{.result = static_cast<int32_t>(size),
                                        .more = true,
                                        .buffer = buffer,
                                        .bytes = bytes});
            reader->is_slow = is_large && monotonic_ns() - begin_ns > kSlowReceive_ns;
            if (reader->is_slow) break;
        } else if (size < 0 && errno == EAGAIN) {
            socket.readable = false;
        } else if (size == 0 || errno != EINTR) {
            const int32_t result = size == 0 ? 0 : -errno;
            socket.reader = nullptr;
            deliver(*reader, Completion{.result = result});
            return count + 1;
        }
    }
    return count;
}

unsigned EpollRing::serve_ready() {
    unsigned count = 0;
    for (unsigned left = ready_accepts_.count; left > 0 && !cut_; --left) {
        Socket& socket = *ready_accepts_.pop_front();
        socket.in_ready = false;
        if (socket.reader != nullptr && socket.reader->kind == Submission::Kind::kAccept) {
            count += serve_accept(socket);
        }
        mark_ready(socket);
    }
    const unsigned slow_most = std::min(ready_slow_.count, 1U);  // not those that turn out to be slow now
    const bool is_slow_last = std::exchange(is_slow_last_, false);
    if (!is_slow_last) count += serve_receives(ready_slow_, slow_most);
    is_slow_last_ = cut_;
    count += serve_receives(ready_receives_, ready_receives_.count);
    if (is_slow_last) count += serve_receives(ready_slow_, slow_most);
    if (cut_) count += serve_small(ready_receives_);
    return count;
}

unsigned EpollRing::serve_receives(ReadyList& ready, unsigned most) {
    unsigned count = 0;
    for (unsigned left = std::min(ready.count, most); left > 0 && !cut_; --left) {
        Socket& socket = *ready.pop_front();
        if (arena_.empty()) {
            // It stays first in line for the buffers that come back.
            ++stats_.buffer_shortages;
            ready.push_front(socket);
            break;
        }
        socket.in_ready = false;
        if (socket.reader != nullptr && socket.reader->kind == Submission::Kind::kReceive) {
            count += serve_receive(socket, kReceivesPerTurnMax);
        }
        mark_ready(socket);
    }
    return count;
}

// In a turn that was cut: those that have few bytes, or have ended. The others keep their order.
unsigned EpollRing::serve_small(ReadyList& ready) {
    unsigned count = 0;
    for (unsigned left = ready.count; left > 0; --left) {
        Socket& socket = *ready.pop_front();
        socket.in_ready = false;
        const bool receives =
            socket.reader != nullptr && socket.reader->kind == Submission::Kind::kReceive;
        int waiting = 0;
        if (receives && count < kSmallPerCutTurn && !arena_.empty() &&
            ::ioctl(socket.fd, FIONREAD, &waiting) == 0 && waiting <= small_bytes_max(options_)) {
            count += serve_receive(socket, 1);
        }
        mark_ready(socket);
    }
    return count;
}

unsigned EpollRing::turn(uint64_t deadline_ns) {
    ++stats_.turns;
    const bool cut = std::exchange(cut_, false);
    const unsigned event_count = wait(cut || work_at_hand() ? 0 : deadline_ns);
    now_ns_ = monotonic_ns();
    // All events first: none of them can be stale, since no completion function has run yet.
    for (unsigned i = 0; i < event_count; ++i) note_event(events_[i]);
    const unsigned finished = deliver_finished();
    return finished + serve_ready();
}

void EpollRing::wake(Ring& other) {
    ++stats_.wakes_sent;
    other.notify();
}

void EpollRing::notify() {
    if (notified_.exchange(true, std::memory_order_acq_rel)) return;
    const uint64_t one = 1;
    const ssize_t written = ::write(event_fd_, &one, sizeof one);
    assert(written == sizeof one);
    static_cast<void>(written);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ring>> create_epoll_ring(const RingOptions& options) {
    absl::StatusOr<std::unique_ptr<EpollRing>> ring = EpollRing::create(options);
    if (!ring.ok()) return ring.status();
    return std::unique_ptr<Ring>(std::move(*ring));
}

}  // namespace nuring::ring
