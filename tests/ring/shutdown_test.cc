// SPDX-License-Identifier: Apache-2.0
// The contract of a ring: ends of a connection: ours, the peer's, half of it, by a reset.
#include <cerrno>
#include <string>

#include "tests/ring/conformance.h"

namespace nuring::ring {
namespace {

TEST_P(RingConformanceTest, ShutdownEndsReceiveAndSend) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected(/*small=*/true);
    Receiver receiver(under_test_);
    Sender sender(under_test_);
    ring().receive(receiver, fd);
    sender.start(fd, random_bytes(5, 16 << 20));
    run_turns(60);
    EXPECT_TRUE(receiver.pending);
    EXPECT_TRUE(sender.pending);
    ring().shutdown(fd);
    run_until([&] { return !receiver.pending && !sender.pending; });
    // Bytes lent to the kernel are got back by a disconnect, which the receive may hear of first.
    if (!bench_->is_zero_copy()) {
        EXPECT_EQ(receiver.end_result, 0);
    }
    EXPECT_LT(sender.error, 0);
    ring().close(fd);
    run_until([&, &p = peer] { return p->ended(); }, [&, &p = peer] { p->read(64 * 1024); });
}

TEST_P(RingConformanceTest, SeesTheEndOfAHalfClosedPeerAndStillSends) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Receiver receiver(under_test_);
    Sender sender(under_test_);
    ring().receive(receiver, fd);
    ASSERT_EQ(peer->write("last words"), 10U);
    peer->shutdown_send();
    run_until([&] { return !receiver.pending; });
    EXPECT_EQ(receiver.bytes, "last words");
    EXPECT_EQ(receiver.end_result, 0);
    sender.start(fd, "answer");
    std::string arrived;
    run_until([&, &p = peer] { return (arrived += p->read(100)) == "answer" && !sender.pending; });
    ring().shutdown_send(fd);
    run_until([&, &p = peer] { return p->ended(); }, [&, &p = peer] { p->read(100); });
    EXPECT_FALSE(peer->was_reset());
    ring().close(fd);
}

TEST_P(RingConformanceTest, PeerResetEndsReceiveAndSend) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected(/*small=*/true);
    Receiver receiver(under_test_);
    Sender sender(under_test_);
    ring().receive(receiver, fd);
    sender.start(fd, random_bytes(5, 16 << 20));
    run_turns(60);
    EXPECT_TRUE(sender.pending);
    peer->reset();
    run_until([&] { return !receiver.pending && !sender.pending; });
    // Which of the two hears of the reset, and which of a broken pipe, is the kernel's choice.
    EXPECT_TRUE(receiver.end_result == -ECONNRESET || receiver.end_result == 0);
    EXPECT_TRUE(sender.error == -ECONNRESET || sender.error == -EPIPE) << sender.error;
    ring().close(fd);
}

}  // namespace
}  // namespace nuring::ring
