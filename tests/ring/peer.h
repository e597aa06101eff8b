// SPDX-License-Identifier: Apache-2.0
// Peer: the far end of a connection to the ring under test; nothing in it blocks. One is a plain socket to
// 127.0.0.1, the other the end of a simulated stream. Reads and writes move what they can at once.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/sim/sim_net.h"

namespace nuring::ring {

class Peer {
  public:
    virtual ~Peer() = default;
    virtual size_t write(std::string_view bytes) = 0;
    virtual std::string read(size_t size_max) = 0;
    virtual bool ended() = 0;  // the end or a reset was read
    virtual bool was_reset() = 0;
    virtual void shutdown_send() = 0;
    virtual void close() = 0;
    virtual void reset() = 0;
};

class KernelPeer final : public Peer {
  public:
    KernelPeer(uint16_t port, bool small) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        EXPECT_GE(fd_, 0);
        const int size = 4096;
        if (small) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    }
    ~KernelPeer() override { close(); }
    size_t write(std::string_view bytes) override {
        const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        return size < 0 ? 0 : static_cast<size_t>(size);
    }
    std::string read(size_t size_max) override {
        std::string bytes(size_max, '\0');
        const ssize_t size = ::recv(fd_, bytes.data(), bytes.size(), 0);
        if (size == 0) ended_ = true;
        if (size < 0 && errno != EAGAIN) ended_ = reset_ = true;
        bytes.resize(size < 0 ? 0 : static_cast<size_t>(size));
        return bytes;
    }
    bool ended() override { return ended_; }
    bool was_reset() override { return reset_; }
    void shutdown_send() override { ::shutdown(fd_, SHUT_WR); }
    void close() override {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void reset() override {
        const linger hard{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close();
    }

  private:
    int fd_;
    bool ended_ = false;
    bool reset_ = false;
};

class SimPeer final : public Peer {
  public:
    explicit SimPeer(sim::SimStream& stream) : stream_(stream) {}
    ~SimPeer() override { close(); }
    size_t write(std::string_view bytes) override { return stream_.write(bytes); }
    std::string read(size_t size_max) override {
        std::string bytes(size_max, '\0');
        bytes.resize(stream_.read(bytes.data(), bytes.size()));
        return bytes;
    }
    bool ended() override { return stream_.at_end() || stream_.was_reset(); }
    bool was_reset() override { return stream_.was_reset(); }
    void shutdown_send() override { stream_.shutdown_send(); }
    void close() override {
        if (!stream_.closed()) stream_.close();
    }
    void reset() override {
        stream_.reset();
        stream_.close();
    }

  private:
    sim::SimStream& stream_;
};

}  // namespace nuring::ring
