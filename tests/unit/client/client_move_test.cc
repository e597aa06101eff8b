// SPDX-License-Identifier: Apache-2.0
// Clients that move between workers: what must not change for them and for their subscribers.
#include <string>

#include "core/base/time_units.h"
#include "core/client/client.h"
#include "core/link/link.h"
#include "core/observe/worker_snapshot.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::client {
namespace {

using test::SimPeer;
using test::WorkerStage;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

base::WorkerId worker(uint32_t index) {
    return static_cast<base::WorkerId>(index);
}

// The client of that worker that was made last; null: there is none.
Client* last_client(WorkerStage& stage, uint32_t index) {
    Client* last = nullptr;
    stage.state(index).host.table.for_each([&](link::Link& link) {
        Client* const client = as_client(&link);
        if (client != nullptr && (last == nullptr || client->cid() > last->cid())) last = client;
    });
    return last;
}

bool move(WorkerStage& stage, uint32_t from, uint32_t to) {
    bool moves = false;
    stage.on_worker(from, [&](server::WorkerState&) { moves = last_client(stage, from)->move(worker(to)); });
    stage.settle();
    return moves;
}

TEST(ClientMoveTest, APublisherGoesOnFromAnotherWorker) {
    WorkerStage stage(3);
    SimPeer& near = stage.client(0);
    SimPeer& far = stage.client(2);
    near.ask("SUB a 1\r\n");
    far.ask("SUB a 1\r\n");
    SimPeer& publisher = stage.client(1, ",\"name\":\"p\"");
    const uint64_t cid = last_client(stage, 1)->cid();
    publisher.say("PUB a 1\r\n1\r\n");
    EXPECT_TRUE(move(stage, 1, 2));
    EXPECT_EQ(last_client(stage, 1), nullptr);
    publisher.say("PUB a 1\r\n2\r\n");
    EXPECT_EQ(publisher.ask("PING\r\n"), "PONG\r\n");
    EXPECT_EQ(near.hear(), "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n");
    EXPECT_EQ(far.hear(), "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n");
    const Client* const moved = last_client(stage, 2);
    EXPECT_EQ(moved->cid(), cid);
    EXPECT_EQ(moved->name(), "p");
    EXPECT_EQ(moved->traffic().in_messages, 2U);
    EXPECT_EQ(stage.state(1).counters().departed_clients, 1U);
    EXPECT_EQ(stage.state(2).counters().arrived_clients, 1U);
    EXPECT_EQ(stage.facts.worker_loads.clients(worker(1)), 0);
    EXPECT_EQ(stage.facts.worker_loads.clients(worker(2)), 2);
    EXPECT_EQ(stage.facts.clients.load(), 3);
}

// A worker that is behind holds the client back, so that nothing overtakes what waits for that worker.
TEST(ClientMoveTest, WaitsForAWorkerThatHasNotDeliveredItsMessages) {
    WorkerStage stage(3);
    SimPeer& subscriber = stage.client(2);
    subscriber.ask("SUB a 1\r\n");
    SimPeer& publisher = stage.client(0);
    stage.pause(2, true);
    publisher.say("PUB a 1\r\n1\r\n");
    stage.settle();
    EXPECT_TRUE(move(stage, 0, 1));
    ASSERT_NE(last_client(stage, 1), nullptr);
    EXPECT_THAT(publisher.ask("PUB a 1\r\n2\r\nPING\r\n"), IsEmpty());
    stage.pause(2, false);
    EXPECT_EQ(publisher.hear(), "PONG\r\n");
    EXPECT_EQ(subscriber.hear(), "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\n");
}

TEST(ClientMoveTest, AnUnfinishedMessageGoesAlong) {
    WorkerStage stage(2);
    SimPeer& subscriber = stage.client(1);
    subscriber.ask("SUB a 1\r\n");
    SimPeer& publisher = stage.client(0);
    publisher.say("PUB a 5\r\nhel");
    stage.settle();
    EXPECT_TRUE(move(stage, 0, 1));
    publisher.say("lo\r\nPU");
    stage.settle();
    EXPECT_TRUE(move(stage, 1, 0));
    publisher.say("B a 1\r\n!\r\n");
    EXPECT_EQ(subscriber.hear(), "MSG a 1 5\r\nhello\r\nMSG a 1 1\r\n!\r\n");
}

TEST(ClientMoveTest, HasSubscriptionsAgainAfterwards) {
    WorkerStage stage(2);
    SimPeer& other = stage.client(0);
    SimPeer& peer = stage.client(0);
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_EQ(peer.ask("SUB a 7\r\nPING\r\n"), "PONG\r\n");
    other.ask("PUB a 1\r\nx\r\n");
    EXPECT_EQ(peer.hear(), "MSG a 7 1\r\nx\r\n");
    EXPECT_FALSE(move(stage, 1, 0));
}

TEST(ClientMoveTest, StaysWithSubscriptionsBeforeConnectAndOnItsOwnWorker) {
    WorkerStage stage(2);
    SimPeer& fresh = stage.accept(0);
    fresh.hear();
    EXPECT_FALSE(move(stage, 0, 1));
    SimPeer& peer = stage.client(0);
    EXPECT_FALSE(move(stage, 0, 0));
    peer.ask("SUB a 1\r\n");
    EXPECT_FALSE(move(stage, 0, 1));
    peer.ask("UNSUB 1\r\n");
    EXPECT_TRUE(move(stage, 0, 1));
}

TEST(ClientMoveTest, PingsGoOnAsBefore) {
    auto options = test::test_options();
    options->ping_interval = std::chrono::seconds(10);
    options->ping_max = 2;
    WorkerStage stage(2, options);
    SimPeer& peer = stage.client(0);
    stage.pass(3 * base::kSecond_ns);
    EXPECT_EQ(peer.hear(), "PING\r\n");  // the first one, for the round trip time
    EXPECT_TRUE(move(stage, 0, 1));
    stage.pass(8 * base::kSecond_ns);
    EXPECT_THAT(peer.hear(), IsEmpty());
    stage.pass(2 * base::kSecond_ns);
    EXPECT_EQ(peer.hear(), "PING\r\n");
    EXPECT_TRUE(move(stage, 1, 0));
    stage.pass(8 * base::kSecond_ns);
    EXPECT_THAT(peer.hear(), IsEmpty());
    stage.pass(2 * base::kSecond_ns);
    EXPECT_THAT(peer.hear(), StartsWith("-ERR 'Stale Connection'"));
    EXPECT_TRUE(peer.ended());
}

TEST(ClientMoveTest, ClosesWithItsPeerOnTheNewWorker) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0);
    EXPECT_TRUE(move(stage, 0, 1));
    peer.stream().close();
    stage.settle();
    EXPECT_EQ(last_client(stage, 1), nullptr);
    EXPECT_EQ(stage.facts.clients.load(), 0);
    EXPECT_EQ(stage.facts.worker_loads.clients(worker(1)), 0);
}

// Both workers take the new settings while the client belongs to neither.
TEST(ClientMoveTest, AReloadThatItHasMissedIsMadeUpFor) {
    auto options = test::test_options();
    options->authorization.user = "ann";
    options->authorization.password = "old";
    WorkerStage stage(2, options);
    SimPeer& peer = stage.client(0, ",\"user\":\"ann\",\"pass\":\"old\"");
    auto changed = test::test_options();
    changed->authorization.user = "ann";
    changed->authorization.password = "new";
    client::ClientSettings settings = test::settings_of(changed);
    settings.serial = 1;
    stage.on_worker(0, [&](server::WorkerState&) { last_client(stage, 0)->move(worker(1)); });
    stage.pause(1, true);
    stage.settle();
    ASSERT_EQ(last_client(stage, 0), nullptr);
    stage.state(0).apply(settings, /*check_clients=*/true);
    stage.state(1).apply(settings, /*check_clients=*/true);
    stage.pause(1, false);
    EXPECT_THAT(peer.hear(), HasSubstr("Authorization Violation"));
    EXPECT_TRUE(peer.ended());
}

// It may be about to publish much more before it reads the answers, and must not be held up until then.
TEST(ClientMoveTest, StaysIfItsPeerDoesNotRead) {
    WorkerStage stage(2);
    SimPeer& subscriber = stage.client(1);
    subscriber.ask("SUB a 1\r\n");
    SimPeer& publisher = stage.client(0);
    constexpr size_t kAnswers = 200'000;
    stage.on_worker(0, [&](server::WorkerState&) {
        Client* const client = last_client(stage, 0);
        for (size_t i = 0; i < kAnswers; ++i) client->queue("+OK\r\n");
        EXPECT_TRUE(client->move(worker(1)));
    });
    stage.settle();
    publisher.say("PUB a 1\r\nx\r\n");
    EXPECT_THAT(subscriber.hear(), IsEmpty());
    stage.pass(base::kSecond_ns / 2);
    EXPECT_EQ(subscriber.hear(), "MSG a 1 1\r\nx\r\n");
    EXPECT_EQ(test::count_of(publisher.ask("PING\r\n"), "+OK\r\n"), kAnswers);
    EXPECT_EQ(stage.state(1).counters().arrived_clients, 0U);
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_EQ(publisher.ask("PING\r\n"), "PONG\r\n");
}

uint64_t published(WorkerStage& stage, uint32_t index) {
    observe::AccountSurvey survey;
    while (!survey.step(stage.state(index).view())) {
    }
    const auto found = survey.accounts().find(&stage.accounts.global());
    return found == survey.accounts().end() ? 0 : found->second.traffic.in_messages;
}

// The workers answer one after the other; a sum that falls would be taken for a restart of the server.
TEST(ClientMoveTest, ItsTrafficCountsOnceWheneverTheWorkersAreAsked) {
    WorkerStage stage(2);
    SimPeer& publisher = stage.client(0);
    publisher.ask("PUB a 1\r\nx\r\nPUB a 1\r\nx\r\nPING\r\n");
    const uint64_t old_before = published(stage, 0);
    const uint64_t new_before = published(stage, 1);
    EXPECT_EQ(old_before + new_before, 2U);
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_EQ(published(stage, 0) + published(stage, 1), 2U);
    stage.pause(1, false);
    stage.settle();
    EXPECT_EQ(old_before + published(stage, 1), 2U);
    EXPECT_EQ(published(stage, 0) + new_before, 2U);
    publisher.ask("PUB a 1\r\nx\r\n");
    publisher.stream().close();
    stage.settle();
    EXPECT_EQ(published(stage, 0) + published(stage, 1), 3U);
}

// A client that the new users exclude is one less of too many.
TEST(ClientMoveTest, ItsEndByAReloadCountsAmongThoseThatHaveToGo) {
    auto options = test::test_options();
    options->authorization.user = "ann";
    options->authorization.password = "old";
    WorkerStage stage(2, options);
    SimPeer& peer = stage.client(0, ",\"user\":\"ann\",\"pass\":\"old\"");
    stage.pause(1, true);
    EXPECT_TRUE(move(stage, 0, 1));
    auto changed = test::test_options();
    changed->authorization.user = "ann";
    changed->authorization.password = "new";
    client::ClientSettings settings = test::settings_of(changed);
    settings.serial = 1;
    stage.state(1).apply(settings, /*check_clients=*/true);
    stage.facts.excess_clients = 1;
    stage.pause(1, false);
    EXPECT_THAT(peer.hear(), HasSubstr("Authorization Violation"));
    EXPECT_EQ(stage.facts.excess_clients.load(), 0);
}

TEST(ClientMoveTest, FollowsItsSubscribersWhereThatIsWanted) {
    for (const bool wanted : {false, true}) {
        auto options = test::test_options();
        options->uring.locality = wanted;
        WorkerStage stage(2, options);
        SimPeer& subscriber = stage.client(1);
        subscriber.ask("SUB a 1\r\n");
        SimPeer& publisher = stage.client(0);
        std::string heard;
        for (int i = 0; i < 300; ++i) {
            publisher.say("PUB a 1\r\nx\r\n");
            stage.pass(10'000'000);
            heard += subscriber.hear();
        }
        EXPECT_EQ(test::count_of(heard, "MSG a 1 1\r\n"), 300U);
        EXPECT_EQ(stage.state(1).counters().arrived_clients, wanted ? 1U : 0U);
    }
}

TEST(ClientMoveTest, StaysWhereItsSubscribersAreSpread) {
    auto options = test::test_options();
    options->uring.locality = true;
    WorkerStage stage(3, options);
    SimPeer& one = stage.client(1);
    SimPeer& two = stage.client(2);
    one.ask("SUB a 1\r\nSUB c q 1\r\n");
    two.ask("SUB a 1\r\nSUB b 1\r\n");
    SimPeer& publisher = stage.client(0);
    for (const char* const message : {"PUB a 1\r\nx\r\n", "PUB c 1\r\nx\r\nPUB b 1\r\nx\r\n"}) {
        for (int i = 0; i < 300; ++i) {
            publisher.say(message);
            stage.pass(10'000'000);
            one.hear();
            two.hear();
        }
    }
    EXPECT_EQ(stage.state(0).counters().departed_clients, 0U);
}

}  // namespace
}  // namespace nuring::client
