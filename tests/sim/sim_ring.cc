// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_ring.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "core/base/host_port.h"
#include "fmt/format.h"

namespace nuring::sim {
namespace {

using ring::Completion;
using ring::Submission;

constexpr uint64_t kTurnCost_ns = 300;  // so that turns that never wait still see time pass
constexpr uint64_t kWakeDelayMax_ns = 5'000;
constexpr unsigned kRunsPerTurnMax = 4;  // receives of one socket in one turn
constexpr char kReturnedFill = '\xDD';
constexpr char kSlackFill = '\xA5';

// Notices changed bytes without reading all of a large send each time.
uint64_t digest_of(const std::vector<iovec>& parts) {
    uint64_t digest = 0xcbf29ce484222325ULL;
    for (const iovec& part : parts) {
        const auto* bytes = static_cast<const unsigned char*>(part.iov_base);
        const size_t stride = std::max<size_t>(1, part.iov_len / 512);
        for (size_t i = 0; i < part.iov_len; i += stride) {
            digest = (digest ^ bytes[i]) * 0x100000001b3ULL;
        }
    }
    return digest;
}

size_t size_of(const std::vector<iovec>& parts) {
    size_t size = 0;
    for (const iovec& part : parts) size += part.iov_len;
    return size;
}

}  // namespace

SimRing::SimRing(SimNet& net, const ring::RingOptions& options, Waiting waiting, HostId host)
    : net_(net),
      options_(options),
      waiting_(waiting),
      host_(host),
      buffers_(options.receive_buffer_count_max) {
    keepable_buffers_ = options.receive_buffer_count_max / ring::kKeepablePart;
    for (uint32_t i = options.receive_buffer_count_max; i-- > 0;) free_buffers_.push_back(i);
}

SimRing::~SimRing() { die(); }

void SimRing::die() {
    if (!std::exchange(*alive_, false)) return;
    for (const auto& [fd, socket] : sockets_) {
        if (SimStream* stream = net_.stream_of(fd)) stream->watch(nullptr, -1);
        if (SimListener* listener = net_.listener_of(fd)) listener->watcher = nullptr;
    }
    sockets_.clear();
    readable_.clear();
}

absl::Status SimRing::start() {
    now_ns_ = net_.now_ns();
    return absl::OkStatus();
}

absl::StatusOr<ring::ListenSocket> SimRing::listen(const std::string& host, uint16_t port) {
    const int fd = net_.listen(port, host_);
    if (fd < 0) return absl::AlreadyExistsError(fmt::format("port {} is in use", port));
    return ring::ListenSocket{fd, host.empty() ? "0.0.0.0" : host, net_.listener_of(fd)->port};
}

SimRing::Socket& SimRing::socket_of(int fd) {
    SimStream* const stream = net_.stream_of(fd);
    SimListener* const listener = net_.listener_of(fd);
    assert((stream != nullptr || listener != nullptr) && "the descriptor is closed");
    const auto [at, is_new] = sockets_.try_emplace(fd);
    if (is_new) {
        at->second.generation = next_generation_++;
        if (stream != nullptr) {
            stream->watch(this, fd);
        } else {
            listener->watcher = this;
        }
    }
    return at->second;
}

void SimRing::arm(Submission& submission, Submission::Kind kind, int fd) {
    assert(!submission.pending);
    submission.pending = true;
    submission.kind = kind;
    submission.cancelled = false;
    submission.fd = fd;
    submission.next = nullptr;
    submission.state = nullptr;
}

void SimRing::accept(Submission& submission, int fd) {
    arm(submission, Submission::Kind::kAccept, fd);
    Socket& socket = socket_of(fd);
    assert(socket.reader == nullptr);
    assert(net_.listener_of(fd) != nullptr);
    socket.reader = &submission;
    readable_.insert(fd);
}

// The port alone says which host it is.
void SimRing::connect(Submission& submission, const ring::SocketAddress& address) {
    arm(submission, Submission::Kind::kConnect, -1);
    const bool is_numeric = base::is_numeric_host(address.host);
    if (!is_numeric || net_.permille(net_.faults().accept_failure_permille)) {
        finished_.push_back({&submission, is_numeric ? -EMFILE : -EINVAL});
        return;
    }
    if (net_.permille(net_.faults().connect_loss_permille)) {
        connecting_[&submission] = nullptr;
        return;
    }
    const uint16_t port = net_.permille(net_.faults().connect_refusal_permille) ? 0 : address.port;
    connecting_[&submission] =
        &net_.connect(
            port,
            [this, alive = alive_, &submission](SimStream& stream, bool connected) {
                if (!*alive) return stream.close();
                answer_connect(submission, stream, connected);
            },
            host_);
}

void SimRing::answer_connect(Submission& submission, SimStream& stream, bool connected) {
    const auto at = connecting_.find(&submission);
    const bool is_wanted = at != connecting_.end() && at->second == &stream;
    if (is_wanted) connecting_.erase(at);
    if (!is_wanted || !connected) stream.close();
    if (!is_wanted) return;
    finished_.push_back({&submission, connected ? net_.add_descriptor(stream, host_) : -ECONNREFUSED});
}

void SimRing::receive(Submission& submission, int fd) {
    arm(submission, Submission::Kind::kReceive, fd);
    Socket& socket = socket_of(fd);
    assert(socket.reader == nullptr);
    assert(net_.stream_of(fd) != nullptr);
    socket.reader = &submission;
    socket.is_ending = false;
    readable_.insert(fd);
}

void SimRing::send(Submission& submission, int fd, std::span<const iovec> parts) {
    assert(!parts.empty());
    assert(parts.size() <= ring::kSendPartsMax);
    arm(submission, Submission::Kind::kSend, fd);
    Socket& socket = socket_of(fd);
    assert(socket.writer == nullptr);
    assert(net_.stream_of(fd) != nullptr);
    socket.writer = &submission;
    socket.send_executed = false;
    socket.parts.assign(parts.begin(), parts.end());
    assert(size_of(socket.parts) > 0);
    socket.parts_digest = digest_of(socket.parts);
    execute_send_later(fd);
}

void SimRing::execute_send_later(int fd) {
    const uint64_t generation = sockets_.at(fd).generation;
    net_.after(net_.completion_delay_ns(), [this, alive = alive_, fd, generation] {
        if (!*alive) return;
        const auto at = sockets_.find(fd);
        if (at != sockets_.end() && at->second.generation == generation) execute_send(fd);
    });
}

void SimRing::execute_send(int fd) {
    Socket& socket = sockets_.at(fd);
    if (socket.writer == nullptr || socket.send_executed) return;
    SimStream& stream = *net_.stream_of(fd);
    if (stream.was_reset()) return finish(*socket.writer, -ECONNRESET);
    if (socket.shut || stream.send_ended()) return finish(*socket.writer, -EPIPE);
    size_t left = std::min(stream.room(), size_of(socket.parts));
    if (left == 0) return;  // until there is room
    assert(digest_of(socket.parts) == socket.parts_digest && "bytes changed while being sent");
    if (left > 1 && net_.percent(net_.faults().short_send_percent)) {
        left = 1 + net_.prng().below(static_cast<uint32_t>(left - 1));
    }
    std::string bytes;
    bytes.reserve(left);
    for (const iovec& part : socket.parts) {
        const size_t size = std::min(left, part.iov_len);
        bytes.append(static_cast<const char*>(part.iov_base), size);
        left -= size;
    }
    const size_t written = bytes.size();
    const std::string leaving = net_.meddle(stream, std::move(bytes));
    const size_t taken = stream.write(leaving);
    assert((taken == leaving.size() || taken >= written) && "there was room");
    ++stats_.sends;
    if (written < size_of(socket.parts)) ++stats_.short_sends;
    socket.send_executed = true;
    net_.after(net_.completion_delay_ns(),
               [this, alive = alive_, fd, generation = socket.generation,
                result = static_cast<int32_t>(written)] {
                   if (!*alive) return;
                   const auto at = sockets_.find(fd);
                   assert(at != sockets_.end() && at->second.generation == generation &&
                          "closed while a send was pending");
                   finish_send(fd, result);
               });
}

void SimRing::finish_send(int fd, int32_t result) {
    Socket& socket = sockets_.at(fd);
    assert(socket.writer != nullptr);
    assert(digest_of(socket.parts) == socket.parts_digest && "bytes changed while being sent");
    finish(*socket.writer, result);
}

void SimRing::finish(Submission& submission, int32_t result) {
    Socket& socket = sockets_.at(submission.fd);
    if (socket.reader == &submission) {
        socket.reader = nullptr;
        readable_.erase(submission.fd);
    } else {
        assert(socket.writer == &submission);
        socket.writer = nullptr;
        socket.send_executed = false;
        socket.parts.clear();
    }
    finished_.push_back({&submission, result});
}

void SimRing::cancel(Submission& submission) {
    if (!submission.pending || submission.cancelled) return;
    submission.cancelled = true;
    if (submission.kind == Submission::Kind::kConnect) return cancel_connect(submission);
    const auto at = sockets_.find(submission.fd);
    if (at == sockets_.end()) return;
    if (at->second.reader != &submission && at->second.writer != &submission) return;  // finished
    // It takes effect a little later; until then bytes and connections go on coming. A submission
    // that ended by itself meanwhile, and was perhaps used again, has lost the mark that this sets.
    submission.state = this;
    const uint64_t generation = at->second.generation;
    Submission* const target = &submission;
    const int fd = submission.fd;
    net_.after(net_.completion_delay_ns(), [this, alive = alive_, fd, generation, target] {
        if (!*alive) return;
        const auto found = sockets_.find(fd);
        if (found == sockets_.end() || found->second.generation != generation) return;
        Socket& socket = found->second;
        const bool is_reader = socket.reader == target;
        const bool is_writer = socket.writer == target && !socket.send_executed;
        if ((!is_reader && !is_writer) || target->state != this) return;
        const bool may_bring_bytes = is_reader && target->kind == Submission::Kind::kReceive;
        if (!may_bring_bytes || !net_.percent(net_.faults().late_cancel_percent)) {
            return finish(*target, -ECANCELED);
        }
        socket.is_ending = true;
        readable_.insert(fd);
    });
}

// As late as other requests; until then the connection may still come about.
void SimRing::cancel_connect(Submission& submission) {
    if (connecting_.count(&submission) == 0) return;  // finished
    submission.state = this;
    net_.after(net_.completion_delay_ns(), [this, alive = alive_, &submission] {
        if (!*alive || connecting_.count(&submission) == 0 || submission.state != this) return;
        connecting_.erase(&submission);
        finished_.push_back({&submission, -ECANCELED});
    });
}

void SimRing::shutdown_send(int fd) {
    socket_of(fd);
    net_.stream_of(fd)->shutdown_send();
    execute_send(fd);
}

void SimRing::shutdown(int fd) {
    Socket& socket = socket_of(fd);
    socket.shut = true;
    net_.stream_of(fd)->shutdown_send();
    if (socket.reader != nullptr) readable_.insert(fd);
    execute_send(fd);
}

void SimRing::expect_unused(int fd) {
    Socket& socket = socket_of(fd);
    assert(socket.reader == nullptr && "gone while a receive or accept was pending");
    assert(socket.writer == nullptr && "gone while a send was pending");
    for (const Finished& finished : finished_) {
        assert(finished.submission->fd != fd && "gone while a submission was pending");
    }
    static_cast<void>(socket);
}

void SimRing::detach(int fd) {
    expect_unused(fd);
    net_.stream_of(fd)->unwatch();
    sockets_.erase(fd);
    readable_.erase(fd);
}

void SimRing::close(int fd) {
    expect_unused(fd);
    if (SimListener* listener = net_.listener_of(fd)) listener->watcher = nullptr;
    sockets_.erase(fd);
    readable_.erase(fd);
    net_.close_descriptor(fd);
}

ring::PeerAddress SimRing::peer_address(int fd) {
    ring::PeerAddress out;
    const SimStream* const stream = net_.stream_of(fd);
    assert(stream != nullptr);
    std::memcpy(out.host, "127.0.0.1", sizeof "127.0.0.1");
    out.port = static_cast<uint16_t>(32768 + stream->id() % 28000);
    return out;
}

void SimRing::return_buffer(uint32_t index) {
    assert(index < buffers_.size());
    Buffer& buffer = buffers_[index];
    assert(buffer.lent && "a receive buffer was returned twice");
    buffer.lent = false;
    --lent_count_;
    std::memset(buffer.bytes.get(), kReturnedFill, buffer.size);
    (in_turn_ ? returned_buffers_ : free_buffers_).push_back(index);
}

void SimRing::note_readable(int fd) {
    const auto at = sockets_.find(fd);
    if (at == sockets_.end()) return;
    if (at->second.reader != nullptr) readable_.insert(fd);
}

void SimRing::note_writable(int fd) {
    const auto at = sockets_.find(fd);
    if (at != sockets_.end() && at->second.writer != nullptr) execute_send_later(fd);
}

bool SimRing::can_serve(int fd) const {
    if (const SimListener* listener = net_.listener_of(fd)) return !listener->waiting.empty();
    const SimStream& stream = *net_.stream_of(fd);
    if (sockets_.at(fd).shut || sockets_.at(fd).is_ending) return true;
    if (stream.readable_size() > 0) return !free_buffers_.empty();
    return stream.at_end() || stream.was_reset();
}

bool SimRing::ready() const {
    if (woken_ || !finished_.empty()) return true;
    return std::any_of(readable_.begin(), readable_.end(),
                       [this](int fd) { return can_serve(fd); });
}

size_t SimRing::pending_count() const {
    size_t count = finished_.size() + connecting_.size();
    for (const auto& [fd, socket] : sockets_) {
        count += (socket.reader != nullptr ? 1 : 0) + (socket.writer != nullptr ? 1 : 0);
    }
    return count;
}

void SimRing::deliver(Submission& submission, const Completion& completion) {
    ++stats_.completions;
    if (!completion.more) {
        submission.pending = false;
        submission.state = nullptr;
    }
    if (completion.bytes != nullptr) before_receive();
    submission.complete(submission, completion);
}

void SimRing::serve_accept(int fd, Socket& socket) {
    Submission& reader = *socket.reader;
    if (net_.permille(net_.faults().accept_failure_permille)) {
        socket.reader = nullptr;
        readable_.erase(fd);
        deliver(reader, Completion{.result = -EMFILE});
        return;
    }
    SimListener& listener = *net_.listener_of(fd);
    SimStream& stream = *listener.waiting.front();
    listener.waiting.pop_front();
    deliver(reader, Completion{.result = net_.add_descriptor(stream, host_), .more = true});
}

void SimRing::end_receive(int fd, Socket& socket, int32_t result) {
    Submission& reader = *std::exchange(socket.reader, nullptr);
    readable_.erase(fd);
    deliver(reader, Completion{.result = result});
}

void SimRing::serve_receive(int fd, Socket& socket) {
    Submission& reader = *socket.reader;
    SimStream& stream = *net_.stream_of(fd);
    const bool has_bytes = stream.readable_size() > 0 && !free_buffers_.empty();
    if (!has_bytes || (socket.shut && net_.prng().percent(50))) {
        if (socket.is_ending) return end_receive(fd, socket, -ECANCELED);
        return end_receive(fd, socket, stream.was_reset() && !socket.shut ? -ECONNRESET : 0);
    }
    const uint32_t index = free_buffers_.back();
    free_buffers_.pop_back();
    Buffer& buffer = buffers_[index];
    const size_t capacity = options_.receive_buffer_bytes;
    if (buffer.bytes == nullptr) {
        buffer.bytes = std::make_unique<char[]>(capacity + ring::kReceiveSlackBytes);
        std::memset(buffer.bytes.get() + capacity, kSlackFill, ring::kReceiveSlackBytes);
    }
    buffer.lent = true;
    ++lent_count_;
    size_t size = std::min(capacity, stream.readable_size());
    if (reader.in_small_runs) size = std::min<size_t>(size, ring::kSmallRunBytes);
    if (size > 1 && net_.percent(net_.faults().short_receive_percent)) {
        size = 1 + net_.prng().below(static_cast<uint32_t>(size - 1));
    }
    size = stream.read(buffer.bytes.get(), size);
    buffer.size = size;
    ++stats_.receives;
    deliver(reader, Completion{.result = static_cast<int32_t>(size),
                               .more = true,
                               .buffer = index,
                               .bytes = buffer.bytes.get()});
}

void SimRing::serve(int fd) {
    const auto first = sockets_.find(fd);
    if (first == sockets_.end()) return;
    const uint64_t generation = first->second.generation;
    const bool is_ending = first->second.is_ending;
    for (unsigned runs = 1 + net_.prng().below(kRunsPerTurnMax); runs > 0 && !cut_; --runs) {
        // The completion function may have closed the descriptor, or armed another request on it.
        const auto at = sockets_.find(fd);
        if (at == sockets_.end() || at->second.generation != generation) return;
        if (at->second.reader == nullptr) return;
        if (!can_serve(fd)) {
            const SimStream* stream = net_.stream_of(fd);
            if (stream != nullptr && stream->readable_size() > 0) ++stats_.buffer_shortages;
            return;
        }
        if (net_.listener_of(fd) != nullptr) {
            serve_accept(fd, at->second);
        } else {
            serve_receive(fd, at->second);
        }
    }
    if (!is_ending || cut_) return;
    const auto at = sockets_.find(fd);
    const bool is_same = at != sockets_.end() && at->second.generation == generation && at->second.is_ending;
    if (is_same && at->second.reader != nullptr) end_receive(fd, at->second, -ECANCELED);
}

void SimRing::wait(uint64_t deadline_ns) {
    ++stats_.enters;
    if (deadline_ns <= net_.now_ns() || waiting_ == Waiting::kInWorld) return;
    if (net_.permille(net_.faults().spurious_wake_permille)) return;
    while (!ready()) {
        const uint64_t next = net_.next_event_ns();
        assert((next != UINT64_MAX || deadline_ns != ring::kForever) &&
               "waits for nothing, for ever");
        if (next > deadline_ns) {
            net_.advance_to(deadline_ns);
            return;
        }
        net_.step();
    }
}

unsigned SimRing::turn(uint64_t deadline_ns) {
    ++stats_.turns;
    net_.advance_to(net_.now_ns() + kTurnCost_ns);
    while (net_.next_event_ns() <= net_.now_ns()) net_.step();
    if (!std::exchange(cut_, false) && !ready()) wait(deadline_ns);
    now_ns_ = net_.now_ns();
    if (woken_) {
        woken_ = false;
        ++stats_.wakes_received;
    }
    in_turn_ = true;
    // What is ready now, in any order; what becomes ready meanwhile waits for the next turn.
    std::vector<Finished> finished;
    finished.swap(finished_);
    std::vector<int> readable(readable_.begin(), readable_.end());
    const uint64_t before = stats_.completions;
    while (!finished.empty() || !readable.empty()) {
        const size_t count = finished.size() + readable.size();
        const size_t pick = net_.prng().below(static_cast<uint32_t>(count));
        if (pick < finished.size()) {
            const Finished item = finished[pick];
            finished.erase(finished.begin() + static_cast<ptrdiff_t>(pick));
            deliver(*item.submission, Completion{.result = item.result});
        } else {
            const auto at = readable.begin() + static_cast<ptrdiff_t>(pick - finished.size());
            const int fd = *at;
            readable.erase(at);
            if (readable_.count(fd) != 0) serve(fd);
        }
        if (cut_) break;
        if (stats_.completions != before && net_.percent(net_.faults().partial_turn_percent)) break;
    }
    finished_.insert(finished_.begin(), finished.begin(), finished.end());
    in_turn_ = false;
    free_buffers_.insert(free_buffers_.end(), returned_buffers_.begin(), returned_buffers_.end());
    returned_buffers_.clear();
    return static_cast<unsigned>(stats_.completions - before);
}

void SimRing::wake(ring::Ring& other) {
    ++stats_.wakes_sent;
    auto& target = static_cast<SimRing&>(other);
    net_.after(net_.between(0, kWakeDelayMax_ns), [&target, alive = target.alive_] {
        if (*alive) target.woken_ = true;
    });
}

void SimRing::notify() {
    woken_ = true;
}

void SimRing::fill_random(std::span<unsigned char> out) {
    for (unsigned char& byte : out) byte = static_cast<unsigned char>(net_.prng().next() >> 56);
}

}  // namespace nuring::sim
