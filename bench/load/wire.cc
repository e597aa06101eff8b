// SPDX-License-Identifier: Apache-2.0
#include "bench/load/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <utility>

#include "bench/load/fatal.h"
#include "bench/load/tls_end.h"
#include "bench/load/websocket_end.h"

namespace nuring::bench {
namespace {

constexpr std::string_view kConnect =
    R"(CONNECT {{"verbose":false,"pedantic":false,"tls_required":false,"name":"nuring-load",)"
    R"("lang":"c++","version":"1","protocol":1,"echo":true{}}})"
    "\r\nPING\r\n";

char* scratch() {
    static const std::unique_ptr<char[]> area(new char[Wire::kScratchBytes]);
    return area.get();
}

sockaddr_in address_of(const Endpoint& endpoint) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    const std::string host = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host;
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
        fatal("not an IPv4 address: {}", endpoint.host);
    }
    return address;
}

void wait_for(int fd, short events, int timeout_ms) {
    pollfd entry{.fd = fd, .events = events, .revents = 0};
    if (poll(&entry, 1, timeout_ms) == 0) fatal("no answer from the server in {} ms", timeout_ms);
}

bool starts_with_message(const char* bytes) {
    return std::memcmp(bytes, "MSG ", 4) == 0;
}

}  // namespace

Wire::~Wire() {
    close();
}

void Wire::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    closed_ = true;
}

void Wire::take(Wire* other) {
    close();
    fd_ = std::exchange(other->fd_, -1);
    end_ = std::move(other->end_);
    closed_ = false;
    pongs_ = other->pongs_;
}

bool Wire::dial_nowait(const Endpoint& endpoint, uint32_t source) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return false;
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (source != 0) {
        // connect() chooses the port: bind() would want one that no connection has.
        setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        sockaddr_in own{};
        own.sin_family = AF_INET;
        own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
        if (bind(fd_, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return false;
    }
    const sockaddr_in address = address_of(endpoint);
    return connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
           errno == EINPROGRESS;
}

void Wire::dial(const Endpoint& endpoint) {
    int error = 0;
    socklen_t size = sizeof error;
    if (dial_nowait(endpoint)) {
        wait_for(fd_, POLLOUT, 5000);
        getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    } else {
        error = errno;
    }
    if (error != 0) fatal("{}:{}: {}", endpoint.host, endpoint.port, std::strerror(error));
}

void Wire::open(const Endpoint& endpoint) {
    dial(endpoint);
    if (endpoint.tls) end_ = std::make_unique<TlsEnd>(fd_);
    if (endpoint.websocket) end_ = std::make_unique<WebsocketEnd>(fd_, endpoint.host);
    greet(endpoint);
    while (pongs_ == 0 && !closed_) {
        wait_readable(5000);
        receive([](const Delivery&) {});
    }
    if (closed_ || !error_.empty()) fatal("refused by the server: {}", error_);
}

void Wire::greet(const Endpoint& endpoint) {
    std::string login;
    if (!endpoint.password.empty()) {
        login = fmt::format(R"(,"user":"{}","pass":"{}")", endpoint.user, endpoint.password);
    } else if (!endpoint.user.empty()) {
        login = fmt::format(R"(,"auth_token":"{}")", endpoint.user);
    }
    send_all(fmt::format(kConnect, login));
}

void Wire::set_send_buffer(int bytes) {
    setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

void Wire::open_relay(const Endpoint& endpoint, char role, uint32_t group) {
    dial(endpoint);
    send_all(fmt::format("{}{:06}\n", role, group));
    char answer[8];
    size_t have = 0;
    while (have < 5) {
        wait_for(fd_, POLLIN, 5000);
        const ssize_t count = recv(fd_, answer + have, 5 - have, 0);
        if (count <= 0) fatal("refused by the relay");
        have += static_cast<size_t>(count);
    }
}

void Wire::wait_readable(int timeout_ms) {
    wait_for(fd_, POLLIN, timeout_ms);
}

size_t Wire::send_some(std::string_view bytes) {
    const ssize_t count =
        end_ != nullptr ? end_->send(bytes) : send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
        if (static_cast<size_t>(count) < bytes.size()) writable = false;
        return static_cast<size_t>(count);
    }
    writable = false;
    if (errno != EAGAIN && errno != EINTR) closed_ = true;
    return 0;
}

void Wire::send_all(std::string_view bytes) {
    while (!bytes.empty() && !closed_) {
        const size_t count = send_some(bytes);
        bytes.remove_prefix(count);
        if (count == 0 && !closed_) wait_for(fd_, POLLOUT, 30000);
    }
    writable = true;
}

void Wire::pay_pongs() {
    for (; owed_pongs_ != 0; --owed_pongs_) send_all("PONG\r\n");
}

std::string_view Wire::fill() {
    char* area = scratch();
    const size_t kept = rest_.size();
    if (kept == kScratchBytes) fatal("a frame is larger than {} bytes", kScratchBytes);
    std::memcpy(area, rest_.data(), kept);
    if (end_ != nullptr) {
        bool blocked = false;
        const ssize_t count = end_->receive({area + kept, kScratchBytes - kept}, &blocked);
        if (blocked) readable = false;
        if (count == 0) closed_ = true;
        return {area, kept + static_cast<size_t>(std::max<ssize_t>(count, 0))};
    }
    const ssize_t count = recv(fd_, area + kept, kScratchBytes - kept, 0);
    if (count <= 0) {
        readable = false;
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) closed_ = true;
        return {area, kept};
    }
    if (static_cast<size_t>(count) < kScratchBytes - kept) readable = false;
    return {area, kept + static_cast<size_t>(count)};
}

uint64_t Wire::receive_fixed(size_t frame_size) {
    std::string_view bytes = fill();
    uint64_t count = 0;
    while (!bytes.empty()) {
        const char* at = bytes.data();
        const char* const end = at + bytes.size();
        while (static_cast<size_t>(end - at) >= frame_size && starts_with_message(at)) {
            at += frame_size;
            ++count;
        }
        if (at != bytes.data() && (at[-2] != '\r' || at[-1] != '\n'))
            fatal("frames are out of step");
        bytes.remove_prefix(static_cast<size_t>(at - bytes.data()));
        if (bytes.empty() || bytes.front() == 'M' || take_other(&bytes) == Piece::kPartial) break;
    }
    keep(bytes);
    return count;
}

Wire::Piece Wire::take_other(std::string_view* bytes) {
    const size_t end = bytes->find('\n');
    if (end == std::string_view::npos) return Piece::kPartial;
    const std::string_view line = bytes->substr(0, end + 1);
    bytes->remove_prefix(line.size());
    if (line.starts_with("PONG")) {
        ++pongs_;
    } else if (line.starts_with("PING")) {
        ++owed_pongs_;
        if (!hold_pongs_) pay_pongs();
    } else if (line.starts_with("-ERR")) {
        error_ = std::string(line.substr(0, line.find('\r')));
    } else if (!line.starts_with("INFO") && !line.starts_with("+OK")) {
        fatal("not a NATS frame: {}", line.substr(0, 60));
    }
    return Piece::kOther;
}

Wire::Piece Wire::take_message(std::string_view* bytes, Delivery* delivery) {
    const size_t end = bytes->find('\n');
    if (end == std::string_view::npos) return Piece::kPartial;
    std::array<std::string_view, 5> words;
    size_t count = 0;
    std::string_view line = bytes->substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    while (!line.empty() && count < words.size()) {
        words[count] = line.substr(0, line.find(' '));
        line.remove_prefix(words[count].size());
        while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
        ++count;
    }
    if (words[0] != "MSG" || count < 4 || !line.empty()) fatal("not a MSG line: {}", words[0]);
    const std::string_view digits = words[count - 1];
    size_t size = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), size);
    if (bytes->size() < end + 1 + size + 2) return Piece::kPartial;
    if (bytes->substr(end + 1 + size, 2) != "\r\n") fatal("payload does not end in CRLF");
    *delivery = {.subject = words[1],
                 .sid = words[2],
                 .reply = count == 5 ? words[3] : std::string_view(),
                 .payload = bytes->substr(end + 1, size)};
    bytes->remove_prefix(end + 1 + size + 2);
    return Piece::kMessage;
}

}  // namespace nuring::bench
