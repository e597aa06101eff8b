// SPDX-License-Identifier: Apache-2.0
// ServerLink with a server that takes nothing: its publishers rest (delivery/stall_gate.h).
#include <string>
#include <string_view>
#include <vector>

#include "core/delivery/stall_gate.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/unit/server_link/test_link.h"

namespace nuring::server_link {
namespace {

using test::SimPeer;

struct FrozenServerTest : ServerLinkTest {
    static constexpr uint64_t kStep_ns = 2 * delivery::StallGate::kRestThere_ns;

    void freeze(size_t message_size, uint32_t clients, uint32_t workers) {
        peer = &serve();
        peer->ask("RS+ $G a\r\n");
        peer->stream().set_reading(false);
        const std::string message =
            fmt::format("PUB a {}\r\n{}\r\n", message_size, std::string(message_size, 'b'));
        while (text.size() < 2 * kPendingMax) text += message;
        for (uint32_t i = 0; i < clients; ++i)
            publishers.push_back({.client = &stage.client(i % workers), .unsaid = text});
    }
    void publish_for(uint64_t time_ns) {
        for (uint64_t passed_ns = 0; passed_ns < time_ns && is_open(); passed_ns += kStep_ns) {
            for (Publisher& each : publishers) {
                each.client->say(each.unsaid);
                each.unsaid = each.unsaid.substr(each.unsaid.size() - each.client->unsaid());
            }
            stage.pass(kStep_ns);
        }
    }
    size_t resting() {
        size_t count = 0;
        for (uint32_t worker = 0; worker < 2; ++worker) {
            link::LinkHost& host = stage.state(worker).host;
            for (const base::LinkHandle each : host.handles())
                if (host.table.find(each)->is_stalled()) ++count;
        }
        return count;
    }

    struct Publisher {
        SimPeer* client;
        std::string_view unsaid;
    };
    SimPeer* peer = nullptr;
    std::string text;
    std::vector<Publisher> publishers;
};

// First its publishers are slowed down: it may go on.
TEST_F(FrozenServerTest, ForLongItIsASlowConsumer) {
    freeze(1000, 2, 2);
    publish_for(delivery::StallGate::kFrozenMax_ns * 9 / 10);
    EXPECT_TRUE(is_open());
    publish_for(delivery::StallGate::kFrozenMax_ns * 9 / 10);
    EXPECT_FALSE(is_open());
    EXPECT_EQ(slow_consumers(), 1U);
}

TEST_F(FrozenServerTest, LargeMessagesOfManyPublishersDoNotUseItsRoomUp) {
    freeze(kPendingMax / 100, 12, 1);
    publish_for(delivery::StallGate::kFrozenMax_ns * 9 / 10);
    EXPECT_TRUE(is_open());
}

TEST_F(FrozenServerTest, WhenItHasCaughtUpItsPublishersGoOn) {
    freeze(1000, 2, 2);
    publish_for(delivery::StallGate::kFrozenMax_ns / 2);
    EXPECT_EQ(resting(), 2U);
    peer->stream().set_reading(true);
    peer->hear();
    stage.pass(2 * runtime::TimerWheel::kTick_ns);
    EXPECT_EQ(resting(), 0U);
    EXPECT_TRUE(is_open());
}

TEST_F(FrozenServerTest, WhenItIsClosedItsPublishersGoOn) {
    freeze(1000, 2, 2);
    publish_for(delivery::StallGate::kFrozenMax_ns / 2);
    EXPECT_EQ(resting(), 2U);
    on_link([](TestLink& each) { each.close(link::CloseReason::kRouteRemoved); });
    stage.pass(2 * runtime::TimerWheel::kTick_ns);
    EXPECT_EQ(resting(), 0U);
}

}  // namespace
}  // namespace nuring::server_link
