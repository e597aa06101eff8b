// SPDX-License-Identifier: Apache-2.0
#include "core/ring/kernel_sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace nuring::ring {
namespace {

// A descriptor that is closed with its scope.
class OwnedFd {
  public:
    explicit OwnedFd(int fd) : fd_(fd) {}
    ~OwnedFd() {
        if (fd_ >= 0) ::close(fd_);
    }
    OwnedFd(const OwnedFd&) = delete;
    OwnedFd& operator=(const OwnedFd&) = delete;
    int get() const { return fd_; }

  private:
    const int fd_;
};

int tcp_option(int fd, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, name, &value, &size), 0);
    return value;
}

TEST(KernelSocketsTest, ListensOnAFreePortAndSaysWhich) {
    const auto listener = open_listen_socket("127.0.0.1", 0, /*nonblocking=*/false);
    ASSERT_TRUE(listener.ok()) << listener.status();
    const OwnedFd owned(listener->fd);
    EXPECT_EQ(listener->host, "127.0.0.1");
    EXPECT_NE(listener->port, 0);

    const auto second = open_listen_socket("127.0.0.1", listener->port, /*nonblocking=*/false);
    EXPECT_FALSE(second.ok());
    EXPECT_NE(second.status().message().find("bind: "), std::string::npos) << second.status();
}

TEST(KernelSocketsTest, BothEndsSeeEachOtherAndSendWithoutDelay) {
    const auto listener = open_listen_socket("", 0, /*nonblocking=*/false);
    ASSERT_TRUE(listener.ok()) << listener.status();
    const OwnedFd listening(listener->fd);

    RawAddress address;
    const OwnedFd client(
        open_connect_socket({.host = "127.0.0.1", .port = listener->port}, /*nonblocking=*/false, &address));
    ASSERT_GE(client.get(), 0);
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address.bytes), address.size), 0);
    const OwnedFd accepted(::accept(listening.get(), nullptr, nullptr));
    ASSERT_GE(accepted.get(), 0);

    const PeerAddress server_side = socket_peer(client.get());
    EXPECT_STREQ(server_side.host, "127.0.0.1");
    EXPECT_EQ(server_side.port, listener->port);
    // On a socket for both families, an IPv4 peer reads as IPv4.
    EXPECT_STREQ(socket_peer(accepted.get()).host, "127.0.0.1");
    EXPECT_EQ(tcp_option(client.get(), TCP_NODELAY), 1);
    EXPECT_EQ(tcp_option(accepted.get(), TCP_NODELAY), 1);
}

TEST(KernelSocketsTest, NamesAndNonsenseAreNoAddressToConnectTo) {
    RawAddress address;
    for (const char* host : {"localhost", "127.0.0.1.5", "no such host"}) {
        EXPECT_EQ(open_connect_socket({.host = host, .port = 1}, false, &address), -EINVAL) << host;
    }
}

TEST(KernelSocketsTest, AHostThatDoesNotExistIsReported) {
    const auto listener = open_listen_socket("no-such-host.invalid", 0, false);
    ASSERT_FALSE(listener.ok());
    EXPECT_NE(listener.status().message().find("no-such-host.invalid"), std::string::npos);
}

TEST(KernelSocketsTest, ASocketWithoutAPeerHasNoAddress) {
    const OwnedFd lonely(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_STREQ(socket_peer(lonely.get()).host, "");
    EXPECT_EQ(socket_peer(lonely.get()).port, 0);
}

TEST(KernelSocketsTest, TimePassesAndRandomBytesDiffer) {
    const uint64_t before = monotonic_ns();
    EXPECT_GE(monotonic_ns(), before);
    EXPECT_GT(realtime_ns(), uint64_t{1'700'000'000} * 1'000'000'000);
    std::array<unsigned char, 32> first{};
    std::array<unsigned char, 32> second{};
    fill_random_bytes(first);
    fill_random_bytes(second);
    EXPECT_NE(first, second);
}

}  // namespace
}  // namespace nuring::ring
