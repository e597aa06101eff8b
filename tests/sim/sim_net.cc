// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_net.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace nuring::sim {
namespace {

constexpr int kFirstDescriptor = 3;
constexpr uint16_t kFirstFreePort = 20000;
constexpr unsigned kPiecesMax = 8;  // of one written run

}  // namespace

// --- SimStream -----------------------------------------------------------------------------------

size_t SimStream::room() const {
    if (reset_ || closed_ || send_ended_) return 0;
    const size_t held = other_->in_flight_size_ + other_->readable_size();
    return held >= capacity_ ? 0 : capacity_ - held;
}

size_t SimStream::write(std::string_view bytes) {
    assert(!closed_);
    const size_t size = std::min(bytes.size(), room());
    if (size == 0) return 0;
    bytes = bytes.substr(0, size);
    for (unsigned pieces = 1; !bytes.empty(); ++pieces) {
        size_t cut = bytes.size();
        if (cut > 1 && pieces < kPiecesMax && net_.percent(net_.faults().split_percent)) {
            cut = 1 + net_.prng().below(static_cast<uint32_t>(bytes.size() - 1));
        }
        travel(std::string(bytes.substr(0, cut)), /*end=*/false);
        bytes.remove_prefix(cut);
    }
    return size;
}

void SimStream::travel(std::string bytes, bool end) {
    SimStream& to = *other_;
    uint64_t arrival = net_.now_ns() + net_.latency_ns();
    if (net_.permille(net_.faults().stall_permille)) {
        arrival += net_.between(0, net_.faults().stall_max_ns);
    }
    arrival = std::max(arrival, to.last_arrival_ns_);
    to.last_arrival_ns_ = arrival;
    to.in_flight_size_ += bytes.size();
    to.in_flight_.push_back({std::move(bytes), end});
    net_.at(arrival, [&to] { to.arrive(); });
}

void SimStream::arrive() {
    if (in_flight_.empty()) return;  // lost in a reset
    if (is_cut_off()) {
        ++held_arrivals_;
        return;
    }
    if (net_.permille(net_.faults().reset_permille)) {
        if (net_.on_reset_) net_.on_reset_(host_, other_->host_);
        reset();
        return;
    }
    Piece piece = std::move(in_flight_.front());
    in_flight_.pop_front();
    in_flight_size_ -= piece.bytes.size();
    if (closed_) {
        // Nobody is here any more: bytes are answered with a reset.
        if (!piece.bytes.empty() && !other_->reset_) {
            net_.after(net_.latency_ns(), [this] { other_->reset_arrives(); });
        }
        return;
    }
    arrived_ += piece.bytes;
    if (piece.end) end_arrived_ = true;
    tell_readable();
}

size_t SimStream::read(char* out, size_t size) {
    assert(!closed_);
    const bool was_full = other_->room() == 0;
    size = std::min(size, readable_size());
    std::memcpy(out, arrived_.data() + arrived_at_, size);
    arrived_at_ += size;
    if (arrived_at_ == arrived_.size()) {
        arrived_.clear();
        arrived_at_ = 0;
    }
    if (was_full && size > 0) {
        net_.after(net_.latency_ns(), [this] { other_->tell_writable(); });
    }
    return size;
}

std::string SimStream::read_all() {
    std::string bytes(reading_ ? readable_size() : 0, '\0');
    if (!bytes.empty()) read(bytes.data(), bytes.size());
    return bytes;
}

void SimStream::set_reading(bool on) {
    reading_ = on;
}

void SimStream::shutdown_send() {
    if (closed_ || reset_ || send_ended_) return;
    send_ended_ = true;
    travel({}, /*end=*/true);
}

void SimStream::close() {
    assert(!closed_);
    const bool unread = readable_size() > 0 || in_flight_size_ > 0;
    if (!unread) shutdown_send();
    closed_ = true;
    watcher_ = nullptr;
    if (unread && !reset_) {
        // What was written travels on; then the reset follows it.
        const uint64_t arrival =
            std::max(net_.now_ns() + net_.latency_ns(), other_->last_arrival_ns_);
        reset_ = true;
        net_.at(arrival, [this] { other_->reset_arrives(); });
    }
}

void SimStream::reset() {
    be_reset();
    other_->be_reset();
}

void SimStream::be_reset() {
    if (reset_ && closed_) return;
    reset_ = true;
    in_flight_.clear();
    in_flight_size_ = 0;
    tell_readable();
    tell_writable();
}

bool SimStream::is_cut_off() const {
    return net_.is_cut(other_->host_, host_) || net_.is_down(host_);
}

void SimStream::reset_arrives() {
    if (is_cut_off()) {
        held_reset_ = true;
    } else {
        be_reset();
    }
}

void SimStream::release_held() {
    if (is_cut_off()) return;
    for (; held_arrivals_ > 0; --held_arrivals_) {
        last_arrival_ns_ = std::max(net_.now_ns() + net_.latency_ns(), last_arrival_ns_);
        net_.at(last_arrival_ns_, [this] { arrive(); });
    }
    if (!std::exchange(held_reset_, false)) return;
    last_arrival_ns_ = std::max(net_.now_ns() + net_.latency_ns(), last_arrival_ns_);
    net_.at(last_arrival_ns_, [this] { reset_arrives(); });
}

// What it had written is still on its way; whoever writes to it gets a reset, once there is somebody to
// send it.
void SimStream::vanish(bool tells_other) {
    closed_ = true;
    watcher_ = nullptr;
    arrived_.clear();
    arrived_at_ = 0;
    if (!tells_other) return;
    net_.at(std::max(net_.now_ns() + net_.latency_ns(), other_->last_arrival_ns_),
            [this] { other_->reset_arrives(); });
}

void SimStream::tell_readable() {
    if (watcher_ != nullptr) watcher_->note_readable(fd_);
}

void SimStream::tell_writable() {
    if (watcher_ != nullptr) watcher_->note_writable(fd_);
}

// --- SimNet --------------------------------------------------------------------------------------

SimNet::SimNet(uint64_t seed, const SimFaults& faults) : prng_(seed), faults_(faults) {}

SimNet::~SimNet() = default;

uint64_t SimNet::wall_ns() {
    if (permille(faults_.wall_jump_permille)) {
        const uint64_t jump = between(0, faults_.wall_jump_max_ns);
        wall_offset_ns_ = prng_.percent(50) ? wall_offset_ns_ + jump : wall_offset_ns_ - jump;
    }
    return wall_offset_ns_ + now_ns_;
}

void SimNet::at(uint64_t time_ns, std::function<void()> event) {
    events_.emplace(std::pair{std::max(time_ns, now_ns_), next_number_++}, std::move(event));
}

uint64_t SimNet::next_event_ns() const {
    return events_.empty() ? UINT64_MAX : events_.begin()->first.first;
}

bool SimNet::step() {
    if (events_.empty()) return false;
    auto first = events_.extract(events_.begin());
    advance_to(first.key().first);
    ++event_count_;
    first.mapped()();
    return true;
}

uint64_t SimNet::between(uint64_t low, uint64_t high) {
    assert(low <= high);
    return low + prng_.next() % (high - low + 1);
}

uint64_t SimNet::completion_delay_ns() {
    return percent(faults_.delay_percent) ? between(0, faults_.delay_max_ns) : 0;
}

int SimNet::listen(uint16_t port, HostId host) {
    if (port == 0) {
        port = kFirstFreePort;
        while (listeners_.count(port) != 0) ++port;
    }
    if (listeners_.count(port) != 0) return -1;
    auto& listener = listeners_[port];
    listener = std::make_unique<SimListener>();
    listener->port = port;
    listener->host = host;
    size_t fd = kFirstDescriptor;
    while (fd < descriptors_.size() && (descriptors_[fd].stream || descriptors_[fd].listener)) ++fd;
    if (fd >= descriptors_.size()) descriptors_.resize(fd + 1);
    descriptors_[fd] = {.listener = listener.get(), .host = host};
    listener->fd = static_cast<int>(fd);
    ++descriptor_count_;
    return listener->fd;
}

SimStream& SimNet::connect(uint16_t port, Answer answer, HostId from) {
    const auto id = static_cast<uint32_t>(streams_.size());
    const auto capacity = [this] {
        return static_cast<size_t>(between(faults_.stream_bytes_min, faults_.stream_bytes_max));
    };
    streams_.push_back(std::make_unique<SimStream>(*this, id, capacity()));
    streams_.push_back(std::make_unique<SimStream>(*this, id + 1, capacity()));
    SimStream& near = *streams_[id];
    SimStream& far = *streams_[id + 1];
    near.other_ = &far;
    far.other_ = &near;
    near.host_ = far.host_ = from;
    after(latency_ns(), [this, &near, &far, port, from, answer = std::move(answer)] {
        const auto found = listeners_.find(port);
        const bool connected = found != listeners_.end();
        const HostId host = connected ? found->second->host : from;
        // A way that is cut answers nothing; nor does a machine that is down, whose ports nobody listens
        // on.
        const bool may_be_down = !connected && !down_.empty() && from != kAnywhere;
        if (is_cut(from, host) || is_cut(host, from) || may_be_down) return;
        far.host_ = host;
        if (answer) after(latency_ns(), [answer, &near, connected] { answer(near, connected); });
        if (!connected) {
            near.reset();
            return;
        }
        found->second->waiting.push_back(&far);
        if (SimWatcher* watcher = found->second->watcher) watcher->note_readable(found->second->fd);
    });
    return near;
}

int SimNet::add_descriptor(SimStream& stream, HostId host) {
    // The lowest free number, as the kernel does it: numbers are reused at once.
    size_t fd = kFirstDescriptor;
    while (fd < descriptors_.size() && (descriptors_[fd].stream || descriptors_[fd].listener)) ++fd;
    if (fd >= descriptors_.size()) descriptors_.resize(fd + 1);
    descriptors_[fd] = {.stream = &stream, .host = host};
    ++descriptor_count_;
    return static_cast<int>(fd);
}

void SimNet::close_descriptor(int fd) {
    if (SimStream* stream = stream_of(fd)) {
        stream->close();
    } else {
        SimListener* listener = listener_of(fd);
        assert(listener != nullptr);
        for (SimStream* waiting : listener->waiting) waiting->reset();
        listeners_.erase(listener->port);
    }
    descriptors_[static_cast<size_t>(fd)] = {};
    --descriptor_count_;
}

void SimNet::set_cut(HostId from, HostId to, bool on) {
    if (on) {
        cuts_.insert({from, to});
    } else {
        cuts_.erase({from, to});
        release_held();
    }
}

void SimNet::release_held() {
    for (const auto& stream : streams_) stream->release_held();
}

size_t SimNet::reset_between(HostId a, HostId b) {
    size_t count = 0;
    for (const Descriptor& each : descriptors_) {
        if (each.stream == nullptr || each.host != a || each.stream->other_host() != b) continue;
        if (each.stream->was_reset() || each.stream->closed()) continue;
        each.stream->reset();
        ++count;
    }
    return count;
}

void SimNet::crash(HostId host, bool silent) {
    if (silent) down_.insert(host);
    for (size_t fd = 0; fd < descriptors_.size(); ++fd) {
        Descriptor& each = descriptors_[fd];
        if (each.host != host || (each.stream == nullptr && each.listener == nullptr)) continue;
        if (each.listener != nullptr) {
            close_descriptor(static_cast<int>(fd));
            continue;
        }
        each.stream->vanish(!silent || each.stream->other_host() == kAnywhere);
        each = {};
        --descriptor_count_;
    }
}

void SimNet::bring_up(HostId host) {
    if (down_.erase(host) != 0) release_held();
}

std::string SimNet::meddle(const SimStream& stream, std::string bytes) const {
    if (!meddler_ || stream.host() == stream.other_host()) return bytes;
    if (stream.host() == kAnywhere || stream.other_host() == kAnywhere) return bytes;
    return meddler_(stream.host(), stream.other_host(), std::move(bytes));
}

SimStream* SimNet::stream_of(int fd) const {
    assert(fd >= 0);
    const auto index = static_cast<size_t>(fd);
    return index < descriptors_.size() ? descriptors_[index].stream : nullptr;
}

SimListener* SimNet::listener_of(int fd) const {
    assert(fd >= 0);
    const auto index = static_cast<size_t>(fd);
    return index < descriptors_.size() ? descriptors_[index].listener : nullptr;
}

}  // namespace nuring::sim
