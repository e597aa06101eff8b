// SPDX-License-Identifier: Apache-2.0
#include "core/server/worker_state.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/delivery/records.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::server {
namespace {

using test::count_of;
using test::settings_of;
using test::SimPeer;
using test::test_options;
using test::WorkerStage;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kLinksSecond_ns = 1'000'000'000;

std::string frames(std::string_view subject, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += fmt::format("PUB {} 100\r\n{:0100}\r\n", subject, i);
    return text;
}

TEST(WorkerStateTest, AFullMailboxStopsThoseWhoFeedItAndNobodyElse) {
    WorkerStage stage(3, test_options(), /*mailbox_bytes=*/4096);
    SimPeer& stuck = stage.client(1);
    SimPeer& free = stage.client(2);
    stuck.ask("SUB stuck 1\r\n");
    free.ask("SUB free 1\r\n");
    SimPeer& feeds = stage.client(0);
    SimPeer& other = stage.client(0);
    stage.pause(1, true);
    feeds.say(frames("stuck", 2000));
    EXPECT_GT(feeds.unsaid(), 0U) << "the server reads on and keeps it in memory";
    EXPECT_EQ(other.ask(frames("free", 500) + "PING\r\n"), "PONG\r\n");
    EXPECT_EQ(count_of(free.hear(), "MSG free 1 100\r\n"), 500U);
    stage.pause(1, false);
    const size_t sent = 2000 - feeds.unsaid() / frames("stuck", 1).size();
    EXPECT_GE(count_of(stuck.hear(), "MSG stuck 1 100\r\n"), sent - 1);
    EXPECT_GT(stage.state(0).counters().pauses, 0U);
}

// A queue member has gone; what was on its way to it must go on to a third worker, which has no room.
TEST(WorkerStateTest, APongDoesNotPassARecordThatWaitsForRoom) {
    WorkerStage stage(3, test_options(), /*mailbox_bytes=*/4096);
    SimPeer& leaves = stage.client(1);
    SimPeer& stays = stage.client(2);
    leaves.ask("SUB a q 1\r\n");
    stays.ask("SUB a q 1\r\nSUB fill 2\r\n");
    SimPeer& fills = stage.client(1);
    SimPeer& watches = stage.client(1);
    SimPeer& sends = stage.client(0);

    stage.pause(2, true);
    fills.say(frames("fill", 2000));
    stage.pause(1, true);
    sends.say(frames("a", 30));
    leaves.stream().reset();
    stage.pass(1'000'000);
    stage.pause(1, false);
    stage.settle();
    ASSERT_GT(stage.state(1).counters().spilled_records, 0U);
    EXPECT_EQ(watches.ask("PING\r\n"), "");  // its worker has messages that came before
    stage.pause(2, false);
    EXPECT_EQ(count_of(stays.hear(), "MSG a 1 100\r\n"), 30U);
    EXPECT_EQ(watches.hear(), "PONG\r\n");
}

TEST(WorkerStateTest, WhatWasAcceptedBeforeAStopIsDelivered) {
    WorkerStage stage(2);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    EXPECT_EQ(sends.ask("PUB a 2\r\nok\r\nPING\r\n"), "PONG\r\n");
    int held = 0;
    int drained = 0;
    const auto count = [](void* counter) { ++*static_cast<int*>(counter); };
    for (uint32_t i = 0; i < 2; ++i) {
        stage.on_worker(i, [&](WorkerState& state) { state.drain.hold(count, &held); });
    }
    stage.settle();
    EXPECT_EQ(held, 1);
    EXPECT_EQ(sends.ask("PUB a 4\r\nlate\r\nPING\r\n"), "");  // not read any more
    stage.pause(1, false);
    stage.settle();
    EXPECT_EQ(held, 2);
    for (uint32_t i = 0; i < 2; ++i) {
        stage.on_worker(i, [&](WorkerState& state) { state.drain.stop(count, &drained); });
    }
    EXPECT_EQ(receives.hear(), "MSG a 1 2\r\nok\r\n");
    stage.pass(3 * kLinksSecond_ns);
    EXPECT_EQ(drained, 2);
    EXPECT_TRUE(receives.ended());
    EXPECT_TRUE(sends.ended());
    EXPECT_EQ(stage.link_count(), 0U);
}

// A worker without links is not drained while others have sent it something: a client may be on its way.
TEST(WorkerStateTest, AStoppedWorkerIsDrainedWhenItsMailboxesAre) {
    constexpr size_t kMailboxBytes = 4 * runtime::Worker::kDrainBytesMax;
    WorkerStage stage(2, test_options(), kMailboxBytes);
    stage.on_worker(0, [](WorkerState& state) {
        const base::WorkerId to{1};
        while (auto* header = state.delivery.outlets.try_begin_record(to, sizeof(delivery::StallRecord),
                                                                      delivery::kStall)) {
            reinterpret_cast<delivery::StallRecord*>(header)->publisher = {};
            state.delivery.outlets.commit_record(to, header);
        }
    });
    stage.pause(1, true);
    stage.settle();
    bool is_drained = false;
    stage.on_worker(1, [&](WorkerState& state) {
        state.drain.stop([](void* flag) { *static_cast<bool*>(flag) = true; }, &is_drained);
    });
    stage.pause(1, false);
    ASSERT_TRUE(stage.step(UINT64_MAX, /*timers=*/false));
    EXPECT_FALSE(is_drained);
    stage.settle();
    EXPECT_TRUE(is_drained);
}

TEST(WorkerStateTest, AStoppedWorkerTakesNoConnection) {
    WorkerStage stage(1);
    int held = 0;
    stage.on_worker(0, [&](WorkerState& state) {
        state.drain.hold([](void* counter) { ++*static_cast<int*>(counter); }, &held);
    });
    stage.settle();
    EXPECT_EQ(held, 1);
    SimPeer& late = stage.accept(0);
    EXPECT_EQ(late.hear(), "");
    EXPECT_TRUE(late.ended());
}

TEST(WorkerStateTest, ALameDuckTellsItsClientsAndLetsThemGoOneByOne) {
    auto options = test_options();
    options->lame_duck_grace_period = std::chrono::seconds(10);
    options->lame_duck_duration = std::chrono::seconds(40);
    WorkerStage stage(1, options);
    SimPeer& told = stage.client(0, ",\"protocol\":1");
    SimPeer& untold = stage.client(0);
    for (int i = 0; i < 58; ++i) stage.client(0);
    int gone = 0;
    stage.on_worker(0, [&](WorkerState& state) {
        state.enter_lame_duck([](void* counter) { ++*static_cast<int*>(counter); }, &gone);
    });
    EXPECT_THAT(told.hear(), HasSubstr("\"ldm\":true"));
    EXPECT_EQ(untold.hear(), "");
    stage.pass(9 * kLinksSecond_ns);
    EXPECT_EQ(stage.link_count(), 60U);
    EXPECT_EQ(told.ask("PING\r\n"), "PING\r\nPONG\r\n");  // served until its turn comes
    // Sixty clients over thirty seconds, at random distances of a quarter to half a second.
    stage.pass(8 * kLinksSecond_ns);
    EXPECT_LT(stage.link_count(), 55U);
    EXPECT_GT(stage.link_count(), 20U);
    EXPECT_EQ(gone, 0);
    stage.pass(30 * kLinksSecond_ns);
    EXPECT_EQ(stage.link_count(), 0U);
    EXPECT_EQ(gone, 1);
}

TEST(WorkerStateTest, ALameDuckClosesOneClientAfterTheOtherOverAllWorkers) {
    constexpr uint32_t kWorkers = 4;
    constexpr uint32_t kClients = 12;
    auto options = test_options();
    options->lame_duck_grace_period = std::chrono::seconds(10);
    options->lame_duck_duration = std::chrono::seconds(100);
    WorkerStage stage(kWorkers, options);
    for (uint32_t i = 0; i < kClients; ++i) stage.client(i % kWorkers);
    int gone = 0;
    for (uint32_t i = 0; i < kWorkers; ++i) {
        stage.on_worker(i, [&](WorkerState& state) {
            state.enter_lame_duck([](void* counter) { ++*static_cast<int*>(counter); }, &gone);
        });
    }
    stage.pass(9 * kLinksSecond_ns);
    EXPECT_EQ(stage.link_count(), kClients);
    // Half a second to a second between two of them. The first and the last are closed within these steps.
    constexpr uint64_t kStep_ns = 400'000'000;
    size_t left = kClients;
    int steps = 0;
    while (left > 0 && steps < 100) {
        stage.pass(kStep_ns);
        ++steps;
        EXPECT_GE(stage.link_count() + 1, left) << steps;
        left = stage.link_count();
    }
    EXPECT_EQ(left, 0U);
    EXPECT_GE(steps * kStep_ns, (kClients - 1) * kLinksSecond_ns / 2);
    EXPECT_LE(steps * kStep_ns, (kClients + 1) * kLinksSecond_ns);
    stage.pass(kStep_ns);
    EXPECT_EQ(gone, static_cast<int>(kWorkers));
}

// Messages of other workers may still come for its clients.
TEST(WorkerStateTest, AHeldLameDuckClosesNoClient) {
    auto options = test_options();
    options->lame_duck_grace_period = std::chrono::seconds(1);
    WorkerStage stage(2, options);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    const auto count = [](void* counter) { ++*static_cast<int*>(counter); };
    int gone = 0;
    int held = 0;
    stage.on_worker(1, [&](WorkerState& state) {
        state.enter_lame_duck(count, &gone);
        state.drain.hold(count, &held);
    });
    stage.pass(5 * kLinksSecond_ns);
    EXPECT_EQ(held, 1);
    EXPECT_THAT(sends.ask("PUB a 2\r\nok\r\nPING\r\n"), EndsWith("PONG\r\n"));
    EXPECT_THAT(receives.hear(), EndsWith("MSG a 1 2\r\nok\r\n"));
    int drained = 0;
    stage.on_worker(1, [&](WorkerState& state) { state.drain.stop(count, &drained); });
    stage.pass(3 * kLinksSecond_ns);
    EXPECT_TRUE(receives.ended());
    EXPECT_EQ(drained, 1);
    EXPECT_EQ(gone, 0);
}

TEST(WorkerStateTest, BeyondTheLimitOfATurnALinkRestsUntilTheNextOne) {
    WorkerStage stage(1);
    SimPeer& peer = stage.client(0);
    bool has_rested = false;
    stage.on_worker(0, [&](WorkerState& state) {
        state.host.table.for_each([&](link::Link& link) {
            delivery::InterestGate& gate = state.delivery.interest_gate;
            constexpr uint32_t kCost = delivery::InterestGate::kServerCost;
            for (uint32_t i = 0; i < delivery::InterestGate::kCostPerTurn / kCost; ++i) {
                ASSERT_TRUE(gate.admits(link, kCost));
            }
            EXPECT_FALSE(gate.admits(link, delivery::InterestGate::kClientCost));
            has_rested = gate.begin_turn();
        });
    });
    EXPECT_EQ(peer.ask("SUB a 1\r\nPING\r\n"), "PONG\r\n");
    EXPECT_TRUE(has_rested);
}

// Turns of worker 0 until that peer has heard something.
int turns_until_heard(WorkerStage& stage, SimPeer& peer) {
    int turns = 0;
    for (std::string heard; heard.empty() && turns < 1000; ++turns) {
        stage.state(0).host.worker.turn();
        while (stage.net.next_event_ns() != UINT64_MAX) stage.net.step();
        heard = peer.stream().read_all();
    }
    return turns;
}

// Together they want some twenty turns.
void crowd_the_gate(WorkerStage& stage, int peer_count = 60) {
    const int line_count = 20 * static_cast<int>(delivery::InterestGate::kCostPerTurn) / peer_count;
    std::string lines;
    for (int i = 0; i < line_count; ++i) lines += "UNSUB 1\r\n";
    std::vector<SimPeer*> peers;
    for (int i = 0; i < peer_count; ++i) peers.push_back(&stage.client(0));
    stage.pause(0, true);
    for (SimPeer* peer : peers) EXPECT_EQ(peer->offer(lines), lines.size());
}

TEST(WorkerStateTest, AtTheGateEachGetsAShareOfTheTurn) {
    WorkerStage stage(1);
    SimPeer& modest = stage.client(0);
    crowd_the_gate(stage);
    ASSERT_EQ(modest.offer("SUB a 1\r\nPING\r\n"), 15U);
    stage.settle();
    EXPECT_LE(turns_until_heard(stage, modest), 6);
}

// There are more than a turn has shares for.
TEST(WorkerStateTest, AtTheGateThoseThatGotNothingComeFirst) {
    WorkerStage stage(1);
    SimPeer& last = stage.client(0);
    crowd_the_gate(stage, 150);
    ASSERT_EQ(last.offer("SUB a 1\r\nPING\r\n"), 15U);
    stage.settle();
    EXPECT_LE(turns_until_heard(stage, last), 6);
}

TEST(WorkerStateTest, APingWaitsForNoInterest) {
    WorkerStage stage(1);
    SimPeer& other = stage.client(0);
    crowd_the_gate(stage);
    ASSERT_EQ(other.offer("PING\r\n"), 6U);
    stage.settle();
    EXPECT_LE(turns_until_heard(stage, other), 4);
}

// Subscriptions of a group that matches each subject with one token.
std::string lines_of_group(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += fmt::format("SUB * q {}\r\n", i);
    return lines;
}

// Nobody takes them, and all are asked: the publisher wants no echo.
TEST(WorkerStateTest, AMessageThatManyRefuseIsALongSearch) {
    constexpr int kMembers = 3200;
    constexpr int kMessages = 8 * static_cast<int>(delivery::InterestGate::kCostPerTurn) /
                              kMembers * static_cast<int>(delivery::InterestGate::kSearchedPerCost);
    WorkerStage stage(1);
    SimPeer& searching = stage.client(0, ",\"echo\":false");
    SimPeer& other = stage.client(0);
    searching.ask(lines_of_group(kMembers));
    std::string lines;
    for (int i = 0; i < kMessages; ++i) lines += fmt::format("PUB {} 0\r\n\r\n", "abcd"[i % 4]);
    stage.pause(0, true);
    EXPECT_EQ(searching.offer(lines + "PING\r\n"), lines.size() + 6);
    EXPECT_EQ(other.offer("PING\r\n"), 6U);
    stage.settle();
    EXPECT_LE(turns_until_heard(stage, other), 3);
    EXPECT_GE(turns_until_heard(stage, searching), 3);
    EXPECT_EQ(stage.state(0).delivery.counters().lost_group_messages,
              static_cast<uint64_t>(kMessages));
}

TEST(WorkerStateTest, AMatchOfManyIsALongSearchWhenItHasChanged) {
    constexpr int kMembers = 3200;
    constexpr int kChanges = 4 * static_cast<int>(delivery::InterestGate::kCostPerTurn) / kMembers *
                             static_cast<int>(delivery::InterestGate::kSearchedPerCost);
    WorkerStage stage(1);
    SimPeer& member = stage.client(0);
    SimPeer& searching = stage.client(0, ",\"echo\":false");
    member.ask(lines_of_group(kMembers));
    std::string lines;
    for (int i = 0; i < kChanges; ++i) lines += "SUB a q 1\r\nPUB a 0\r\n\r\nUNSUB 1\r\n";
    stage.pause(0, true);
    EXPECT_EQ(searching.offer(lines + "PING\r\n"), lines.size() + 6);
    stage.settle();
    EXPECT_GE(turns_until_heard(stage, searching), 3);
}

TEST(WorkerStateTest, MembersOfAGroupAreReleasedInSlices) {
    WorkerStage stage(1);
    SimPeer& peer = stage.client(0);
    std::string lines;
    for (int i = 0; i < 100; ++i) lines += fmt::format("SUB a q {}\r\nSUB b {}\r\n", i, 100 + i);
    peer.ask(lines);
    interest::Sublist& sublist = stage.accounts.global().sublist();
    ASSERT_EQ(sublist.count(), 200U);
    stage.on_worker(0, [&](WorkerState& state) {
        state.host.set_released_per_turn(10);
        state.host.table.for_each(
            [](link::Link& link) { link.close(link::CloseReason::kClientClosed); });
        EXPECT_EQ(sublist.count(), 190U);
        EXPECT_EQ(sublist.own_interest(base::WorkerId{0}, "a", "q"), 90U) << "members first";
    });
    stage.settle();
    EXPECT_EQ(sublist.count(), 0U);
}

TEST(WorkerStateTest, ClientsThatLeaveTogetherShareTheSliceOfATurn) {
    constexpr size_t kClients = 30;
    WorkerStage stage(1);
    for (size_t i = 0; i < kClients; ++i)
        stage.client(0).ask("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n");
    stage.client(0);  // without any, it ends at once
    interest::Sublist& sublist = stage.accounts.global().sublist();
    ASSERT_EQ(sublist.count(), 4 * kClients);
    stage.on_worker(0, [&sublist](WorkerState& state) {
        state.host.set_released_per_turn(10);
        state.host.table.for_each(
            [](link::Link& link) { link.close(link::CloseReason::kClientClosed); });
        EXPECT_EQ(sublist.count(), 4 * kClients - 10);
    });
    stage.state(0).host.worker.turn();
    for (size_t before = sublist.count(); before != 0; before = sublist.count()) {
        stage.state(0).host.worker.turn();
        EXPECT_EQ(sublist.count(), before - std::min<size_t>(before, 10));
    }
    stage.settle();
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST(WorkerStateTest, NewOptionsHoldFromTheNextOperationOn) {
    WorkerStage stage(1);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\n");
    EXPECT_THAT(peer.ask("PUB a 20\r\n01234567890123456789\r\n"), HasSubstr("MSG a 1 20"));
    auto options = test_options();
    options->max_payload = 10;
    options->max_subscriptions = 1;
    stage.on_worker(0, [&](WorkerState& state) { state.apply(settings_of(options), false); });
    stage.settle();
    EXPECT_EQ(peer.ask("SUB b 2\r\n"), "-ERR 'maximum subscriptions exceeded'\r\n");
    EXPECT_EQ(peer.ask("PUB a 20\r\n"), "-ERR 'Maximum Payload Violation'\r\n");
    EXPECT_THAT(stage.accept(0).hear(), HasSubstr("\"max_payload\":10"));
}

}  // namespace
}  // namespace nuring::server
