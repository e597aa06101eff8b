// SPDX-License-Identifier: Apache-2.0
// What waits for room in a mailbox: it arrives in order, nothing passes it, and all goes on afterwards.
#include "core/delivery/outlets.h"

#include <string>
#include <vector>

#include "core/delivery/deliver.h"
#include "core/delivery/room.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::count_of;
using test::SimPeer;
using test::WorkerStage;

constexpr size_t kMailboxBytes = 4096;
constexpr base::WorkerId kOther{1};

class OutletsTest : public testing::Test {
  protected:
    // Delivers messages from worker 0 without asking for room, as a part does that has to be sent on.
    void deliver_anyway(int first, int count) {
        stage.on_worker(
            0, [this, first, count](server::WorkerState& state) { deliver(state, first, count); });
        stage.settle();
    }
    void deliver(server::WorkerState& state, int first, int count) {
        account::Account& account = stage.accounts.global();
        for (int i = first; i < first + count; ++i) {
            std::string frame;
            const MessageRun run =
                frame_message({.subject = "a", .reply = {}, .headers = {}, .body = body(i)}, &frame);
            const interest::MatchEntry& entry = state.delivery.cache.find(account.sublist(), "a");
            const interest::MatchPin pin(entry);
            EXPECT_TRUE(deliver_run(state.delivery, {}, account, entry, run));
        }
    }
    static std::string body(int i) { return fmt::format("{:05}", i) + std::string(300, 'b'); }
    static std::string frames(int first, int count) {
        std::string all;
        for (int i = first; i < first + count; ++i) all += fmt::format("MSG a 1 305\r\n{}\r\n", body(i));
        return all;
    }
    // As the other worker does.
    static void drain_mailbox(server::WorkerState& state) {
        runtime::Mesh& mesh = state.host.worker.mesh();
        mesh.flush(state.host.id);
        runtime::Mailbox& box = mesh.mailbox(state.host.id, kOther);
        while (const runtime::RecordHeader* record = box.next()) box.consume(record);
        mesh.release(kOther, state.host.id);
    }
    Outlets& outlets() { return stage.state(0).delivery.outlets; }

    WorkerStage stage{2, test::test_options(), kMailboxBytes};
};

TEST_F(OutletsTest, WhatSpillsArrivesInOrderAndIsForgotten) {
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    for (int round = 1; round <= 3; ++round) {
        stage.pause(1, true);
        deliver_anyway(0, 60);
        EXPECT_TRUE(outlets().has_spill());
        EXPECT_FALSE(outlets().has_room(kOther, 1)) << "nothing passes what waits";
        EXPECT_TRUE(outlets().find_full(interest::WorkerSet::from_words({2, 0}), 1).has_value());
        stage.pause(1, false);
        EXPECT_EQ(receives.hear(), frames(0, 60));
        EXPECT_FALSE(outlets().has_spill());
        EXPECT_TRUE(outlets().has_room(kOther, 1));
    }
}

TEST_F(OutletsTest, WhatIsDeliveredMeanwhileComesBehindIt) {
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    stage.pause(1, true);
    deliver_anyway(0, 30);
    deliver_anyway(30, 30);
    stage.pause(1, false);
    EXPECT_EQ(receives.hear(), frames(0, 60));
}

TEST_F(OutletsTest, NoPongPassesAMessageThatWaits) {
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    deliver_anyway(0, 60);
    EXPECT_EQ(sends.ask("PING\r\n"), "");
    stage.pause(1, false);
    EXPECT_EQ(sends.hear(), "PONG\r\n");
    EXPECT_EQ(receives.hear(), frames(0, 60));
}

TEST_F(OutletsTest, ALinkThatWaitsForRoomGoesOnBehindWhatHasSpilled) {
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    deliver_anyway(0, 60);
    sends.ask(fmt::format("PUB a 305\r\n{}\r\n", body(60)));
    EXPECT_EQ(outlets().pause_count(), 1U);
    stage.pause(1, false);
    EXPECT_EQ(receives.hear(), frames(0, 61));
    EXPECT_EQ(outlets().pause_count(), 1U) << "it was not resumed too early";
}

// The other worker makes room in the turn in which something spilled: nobody has asked it to say so.
TEST_F(OutletsTest, ALinkGoesOnWhenRoomCameBeforeItWasAskedFor) {
    stage.client(1).ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    stage.on_worker(0, [this](server::WorkerState& state) {
        for (int i = 0; !outlets().has_spill(); ++i) deliver(state, i, 1);
        const std::vector<base::LinkHandle> links = state.host.handles();
        ASSERT_EQ(links.size(), 1U);
        outlets().pause_until_room(*state.host.table.find(links[0]), kOther, 1);
        drain_mailbox(state);
    });
    stage.pause(1, false);
    EXPECT_EQ(sends.ask("PING\r\n"), "PONG\r\n");
}

// The other worker handles all between the question whether it is behind and the request to be woken: more
// came behind the mark than may be on its way.
TEST_F(OutletsTest, ALinkGoesOnWhenTheOtherWorkerCaughtUpBeforeItWasAskedTo) {
    stage.client(1).ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    stage.on_worker(0, [this](server::WorkerState& state) {
        deliver(state, 0, 1);
        outlets().note_counted_block(kOther, 3'000'000);
        EXPECT_FALSE(outlets().is_behind(kOther));
        deliver(state, 1, 1);
        outlets().note_counted_block(kOther, 8'000'000);
        EXPECT_TRUE(outlets().is_behind(kOther));
        drain_mailbox(state);
        outlets().pause_until_drained(*state.host.table.find(state.host.handles().front()), kOther);
    });
    stage.pause(1, false);
    EXPECT_EQ(sends.ask("PING\r\n"), "PONG\r\n");
}

TEST_F(OutletsTest, ARecordThatCanNeverFitFindsRoomInAnEmptyMailbox) {
    EXPECT_TRUE(outlets().has_room(kOther, 100 * kMailboxBytes));
}

TEST_F(OutletsTest, IsDrainedOnceNothingWaitsForThisWorker) {
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    EXPECT_TRUE(stage.state(1).delivery.outlets.is_drained());
    stage.pause(1, true);
    deliver_anyway(0, 1);
    EXPECT_FALSE(stage.state(1).delivery.outlets.is_drained());
    EXPECT_TRUE(outlets().is_drained());
    stage.pause(1, false);
    receives.hear();
    EXPECT_TRUE(stage.state(1).delivery.outlets.is_drained());
}

// A run of a group goes out in a record for each part; all of them find room, or none is begun.
TEST_F(OutletsTest, RunsForGroupsAreCutToWhatTheMailboxTakes) {
    std::vector<SimPeer*> members;
    for (int i = 0; i < 8; ++i) {
        members.push_back(&stage.client(1));
        members.back()->ask("SUB a group 1\r\n");
    }
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    std::string burst;
    for (int i = 0; i < 500; ++i) burst += fmt::format("PUB a 305\r\n{}\r\n", body(i));
    sends.say(burst);
    stage.settle();
    EXPECT_GE(outlets().pause_count(), 1U);
    stage.pause(1, false);
    sends.say(burst.substr(burst.size() - sends.unsaid()));
    size_t heard = 0;
    for (SimPeer* each : members) heard += count_of(each->hear(), "MSG a 1 305\r\n");
    EXPECT_EQ(heard, 500U);
    EXPECT_EQ(outlets().spilled_count(), 0U);
}

TEST_F(OutletsTest, PlainSubscribersAndGroupsTogetherFindRoom) {
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\nSUB a q 2\r\nSUB a r 3\r\nSUB a s 4\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    std::string burst;
    for (int i = 0; i < 300; ++i) burst += fmt::format("PUB a 305\r\n{}\r\n", body(i));
    sends.say(burst);
    stage.settle();
    stage.pause(1, false);
    sends.say(burst.substr(burst.size() - sends.unsaid()));
    const std::string heard = receives.hear();
    for (int sid = 1; sid <= 4; ++sid) EXPECT_EQ(count_of(heard, fmt::format("MSG a {} 305\r\n", sid)), 300U);
    EXPECT_EQ(outlets().spilled_count(), 0U);
}

// A record names them, and would hardly fill a mailbox.
void expect_bounded_blocks(std::string_view other_subscriptions) {
    WorkerStage stage(2);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    if (!other_subscriptions.empty()) stage.client(0).ask(other_subscriptions);
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    const std::string message = "PUB a 100000\r\n" + std::string(100'000, 'x') + "\r\n";
    size_t count = 0;
    std::string answer = "PONG\r\n";
    for (; count < 100 && !answer.empty(); ++count) {
        sends.say(message);
        stage.settle();
        answer = sends.ask("PING\r\n");
    }
    EXPECT_GE(count, 42U);
    EXPECT_LE(count, 44U);  // 4 MiB, and one that waits
    stage.pause(1, false);
    stage.settle();
    EXPECT_EQ(sends.hear(), "PONG\r\n");
    EXPECT_EQ(count_of(receives.hear(), "MSG a 1 100000\r\n"), count);
}
TEST(CountedBlocksTest, OnTheirWayToAnotherWorkerTheyAreBounded) { expect_bounded_blocks(""); }
TEST(CountedBlocksTest, WithASubscriberHereToo) { expect_bounded_blocks("SUB a 1\r\n"); }
TEST(CountedBlocksTest, WithAGroupHereToo) { expect_bounded_blocks("SUB a q 1\r\n"); }

}  // namespace
}  // namespace nuring::delivery
