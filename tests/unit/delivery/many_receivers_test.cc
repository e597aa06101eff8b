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

    WorkerStage stage{2};
};

TEST_F(ManyReceiversTest, APublisherRestsUntilTheNextTurn) {
    SimPeer& receives = stage.client(0);
    subscribe(receives);
    SimPeer& sends = stage.client(0);
    ASSERT_EQ(sends.offer(burst()), burst().size());
    size_t rests = 0;
    std::string heard;
    while (stage.step(UINT64_MAX, /*timers=*/false)) {
        if (stage.state(0).delivery.interest_gate.wants_turn()) ++rests;
        heard += receives.stream().read_all();
    }
    EXPECT_GE(rests, 2U);
    EXPECT_EQ(count_of(heard, "MSG a "), kMessages * kReceivers);
    EXPECT_EQ(sends.hear(), "PONG\r\n");
}

TEST_F(ManyReceiversTest, APublisherWaitsForAnotherWorkerThatIsBehind) {
    SimPeer& receives = stage.client(1);
    subscribe(receives);
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
    }
}

}  // namespace
}  // namespace nuring::delivery
