// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/stall_gate.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::SimPeer;
using test::WorkerStage;

constexpr size_t kStreamBytes = 16 * 1024;  // what the connection holds of a peer that reads nothing

std::string message(size_t size) {
    return "PUB a " + std::to_string(size) + "\r\n" + std::string(size, 'x') + "\r\n";
}

std::shared_ptr<config::Options> with_max_pending(int64_t bytes) {
    auto options = test::test_options();
    options->max_pending = bytes;
    return options;
}

// A subscriber on worker `receiver` that reads nothing, and a publisher on worker 0.
struct Pair {
    Pair(uint32_t workers, uint32_t receiver, const std::shared_ptr<config::Options>& options)
        : stage(workers, options) {
        stage.net.set_faults({.stream_bytes_min = kStreamBytes, .stream_bytes_max = kStreamBytes});
        receives = &stage.client(receiver);
        receives->ask("SUB a 1\r\n");
        sends = &stage.client(0);
    }
    void publish(int count) {
        for (int i = 0; i < count; ++i) {
            sends->say(message(10'000));
            stage.settle();
        }
    }

    WorkerStage stage;
    SimPeer* receives;
    SimPeer* sends;
};

TEST(StallGateTest, AClientRestsWhenAReceiverHasMostOfMaxPendingWaiting) {
    Pair pair(1, 0, with_max_pending(100'000));
    pair.publish(7);
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "PONG\r\n");
    pair.publish(2);
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "");
    pair.stage.pass(StallGate::kRest_ns + 1'000'000);
    EXPECT_EQ(pair.sends->hear(), "PONG\r\n");
}

TEST(StallGateTest, ItRestsAlsoForAReceiverOfAnotherWorker) {
    Pair pair(2, 1, with_max_pending(100'000));
    pair.publish(9);
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "");
    pair.stage.pass(StallGate::kRestThere_ns + 1'000'000);
    EXPECT_EQ(pair.sends->hear(), "PONG\r\n");
}

// Else one that reads nothing would hold up the others until its write deadline.
TEST(StallGateTest, AfterARestItMaySendForAWhile) {
    Pair pair(1, 0, with_max_pending(400'000));
    pair.publish(32);
    pair.stage.pass(StallGate::kRest_ns + 1'000'000);
    pair.publish(7);
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "PONG\r\n");
    pair.publish(3);
    pair.stage.pass(StallGate::kRest_ns + 1'000'000);
    EXPECT_EQ(pair.sends->hear(), "");
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "PONG\r\n");
    EXPECT_TRUE(pair.receives->stream().closed());
}

TEST(StallGateTest, NobodyRestsWithNoFastProducerStall) {
    auto options = with_max_pending(100'000);
    options->no_fast_producer_stall = true;
    Pair pair(1, 0, options);
    pair.publish(9);
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "PONG\r\n");
}

}  // namespace
}  // namespace nuring::delivery
