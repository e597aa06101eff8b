// SPDX-License-Identifier: Apache-2.0
// The contract of a ring: connecting to somebody else.
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/ring/conformance.h"

namespace nuring::ring {
namespace {

class RingConnectTest : public RingConformanceTest {
  protected:
    void start(Connector& connector, uint16_t port, const std::string& host = "127.0.0.1") {
        ring().connect(connector, {.host = host, .port = port});
        EXPECT_TRUE(connector.pending);
        EXPECT_EQ(connector.end_count, 0) << "completes in a turn only";
    }
    // Both ends of a connection that the ring made to itself.
    std::pair<int, int> connected_to_itself() {
        Connector connector(under_test_);
        start(connector, listener_.port);
        const size_t before = acceptor_.fds.size();
        run_until([&] { return !connector.pending && acceptor_.fds.size() > before; });
        EXPECT_GE(connector.result, 0);
        return {connector.result, acceptor_.fds.empty() ? -1 : acceptor_.fds.back()};
    }
    // A port that nobody listens on.
    uint16_t free_port() {
        absl::StatusOr<ListenSocket> socket = ring().listen("127.0.0.1", 0);
        EXPECT_TRUE(socket.ok());
        ring().close(socket->fd);
        run_turns(2);
        return socket->port;
    }
};

TEST_P(RingConnectTest, BytesGoBothWays) {
    CREATE_OR_SKIP({});
    const auto [near, far] = connected_to_itself();
    Receiver near_receiver(under_test_);
    Receiver far_receiver(under_test_);
    Sender near_sender(under_test_);
    Sender far_sender(under_test_);
    ring().receive(near_receiver, near);
    ring().receive(far_receiver, far);
    const std::string to_far = random_bytes(7, 200'000);
    near_sender.start(near, to_far);
    far_sender.start(far, "an answer");
    run_until([&] {
        return far_receiver.bytes == to_far && near_receiver.bytes == "an answer" &&
               !near_sender.pending && !far_sender.pending;
    });
    EXPECT_STREQ(ring().peer_address(near).host, "127.0.0.1");
    ring().shutdown(near);
    ring().shutdown(far);
    run_until([&] { return !near_receiver.pending && !far_receiver.pending; });
    ring().close(near);
    ring().close(far);
}

TEST_P(RingConnectTest, AConnectionInUseMayGoToAnotherRing) {
    CREATE_OR_SKIP({});
    TestRing second = another_ring();
    ASSERT_NE(second.ring, nullptr);
    const auto turn_second = [&] { second.turn(second.ring->fresh_now_ns() + kMs); };
    // Again and again under the same numbers: nothing of the last one may be left here.
    for (int round = 0; round < 5; ++round) {
        const auto [near, far] = connected_to_itself();
        Receiver before(under_test_);
        Sender sender(under_test_);
        Sender answer(under_test_);
        ring().receive(before, near);
        sender.start(far, "one");
        answer.start(near, "first answer");
        Receiver answers(under_test_);
        ring().receive(answers, far);
        run_until([&] {
            return before.bytes == "one" && answers.bytes == "first answer" && !sender.pending && !answer.pending;
        });
        ring().cancel(before);
        run_until([&] { return !before.pending; });
        // What comes in between is for the other one.
        sender.start(far, "two");
        run_until([&] { return !sender.pending; });
        ring().detach(near);
        Receiver after(second);
        second.ring->receive(after, near);
        run_until([&] { return before.bytes + after.bytes == "onetwo"; }, turn_second);
        Sender other_answer(second);
        other_answer.start(near, ", second answer");
        run_until([&] { return answers.bytes == "first answer, second answer" && !other_answer.pending; },
                  turn_second);
        second.ring->shutdown(near);
        run_until([&] { return !after.pending && !answers.pending; }, turn_second);
        second.ring->close(near);
        turn_second();
        ring().close(far);
        run_turns(2);
    }
}

TEST_P(RingConnectTest, AConnectionMayBeServedByAnotherRing) {
    CREATE_OR_SKIP({});
    TestRing second = another_ring();
    ASSERT_NE(second.ring, nullptr);
    const auto turn_second = [&] { second.turn(second.ring->fresh_now_ns() + kMs); };
    // Again and again under the same numbers: nothing of the last one may be left here.
    for (int round = 0; round < 5; ++round) {
        const auto [near, far] = connected_to_itself();
        Receiver receiver(second);
        Sender sender(under_test_);
        second.ring->receive(receiver, near);
        sender.start(far, "over there");
        run_until([&] { return receiver.bytes == "over there" && !sender.pending; }, turn_second);
        second.ring->shutdown(near);
        run_until([&] { return !receiver.pending; }, turn_second);
        second.ring->close(near);
        turn_second();
        ring().close(far);
        run_turns(2);
        const auto [again, again_far] = connected_to_itself();
        Receiver own(under_test_);
        ring().receive(own, again);
        sender.start(again_far, "over here");
        run_until([&] { return own.bytes == "over here" && !sender.pending; });
        ring().shutdown(again);
        run_until([&] { return !own.pending; });
        ring().close(again);
        ring().close(again_far);
    }
}

TEST_P(RingConnectTest, IsRefusedWhereNobodyListens) {
    CREATE_OR_SKIP({});
    const uint16_t port = free_port();
    for (int round = 0; round < 3; ++round) {
        Connector connector(under_test_);
        start(connector, port);
        run_until([&] { return !connector.pending; });
        EXPECT_EQ(connector.result, -ECONNREFUSED);
        EXPECT_EQ(connector.end_count, 1);
    }
}

TEST_P(RingConnectTest, SaysSoWhenDescriptorsRunOut) {
    CREATE_OR_SKIP({});
    Connector connector(under_test_);
    bench_->exhaust_descriptors(true);
    start(connector, listener_.port);
    run_until([&] { return !connector.pending; });
    bench_->exhaust_descriptors(false);
    EXPECT_EQ(connector.result, -EMFILE);
    if (!acceptor_.pending) ring().accept(acceptor_, listener_.fd);
}

TEST_P(RingConnectTest, ManyAtATime) {
    CREATE_OR_SKIP({});
    std::vector<std::unique_ptr<Connector>> connectors;
    for (int i = 0; i < 100; ++i) {
        connectors.push_back(std::make_unique<Connector>(under_test_));
        start(*connectors.back(), listener_.port);
    }
    run_until([&] { return acceptor_.fds.size() == connectors.size(); });
    for (const auto& connector : connectors) {
        run_until([&, &c = *connector] { return !c.pending; });
        EXPECT_GE(connector->result, 0);
        ring().close(connector->result);
    }
    for (const int fd : acceptor_.fds) ring().close(fd);
}

// What was cancelled ends with an error, or has just come about: then its descriptor is the caller's.
TEST_P(RingConnectTest, CancelEndsIt) {
    CREATE_OR_SKIP({});
    bench_->lose_connects(true);
    for (int round = 0; round < 3; ++round) {
        const size_t open_before = bench_->open_descriptors();
        Connector connector(under_test_);
        ring().connect(connector, bench_->silent_address());
        run_turns(static_cast<unsigned>(round));
        ring().cancel(connector);
        ring().cancel(connector);
        run_until([&] { return !connector.pending; });
        EXPECT_EQ(connector.result, -ECANCELED);
        EXPECT_EQ(connector.end_count, 1);
        EXPECT_EQ(bench_->open_descriptors(), open_before);
    }
    bench_->lose_connects(false);
    for (int round = 0; round < 20; ++round) {
        Connector connector(under_test_);
        start(connector, listener_.port);
        run_turns(static_cast<unsigned>(round % 3));
        if (connector.pending) ring().cancel(connector);
        run_until([&] { return !connector.pending; });
        EXPECT_TRUE(connector.result >= 0 || connector.result == -ECANCELED);
        if (connector.result >= 0) ring().close(connector.result);
    }
    // Connections of which the ring has cancelled its end may still be accepted.
    run_turns(10);
    for (const int fd : acceptor_.fds) ring().close(fd);
}

TEST_P(RingConnectTest, ANameIsNoAddress) {
    CREATE_OR_SKIP({});
    Connector connector(under_test_);
    ring().connect(connector, {.host = "localhost", .port = listener_.port});
    EXPECT_TRUE(connector.pending);
    ring().cancel(connector);  // changes nothing
    run_until([&] { return !connector.pending; });
    EXPECT_EQ(connector.result, -EINVAL);
    EXPECT_EQ(connector.end_count, 1);
}

TEST_P(RingConnectTest, ReachesIPv6Too) {
    CREATE_OR_SKIP({});
    absl::StatusOr<ListenSocket> socket = ring().listen("::1", 0);
    if (!socket.ok()) GTEST_SKIP() << "no IPv6 here: " << socket.status();
    Acceptor acceptor(under_test_);
    ring().accept(acceptor, socket->fd);
    Connector connector(under_test_);
    start(connector, socket->port, "::1");
    run_until([&] { return !connector.pending && acceptor.fds.size() == 1; });
    ASSERT_GE(connector.result, 0);
    ring().close(connector.result);
    ring().close(acceptor.fds[0]);
    ring().cancel(acceptor);
    run_until([&] { return !acceptor.pending; });
    ring().close(socket->fd);
}

INSTANTIATE_TEST_SUITE_P(Rings, RingConnectTest, testing::ValuesIn(flavours()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace nuring::ring
