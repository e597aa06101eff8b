// SPDX-License-Identifier: Apache-2.0
// The contract of a ring: sending large streams, many parts, to slow readers, and its end by cancel.
#include <cerrno>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/ring/conformance.h"

namespace nuring::ring {
namespace {

TEST_P(RingConformanceTest, SendsSixteenMiBToASlowReader) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Sender sender(under_test_);
    const std::string source = random_bytes(11, 16 << 20);
    sender.start(fd, source);
    std::string arrived;
    run_until([&] { return arrived.size() >= source.size(); },
              [&, &p = peer] { arrived += p->read(256 * 1024); });
    EXPECT_TRUE(arrived == source);
    run_until([&] { return sender.done() && !sender.pending; });
    EXPECT_EQ(sender.error, 0);
    ring().close(fd);
}

TEST_P(RingConformanceTest, GathersManyParts) {
    CREATE_OR_SKIP({});
    auto [peer, fd] = connected();
    Sender sender(under_test_);
    const std::string source = random_bytes(12, 30'000);
    sender.start(fd, source, /*size_of_part=*/17);
    std::string arrived;
    run_until([&] { return arrived.size() >= source.size() && !sender.pending; },
              [&, &p = peer] { arrived += p->read(64 * 1024); });
    EXPECT_EQ(arrived, source);
    ring().close(fd);
}

TEST_P(RingConformanceTest, SendsOfManySocketsInOneTurn) {
    RingOptions options;
    options.submission_count = 8;  // more requests than entries
    CREATE_OR_SKIP(options);
    std::vector<std::unique_ptr<Peer>> peers;
    std::deque<Sender> senders;
    for (int i = 0; i < 40; ++i) {
        auto [peer, fd] = connected();
        peers.push_back(std::move(peer));
        senders.emplace_back(under_test_);
        senders.back().to = fd;
    }
    for (size_t i = 0; i < senders.size(); ++i) {
        senders[i].start(senders[i].to, "number " + std::to_string(i), /*size_of_part=*/3);
    }
    for (size_t i = 0; i < senders.size(); ++i) {
        std::string arrived;
        run_until([&] { return (arrived += peers[i]->read(100)) == senders[i].bytes; });
        run_until([&] { return !senders[i].pending; });
        ring().close(senders[i].to);
    }
}

TEST_P(RingConformanceTest, CancelEndsASendThatHasNoRoom) {
    CREATE_OR_SKIP({});
    if (bench_->is_zero_copy()) GTEST_SKIP() << "what was taken cannot be cancelled";
    auto [peer, fd] = connected(/*small=*/true);
    Sender sender(under_test_);
    sender.start(fd, random_bytes(5, 16 << 20));
    unsigned quiet_turns = 0;
    size_t before = 0;
    run_until([&] { return quiet_turns > 50; },
              [&] {
                  quiet_turns = sender.sent == before ? quiet_turns + 1 : 0;
                  before = sender.sent;
              });
    EXPECT_TRUE(sender.pending);
    ring().cancel(sender);
    run_until([&] { return !sender.pending; });
    EXPECT_EQ(sender.error, -ECANCELED);
    // What was taken before arrives.
    std::string arrived;
    run_until([&, &p = peer] { return (arrived += p->read(4096)).size() >= sender.sent; });
    EXPECT_EQ(arrived, sender.bytes.substr(0, sender.sent));
    ring().close(fd);
}

}  // namespace
}  // namespace nuring::ring
