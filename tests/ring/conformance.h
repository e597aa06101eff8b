// SPDX-License-Identifier: Apache-2.0
// RingConformanceTest: the three rings keep one contract, that of core/ring/ring.h.
// Method: every test runs against io_uring (also with zero-copy sends, and with queues so small that they
// overflow), epoll, a quiet simulator and several hostile ones (flavours.cc). Tests wait for conditions
// by turning the ring, never for a time. Where the kernel refuses io_uring, its tests are skipped with the
// reason.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/prng.h"
#include "core/ring/ring.h"
#include "gtest/gtest.h"
#include "tests/ring/bench.h"
#include "tests/ring/peer.h"
#include "tests/ring/submissions.h"

namespace nuring::ring {

constexpr uint64_t kMs = 1'000'000;

struct Flavour {
    const char* name;
    std::function<std::unique_ptr<Bench>()> create;
};

// All rings that are tested.
std::vector<Flavour> flavours();

inline std::string random_bytes(uint64_t seed, size_t size) {
    base::Prng prng(seed);
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>('a' + prng.below(26));
    return bytes;
}

class RingConformanceTest : public testing::TestWithParam<Flavour> {
  protected:
    void SetUp() override { bench_ = GetParam().create(); }

    // Skips the test where the kernel refuses the ring.
    [[nodiscard]] bool create(const RingOptions& options) {
        absl::StatusOr<std::unique_ptr<Ring>> ring = bench_->create_ring(options);
        if (!ring.ok()) {
            std::fprintf(stderr, "*** SKIPPED: no %s here: %s\n", GetParam().name,
                         ring.status().ToString().c_str());
            return false;
        }
        under_test_.ring = std::move(*ring);
        const absl::Status started = under_test_.ring->start();
        EXPECT_TRUE(started.ok()) << started;
        absl::StatusOr<ListenSocket> socket = under_test_.ring->listen("127.0.0.1", 0);
        EXPECT_TRUE(socket.ok()) << socket.status();
        if (!socket.ok()) return false;
        listener_ = *socket;
        EXPECT_NE(listener_.port, 0);
        under_test_.ring->accept(acceptor_, listener_.fd);
        return true;
    }

    void TearDown() override {
        if (under_test_.ring == nullptr) return;
        if (acceptor_.pending) under_test_.ring->cancel(acceptor_);
        run_until([this] { return !acceptor_.pending; });
        under_test_.ring->close(listener_.fd);
        under_test_.turn(0);
    }

    // Turns the ring until the condition holds; fails the test after a while.
    template <typename Condition>
    void run_until(Condition condition, std::function<void()> each_turn = nullptr) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!HasFatalFailure() && !condition()) {
            if (each_turn) each_turn();
            under_test_.turn(ring().fresh_now_ns() + kMs);
            if (std::chrono::steady_clock::now() > give_up) {
                FAIL() << "the condition never held";
            }
        }
    }

    // A second one beside it; without a ring if that failed.
    TestRing another_ring() {
        absl::StatusOr<std::unique_ptr<Ring>> made = bench_->create_ring({});
        if (!made.ok() || !(*made)->start().ok()) return {};
        return {.ring = std::move(*made)};
    }

    // Turns the ring for a while, to see that something does not happen.
    void run_turns(unsigned count) {
        for (unsigned i = 0; i < count; ++i) under_test_.turn(ring().fresh_now_ns() + kMs);
    }

    // Connects a peer and accepts it.
    std::pair<std::unique_ptr<Peer>, int> connected(bool small = false) {
        const size_t before = acceptor_.fds.size();
        std::unique_ptr<Peer> peer = bench_->connect(listener_.port, small);
        run_until([&] { return acceptor_.fds.size() > before; });
        const int fd = acceptor_.fds.empty() ? -1 : acceptor_.fds.back();
        if (small) bench_->shrink(fd);
        return {std::move(peer), fd};
    }

    Ring& ring() { return *under_test_.ring; }

    std::unique_ptr<Bench> bench_;
    TestRing under_test_;
    ListenSocket listener_;
    Acceptor acceptor_{under_test_};
};

#define CREATE_OR_SKIP(options) \
    if (!create(options)) GTEST_SKIP() << "the kernel refuses this ring"

}  // namespace nuring::ring
