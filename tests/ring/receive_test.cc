// SPDX-License-Identifier: Apache-2.0
// The contract of a ring: receiving in order, with few buffers, beside busy sockets, and its end by cancel.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/ring/conformance.h"

namespace nuring::ring {
namespace {

TEST_P(RingConformanceTest, EchoesWholeStreamsOfManyPeers) {
    CREATE_OR_SKIP({});
    struct Echo {
        explicit Echo(TestRing& r) : receiver(r), sender(r) {}
        std::unique_ptr<Peer> peer;
        int fd = -1;
        Receiver receiver;
        Sender sender;
        std::string source, back;
        size_t written = 0, echoed = 0;
    };
    std::deque<Echo> echoes;
    for (uint64_t i = 0; i < 6; ++i) {
        Echo& echo = echoes.emplace_back(under_test_);
        std::tie(echo.peer, echo.fd) = connected(/*small=*/true);
        echo.source = random_bytes(i, 60'000);
        ring().receive(echo.receiver, echo.fd);
    }
    const auto step = [&] {
        for (Echo& echo : echoes) {
            echo.written += echo.peer->write(std::string_view(echo.source).substr(echo.written));
            if (!echo.sender.pending && echo.echoed < echo.receiver.bytes.size()) {
                const std::string more = echo.receiver.bytes.substr(echo.echoed);
                echo.echoed += more.size();
                echo.sender.append(echo.fd, more);
            }
            echo.back += echo.peer->read(5000);
        }
    };
    run_until(
        [&] {
            for (const Echo& echo : echoes) {
                if (echo.back.size() < echo.source.size()) return false;
            }
            return true;
        },
        step);
    for (Echo& echo : echoes) {
        EXPECT_EQ(echo.back, echo.source);
        echo.peer->close();
        run_until([&] { return !echo.receiver.pending && !echo.sender.pending; });
        EXPECT_EQ(echo.receiver.end_result, 0);
        EXPECT_EQ(echo.receiver.end_count, 1);
        ring().close(echo.fd);
    }
}

TEST_P(RingConformanceTest, ReceivesInOrderThroughTinyBuffers) {
    RingOptions options;
    options.receive_buffer_bytes = 16;
    options.receive_buffer_count = 2;
    options.receive_buffer_count_max = 3;
    CREATE_OR_SKIP(options);
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    ring().receive(receiver, fd);
    const std::string source = random_bytes(7, 20'000);
    size_t written = 0;
    run_until([&] { return receiver.bytes.size() >= source.size(); },
              [&, &p = peer] { written += p->write(std::string_view(source).substr(written)); });
    EXPECT_EQ(receiver.bytes, source);
    EXPECT_GE(receiver.run_count, source.size() / 16);
    peer->close();
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
}

TEST_P(RingConformanceTest, RecoversFromABufferShortageOnManyIdleSockets) {
    RingOptions options;
    options.receive_buffer_bytes = 64;
    options.receive_buffer_count = 2;
    options.receive_buffer_count_max = 4;
    CREATE_OR_SKIP(options);
    constexpr size_t kCount = 50;
    std::vector<std::unique_ptr<Peer>> peers;
    std::deque<Receiver> receivers;
    std::vector<int> fds;
    for (size_t i = 0; i < kCount; ++i) {
        auto [peer, fd] = connected();
        peers.push_back(std::move(peer));
        fds.push_back(fd);
        receivers.emplace_back(under_test_).keeps_buffers = true;
        ring().receive(receivers.back(), fd);
    }
    for (size_t i = 0; i < kCount; ++i) {
        ASSERT_EQ(peers[i]->write("hello" + std::to_string(i)), 5 + std::to_string(i).size());
    }
    const auto run_count = [&] {
        unsigned count = 0;
        for (const Receiver& receiver : receivers) count += receiver.run_count;
        return count;
    };
    run_until([&] { return run_count() == 4; });
    run_turns(20);
    EXPECT_EQ(run_count(), 4U);  // all buffers are held: nobody else gets anything, nobody fails
    EXPECT_GE(ring().stats().buffer_shortages, 1U);
    for (const Receiver& receiver : receivers) EXPECT_TRUE(receiver.pending);
    const auto all_there = [&] {
        for (size_t i = 0; i < kCount; ++i) {
            if (receivers[i].bytes != "hello" + std::to_string(i)) return false;
        }
        return true;
    };
    run_until(all_there, [&] {
        for (Receiver& receiver : receivers) receiver.return_kept();
    });
    for (size_t i = 0; i < kCount; ++i) {
        receivers[i].return_kept();
        peers[i]->close();
    }
    for (size_t i = 0; i < kCount; ++i) {
        run_until([&] { return !receivers[i].pending; });
        ring().close(fds[i]);
    }
}

TEST_P(RingConformanceTest, CancelEndsAnIdleReceive) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    ring().receive(receiver, fd);
    run_turns(2);
    ring().cancel(receiver);
    EXPECT_EQ(receiver.end_count, 0);  // never from inside cancel()
    run_until([&] { return !receiver.pending; });
    EXPECT_EQ(receiver.end_result, -ECANCELED);
    EXPECT_EQ(receiver.end_count, 1);
    ring().cancel(receiver);  // of nothing: ignored
    run_turns(3);
    EXPECT_EQ(receiver.end_count, 1);
    ring().close(fd);
}

TEST_P(RingConformanceTest, CancelEndsAReceiveThatWaitsForABuffer) {
    RingOptions options;
    options.receive_buffer_bytes = 64;
    options.receive_buffer_count = 1;
    options.receive_buffer_count_max = 1;
    CREATE_OR_SKIP(options);
    auto [holder_peer, holder_fd] = connected();
    auto [peer, fd] = connected();
    Receiver holder(under_test_);
    Receiver receiver(under_test_);
    holder.keeps_buffers = true;
    ring().receive(holder, holder_fd);
    ASSERT_EQ(holder_peer->write("x"), 1U);
    run_until([&] { return holder.run_count == 1; });
    ring().receive(receiver, fd);
    ASSERT_EQ(peer->write("y"), 1U);
    run_turns(10);
    ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    EXPECT_EQ(receiver.end_result, -ECANCELED);
    holder.return_kept();
    ring().cancel(holder);
    run_until([&] { return !holder.pending; });
    // What came meanwhile is not lost.
    ring().receive(receiver, fd);
    run_until([&] { return receiver.bytes == "y"; });
    ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
    ring().close(holder_fd);
}

TEST_P(RingConformanceTest, LosesNothingWhenAReceiveIsCancelledAndArmedAgain) {
    RingOptions options;
    options.receive_buffer_bytes = 512;
    CREATE_OR_SKIP(options);
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    ring().receive(receiver, fd);
    const std::string source = random_bytes(3, 100'000);
    size_t written = 0;
    unsigned turn_count = 0;
    run_until([&] { return receiver.bytes.size() >= source.size(); },
              [&, &p = peer, fd = fd] {
                  const std::string_view rest = std::string_view(source).substr(written);
                  written += p->write(rest.substr(0, 3000));
                  if (!receiver.pending) {
                      EXPECT_EQ(receiver.end_result, -ECANCELED);
                      ring().receive(receiver, fd);
                  } else if (++turn_count % 3 == 0) {
                      ring().cancel(receiver);
                  }
              });
    EXPECT_EQ(receiver.bytes, source);
    if (receiver.pending) ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
}

TEST_P(RingConformanceTest, SmallRunsAreSmallAndACancellationLosesNothing) {
    RingOptions options;
    options.receive_buffer_bytes = 4 * kSmallRunBytes;
    CREATE_OR_SKIP(options);
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    receiver.in_small_runs = true;
    const std::string source = random_bytes(5, 20 * kSmallRunBytes);
    size_t written = peer->write(source);
    ASSERT_GT(written, 0U);
    receiver.on_progress = [&] {
        if (receiver.pending && receiver.end_count == 0) ring().cancel(receiver);
    };
    ring().receive(receiver, fd);
    run_until([&] { return !receiver.pending; });
    EXPECT_GT(receiver.run_count, 0U);
    EXPECT_LE(receiver.bytes.size(), receiver.run_count * kSmallRunBytes);
    receiver.on_progress = nullptr;
    receiver.in_small_runs = false;
    ring().receive(receiver, fd);
    run_until([&] { return receiver.bytes.size() >= source.size(); },
              [&, &p = peer] { written += p->write(std::string_view(source).substr(written)); });
    EXPECT_EQ(receiver.bytes, source);
    ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    ring().close(fd);
}

TEST_P(RingConformanceTest, ABusySocketDoesNotStarveTheOthers) {
    RingOptions options;
    options.receive_buffer_bytes = 256;
    options.receive_buffer_count = 4;
    options.receive_buffer_count_max = 8;
    CREATE_OR_SKIP(options);
    auto [busy, busy_fd] = connected();
    auto [calm, calm_fd] = connected();
    Receiver from_busy(under_test_);
    Receiver from_calm(under_test_);
    ring().receive(from_busy, busy_fd);
    ring().receive(from_calm, calm_fd);
    const std::string flood = random_bytes(1, 64 * 1024);
    for (int i = 0; i < 20; ++i) {
        // Both have bytes waiting; the calm one must be heard long before the flood is read.
        busy->write(flood);
        const size_t want = from_calm.bytes.size() + 1;
        ASSERT_EQ(calm->write("."), 1U);
        run_until([&] { return from_calm.bytes.size() == want; },
                  [&, &b = busy] {
                      b->write(flood);
                      from_busy.bytes.clear();
                  });
    }
    ring().cancel(from_busy);
    ring().cancel(from_calm);
    run_until([&] { return !from_busy.pending && !from_calm.pending; });
    ring().close(busy_fd);
    ring().close(calm_fd);
}

TEST_P(RingConformanceTest, ASocketWhoseBytesTakeLongGetsOneBufferPerTurn) {
    if (std::string_view(GetParam().name).starts_with("sim")) GTEST_SKIP() << "no time passes within its turns";
    RingOptions options;
    options.receive_buffer_bytes = 256;
    CREATE_OR_SKIP(options);
    auto [busy, fd] = connected();
    Receiver receiver(under_test_);
    const auto slowly = [this] {
        const uint64_t until_ns = ring().fresh_now_ns() + 2 * kSlowReceive_ns;
        while (ring().fresh_now_ns() < until_ns) {
        }
    };
    ring().receive(receiver, fd);
    const std::string flood = random_bytes(3, 16 * 1024);
    std::string sent;
    const auto flood_once = [&, &b = busy] { sent += flood.substr(0, b->write(flood)); };
    for (int round = 0; round < 3; ++round) {
        receiver.on_progress = slowly;
        flood_once();
        for (int i = 0; i < 10; ++i) {
            const unsigned before = receiver.run_count;
            under_test_.turn(ring().fresh_now_ns() + kMs);
            EXPECT_LE(receiver.run_count, before + 1);
        }
        // Quick for a while, and a multishot is armed again.
        receiver.on_progress = nullptr;
        run_until([&] { return receiver.bytes.size() == sent.size(); });
        run_turns(2);
    }
    flood_once();
    run_until([&] { return receiver.bytes.size() == sent.size(); });
    EXPECT_EQ(receiver.bytes, sent);
    EXPECT_EQ(receiver.end_count, 0);
    ring().cancel(receiver);
    run_until([&] { return !receiver.pending; });
    EXPECT_EQ(receiver.end_count, 1);
    ring().close(fd);
}

TEST_P(RingConformanceTest, ManyBusySocketsDoNotHoldUpACalmOne) {
    if (std::string_view(GetParam().name).starts_with("sim")) GTEST_SKIP() << "no time passes within its turns";
    RingOptions options;
    options.receive_buffer_bytes = 256;
    options.receive_buffer_count_max = 64;
    CREATE_OR_SKIP(options);
    constexpr size_t kCount = 20;
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<int> fds;
    std::deque<Receiver> busy;
    const auto run_count = [&busy] {
        unsigned count = 0;
        for (const Receiver& each : busy) count += each.run_count;
        return count;
    };
    for (size_t i = 0; i < kCount; ++i) {
        auto [peer, fd] = connected();
        peers.push_back(std::move(peer));
        fds.push_back(fd);
        busy.emplace_back(under_test_).on_progress = [this] {
            const uint64_t until_ns = ring().fresh_now_ns() + kSlowReceive_ns * 5 / 4;
            while (ring().fresh_now_ns() < until_ns) {
            }
        };
        ring().receive(busy.back(), fd);
    }
    const auto flood = [&, bytes = random_bytes(5, 4096)] {
        for (const auto& peer : peers) peer->write(bytes);
    };
    flood();
    const auto all_were_served = [&busy] {
        const auto was_served = [](const Receiver& each) { return each.run_count >= 2; };
        return std::all_of(busy.begin(), busy.end(), was_served);
    };
    run_until(all_were_served, flood);  // each has shown that it is slow
    for (Receiver& each : busy) each.run_count = 0;
    run_until(all_were_served, flood);
    auto [calm_peer, calm_fd] = connected();
    Receiver calm(under_test_);
    ring().receive(calm, calm_fd);
    for (size_t i = 1; i <= 10; ++i) {
        flood();
        ASSERT_EQ(calm_peer->write("."), 1U);
        const unsigned before = run_count();
        run_until([&] { return calm.bytes.size() == i; });
        EXPECT_LE(run_count(), before + 3);
    }
    // Nobody of them starves.
    for (Receiver& each : busy) each.run_count = 0;
    run_until([&] { return run_count() >= 3 * kCount; }, flood);
    EXPECT_TRUE(all_were_served());
    ring().cancel(calm);
    for (Receiver& each : busy) ring().cancel(each);
    for (Receiver& each : busy) run_until([&] { return !each.pending; });
    run_until([&] { return !calm.pending; });
    ring().close(calm_fd);
    for (const int fd : fds) ring().close(fd);
}

TEST_P(RingConformanceTest, ASocketThatWasSlowOnceDoesNotStarveBesideBusyOnes) {
    if (std::string_view(GetParam().name).starts_with("sim")) GTEST_SKIP() << "no time passes within its turns";
    RingOptions options;
    options.receive_buffer_bytes = 256;
    options.receive_buffer_count_max = 64;
    CREATE_OR_SKIP(options);
    constexpr size_t kCount = 12;
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<int> fds;
    std::deque<Receiver> all;
    for (size_t i = 0; i < kCount; ++i) {
        auto [peer, fd] = connected();
        peers.push_back(std::move(peer));
        fds.push_back(fd);
        ring().receive(all.emplace_back(under_test_), fd);
    }
    const auto flood = [&, bytes = random_bytes(6, 64 * 1024)] {
        for (const auto& peer : peers) peer->write(bytes);
    };
    Receiver& once_slow = all.front();
    bool was_slow = false;
    once_slow.on_progress = [&] {
        const uint64_t until_ns = ring().fresh_now_ns() + kSlowReceive_ns * 5 / 4;
        while (!std::exchange(was_slow, true)) {
            while (ring().fresh_now_ns() < until_ns) {
            }
        }
    };
    run_until([&] { return was_slow; }, flood);
    for (int round = 0; round < 10; ++round) {
        once_slow.run_count = 0;
        for (size_t i = 0; i < 2 * kCount; ++i) {  // a busy one may take all buffers of a turn
            flood();
            under_test_.turn(ring().fresh_now_ns() + kMs);
        }
        EXPECT_GT(once_slow.run_count, 0U) << "round " << round;
        for (Receiver& each : all) each.bytes.clear();
    }
    for (Receiver& each : all) ring().cancel(each);
    for (Receiver& each : all) run_until([&] { return !each.pending; });
    for (const int fd : fds) ring().close(fd);
}

// One receiver and the connections that it serves one after the other.
struct Slowcoach {
    explicit Slowcoach(TestRing& ring) : receiver(ring) {}
    Receiver receiver;
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<int> fds;
    std::vector<std::string> sources;
    size_t written = 0;  // to the current peer
    size_t at = 0;       // the current connection
    bool done() const { return at == fds.size(); }
};

TEST_P(RingConformanceTest, LosesNothingOfSocketsThatAreSlowNowAndThen) {
    RingOptions options;
    options.receive_buffer_bytes = 256;
    options.receive_buffer_count = 2;
    options.receive_buffer_count_max = 5;
    CREATE_OR_SKIP(options);
    const uint64_t seed = std::random_device()();
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    base::Prng prng(seed);
    const bool time_passes = !std::string_view(GetParam().name).starts_with("sim");
    std::deque<Slowcoach> all;
    for (size_t i = 0; i < 12; ++i) {
        Slowcoach& each = all.emplace_back(under_test_);
        for (size_t k = 0; k < 3; ++k) {
            auto [peer, fd] = connected();
            each.peers.push_back(std::move(peer));
            each.fds.push_back(fd);
            each.sources.push_back(random_bytes(seed + i * 3 + k, 6000));
        }
        each.receiver.on_progress = [&] {
            Receiver& receiver = each.receiver;
            if (receiver.pending) {
                receiver.keeps_buffers = prng.below(8) == 0;
                const uint64_t until_ns = ring().fresh_now_ns() + kSlowReceive_ns * 5 / 4;
                const bool is_slow = time_passes && prng.below(8) == 0;
                while (is_slow && ring().fresh_now_ns() < until_ns) {
                }
                if (prng.below(8) == 0) ring().cancel(receiver);
                return;
            }
            if (receiver.end_result == 0) {
                EXPECT_EQ(receiver.bytes, each.sources[each.at]);
                receiver.bytes.clear();
                each.written = 0;
                ring().close(each.fds[each.at++]);
                if (each.done()) return;
            } else {
                EXPECT_EQ(receiver.end_result, -ECANCELED);
            }
            // At once: a cancellation that is under way must not meet it.
            if (prng.below(4) != 0) ring().receive(receiver, each.fds[each.at]);
        };
        ring().receive(each.receiver, each.fds[0]);
    }
    const auto step = [&] {
        for (Slowcoach& each : all) {
            if (prng.below(2) == 0) each.receiver.return_kept();
            if (each.done()) continue;
            const std::string_view source = each.sources[each.at];
            const size_t size = std::min(size_t{1} << prng.below(13), source.size() - each.written);
            if (size > 0) each.written += each.peers[each.at]->write(source.substr(each.written, size));
            if (each.written == source.size()) each.peers[each.at]->shutdown_send();
            if (!each.receiver.pending) {
                ring().receive(each.receiver, each.fds[each.at]);
            } else if (prng.below(16) == 0) {
                ring().cancel(each.receiver);
            }
        }
    };
    const auto is_done = [](const Slowcoach& each) { return each.done(); };
    run_until([&] { return std::all_of(all.begin(), all.end(), is_done); }, step);
    for (Slowcoach& each : all) each.receiver.return_kept();
    run_turns(3);
}

}  // namespace
}  // namespace nuring::ring
