// SPDX-License-Identifier: Apache-2.0
// Clients with subscriptions that move between workers. A worker that is paused stops a move in the middle;
// the old worker is number 0, the new one number 1.
#include <memory>
#include <string>
#include <string_view>

#include "core/base/time_units.h"
#include "core/client/client.h"
#include "core/link/link.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/moving_clients.h"
#include "tests/support/worker_stage.h"

namespace nuring::client {
namespace {

using test::last_client;
using test::move;
using test::SimPeer;
using test::worker;
using test::WorkerStage;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::string message(std::string_view subject, int number) {
    return "MSG " + std::string(subject) + " 1 1\r\n" + std::to_string(number) + "\r\n";
}

std::string publish(std::string_view subject, int number) {
    return "PUB " + std::string(subject) + " 1\r\n" + std::to_string(number) + "\r\n";
}

interest::Sublist& sublist(WorkerStage& stage) {
    return stage.accounts.global().sublist();
}

void expect_no_moves(WorkerStage& stage, uint32_t worker_count) {
    for (uint32_t i = 0; i < worker_count; ++i) EXPECT_FALSE(stage.state(i).host.has_moves());
}

TEST(ClientMoveSubscriptionsTest, GetsMessagesOfAllWorkersBeforeAndAfterwards) {
    WorkerStage stage(3);
    SimPeer& peer = stage.client(0);
    const uint64_t cid = last_client(stage, 0)->cid();
    peer.ask("SUB a.* 1\r\nSUB b x\r\nSUB b 2\r\n");
    SimPeer* const publishers[] = {&stage.client(0), &stage.client(1), &stage.client(2)};
    const auto publish_all = [&](int number) {
        for (SimPeer* each : publishers) {
            each->ask(publish("a.x", number) + publish("b", number));
            const std::string heard = peer.hear();
            EXPECT_THAT(heard, StartsWith(message("a.x", number)));
            EXPECT_EQ(test::count_of(heard, "MSG b x 1\r\n" + std::to_string(number)), 1U);
            EXPECT_EQ(test::count_of(heard, "MSG b 2 1\r\n" + std::to_string(number)), 1U);
        }
    };
    publish_all(1);
    // The last client of worker 0 is a publisher: it goes first, and comes back.
    EXPECT_TRUE(move(stage, 0, 2));
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_EQ(last_client(stage, 0), nullptr);
    publish_all(2);
    bool found = false;
    stage.state(1).host.table.for_each([&](link::Link& link) {
        if (link.cid() != cid) return;
        found = true;
        EXPECT_EQ(as_client(&link)->subscription_count(), 3U);
        EXPECT_EQ(link.traffic().out_messages, 18U);
    });
    EXPECT_TRUE(found);
    expect_no_moves(stage, 3);
}

TEST(ClientMoveSubscriptionsTest, TheInterestIsNeitherCountedNorAnnouncedAgain) {
    WorkerStage stage(2);
    stage.client(0).ask("SUB a 1\r\nSUB b.* 2\r\n");
    const interest::SublistStats before = sublist(stage).stats();
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_EQ(sublist(stage).count(), before.num_subscriptions);
    stage.pause(1, false);
    stage.settle();
    ASSERT_NE(last_client(stage, 1), nullptr);
    const interest::SublistStats after = sublist(stage).stats();
    EXPECT_EQ(after.num_subscriptions, before.num_subscriptions);
    EXPECT_EQ(after.num_inserts, before.num_inserts);
    EXPECT_EQ(after.num_removes, before.num_removes);
    EXPECT_EQ(sublist(stage).own_interest(worker(0), "a", {}), 1U);
    EXPECT_EQ(sublist(stage).own_interest(worker(0), "b.*", {}), 1U);
}

// Worker 2 is behind: its marker does not come, so all its messages belong to the old worker, and those of
// the others to the new one.
TEST(ClientMoveSubscriptionsTest, WhatOtherWorkersHaveMatchedBeforeComesFirst) {
    WorkerStage stage(3);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\nSUB a.> 2\r\n");
    SimPeer& near = stage.client(1);
    SimPeer& far = stage.client(2);
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    stage.pause(0, true);
    far.ask(publish("a", 1));  // matched before the copies stand there
    stage.pause(2, true);
    stage.pause(1, false);
    stage.settle();  // they stand there
    near.ask(publish("a", 2));
    stage.pause(0, false);
    stage.settle();
    EXPECT_THAT(peer.hear(), IsEmpty());
    near.ask(publish("a", 3));
    far.say(publish("a", 4));
    EXPECT_THAT(peer.hear(), IsEmpty());
    EXPECT_EQ(last_client(stage, 1)->subscription_count(), 0U);  // the publisher
    stage.pause(2, false);
    EXPECT_EQ(peer.hear(), message("a", 1) + message("a", 2) + message("a", 3) + message("a", 4));
    EXPECT_EQ(peer.ask("PUB a 1\r\n5\r\nPING\r\n"), message("a", 5) + "PONG\r\n");
}

TEST(ClientMoveSubscriptionsTest, SubscribersOfTheNewWorkerGetTheirsOnce) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\n");
    SimPeer& other = stage.client(1);
    other.ask("SUB a 1\r\n");
    stage.client(0).ask("SUB c 1\r\n");
    SimPeer& publisher = stage.client(0);
    EXPECT_TRUE(move(stage, 0, 1));
    publisher.ask(publish("a", 1));
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_TRUE(move(stage, 0, 1));
    publisher.ask(publish("a", 2));
    EXPECT_EQ(peer.hear(), message("a", 1) + message("a", 2));
    EXPECT_EQ(other.hear(), message("a", 1) + message("a", 2));
}

// Whatever the moment, each message goes to one member.
TEST(ClientMoveSubscriptionsTest, AMemberOfAQueueGroupGetsEachMessageOnce) {
    WorkerStage stage(3);
    SimPeer& far = stage.client(2);
    SimPeer& near = stage.client(1);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a q 1\r\n");
    std::string expected;
    int number = 0;
    const auto publish_both = [&] {
        for (SimPeer* each : {&far, &near}) {
            each->say(publish("a", ++number));
            stage.settle();
            expected += message("a", number);
        }
    };
    publish_both();
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    far.ask(publish("a", ++number));
    expected += message("a", number);
    stage.pause(2, true);
    stage.pause(1, false);
    stage.settle();
    near.ask(publish("a", ++number));
    expected += message("a", number);
    EXPECT_EQ(peer.hear(), message("a", 1) + message("a", 2));
    stage.pause(2, false);
    stage.settle();
    publish_both();
    EXPECT_EQ(message("a", 1) + message("a", 2) + peer.hear(), expected);
    EXPECT_EQ(sublist(stage).own_interest(worker(0), "a", "q"), 1U);
    EXPECT_EQ(stage.state(0).counters().replaced_members, 0U);
}

TEST(ClientMoveSubscriptionsTest, ItsMaximumCountsWhatCameBeforeTheMove) {
    WorkerStage stage(2);
    SimPeer& publisher = stage.client(1);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\n");
    publisher.ask(publish("a", 1) + publish("a", 2));
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_EQ(peer.ask("UNSUB 1 3\r\nPING\r\n"), message("a", 1) + message("a", 2) + "PONG\r\n");
    publisher.ask(publish("a", 3) + publish("a", 4));
    EXPECT_EQ(peer.hear(), message("a", 3));
    EXPECT_EQ(sublist(stage).count(), 0U);
}

TEST(ClientMoveSubscriptionsTest, NothingComesBehindTheAnswerToAnUnsub) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\n");
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    peer.say("UNSUB 1\r\nPING\r\n");
    stage.client(0).ask(publish("a", 1));
    stage.pause(1, false);
    EXPECT_EQ(peer.hear(), message("a", 1) + "PONG\r\n");
    stage.client(0).ask(publish("a", 2));
    EXPECT_THAT(peer.hear(), IsEmpty());
    EXPECT_EQ(sublist(stage).count(), 0U);
}

TEST(ClientMoveSubscriptionsTest, StaysWithWhatCannotMove) {
    auto options = test::test_options();
    options->authorization.users = {
        {.name = "ann",
         .password = "p",
         .permissions = config::Permissions{.subscribe = {.allow = {}, .deny = {"a.secret"}}}}};
    WorkerStage stage(2, options);
    const char* const ann = ",\"user\":\"ann\",\"pass\":\"p\"";
    struct Case {
        const char* fields;
        const char* subscriptions;
        bool moves;
    };
    const Case cases[] = {
        {"", "SUB a 1\r\nSUB a 2\r\nSUB a 3\r\nSUB a 4\r\nSUB a 5\r\nSUB a 6\r\nSUB a 7\r\nSUB a 8\r\n", true},
        {"", "SUB a 1\r\nSUB a 2\r\nSUB a 3\r\nSUB a 4\r\nSUB a 5\r\nSUB a 6\r\nSUB a 7\r\nSUB a 8\r\nSUB a 9\r\n",
         false},
        {"", "SUB a 1\r\nSUB a q 2\r\n", false},
        {"", "SUB a q 1\r\nSUB a q 2\r\n", false},
        {"", "SUB a q 1\r\n", true},
        {"", "SUB a 1\r\nUNSUB 1 9\r\n", false},
        {",\"echo\":false", "SUB a 1\r\n", false},
        {"", "SUB a.* q 1\r\n", false},
        {"", "SUB a.* 1\r\n", true},
    };
    for (const Case& each : cases) {
        SimPeer& peer = stage.client(0, std::string(ann) + each.fields);
        peer.ask(each.subscriptions);
        EXPECT_EQ(move(stage, 0, 1), each.moves) << each.subscriptions;
        peer.stream().close();
        stage.settle();
    }
    EXPECT_EQ(sublist(stage).count(), 0U);
}

// Its interest ends with it, on both workers.
TEST(ClientMoveSubscriptionsTest, IsClosedWhileItLeaves) {
    for (const std::string_view subscription : {"SUB a 1\r\n", "SUB a q 1\r\n"}) {
        WorkerStage stage(3);
        SimPeer& peer = stage.client(0);
        peer.ask(subscription);
        stage.pause(1, true);
        EXPECT_TRUE(move(stage, 0, 1));
        stage.client(2).ask(publish("a", 1));
        stage.on_worker(0, [&](server::WorkerState&) {
            last_client(stage, 0)->close(link::CloseReason::kServerShutdown);
        });
        stage.pass(base::kSecond_ns);
        EXPECT_EQ(peer.hear(), message("a", 1));
        EXPECT_TRUE(peer.ended());
        EXPECT_EQ(sublist(stage).count(), 1U);
        stage.pause(2, true);
        stage.pause(1, false);
        stage.settle();
        stage.client(1).ask(publish("a", 2));
        stage.pause(2, false);
        stage.settle();
        EXPECT_EQ(sublist(stage).count(), 0U);
        EXPECT_EQ(sublist(stage).own_interest(worker(0), "a", subscription == "SUB a 1\r\n" ? "" : "q"), 0U);
        EXPECT_EQ(stage.state(0).host.table.count(), 0U);
        EXPECT_EQ(stage.state(1).host.table.count(), 1U);
        expect_no_moves(stage, 3);
    }
}

TEST(ClientMoveSubscriptionsTest, ItsPeerEndsWhileItLeaves) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\n");
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    peer.stream().close();
    stage.settle();
    stage.pause(1, false);
    stage.settle();
    EXPECT_EQ(sublist(stage).count(), 0U);
    EXPECT_EQ(stage.link_count(), 0U);
    EXPECT_EQ(stage.facts.clients.load(), 0);
}

// What is kept for it on both workers counts.
TEST(ClientMoveSubscriptionsTest, IsASlowConsumerAsElsewhere) {
    auto options = test::test_options();
    options->max_pending = 1000;
    const std::string body(300, 'x');
    const std::string publish_body = "PUB a 300\r\n" + body + "\r\n";
    for (const bool on_new_worker : {false, true}) {
        WorkerStage stage(2, options);
        SimPeer& peer = stage.client(0);
        peer.ask("SUB a 1\r\n");
        SimPeer& publisher = stage.client(on_new_worker ? 1 : 0);
        if (!on_new_worker) {
            EXPECT_TRUE(move(stage, 0, 1));  // the publisher
        }
        const uint32_t busy = on_new_worker ? 0 : 1;
        stage.pause(1, true);
        EXPECT_TRUE(move(stage, 0, 1));
        if (on_new_worker) {
            stage.pause(0, true);
            stage.pause(1, false);
            stage.settle();
        }
        for (int i = 0; i < 5; ++i) publisher.ask(publish_body);
        stage.pause(busy, false);
        stage.settle();
        const observe::WorkerCounters old_worker = stage.state(0).counters();
        const observe::WorkerCounters new_worker = stage.state(1).counters();
        EXPECT_EQ(old_worker.faults.slow_consumers_pending + new_worker.faults.slow_consumers_pending, 1U);
        EXPECT_TRUE(peer.ended());
        EXPECT_EQ(sublist(stage).count(), 0U);
        expect_no_moves(stage, 2);
    }
}

// Both workers take the new settings while the client leaves.
TEST(ClientMoveSubscriptionsTest, AReloadInTheMiddleIsMadeUpFor) {
    auto options = test::test_options();
    options->authorization.users = {{.name = "ann", .password = "p"}};
    WorkerStage stage(2, options);
    SimPeer& peer = stage.client(0, ",\"user\":\"ann\",\"pass\":\"p\"");
    peer.ask("SUB a 1\r\nSUB b 2\r\n");
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    auto changed = test::test_options();
    changed->authorization.users = {
        {.name = "ann",
         .password = "p",
         .permissions = config::Permissions{.subscribe = {.allow = {}, .deny = {"b"}}}}};
    client::ClientSettings settings = test::settings_of(changed);
    settings.serial = 1;
    for (uint32_t i : {0, 1}) stage.state(i).apply(settings, /*check_clients=*/true);
    EXPECT_EQ(sublist(stage).count(), 2U);
    stage.pause(1, false);
    EXPECT_THAT(peer.hear(), HasSubstr("Permissions Violation for Subscription to \"b\" (sid \"2\")"));
    EXPECT_EQ(sublist(stage).count(), 1U);
    EXPECT_EQ(last_client(stage, 1)->subscription_count(), 1U);
}

TEST(ClientMoveSubscriptionsTest, TheServerStopsInTheMiddle) {
    WorkerStage stage(3);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\n");
    SimPeer& publisher = stage.client(2);
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    publisher.ask(publish("a", 1));
    int held = 0;
    int drained = 0;
    const auto count = [](void* counter) { ++*static_cast<int*>(counter); };
    for (uint32_t i = 0; i < 3; ++i)
        stage.on_worker(i, [&](server::WorkerState& state) { state.drain.hold(count, &held); });
    stage.settle();
    EXPECT_EQ(held, 1);
    stage.pause(1, false);
    stage.settle();
    EXPECT_EQ(held, 3);
    for (uint32_t i = 0; i < 3; ++i)
        stage.on_worker(i, [&](server::WorkerState& state) { state.drain.stop(count, &drained); });
    stage.pass(3 * base::kSecond_ns);
    EXPECT_EQ(drained, 3);
    EXPECT_EQ(peer.hear(), message("a", 1));
    EXPECT_TRUE(peer.ended());
    EXPECT_EQ(sublist(stage).count(), 0U);
}

TEST(ClientMoveSubscriptionsTest, ALameDuckClosesItInItsTime) {
    WorkerStage stage(2);
    SimPeer& other = stage.client(1);
    SimPeer& peer = stage.client(0, ",\"protocol\":1");
    peer.ask("SUB a 1\r\n");
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    int gone = 0;
    stage.state(1).enter_lame_duck([](void* counter) { ++*static_cast<int*>(counter); }, &gone);
    stage.pause(1, false);
    EXPECT_THAT(peer.hear(), HasSubstr("\"ldm\":true"));
    EXPECT_FALSE(peer.ended());
    other.stream().close();
    stage.pass(15 * base::kSecond_ns);
    (void)peer.hear();
    EXPECT_TRUE(peer.ended());
    EXPECT_EQ(gone, 1);
    EXPECT_EQ(sublist(stage).count(), 0U);
}

// Goes to and fro, with traffic from all sides.
TEST(ClientMoveSubscriptionsTest, MovesAgainAndAgain) {
    WorkerStage stage(3);
    SimPeer* const publishers[] = {&stage.client(0), &stage.client(1), &stage.client(2)};
    SimPeer& plain = stage.client(0);
    plain.ask("SUB a 1\r\n");
    SimPeer& member = stage.client(0);
    member.ask("SUB a q 1\r\n");
    std::string plain_heard;
    std::string member_heard;
    int count = 0;
    uint32_t at[] = {0, 0};
    for (int round = 0; round < 60; ++round) {
        for (const uint32_t which : {0U, 1U}) {
            const uint32_t to = (at[which] + 1 + static_cast<uint32_t>(round) % 2) % 3;
            const uint64_t cid = which == 0 ? 4 : 5;
            stage.on_worker(at[which], [cid, to](server::WorkerState& state) {
                state.host.table.for_each([&](link::Link& link) {
                    if (link.cid() == cid) {
                        EXPECT_TRUE(as_client(&link)->move(worker(to)));
                    }
                });
            });
            at[which] = to;
            for (SimPeer* each : publishers) each->offer("PUB a 1\r\nx\r\n");
            count += 3;
            // In the middle of a move more often than not.
            for (int steps = round % 7; steps > 0; --steps) stage.step(UINT64_MAX, /*timers=*/false);
            for (SimPeer* each : publishers) each->offer("PUB a 1\r\nx\r\n");
            count += 3;
            plain_heard += plain.hear();
            member_heard += member.hear();
        }
    }
    EXPECT_EQ(test::count_of(plain_heard, "MSG a 1 1\r\n"), static_cast<size_t>(count));
    EXPECT_EQ(test::count_of(member_heard, "MSG a 1 1\r\n"), static_cast<size_t>(count));
    uint64_t arrived = 0;
    for (uint32_t i = 0; i < 3; ++i) arrived += stage.state(i).counters().arrived_clients;
    EXPECT_EQ(arrived, 120U);
    EXPECT_EQ(sublist(stage).count(), 2U);
    expect_no_moves(stage, 3);
}

// A requestor and a responder on another worker: one of them follows the other, and both stay then.
TEST(ClientMoveSubscriptionsTest, ARequestorFollowsItsResponder) {
    auto options = test::test_options();
    options->uring.locality = true;
    WorkerStage stage(2, options);
    SimPeer& responder = stage.client(1);
    responder.ask("SUB a q 1\r\n");
    SimPeer& requestor = stage.client(0);
    requestor.ask("SUB i.* 1\r\n");
    for (int i = 0; i < 3000; ++i) {
        requestor.say("PUB a i.1 1\r\nx\r\n");
        EXPECT_THAT(responder.hear(), HasSubstr("MSG a 1 i.1 1\r\nx\r\n"));
        responder.say("PUB i.1 1\r\ny\r\n");
        EXPECT_THAT(requestor.hear(), HasSubstr("MSG i.1 1 1\r\ny\r\n"));
        stage.pass(10 * base::kMillisecond_ns);
    }
    EXPECT_EQ(stage.state(0).counters().arrived_clients + stage.state(1).counters().arrived_clients, 1U);
}

TEST(ClientMoveSubscriptionsTest, StaysWhereItGetsMuch) {
    auto options = test::test_options();
    options->uring.locality = true;
    WorkerStage stage(2, options);
    SimPeer& responder = stage.client(1);
    responder.ask("SUB a 1\r\n");
    SimPeer& near = stage.client(0);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB b 1\r\n");
    for (int i = 0; i < 1000; ++i) {
        peer.say("PUB a 1\r\nx\r\n");
        near.say(i % 10 == 0 ? "PUB b 1\r\nx\r\n" : "PING\r\n");
        stage.pass(10 * base::kMillisecond_ns);
        for (SimPeer* each : {&responder, &near, &peer}) each->hear();
    }
    EXPECT_EQ(stage.state(0).counters().departed_clients, 0U);
}

TEST(ClientMoveSubscriptionsTest, RestsAfterAMove) {
    auto options = test::test_options();
    options->uring.locality = true;
    WorkerStage stage(2, options);
    stage.client(0).ask("SUB a 1\r\n");
    stage.client(1).ask("SUB b 1\r\n");
    SimPeer& peer = stage.client(0);
    peer.ask("SUB c 1\r\n");
    const auto publish_for = [&](std::string_view subject, int seconds) {
        for (int i = 0; i < seconds * 50; ++i) {
            peer.say(publish(subject, 1));
            stage.pass(20 * base::kMillisecond_ns);
        }
    };
    publish_for("b", 5);
    EXPECT_EQ(stage.state(1).counters().arrived_clients, 1U);
    publish_for("a", 5);
    EXPECT_EQ(stage.state(0).counters().arrived_clients, 0U);
    publish_for("a", 10);
    EXPECT_EQ(stage.state(0).counters().arrived_clients, 1U);
}

}  // namespace
}  // namespace nuring::client
