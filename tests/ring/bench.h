// SPDX-License-Identifier: Apache-2.0
// Bench makes the rings under test, and peers that connect to them: with the kernel, or in the simulator.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/ring/ring.h"
#include "gtest/gtest.h"
#include "tests/ring/peer.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_ring.h"

namespace nuring::ring {

class Bench {
  public:
    virtual ~Bench() = default;
    virtual absl::StatusOr<std::unique_ptr<Ring>> create_ring(const RingOptions& options) = 0;
    // A small peer takes few bytes before it has to be read.
    virtual std::unique_ptr<Peer> connect(uint16_t port, bool small) = 0;
    // Makes the ring's end of a connection take few bytes at a time.
    virtual void shrink(int fd) = 0;
    // From here on no more descriptors can be opened; or they can again.
    virtual void exhaust_descriptors(bool exhausted) = 0;
    // An address from which no answer comes, once lose_connects(true) was called.
    virtual SocketAddress silent_address() = 0;
    virtual void lose_connects(bool lost) = 0;
    virtual size_t open_descriptors() = 0;
    virtual bool has_threads() const = 0;
    // A send that the kernel took completes only when the peer has the bytes.
    virtual bool is_zero_copy() const = 0;
};

class KernelBench final : public Bench {
  public:
    using CreateFunction = absl::StatusOr<std::unique_ptr<Ring>> (*)(const RingOptions&);
    using AdjustFunction = void (*)(RingOptions&);
    explicit KernelBench(CreateFunction create, AdjustFunction adjust = nullptr)
        : create_(create), adjust_(adjust) {
        ::getrlimit(RLIMIT_NOFILE, &limit_);
    }
    ~KernelBench() override {
        exhaust_descriptors(false);
        lose_connects(false);
    }
    absl::StatusOr<std::unique_ptr<Ring>> create_ring(const RingOptions& options) override {
        RingOptions adjusted = options;
        if (adjust_ != nullptr) adjust_(adjusted);
        return create_(adjusted);
    }
    std::unique_ptr<Peer> connect(uint16_t port, bool small) override {
        return std::make_unique<KernelPeer>(port, small);
    }
    void shrink(int fd) override {
        const int size = 4096;
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    void exhaust_descriptors(bool exhausted) override {
        rlimit limit = limit_;
        if (exhausted) {
            const int lowest_free = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
            ASSERT_GE(lowest_free, 0);
            ::close(lowest_free);
            limit.rlim_cur = static_cast<rlim_t>(lowest_free);
        }
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    // Its queue is full, so the kernel answers no more.
    SocketAddress silent_address() override { return {.host = "127.0.0.1", .port = deaf_port_}; }
    void lose_connects(bool lost) override {
        for (const int fd : deaf_) ::close(fd);
        deaf_.clear();
        if (!lost) return;
        deaf_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const bytes = reinterpret_cast<sockaddr*>(&address);
        ASSERT_EQ(::bind(deaf_[0], bytes, size), 0);
        ASSERT_EQ(::listen(deaf_[0], 0), 0);
        ASSERT_EQ(::getsockname(deaf_[0], bytes, &size), 0);
        deaf_port_ = ntohs(address.sin_port);
        for (int i = 0; i < 4; ++i) {
            deaf_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            (void)::connect(deaf_.back(), bytes, size);
        }
    }
    size_t open_descriptors() override {
        size_t count = 0;
        for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        return count;
    }
    bool has_threads() const override { return true; }
    bool is_zero_copy() const override {
        RingOptions options;
        if (adjust_ != nullptr) adjust_(options);
        return options.zero_copy_threshold_bytes != 0;
    }

  private:
    CreateFunction create_;
    AdjustFunction adjust_;
    rlimit limit_{};
    std::vector<int> deaf_;
    uint16_t deaf_port_ = 0;
};

inline sim::SimFaults hostile_faults() {
    sim::SimFaults faults;
    faults.split_percent = 40;
    faults.stall_permille = 20;
    faults.short_receive_percent = 40;
    faults.short_send_percent = 40;
    faults.delay_percent = 40;
    faults.late_cancel_percent = 50;
    faults.spurious_wake_permille = 100;
    faults.partial_turn_percent = 30;
    faults.wall_jump_permille = 100;
    faults.stream_bytes_min = 700;
    faults.stream_bytes_max = 64 * 1024;
    return faults;
}

class SimBench final : public Bench {
  public:
    SimBench(uint64_t seed, const sim::SimFaults& faults) : net_(seed, faults) {}
    absl::StatusOr<std::unique_ptr<Ring>> create_ring(const RingOptions& options) override {
        return std::make_unique<sim::SimRing>(net_, options);
    }
    std::unique_ptr<Peer> connect(uint16_t port, bool small) override {
        const sim::SimFaults before = net_.faults();
        sim::SimFaults faults = before;
        if (small) faults.stream_bytes_min = faults.stream_bytes_max = 700;
        net_.set_faults(faults);
        auto peer = std::make_unique<SimPeer>(net_.connect(port));
        net_.set_faults(before);
        return peer;
    }
    void shrink(int) override {}
    void exhaust_descriptors(bool exhausted) override {
        sim::SimFaults faults = net_.faults();
        faults.accept_failure_permille = exhausted ? 1000 : 0;
        net_.set_faults(faults);
    }
    SocketAddress silent_address() override { return {.host = "127.0.0.1", .port = 1}; }
    void lose_connects(bool lost) override {
        sim::SimFaults faults = net_.faults();
        faults.connect_loss_permille = lost ? 1000 : 0;
        net_.set_faults(faults);
    }
    size_t open_descriptors() override { return net_.descriptor_count(); }
    bool has_threads() const override { return false; }
    bool is_zero_copy() const override { return false; }

  private:
    sim::SimNet net_;
};

}  // namespace nuring::ring
