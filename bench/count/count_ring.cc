// SPDX-License-Identifier: Apache-2.0
#include "bench/count/count_ring.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT static_cast<void>(0)
#define CALLGRIND_ZERO_STATS static_cast<void>(0)
#define CALLGRIND_DUMP_STATS_AT(name) static_cast<void>(name)
#endif

namespace nuring::count {
namespace {

using ring::Completion;
using ring::Submission;

constexpr uint64_t kWallOffset_ns = 1'700'000'000'000'000'000;

}  // namespace

// ------------------------------------------------------------------------------------------ Tally

bool Tally::running_ = false;

void Tally::begin() {
    CALLGRIND_ZERO_STATS;
    running_ = true;
}

void Tally::end(const std::string& name) {
    running_ = false;
    CALLGRIND_DUMP_STATS_AT(name.c_str());
}

void Tally::toggle() {
    if (running_) CALLGRIND_TOGGLE_COLLECT;
}

// --------------------------------------------------------------------------------------- CountNet

int CountNet::connect() {
    sockets_.push_back(std::make_unique<Socket>());
    waiting_.push_back(kFirstSocket + static_cast<int>(sockets_.size()) - 1);
    return waiting_.back();
}

CountNet::Socket& CountNet::socket(int fd) {
    assert(fd >= kFirstSocket);
    return *sockets_.at(static_cast<size_t>(fd - kFirstSocket));
}

void CountNet::send(int fd, std::string_view bytes) {
    Socket& to = socket(fd);
    to.input.erase(0, to.input_at);
    to.input_at = 0;
    to.input += bytes;
}

// -------------------------------------------------------------------------------------- CountRing

CountRing::CountRing(CountNet& net, const ring::RingOptions& options)
    : net_(net), options_(options), buffers_(options.receive_buffer_count * ring::kKeepablePart) {
    keepable_buffers_ = options.receive_buffer_count;
    for (size_t i = buffers_.size(); i-- > 0;) {
        buffers_[i] =
            std::make_unique<char[]>(options.receive_buffer_bytes + ring::kReceiveSlackBytes);
        free_buffers_.push_back(static_cast<uint32_t>(i));
    }
}

absl::Status CountRing::start() {
    now_ns_ = net_.now_ns();
    return absl::OkStatus();
}

absl::StatusOr<ring::ListenSocket> CountRing::listen(const std::string& host, uint16_t /*port*/) {
    return ring::ListenSocket{CountNet::kListener, host, 4222};
}

void CountRing::accept(Submission& submission, int fd) {
    assert(fd == CountNet::kListener);
    submission.pending = true;
    submission.fd = fd;
    acceptor_ = &submission;
}

void CountRing::connect(Submission& /*submission*/, const ring::SocketAddress& /*address*/) {
    assert(false && "nothing is dialed here");
}

void CountRing::receive(Submission& submission, int fd) {
    const Tally::Kernel kernel;
    submission.pending = true;
    submission.fd = fd;
    CountNet::Socket& socket = net_.socket(fd);
    assert(socket.reader == nullptr);
    socket.reader = &submission;
    socket.ring = this;
    readers_.push_back(fd);
}

void CountRing::send(Submission& submission, int fd, std::span<const iovec> parts) {
    const Tally::Kernel kernel;
    submission.pending = true;
    submission.fd = fd;
    CountNet::Socket& socket = net_.socket(fd);
    size_t size = 0;
    for (const iovec& part : parts) {
        if (socket.keeps_output)
            socket.output.append(static_cast<const char*>(part.iov_base), part.iov_len);
        size += part.iov_len;
    }
    socket.output_bytes += size;
    ++stats_.sends;
    finished_.push_back({&submission, static_cast<int32_t>(size)});
}

// A link that pauses ends its receive.
void CountRing::cancel(Submission& submission) {
    const Tally::Kernel kernel;
    CountNet::Socket& socket = net_.socket(submission.fd);
    if (socket.reader != &submission) return;
    socket.reader = nullptr;
    readers_.erase(std::find(readers_.begin(), readers_.end(), submission.fd));
    finished_.push_back({&submission, -ECANCELED});
}
void CountRing::shutdown_send(int /*fd*/) {
    assert(false && "nothing ends here");
}
void CountRing::shutdown(int /*fd*/) {
    assert(false && "nothing ends here");
}
void CountRing::close(int /*fd*/) {
    assert(false && "nothing ends here");
}

ring::PeerAddress CountRing::peer_address(int fd) {
    ring::PeerAddress address;
    std::memcpy(address.host, "127.0.0.1", sizeof "127.0.0.1");
    address.port = static_cast<uint16_t>(fd);
    return address;
}

void CountRing::return_buffer(uint32_t buffer) {
    const Tally::Kernel kernel;
    free_buffers_.push_back(buffer);
}

bool CountRing::ready() const {
    if (woken_ || !finished_.empty() || cut_) return true;
    if (acceptor_ != nullptr && !net_.waiting_.empty()) return true;
    return std::any_of(readers_.begin(), readers_.end(), [this](int fd) {
        const CountNet::Socket& socket = net_.socket(fd);
        return socket.input_at < socket.input.size();
    });
}

void CountRing::complete(Submission& submission, const Completion& completion) {
    ++stats_.completions;
    if (!completion.more) submission.pending = false;
    const Tally::Server server;
    if (completion.bytes != nullptr) before_receive();
    submission.complete(submission, completion);
}

void CountRing::accept_all() {
    while (acceptor_ != nullptr && !net_.waiting_.empty()) {
        const int fd = net_.waiting_.front();
        net_.waiting_.pop_front();
        complete(*acceptor_, {.result = fd, .more = true});
    }
}

void CountRing::receive_from(int fd) {
    CountNet::Socket& socket = net_.socket(fd);
    for (uint32_t i = 0; i < options_.receive_buffer_count && !cut_ && socket.reader != nullptr;
         ++i) {
        const size_t size =
            std::min<size_t>(options_.receive_buffer_bytes, socket.input.size() - socket.input_at);
        if (size == 0) return;
        assert(!free_buffers_.empty());
        const uint32_t buffer = free_buffers_.back();
        free_buffers_.pop_back();
        std::memcpy(buffers_[buffer].get(), socket.input.data() + socket.input_at, size);
        socket.input_at += size;
        ++stats_.receives;
        complete(*socket.reader, {.result = static_cast<int32_t>(size),
                                  .more = true,
                                  .buffer = buffer,
                                  .bytes = buffers_[buffer].get()});
    }
}

unsigned CountRing::turn(uint64_t /*deadline_ns*/) {
    const Tally::Kernel kernel;
    const uint64_t before = stats_.completions;
    ++stats_.turns;
    net_.pass_time();
    now_ns_ = net_.now_ns();
    cut_ = false;
    if (woken_) ++stats_.wakes_received;
    woken_ = false;
    completing_.clear();
    completing_.swap(finished_);
    for (const Finished& each : completing_) complete(*each.submission, {.result = each.result});
    accept_all();
    // A completion may end receives, and arm others.
    served_.assign(readers_.begin(), readers_.end());
    for (size_t i = 0; i < served_.size() && !cut_; ++i) receive_from(served_[i]);
    return static_cast<unsigned>(stats_.completions - before);
}

void CountRing::wake(ring::Ring& other) {
    const Tally::Kernel kernel;
    ++stats_.wakes_sent;
    static_cast<CountRing&>(other).woken_ = true;
}

uint64_t CountRing::wall_ns() {
    const Tally::Kernel kernel;
    return kWallOffset_ns + net_.now_ns();
}

uint64_t CountRing::fresh_now_ns() {
    const Tally::Kernel kernel;
    return net_.now_ns();
}

void CountRing::fill_random(std::span<unsigned char> out) {
    const Tally::Kernel kernel;
    for (unsigned char& byte : out) byte = static_cast<unsigned char>(net_.prng().next() >> 56);
}

}  // namespace nuring::count
