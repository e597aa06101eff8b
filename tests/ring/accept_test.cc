// SPDX-License-Identifier: Apache-2.0
// The contract of a ring: accepting, listening and descriptors that run out or move to another ring.
#include <cerrno>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/ring/conformance.h"

namespace nuring::ring {
namespace {

TEST_P(RingConformanceTest, AcceptsManyConnections) {
    CREATE_OR_SKIP({});
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 200; ++i) peers.push_back(bench_->connect(listener_.port, false));
    run_until([&] { return acceptor_.fds.size() == peers.size(); });
    EXPECT_TRUE(acceptor_.pending);
    EXPECT_EQ(std::set<int>(acceptor_.fds.begin(), acceptor_.fds.end()).size(), peers.size());
    std::set<uint16_t> ports;
    for (const int fd : acceptor_.fds) {
        const PeerAddress address = ring().peer_address(fd);
        EXPECT_STREQ(address.host, "127.0.0.1");
        ports.insert(address.port);
        ring().close(fd);
    }
    EXPECT_EQ(ports.size(), peers.size());
    for (auto& peer : peers) {
        run_until([&] { return peer->ended(); }, [&] { peer->read(16); });
        EXPECT_FALSE(peer->was_reset());
    }
}

TEST_P(RingConformanceTest, ListenRefusesAPortInUse) {
    CREATE_OR_SKIP({});
    EXPECT_FALSE(ring().listen("127.0.0.1", listener_.port).ok());
}

TEST_P(RingConformanceTest, CancelEndsAnAccept) {
    CREATE_OR_SKIP({});
    run_turns(2);
    ring().cancel(acceptor_);
    run_until([&] { return !acceptor_.pending; });
    EXPECT_EQ(acceptor_.end_count, 1);
    EXPECT_EQ(acceptor_.error, -ECANCELED);
    // Connections wait until it is armed again.
    std::unique_ptr<Peer> peer = bench_->connect(listener_.port, false);
    run_turns(5);
    EXPECT_TRUE(acceptor_.fds.empty());
    ring().accept(acceptor_, listener_.fd);
    run_until([&] { return acceptor_.fds.size() == 1; });
    ring().close(acceptor_.fds[0]);
}

TEST_P(RingConformanceTest, AcceptEndsWhenDescriptorsRunOut) {
    CREATE_OR_SKIP({});
    // io_uring takes the limit when the request is made: arm after lowering it.
    ring().cancel(acceptor_);
    run_until([&] { return !acceptor_.pending; });
    std::unique_ptr<Peer> peer = bench_->connect(listener_.port, false);
    bench_->exhaust_descriptors(true);
    ring().accept(acceptor_, listener_.fd);
    run_until([&] { return !acceptor_.pending; });
    bench_->exhaust_descriptors(false);
    EXPECT_EQ(acceptor_.error, -EMFILE);
    EXPECT_EQ(acceptor_.end_count, 2);
    // The connection waits; later it is accepted, and those after it.
    ring().accept(acceptor_, listener_.fd);
    std::unique_ptr<Peer> second = bench_->connect(listener_.port, false);
    run_until([&] { return acceptor_.fds.size() == 2; });
    for (const int fd : acceptor_.fds) ring().close(fd);
}

TEST_P(RingConformanceTest, ADescriptorAcceptedByOneRingIsServedByAnother) {
    CREATE_OR_SKIP({});
    TestRing second = another_ring();
    ASSERT_NE(second.ring, nullptr);
    auto [peer, fd] = connected();
    {
        Receiver receiver(second);
        second.ring->receive(receiver, fd);
        ASSERT_EQ(peer->write("over here"), 9U);
        const auto turn_second = [&] { second.turn(second.ring->fresh_now_ns() + kMs); };
        run_until([&] { return receiver.bytes == "over here"; }, turn_second);
        second.ring->cancel(receiver);
        run_until([&] { return !receiver.pending; }, turn_second);
        second.ring->close(fd);
        second.turn(0);
    }
}

TEST_P(RingConformanceTest, TwoSocketsMayHaveTheSameNumberOneAfterTheOther) {
    CREATE_OR_SKIP({});
    for (int round = 0; round < 20; ++round) {
        auto [peer, fd] = connected();
        Receiver receiver(under_test_);
        Sender sender(under_test_);
        ring().receive(receiver, fd);
        sender.start(fd, "to you " + std::to_string(round));
        const std::string text = "to me " + std::to_string(round);
        ASSERT_EQ(peer->write(text), text.size());
        std::string arrived;
        run_until([&, &p = peer] {
            arrived += p->read(100);
            return receiver.bytes == text && arrived == sender.bytes && !sender.pending;
        });
        ring().shutdown(fd);
        run_until([&] { return !receiver.pending; });
        ring().close(fd);
    }
}

}  // namespace
}  // namespace nuring::ring
