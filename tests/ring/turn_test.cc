// SPDX-License-Identifier: Apache-2.0
// The contract of a ring: how a turn waits and is woken, its clock, randomness.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>

#include "tests/ring/conformance.h"

namespace nuring::ring {
namespace {

TEST_P(RingConformanceTest, TurnWaitsForItsDeadlineWithoutSpinning) {
    CREATE_OR_SKIP({});
    run_turns(3);
    const uint64_t start = ring().fresh_now_ns();
    const uint64_t deadline = start + 30 * kMs;
    unsigned turn_count = 0;
    while (ring().now_ns() < deadline) {
        under_test_.turn(deadline);
        ASSERT_LT(++turn_count, 50U);
    }
    EXPECT_GE(ring().fresh_now_ns(), deadline);
    // Neither a deadline in the past nor none waits.
    const uint64_t before = ring().fresh_now_ns();
    for (int i = 0; i < 10; ++i) {
        under_test_.turn(0);
        under_test_.turn(1);
    }
    EXPECT_LT(ring().fresh_now_ns(), before + 5'000 * kMs);
}

TEST_P(RingConformanceTest, TheClockOfATurnStandsStillUntilTheNext) {
    CREATE_OR_SKIP({});
    under_test_.turn(0);
    const uint64_t now = ring().now_ns();
    const uint64_t fresh = ring().fresh_now_ns();
    EXPECT_GE(fresh, now);
    EXPECT_EQ(ring().now_ns(), now);
    under_test_.turn(fresh + kMs);
    under_test_.turn(fresh + kMs);
    EXPECT_GT(ring().now_ns(), now);
    EXPECT_GT(ring().wall_ns(), 1'000'000'000'000'000'000U);  // after 2001
}

TEST_P(RingConformanceTest, NotifyEndsATurn) {
    CREATE_OR_SKIP({});
    run_turns(3);
    for (int i = 0; i < 20; ++i) {
        const uint64_t received = ring().stats().wakes_received;
        ring().notify();
        ring().notify();
        while (ring().stats().wakes_received == received) under_test_.turn(kForever);
    }
}

TEST_P(RingConformanceTest, NotifyFromAnotherThreadEndsATurn) {
    CREATE_OR_SKIP({});
    if (!bench_->has_threads()) GTEST_SKIP() << "the simulator has one thread";
    constexpr uint32_t kRounds = 2000;
    std::atomic<uint32_t> asked{0};
    std::atomic<uint32_t> answered{0};
    std::thread other([&] {
        for (uint32_t round = 1; round <= kRounds; ++round) {
            asked.store(round, std::memory_order_release);
            ring().notify();
            while (answered.load(std::memory_order_acquire) != round) std::this_thread::yield();
        }
    });
    while (answered.load(std::memory_order_relaxed) != kRounds) {
        under_test_.turn(kForever);  // a lost wake hangs here
        answered.store(asked.load(std::memory_order_acquire), std::memory_order_release);
    }
    other.join();
}

TEST_P(RingConformanceTest, WakeEndsTheOtherRingsTurn) {
    CREATE_OR_SKIP({});
    TestRing other = another_ring();
    ASSERT_NE(other.ring, nullptr);
    for (int i = 0; i < 20; ++i) {
        const uint64_t received = other.ring->stats().wakes_received;
        ring().wake(*other.ring);
        under_test_.turn(0);
        while (other.ring->stats().wakes_received == received) other.ring->turn(kForever);
    }
    EXPECT_EQ(ring().stats().wakes_sent, 20U);
}

TEST_P(RingConformanceTest, ACutTurnLeavesTheRestToTheNextWhichDoesNotWait) {
    RingOptions options;
    options.receive_buffer_bytes = 16;
    CREATE_OR_SKIP(options);
    const std::string source = random_bytes(3, 2000);
    struct Flow {
        std::unique_ptr<Peer> peer;
        int fd = -1;
        std::unique_ptr<Receiver> receiver;
        size_t written = 0;
    };
    std::array<Flow, 3> flows;
    unsigned runs_of_turn = 0;
    for (Flow& flow : flows) {
        std::tie(flow.peer, flow.fd) = connected();
        flow.receiver = std::make_unique<Receiver>(under_test_);
        flow.receiver->on_progress = [&] {
            ++runs_of_turn;
            ring().cut_turn();
        };
        ring().receive(*flow.receiver, flow.fd);
    }
    for (Flow& flow : flows) {
        while (flow.written < source.size()) {
            flow.written += flow.peer->write(std::string_view(source).substr(flow.written));
        }
    }
    const auto missing = [&] {
        return std::any_of(flows.begin(), flows.end(), [&](const Flow& flow) {
            return flow.receiver->bytes.size() < source.size();
        });
    };
    while (missing()) {
        runs_of_turn = 0;
        under_test_.turn(kForever);  // hangs if a cut turn is forgotten
        ASSERT_LE(runs_of_turn, 1U);
    }
    // The turn after the last cut has nothing to do, and yet does not wait.
    under_test_.turn(kForever);
    for (Flow& flow : flows) {
        EXPECT_EQ(flow.receiver->bytes, source);
        flow.peer->close();
        run_until([&] { return !flow.receiver->pending; });
        ring().close(flow.fd);
    }
}

TEST_P(RingConformanceTest, AShortRequestDoesNotWaitForWhatABusySocketHasSent) {
    RingOptions options;
    options.receive_buffer_bytes = 4096;
    CREATE_OR_SKIP(options);
    if (!bench_->has_threads()) GTEST_SKIP() << "the simulator hands out what is ready in any order";
    const std::string source = random_bytes(3, 100'000);
    const auto [busy_peer, busy_fd] = connected();
    const auto [quiet_peer, quiet_fd] = connected();
    Receiver busy(under_test_);
    Receiver quiet(under_test_);
    unsigned busy_runs = 0;
    busy.on_progress = [&] {
        ++busy_runs;
        ring().cut_turn();
    };
    ring().receive(busy, busy_fd);
    ring().receive(quiet, quiet_fd);
    size_t written = 0;
    while (written < source.size()) written += busy_peer->write(std::string_view(source).substr(written));
    unsigned rounds = 0;
    while (busy.bytes.size() < source.size()) {
        const std::string said(1 + rounds % 100, static_cast<char>('a' + rounds % 26));
        quiet.bytes.clear();
        (void)quiet_peer->write(said);
        busy_runs = 0;
        run_until([&] { return quiet.bytes == said; });
        ASSERT_LE(busy_runs, 3U);
        ++rounds;
        if (busy_runs == 0) under_test_.turn(0);
    }
    EXPECT_GT(rounds, 5U);
    EXPECT_EQ(busy.bytes, source);
    for (const auto& [peer, fd, receiver] :
         {std::tuple(busy_peer.get(), busy_fd, &busy), std::tuple(quiet_peer.get(), quiet_fd, &quiet)}) {
        peer->close();
        run_until([&, receiver = receiver] { return !receiver->pending; });
        ring().close(fd);
    }
}

// Each socket's bytes come in order, whatever waits for the next turn.
TEST_P(RingConformanceTest, LargeAndSmallRunsOfASocketKeepTheirOrderWhenTurnsAreCut) {
    RingOptions options;
    options.receive_buffer_bytes = 4096;
    CREATE_OR_SKIP(options);
    const std::string source = random_bytes(4, 60'000);
    struct Flow {
        std::unique_ptr<Peer> peer;
        int fd = -1;
        std::unique_ptr<Receiver> receiver;
        size_t written = 0;
    };
    std::array<Flow, 5> flows;
    for (Flow& flow : flows) {
        std::tie(flow.peer, flow.fd) = connected();
        flow.receiver = std::make_unique<Receiver>(under_test_);
        flow.receiver->on_progress = [&] { ring().cut_turn(); };
        ring().receive(*flow.receiver, flow.fd);
    }
    const auto is_missing = [&](const Flow& flow) { return flow.receiver->bytes.size() < source.size(); };
    for (size_t step = 0; std::any_of(flows.begin(), flows.end(), is_missing); ++step) {
        for (Flow& flow : flows) {
            const size_t size = (step + flow.written) % 3 == 0 ? 10 : 3000;
            if (flow.written == source.size()) continue;
            flow.written += flow.peer->write(std::string_view(source).substr(flow.written, size));
            if (flow.written == source.size()) flow.peer->close();
        }
        under_test_.turn(0);
    }
    for (Flow& flow : flows) {
        EXPECT_EQ(flow.receiver->bytes, source);
        run_until([&] { return !flow.receiver->pending; });
        ring().close(flow.fd);
    }
}

TEST_P(RingConformanceTest, ACutEndsWithItsTurnWhateverWasRequestedSince) {
    CREATE_OR_SKIP({});
    const auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    receiver.on_progress = [&] { ring().cut_turn(); };
    ring().receive(receiver, fd);
    (void)peer->write("x");
    run_until([&] { return receiver.bytes == "x"; });
    (void)peer->write("y");
    // Beside something that each turn completes by itself.
    for (int turns = 0; turns < 1000 && receiver.bytes != "xy"; ++turns) {
        Connector connector(under_test_);
        ring().connect(connector, {.host = "no address", .port = 1});
        run_until([&] { return !connector.pending; });
    }
    EXPECT_EQ(receiver.bytes, "xy");
    peer->close();
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
}

TEST_P(RingConformanceTest, RandomBytesDiffer) {
    CREATE_OR_SKIP({});
    std::array<unsigned char, 32> first{};
    std::array<unsigned char, 32> second{};
    ring().fill_random(first);
    ring().fill_random(second);
    EXPECT_NE(first, second);
}

}  // namespace
}  // namespace nuring::ring
