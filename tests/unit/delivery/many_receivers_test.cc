// SPDX-License-Identifier: Apache-2.0
// Messages for very many subscribers: a turn delivers some of them, and others have their turns in between.
#include <cstdint>
#include <string>

#include "core/delivery/interest_gate.h"
#include "core/delivery/outlets.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::count_of;
using test::SimPeer;
using test::WorkerStage;

constexpr size_t kReceivers = 20'000;
constexpr size_t kMessages = 90;
static_assert(kReceivers * kMessages > 3 * InterestGate::kCopiesPerTurn);

class ManyReceiversTest : public testing::Test {
  protected:
    static void subscribe(SimPeer& peer) {
        std::string lines;
        for (size_t sid = 1; sid <= kReceivers; ++sid) lines += fmt::format("SUB a {}\r\n", sid);
        EXPECT_EQ(peer.ask(lines + "PING\r\n"), "PONG\r\n");
    }
    static std::string burst() {
        std::string lines;
        for (size_t i = 0; i < kMessages; ++i) lines += "PUB a 1\r\nx\r\n";
        return lines + "PING\r\n";
    }
    // How often worker 0 had to rest while a burst was delivered.
    size_t rests_of_burst(SimPeer& sends, SimPeer& receives, std::string* heard) {
        EXPECT_EQ(sends.offer(burst()), burst().size());
        size_t rests = 0;
        while (stage.step(UINT64_MAX, /*timers=*/false)) {
            if (stage.state(0).delivery.interest_gate.wants_turn()) ++rests;
            *heard += receives.stream().read_all();
        }
        return rests;
    }

    WorkerStage stage{2};
};

TEST_F(ManyReceiversTest, APublisherRestsUntilTheNextTurn) {
    SimPeer& receives = stage.client(0);
    subscribe(receives);
    SimPeer& sends = stage.client(0);
    std::string heard;
    const size_t rests = rests_of_burst(sends, receives, &heard);
    EXPECT_GE(rests, 2U);
    EXPECT_EQ(count_of(heard, "MSG a "), kMessages * kReceivers);
    EXPECT_EQ(sends.hear(), "PONG\r\n");
}

TEST_F(ManyReceiversTest, APublisherWaitsForAnotherWorkerThatIsBehind) {
    SimPeer& receives = stage.client(1);
    subscribe(receives);
    SimPeer& few = stage.client(1);
    few.ask("SUB b 1\r\nSUB b 2\r\n");
    SimPeer& sends = stage.client(0);
    SimPeer& other = stage.client(0);
    for (int round = 0; round < 2; ++round) {
        stage.pause(1, true);
        const uint64_t pauses = stage.state(0).delivery.outlets.pause_count();
        ASSERT_EQ(sends.offer(burst()), burst().size());
        EXPECT_EQ(sends.hear(), "");
        EXPECT_EQ(stage.state(0).delivery.outlets.pause_count(), pauses + 1) << "it is not tried in vain";
        EXPECT_EQ(other.ask("PUB b 1\r\nx\r\nPING\r\n"), "PONG\r\n");
        stage.pause(1, false);
        EXPECT_EQ(count_of(receives.hear(), "MSG a "), kMessages * kReceivers);
        EXPECT_EQ(sends.hear(), "PONG\r\n");
        EXPECT_EQ(few.hear(), "MSG b 1 1\r\nx\r\nMSG b 2 1\r\nx\r\n");
    }
}

TEST_F(ManyReceiversTest, APublisherDoesNotRestForTheCopiesOfAnotherWorker) {
    SimPeer& receives = stage.client(1);
    subscribe(receives);
    SimPeer& sends = stage.client(0);
    std::string heard;
    const size_t rests = rests_of_burst(sends, receives, &heard);
    EXPECT_EQ(rests, 0U);
    EXPECT_EQ(count_of(heard, "MSG a "), kMessages * kReceivers);
}

// What the other worker takes from this one lasts for one of them at a time.
TEST_F(ManyReceiversTest, PublishersThatWaitTakeTurns) {
    SimPeer& receives = stage.client(1);
    subscribe(receives);
    SimPeer& first = stage.client(0);
    SimPeer& second = stage.client(0);
    stage.pause(1, true);
    ASSERT_EQ(first.offer(burst()), burst().size());
    EXPECT_EQ(first.hear(), "");
    EXPECT_EQ(second.ask("PUB a 1\r\ny\r\nPING\r\n"), "");
    stage.pause(1, false);
    const std::string heard = receives.hear();
    EXPECT_EQ(count_of(heard, "MSG a "), (kMessages + 1) * kReceivers);
    const size_t before = count_of(heard.substr(0, heard.find("\r\ny\r\n")), "MSG a ") / kReceivers;
    EXPECT_LT(before, kMessages * 3 / 4);
    EXPECT_EQ(first.hear(), "PONG\r\n");
    EXPECT_EQ(second.hear(), "PONG\r\n");
}

// Their mailbox bounds those.
TEST_F(ManyReceiversTest, MessagesForFewAreNotWaitedFor) {
    constexpr size_t kFew = InterestGate::kReceiversMin - 1;
    SimPeer& few = stage.client(1);
    for (size_t sid = 1; sid <= kFew; ++sid) few.ask(fmt::format("SUB b {}\r\n", sid));
    SimPeer& receives = stage.client(1);
    subscribe(receives);
    SimPeer& sends = stage.client(0);
    std::string lines;
    for (int i = 0; i < 1000; ++i) lines += "PUB b 1\r\nx\r\n";
    for (size_t copies = 0; copies < 3 * InterestGate::kCopiesPerTurn; copies += 1000 * kFew) {
        EXPECT_EQ(sends.ask(lines + "PING\r\n"), "PONG\r\n");
        few.hear();
    }
    const uint64_t pauses = stage.state(0).delivery.outlets.pause_count();
    EXPECT_EQ(sends.ask("PUB a 1\r\nx\r\nPING\r\n"), "PONG\r\n");
    EXPECT_EQ(stage.state(0).delivery.outlets.pause_count(), pauses);
    receives.hear();
}

}  // namespace
}  // namespace nuring::delivery
