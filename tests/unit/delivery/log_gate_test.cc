// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/log_gate.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::SimPeer;
using test::WorkerStage;

// Each message that another worker has not delivered yet is a line that the log does not hold yet.
TEST(LogGateTest, ATracedLinkWaitsForTheMessagesOfAnotherWorker) {
    WorkerStage stage(2);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    const auto pauses = [&] {
        bool paused = false;
        stage.on_worker(0, [&](server::WorkerState& state) {
            link::Link& link = *state.host.table.find(state.host.handles()[0]);
            paused = state.delivery.log_gate.pause_until_logged(link);
        });
        stage.settle();
        return paused;
    };
    EXPECT_FALSE(pauses());
    stage.pause(1, true);
    sends.say("PUB a 40000\r\n" + std::string(40'000, 'x') + "\r\n");
    stage.settle();
    EXPECT_FALSE(pauses()) << "one line, however long the message is";
    for (int i = 0; i < 200; ++i) {
        sends.say("PUB a 300\r\n" + std::string(300, 'x') + "\r\n");
        stage.settle();
    }
    EXPECT_TRUE(pauses());
    EXPECT_EQ(sends.ask("PING\r\n"), "");
    stage.pause(1, false);
    receives.hear();
    stage.pass(100'000'000);
    EXPECT_EQ(sends.hear(), "PONG\r\n");
}

}  // namespace
}  // namespace nuring::delivery
