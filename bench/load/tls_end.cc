// SPDX-License-Identifier: Apache-2.0
#include "bench/load/tls_end.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "bench/load/fatal.h"

namespace nuring::bench {
namespace {

constexpr size_t kReceiveBytes = 128 << 10;

std::shared_ptr<const tls::Profile> profile() {
    static const auto made = tls::Profile::create({.role = tls::Role::kClient});
    if (!made.ok()) fatal("no TLS: {}", std::string(made.status().message()));
    return *made;
}

}  // namespace

TlsEnd::TlsEnd(int fd) : fd_(fd), engine_(tls::Engine::create(profile())) {
    size_t info_end = 0;
    while ((info_end = incoming_.find('\n')) == std::string::npos) {
        await_end(fd_, POLLIN);
        if (!receive_some() && closed_) fatal("closed before INFO");
    }
    incoming_.erase(0, info_end + 1);
    for (;;) {
        std::string_view received = incoming_;
        const tls::HandshakeStatus status = engine_->handshake(&received, output());
        incoming_.erase(0, incoming_.size() - received.size());
        while (!flush()) await_end(fd_, POLLOUT);
        if (status == tls::HandshakeStatus::kDone) return;
        if (status == tls::HandshakeStatus::kFailed) fatal("handshake: {}", engine_->error());
        await_end(fd_, POLLIN);
        if (!receive_some() && closed_) fatal("closed during the handshake");
    }
}

bool TlsEnd::receive_some() {
    static std::array<char, kReceiveBytes> area;
    const ssize_t count = recv(fd_, area.data(), area.size(), 0);
    if (count > 0) incoming_.append(area.data(), static_cast<size_t>(count));
    closed_ = count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
    return count > 0;
}

ssize_t TlsEnd::send(std::string_view bytes) {
    if (!flush()) return outgoing_.closed() ? -1 : 0;
    if (!engine_->write(bytes, output())) return -1;
    (void)flush();
    return static_cast<ssize_t>(bytes.size());
}

ssize_t TlsEnd::receive(std::span<char> room, bool* blocked) {
    size_t total = 0;
    for (;;) {
        std::string_view received = incoming_;
        size_t size = 0;
        const tls::ReadStatus status =
            engine_->read(&received, room.subspan(total), &size, output());
        incoming_.erase(0, incoming_.size() - received.size());
        total += size;
        *blocked = status == tls::ReadStatus::kNeedsInput;
        if (status == tls::ReadStatus::kFull) return static_cast<ssize_t>(total);
        if (status != tls::ReadStatus::kNeedsInput) closed_ = true;
        if (!closed_ && receive_some()) continue;
        return total == 0 && !closed_ ? -1 : static_cast<ssize_t>(total);
    }
}

}  // namespace nuring::bench
