// SPDX-License-Identifier: Apache-2.0
#include "core/ring/kernel_sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <memory>

#include "core/base/errno_text.h"
#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/base/time_units.h"

namespace nuring::ring {
namespace {

// inet_ntop() goes through printf, at the price of all the rest of an accepted connection.
void format_ipv4(const unsigned char* bytes, char* out) {
    for (int i = 0; i < 4; ++i) {
        if (i != 0) *out++ = '.';
        out = std::to_chars(out, out + 3, bytes[i]).ptr;
    }
    *out = '\0';
}

void format_address(const sockaddr_storage& address, char* host, size_t host_size, uint16_t* port) {
    assert(host_size >= INET_ADDRSTRLEN);
    if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        *port = ntohs(v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {  // a dual-stack socket shows IPv4 peers so
            format_ipv4(&v6.sin6_addr.s6_addr[12], host);
        } else {
            inet_ntop(AF_INET6, &v6.sin6_addr, host, host_size);
        }
    } else if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        *port = ntohs(v4.sin_port);
        format_ipv4(reinterpret_cast<const unsigned char*>(&v4.sin_addr), host);
    }
}

absl::StatusCode code_of_bind(int error) {
    switch (error) {
        case EADDRINUSE: return absl::StatusCode::kAlreadyExists;
        case EACCES: return absl::StatusCode::kPermissionDenied;
        case EADDRNOTAVAIL: return absl::StatusCode::kOutOfRange;
        default: return absl::StatusCode::kUnavailable;
    }
}

absl::StatusOr<int> bind_and_listen(const addrinfo& address, bool nonblocking) {
    const int flags = SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    const int fd = ::socket(address.ai_family, flags, 0);
    if (fd < 0) {
        const bool no_family = errno == EAFNOSUPPORT;
        return absl::Status(no_family ? absl::StatusCode::kUnimplemented : absl::StatusCode::kUnavailable,
                            "socket: " + base::errno_text(errno));
    }
    const int on = 1;
    const int off = 0;
    (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address.ai_family == AF_INET6) {
        (void)::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (::bind(fd, address.ai_addr, address.ai_addrlen) != 0 || ::listen(fd, 4096) != 0) {
        const int error = errno;
        ::close(fd);
        return absl::Status(code_of_bind(error), "bind: " + base::errno_text(error));
    }
    return fd;
}

// The kernel lets go of the ports of a process that was killed a while after it is gone, if the process
// had requests in flight: whoever starts the next one at once finds them taken.
absl::StatusOr<int> bind_with_patience(const addrinfo& address, bool nonblocking) {
    constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 20'000'000};
    constexpr int kTries = 50;  // a second
    for (int tries = 1;; ++tries) {
        auto fd = bind_and_listen(address, nonblocking);
        if (!absl::IsAlreadyExists(fd.status()) || tries == kTries) return fd;
        (void)::nanosleep(&kPause, nullptr);
    }
}

// A name may have several addresses: one is listened on, of IPv4 if there is any, and if that is taken,
// none of the others. Source: net.Listen of Go.
const addrinfo& address_of(const addrinfo& found) {
    for (const addrinfo* address = &found; address != nullptr; address = address->ai_next) {
        if (address->ai_family == AF_INET) return *address;
    }
    return found;
}

absl::StatusOr<ListenSocket> listen_on(const std::string& host, uint16_t port, bool nonblocking) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0) {
        return absl::InvalidArgumentError(
            "lookup " + host + ": " + (error == EAI_NONAME ? "no such host" : gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, ::freeaddrinfo);

    if (found == nullptr) return absl::NotFoundError("no address");
    const auto fd = bind_with_patience(address_of(*found), nonblocking);
    if (!fd.ok()) return fd.status();
    ListenSocket listener;
    listener.fd = *fd;
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    (void)::getsockname(*fd, reinterpret_cast<sockaddr*>(&bound), &size);
    char text[sizeof(PeerAddress::host)] = {};
    format_address(bound, text, sizeof text, &listener.port);
    listener.host = text;
    return listener;
}

}  // namespace

absl::StatusOr<ListenSocket> open_listen_socket(const std::string& host, uint16_t port,
                                                bool nonblocking) {
    if (!host.empty() && host != "0.0.0.0" && host != "::") return listen_on(host, port, nonblocking);
    auto socket = listen_on("::", port, nonblocking);
    if (absl::IsUnimplemented(socket.status())) socket = listen_on("0.0.0.0", port, nonblocking);
    return socket;
}

std::string listen_error(const std::string& host, uint16_t port, const absl::Status& status) {
    const std::string reason(base::message_of(status));
    if (absl::IsInvalidArgument(status)) return "listen tcp: " + reason;
    std::string address = host;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (!base::is_numeric_host(host) && ::getaddrinfo(host.c_str(), nullptr, &hints, &found) == 0) {
        const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, ::freeaddrinfo);
        char text[INET6_ADDRSTRLEN] = {};
        const addrinfo& one = address_of(*found);
        if (::getnameinfo(one.ai_addr, one.ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
            address = text;
    }
    return "listen tcp " + base::host_port(address, port) + ": " + reason;
}

int open_connect_socket(const SocketAddress& address, bool nonblocking, RawAddress* raw) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(address.port);
    if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0) return -EINVAL;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, ::freeaddrinfo);
    assert(found->ai_addrlen <= sizeof raw->bytes);
    std::memcpy(&raw->bytes, found->ai_addr, found->ai_addrlen);
    raw->size = found->ai_addrlen;
    const int flags = SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    const int fd = ::socket(found->ai_family, flags, 0);
    if (fd < 0) return -errno;
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

PeerAddress socket_peer(int fd) {
    PeerAddress peer;
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
        format_address(address, peer.host, sizeof peer.host, &peer.port);
    }
    return peer;
}

uint64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * base::kSecond_ns +
           static_cast<uint64_t>(now.tv_nsec);
}

uint64_t realtime_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<uint64_t>(now.tv_sec) * base::kSecond_ns +
           static_cast<uint64_t>(now.tv_nsec);
}

void fill_random_bytes(std::span<unsigned char> out) {
    while (!out.empty()) {
        const ssize_t got = ::getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        assert(got > 0);
        out = out.subspan(static_cast<size_t>(got));
    }
}

}  // namespace nuring::ring
