// SPDX-License-Identifier: Apache-2.0
// Clients that move between workers: what must not change for them and for their subscribers.
#include <memory>
#include <string>
#include <string_view>

#include "core/auth/trust.h"
#include "core/base/time_units.h"
#include "core/client/client.h"
#include "core/delivery/deliver.h"
#include "core/delivery/service_latency.h"
#include "core/link/link.h"
#include "core/observe/worker_snapshot.h"
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

// A request of that account with the subject `a` and the body `x`, from wherever.
void request(WorkerStage& stage, uint32_t index, account::Account& account, std::string_view reply,
             const proto::ReplyOrigin& origin = {}) {
    stage.on_worker(index, [&, reply](server::WorkerState& state) {
        std::string frame;
        delivery::MessageRun run =
            delivery::frame_message({.subject = "a", .reply = reply, .headers = {}, .body = "x"}, &frame);
        run.reply_origin = origin;
        const interest::MatchEntry& entry = state.delivery.cache.find(account.sublist(), "a");
        const interest::MatchPin pin(entry);
        EXPECT_TRUE(deliver_run(state.delivery, {}, account, entry, run));
    });
    stage.settle();
}

constexpr char kAnn[] = ",\"user\":\"ann\",\"pass\":\"p\"";

// A user `ann` of account A, which exports `a`.
std::shared_ptr<config::Options> with_account() {
    auto options = test::test_options();
    config::AccountOptions account{.name = "A"};
    account.exports = {{.kind = config::ExchangeKind::kService, .subject = "a"}};
    options->accounts = {account};
    options->authorization.users = {{.name = "ann", .password = "p", .account = "A"}};
    return options;
}

// The client of worker 0 leaves for worker 1, which does not see it until it is no longer paused.
void send_off(WorkerStage& stage) {
    stage.pause(1, true);
    stage.on_worker(0, [&](server::WorkerState&) { last_client(stage, 0)->move(worker(1)); });
    stage.settle();
}

// With clients that follow their subscribers.
std::shared_ptr<config::Options> following() {
    auto options = test::test_options();
    options->uring.locality = true;
    return options;
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
    // Another time.
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_TRUE(move(stage, 1, 0));
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
}

TEST(ClientMoveTest, StaysBeforeConnectAndOnItsOwnWorker) {
    WorkerStage stage(2);
    SimPeer& fresh = stage.accept(0);
    fresh.hear();
    EXPECT_FALSE(move(stage, 0, 1));
    stage.client(0);
    EXPECT_FALSE(move(stage, 0, 0));
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

TEST(ClientMoveTest, StaysWhileItIsPaused) {
    WorkerStage stage(2);
    stage.client(0);
    last_client(stage, 0)->pause(link::PauseReason::kRoom);
    EXPECT_FALSE(move(stage, 0, 1));
    last_client(stage, 0)->resume(link::PauseReason::kRoom);
    EXPECT_TRUE(move(stage, 0, 1));
}

TEST(ClientMoveTest, StaysOnALameDuck) {
    WorkerStage stage(2);
    stage.client(0);
    stage.state(0).host.refuse_clients();
    EXPECT_FALSE(move(stage, 0, 1));
}

TEST(ClientMoveTest, StaysWhereItMayStillAnswer) {
    auto options = test::test_options();
    options->authorization.users = {
        {.name = "ann",
         .password = "p",
         .permissions = config::Permissions{.responses = config::ResponsePermissions()}}};
    WorkerStage stage(2, options);
    SimPeer& peer = stage.client(0, kAnn);
    EXPECT_TRUE(move(stage, 0, 1));
    peer.ask("SUB a 1\r\n");
    request(stage, 1, stage.accounts.global(), "r");
    EXPECT_EQ(peer.hear(), "MSG a 1 r 1\r\nx\r\n");
    peer.ask("UNSUB 1\r\n");
    EXPECT_FALSE(move(stage, 1, 0));
}

TEST(ClientMoveTest, StaysWhereAnotherClusterAwaitsItsAnswer) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a 1\r\n");
    request(stage, 0, stage.accounts.global(), "r", proto::ReplyOrigin::make("CLUSTR", "SERVER"));
    EXPECT_EQ(peer.hear(), "MSG a 1 r 1\r\nx\r\n");
    peer.ask("UNSUB 1\r\n");
    EXPECT_FALSE(move(stage, 0, 1));
}

class NoLatencyEvents final : public delivery::LatencyEvents {
    delivery::LatencyParty describe(base::WorkerId /*worker*/,
                                    const delivery::LatencyLink& /*party*/) override {
        return {};
    }
    void on_service_latency(base::WorkerId /*worker*/, delivery::ServiceLatency /*latency*/) override {}
    void on_tracked_answer(base::WorkerId /*worker*/, const delivery::TrackedAnswer& /*answer*/) override {}
};

TEST(ClientMoveTest, StaysWhereAnotherServerMeasuresItsAnswer) {
    auto options = with_account();
    WorkerStage stage(2, options);
    (void)stage.accounts.apply(*options);
    NoLatencyEvents events;
    for (uint32_t i : {0, 1}) stage.state(i).delivery.set_latency_events(&events);
    SimPeer& peer = stage.client(0, kAnn);
    peer.ask("SUB a 1\r\n");
    request(stage, 0, stage.accounts.find_or_create("A"), "_R_.r.Server12.T");
    EXPECT_EQ(peer.hear(), "MSG a 1 _R_.r.Server12.T 1\r\nx\r\n");
    peer.ask("UNSUB 1\r\n");
    EXPECT_FALSE(move(stage, 0, 1));
    for (uint32_t i : {0, 1}) stage.state(i).delivery.set_latency_events(nullptr);
}

TEST(ClientMoveTest, StaysWhileItsPasswordIsCheckedAgain) {
    auto options = with_account();
    WorkerStage stage(2, options);
    SimPeer& peer = stage.client(0, kAnn);
    auto changed = with_account();
    changed->authorization.users[0].password = "$2a$04$ObjbrN50bM/PPEA8F.bOTeBVIavlSLDEODH/oJjPB98eIgoOTuER6";
    stage.on_worker(0, [&](server::WorkerState& state) {
        state.apply(test::settings_of(changed), /*check_clients=*/true);
        EXPECT_FALSE(last_client(stage, 0)->move(worker(1)));
    });
    EXPECT_THAT(peer.hear(), HasSubstr("Authorization Violation"));
}

TEST(ClientMoveTest, StaysInOperatorMode) {
    auto options = test::test_options();
    WorkerStage stage(2, options);
    stage.client(0);
    options->trust.resolver = config::ResolverKind::kMemory;
    auto trust = auth::Trust::create(options->trust, config::Sources());
    ASSERT_TRUE(trust.ok()) << trust.status();
    client::ClientSettings settings{
        .options = options, .authenticator = std::make_shared<const auth::Authenticator>(*options, *trust)};
    stage.state(0).clients.apply(settings);
    EXPECT_FALSE(move(stage, 0, 1));
    stage.state(0).clients.apply(test::settings_of(options));
    EXPECT_TRUE(move(stage, 0, 1));
}

TEST(ClientMoveTest, TheLimitsHoldOnTheNewWorker) {
    auto options = test::test_options();
    options->max_subscriptions = 1;
    WorkerStage stage(2, options);
    SimPeer& peer = stage.client(0);
    EXPECT_TRUE(move(stage, 0, 1));
    EXPECT_THAT(peer.ask("SUB a 1\r\nSUB b 2\r\n"), HasSubstr("maximum subscriptions exceeded"));
}

TEST(ClientMoveTest, IsToldOfServersThatCameMeanwhile) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0, ",\"protocol\":1");
    send_off(stage);
    auto view = std::make_shared<link::ClusterView>();
    view->serial = 1;
    view->connect_urls = {"other:4222"};
    stage.facts.cluster_views.set(std::move(view));
    for (uint32_t i : {0, 1}) stage.state(i).clients.announce_cluster_view();
    stage.pause(1, false);
    EXPECT_THAT(peer.hear(), HasSubstr("\"connect_urls\":[\"other:4222\"]"));
}

// It has the time that others have, though it was on its way when they were informed.
TEST(ClientMoveTest, ALameDuckClosesItInItsTime) {
    auto options = test::test_options();
    options->lame_duck_grace_period = std::chrono::seconds(10);
    options->lame_duck_duration = std::chrono::seconds(20);
    WorkerStage stage(2, options);
    SimPeer& other = stage.client(1);
    SimPeer& peer = stage.client(0, ",\"protocol\":1");
    send_off(stage);
    int gone = 0;
    stage.state(1).enter_lame_duck([](void* counter) { ++*static_cast<int*>(counter); }, &gone);
    stage.pause(1, false);
    EXPECT_THAT(peer.hear(), HasSubstr("\"ldm\":true"));
    stage.pass(9 * base::kSecond_ns);
    EXPECT_FALSE(peer.ended());
    EXPECT_THAT(peer.ask("PING\r\n"), HasSubstr("PONG\r\n"));
    stage.pass(20 * base::kSecond_ns);
    for (SimPeer* each : {&other, &peer}) {
        (void)each->hear();
        EXPECT_TRUE(each->ended());
    }
    EXPECT_EQ(gone, 1);
}

TEST(ClientMoveTest, IsHeldWithTheOthersOfAServerThatStops) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0);
    send_off(stage);
    stage.state(1).host.hold();
    stage.pause(1, false);
    EXPECT_THAT(peer.ask("PING\r\n"), IsEmpty());
    EXPECT_FALSE(peer.ended());
    int drained = 0;
    stage.on_worker(1, [&](server::WorkerState& state) {
        state.drain.stop([](void* counter) { ++*static_cast<int*>(counter); }, &drained);
    });
    stage.pass(3 * base::kSecond_ns);
    EXPECT_EQ(drained, 1);
    EXPECT_TRUE(peer.ended());
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

// As above, of the number of clients in the server and in an account.
TEST(ClientMoveTest, LowerLimitsOfClientsCountItOnTheWay) {
    WorkerStage stage(2);
    SimPeer& peer = stage.client(0);
    client::ClientSettings settings = test::settings_of(test::test_options());
    settings.serial = 1;
    send_off(stage);
    stage.facts.excess_clients.store(1);
    for (uint32_t i : {0, 1}) stage.state(i).apply(settings, /*check_clients=*/true);
    stage.pause(1, false);
    EXPECT_THAT(peer.hear(), HasSubstr("maximum connections exceeded"));
    EXPECT_EQ(stage.facts.excess_clients.load(), 0);
}

TEST(ClientMoveTest, LowerLimitsOfItsAccountCountItOnTheWay) {
    auto options = with_account();
    WorkerStage stage(2, options);
    (void)stage.accounts.apply(*options);
    SimPeer& one = stage.client(0, kAnn);
    SimPeer& two = stage.client(0, kAnn);
    for (int i = 0; i < 2; ++i) send_off(stage);
    ASSERT_EQ(last_client(stage, 0), nullptr);
    auto changed = std::make_shared<config::Options>(*options);
    changed->accounts[0].limits.connections = 1;
    (void)stage.accounts.apply(*changed);
    client::ClientSettings settings = test::settings_of(changed);
    settings.serial = 1;
    for (uint32_t i : {0, 1}) stage.state(i).apply(settings, /*check_clients=*/true);
    stage.pause(1, false);
    one.hear();
    two.hear();
    EXPECT_NE(one.ended(), two.ended());
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
    one.ask("SUB a 1\r\nSUB c q 2\r\n");
    two.ask("SUB a 1\r\nSUB b 2\r\n");
    SimPeer& publisher = stage.client(0);
    for (const char* const message : {"PUB a 1\r\nx\r\n", "PUB c 1\r\nx\r\nPUB b 1\r\nx\r\n"}) {
        for (int i = 0; i < 500; ++i) {
            publisher.say(message);
            stage.pass(10'000'000);
            one.hear();
            two.hear();
        }
    }
    EXPECT_EQ(stage.state(0).counters().departed_clients, 0U);
}

// Another client of this worker or a server on another one gets it, too.
TEST(ClientMoveTest, StaysWhereOneOfItsSubscribersIs) {
    WorkerStage stage(3, following());
    SimPeer& near = stage.client(0);
    near.ask("SUB a 1\r\n");
    stage.client(1).ask("SUB a 1\r\nSUB b 2\r\n");
    delivery::SubscriptionIndex& index = stage.state(2).delivery.subscriptions;
    interest::Subscription* const of_server = index.create({.link = base::LinkHandle(worker(2), 1000, 1),
                                                            .subject = "b",
                                                            .kind = proto::Kind::kRoute});
    stage.accounts.global().sublist().insert(of_server);
    SimPeer& publisher = stage.client(0);
    for (const char* const message : {"PUB a 1\r\nx\r\n", "PUB b 1\r\nx\r\n"}) {
        for (int i = 0; i < 500; ++i) {
            publisher.say(message);
            stage.pass(10'000'000);
            near.hear();
        }
        EXPECT_EQ(stage.state(0).counters().departed_clients, 0U) << message;
    }
    stage.accounts.global().sublist().remove(of_server);
    index.destroy(of_server);
}

TEST(ClientMoveTest, MessagesForNobodyDoNotKeepIt) {
    WorkerStage stage(2, following());
    stage.client(1).ask("SUB a 1\r\n");
    SimPeer& publisher = stage.client(0);
    for (int i = 0; i < 300; ++i) {
        publisher.say("PUB a 1\r\nx\r\nPUB b 1\r\nx\r\n");
        stage.pass(10'000'000);
    }
    EXPECT_EQ(stage.state(0).counters().departed_clients, 1U);
}

TEST(ClientMoveTest, StaysIfItPublishesLittle) {
    WorkerStage stage(2, following());
    stage.client(1).ask("SUB a 1\r\n");
    SimPeer& publisher = stage.client(0);
    for (int i = 0; i < 60; ++i) {
        publisher.say("PUB a 1\r\nx\r\n");
        stage.pass(100'000'000);
    }
    for (int i = 0; i < 100; ++i) publisher.say("PUB a 1\r\nx\r\n");
    stage.pass(12 * base::kSecond_ns);
    publisher.say("PUB a 1\r\nx\r\n");
    stage.settle();
    EXPECT_EQ(stage.state(0).counters().departed_clients, 0U);
}

// The other worker must have room for its part of the work here, which is a quarter.
TEST(ClientMoveTest, FollowsOnlyToAWorkerThatHasRoomForIt) {
    for (const bool has_room : {false, true}) {
        WorkerStage stage(2, following());
        stage.client(1).ask("SUB a 1\r\n");
        SimPeer& publisher = stage.client(0);
        SimPeer& busy = stage.client(0);
        link::WorkerLoads& loads = stage.facts.worker_loads;
        for (int i = 0; i < 300; ++i) {
            loads.set_busy(worker(0), 0.8, stage.net.now_ns());
            loads.set_busy(worker(1), has_room ? 0.35 : 0.45, stage.net.now_ns());
            busy.say("PUB b 1\r\nx\r\nPUB b 1\r\nx\r\nPUB b 1\r\nx\r\n");
            publisher.say("PUB a 1\r\nx\r\n");
            stage.pass(10'000'000);
        }
        EXPECT_EQ(stage.state(0).counters().departed_clients, has_room ? 1U : 0U);
    }
}

}  // namespace
}  // namespace nuring::client
