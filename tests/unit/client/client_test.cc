// SPDX-License-Identifier: Apache-2.0
#include "core/client/client.h"

#include "core/delivery/deliver.h"
#include "core/delivery/records.h"

#include <string>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_remote_server.h"
#include "tests/support/worker_stage.h"

namespace nuring::client {
namespace {

using test::count_of;
using test::FakeRemoteServer;
using test::SimPeer;
using test::test_options;
using test::WorkerStage;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const link::LinkFaults& faults_of(server::WorkerState& state) {
    return state.host.counters().faults[proto::index_of(proto::Kind::kClient)];
}

constexpr uint64_t kSecond_ns = 1'000'000'000;

TEST(ClientTest, IsGreetedWithInfo) {
    WorkerStage stage(1);
    const std::string info = stage.accept(0).hear();
    EXPECT_THAT(info, StartsWith("INFO {\"server_id\":"));
    EXPECT_THAT(info, HasSubstr("\"client_id\":1,"));
    EXPECT_THAT(info, EndsWith(" \r\n"));
}

TEST(ClientTest, LittleIsReceivedWhileItsPasswordIsChecked) {
    const auto options = test_options();
    options->authorization.user = "ann";
    options->authorization.password = "$2a$04$ObjbrN50bM/PPEA8F.bOTeBVIavlSLDEODH/oJjPB98eIgoOTuER6";
    WorkerStage stage(1, options);
    SimPeer& peer = stage.accept(0);
    stage.jobs.holding = true;
    const std::string publish = "PUB a 1000\r\n" + std::string(1000, 'x') + "\r\n";
    std::string flood = R"(CONNECT {"verbose":false,"user":"ann","pass":"wrong"})" "\r\n";
    while (flood.size() < 64 * ring::kSmallRunBytes) flood += publish;
    peer.say(flood);
    stage.settle();
    EXPECT_EQ(stage.jobs.count(), 1U);
    EXPECT_LE(flood.size() - peer.unsaid() - peer.stream().unread_size(), 4 * ring::kSmallRunBytes);
    stage.jobs.release();
    EXPECT_THAT(peer.hear(), HasSubstr("Authorization Violation"));
}

TEST(ClientTest, HearsItselfUnlessItAskedNotTo) {
    WorkerStage stage(1);
    EXPECT_EQ(stage.client(0).ask("SUB a 1\r\nPUB a 1\r\nx\r\n"), "MSG a 1 1\r\nx\r\n");
    EXPECT_EQ(stage.client(0, ",\"echo\":false").ask("SUB b 1\r\nSUB b q 2\r\nPUB b 1\r\nx\r\n"), "");
}

TEST(ClientTest, IsAnsweredInTheOrderOfItsOperations) {
    WorkerStage stage(1);
    SimPeer& peer = stage.accept(0);
    peer.hear();
    // Verbose until it says otherwise.
    EXPECT_EQ(peer.ask("SUB a 1\r\nPUB a 1\r\nx\r\nPING\r\nUNSUB 1\r\nPUB a 1\r\ny\r\n"),
              "+OK\r\n+OK\r\nMSG a 1 1\r\nx\r\nPONG\r\n+OK\r\n+OK\r\n");
}

TEST(ClientTest, AnOperationMayComeByteByByte) {
    WorkerStage stage(1);
    SimPeer& peer = stage.client(0);
    for (const char byte : std::string("SUB a 1\r\nPUB a 2\r\nhi\r\n")) peer.ask({&byte, 1});
    EXPECT_EQ(peer.ask("PING\r\n"), "PONG\r\n");
    EXPECT_EQ(peer.ask("PUB a 0\r\n\r\n"), "MSG a 1 0\r\n\r\n");
}

TEST(ClientTest, GetsHeadersOnlyIfItAskedForThem) {
    WorkerStage stage(2);
    SimPeer& with = stage.client(0, ",\"headers\":true");
    SimPeer& without = stage.client(0);
    SimPeer& remote = stage.client(1);
    for (SimPeer* peer : {&with, &without, &remote}) peer->ask("SUB a 1\r\n");
    with.say("HPUB a r 17 19\r\nNATS/1.0\r\nA:b\r\n\r\nhi\r\n");
    EXPECT_EQ(with.hear(), "HMSG a 1 r 17 19\r\nNATS/1.0\r\nA:b\r\n\r\nhi\r\n");
    EXPECT_EQ(without.hear(), "MSG a 1 r 2\r\nhi\r\n");
    EXPECT_EQ(remote.hear(), "MSG a 1 r 2\r\nhi\r\n");
}

TEST(ClientTest, ARequestThatNobodyTakesIsAnswered) {
    WorkerStage stage(2);
    SimPeer& asks = stage.client(0, ",\"headers\":true,\"no_responders\":true");
    asks.ask("SUB in.* 7\r\n");
    EXPECT_EQ(asks.ask("PUB svc in.1 1\r\nx\r\n"),
              "HMSG in.1 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
    // A subscriber on another worker is a responder; so is a queue group.
    SimPeer& serves = stage.client(1);
    serves.ask("SUB svc 1\r\n");
    EXPECT_EQ(asks.ask("PUB svc in.2 1\r\nx\r\n"), "");
    serves.ask("UNSUB 1\r\nSUB svc q 2\r\n");
    EXPECT_EQ(asks.ask("PUB svc in.3 1\r\nx\r\n"), "");
    serves.ask("UNSUB 2\r\n");
    EXPECT_THAT(asks.ask("PUB svc in.4 1\r\nx\r\n"), StartsWith("HMSG in.4 7 "));
}

TEST(ClientTest, EachOfEqualRequestsThatNobodyTakesIsAnswered) {
    WorkerStage stage(2);
    SimPeer& asks = stage.client(0, ",\"headers\":true,\"no_responders\":true");
    asks.ask("SUB in 7\r\n");
    const std::string answer = "HMSG in 7 16 16\r\nNATS/1.0 503\r\n\r\n\r\n";
    const std::string request = "PUB svc in 1\r\nx\r\n";
    EXPECT_EQ(asks.ask(request + request + request), answer + answer + answer);
}

TEST(ClientTest, ItsLastWordArrivesThoughItsInputIsUnread) {
    WorkerStage stage(1);
    SimPeer& peer = stage.client(0);
    // The rest of the line is in the socket when the server has had enough.
    peer.say("NONSENSE\r\n" + std::string(30'000, 'x'));
    EXPECT_EQ(peer.hear(), "-ERR 'Unknown Protocol Operation'\r\n");
    EXPECT_TRUE(peer.stream().at_end());
    EXPECT_FALSE(peer.stream().was_reset());
    // It is not waited for long.
    stage.pass(kSecond_ns);
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST(ClientTest, WhatAPublisherSaidBeforeItLeftIsDelivered) {
    WorkerStage stage(2);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    SimPeer& leaves = stage.client(0);
    leaves.say("PUB a 4\r\nlast\r\n");
    leaves.stream().close();
    EXPECT_EQ(receives.hear(), "MSG a 1 4\r\nlast\r\n");
    EXPECT_EQ(stage.link_count(), 1U);
}

// A client of worker 0 that may answer a request of another cluster, whose reply is `r`.
SimPeer& asked_from_afar(WorkerStage& stage) {
    SimPeer& answers = stage.client(0);
    answers.ask("SUB a 1\r\n");
    stage.on_worker(0, [&](server::WorkerState& state) {
        std::string frame;
        delivery::MessageRun run =
            delivery::frame_message({.subject = "a", .reply = "r", .headers = {}, .body = "x"}, &frame);
        run.reply_origin = proto::ReplyOrigin::make("CLUSTR", "SERVER");
        account::Account& account = stage.accounts.global();
        const interest::MatchEntry& entry = state.delivery.cache.find(account.sublist(), "a");
        const interest::MatchPin pin(entry);
        EXPECT_TRUE(deliver_run(state.delivery, {}, account, entry, run));
    });
    EXPECT_EQ(answers.hear(), "MSG a 1 r 1\r\nx\r\n");
    return answers;
}

// There is neither a gateway nor a hub: whoever listens here gets it.
TEST(ClientTest, ItsAnswerToAnotherClusterStaysHereWithoutAWayThere) {
    WorkerStage stage(2);
    SimPeer& listens = stage.client(1);
    listens.ask("SUB r 1\r\n");
    asked_from_afar(stage).say("PUB r 1\r\ny\r\n");
    EXPECT_EQ(listens.hear(), "MSG r 1 1\r\ny\r\n");
}

// Several times what the mailbox to the hub's worker holds: first in one run, then each by itself.
TEST(ClientTest, ItsAnswersToAnotherClusterWaitForRoomOnTheWayToAHub) {
    constexpr size_t kAnswers = 1000;
    WorkerStage stage(2, test_options(), /*mailbox_bytes=*/4096);
    FakeRemoteServer* hub = nullptr;
    stage.accept_as(1, [&](server::WorkerState& state, int fd) {
        hub = new FakeRemoteServer(state.delivery, fd, proto::Kind::kHub);
        hub->subscribe("_GR_.>");
    });
    SimPeer& answers = asked_from_afar(stage);
    std::string burst;
    for (size_t i = 0; i < kAnswers; ++i) {
        const size_t size = i < kAnswers / 2 ? 4 : 4 + i % 2;
        burst += fmt::format("PUB r {0}\r\n{1:0{0}}\r\n", size, i);
    }
    stage.pause(1, true);
    answers.say(burst);
    stage.settle();
    EXPECT_EQ(stage.state(0).counters().spilled_records, 0U);
    stage.pause(1, false);
    stage.settle();
    ASSERT_EQ(hub->messages.size(), kAnswers);
    EXPECT_EQ(hub->messages.back(), "_GR_.CLUSTR.SERVER.r 00999 []");
}

TEST(ClientTest, ItsSubscriptionsGoWithIt) {
    WorkerStage stage(2);
    SimPeer& leaves = stage.client(1);
    leaves.ask("SUB a 1\r\nSUB a q 2\r\nSUB b.* 3\r\nSUB > 4\r\n");
    EXPECT_EQ(stage.accounts.global().sublist().count(), 4U);
    leaves.stream().reset();
    stage.settle();
    EXPECT_EQ(stage.accounts.global().sublist().count(), 0U);
    EXPECT_EQ(stage.facts.clients.load(), 0);
}

TEST(ClientTest, IsPingedWhenIdleAndClosedWhenItDoesNotAnswer) {
    auto options = test_options();
    options->ping_interval = std::chrono::seconds(10);
    options->ping_max = 2;
    WorkerStage stage(1, options);
    SimPeer& answers = stage.client(0);
    SimPeer& sleeps = stage.client(0);
    std::string heard;
    for (int i = 0; i < 4; ++i) {
        stage.pass(10 * kSecond_ns + kSecond_ns / 10);
        EXPECT_EQ(answers.ask("PONG\r\n"), "PING\r\n");
        heard += sleeps.hear();
    }
    EXPECT_EQ(heard, "PING\r\nPING\r\n-ERR 'Stale Connection'\r\n");
    EXPECT_TRUE(sleeps.ended());
    EXPECT_FALSE(answers.ended());
}

// Source: processPingTimer in server/client.go 2.9.10: whatever the client sends puts it off.
TEST(ClientTest, ItsPingPutsOffTheServers) {
    auto options = test_options();
    options->ping_interval = std::chrono::seconds(10);
    WorkerStage stage(1, options);
    SimPeer& busy = stage.client(0);
    SimPeer& idle = stage.client(0);
    for (SimPeer* peer : {&busy, &idle}) {  // that of the first round trip
        stage.pass(3 * kSecond_ns);
        (void)peer->ask("PING\r\nPONG\r\n");
    }
    for (int i = 0; i < 5; ++i) {
        stage.pass(6 * kSecond_ns);
        EXPECT_EQ(busy.ask("PING\r\n"), "PONG\r\n") << i;
    }
    EXPECT_GE(count_of(idle.hear(), "PING\r\n"), 2U);
}

TEST(ClientTest, ItsRoundTripTimeIsKnownFromConnectOnAndMeasuredSoon) {
    WorkerStage stage(1);
    SimPeer& peer = stage.client(0);
    uint64_t rtt_ns = 0;
    const auto read_rtt = [&] {
        stage.on_worker(0, [&](server::WorkerState& state) {
            state.host.table.for_each([&](link::Link& link) { rtt_ns = as_client(&link)->rtt_ns(); });
        });
        stage.settle();
        return rtt_ns;
    };
    EXPECT_GT(read_rtt(), 0U);
    stage.pass(kSecond_ns);
    peer.ask("PUB a 1\r\nx\r\n");  // activity does not put it off
    stage.pass(2 * kSecond_ns);
    EXPECT_EQ(peer.hear(), "PING\r\n");
    stage.pass(3 * kSecond_ns);
    peer.ask("PONG\r\n");
    EXPECT_GE(read_rtt(), 3 * kSecond_ns);
}

TEST(ClientTest, MembersThatAreReleasedLaterAreInNoGroupOfTheirWorker) {
    constexpr uint32_t kMembers = 500;
    WorkerStage stage(2);
    stage.state(1).host.set_released_per_turn(10);
    SimPeer& leaves = stage.client(1);
    SimPeer& stays = stage.client(1);
    std::string lines;
    for (uint32_t i = 0; i < kMembers; ++i) lines += fmt::format("SUB a q {0}\r\nSUB b q x{0}\r\n", i);
    leaves.ask(lines);
    stays.ask("SUB a q 1\r\n");
    interest::Sublist& sublist = stage.accounts.global().sublist();
    stage.on_worker(1, [&](server::WorkerState& state) {
        Client* client = nullptr;
        state.host.table.for_each([&](link::Link& link) {
            if (as_client(&link)->subscription_count() > 1) client = as_client(&link);
        });
        ASSERT_NE(client, nullptr);
        client->close(link::CloseReason::kClientClosed);
        EXPECT_GT(sublist.count(), kMembers);
        const interest::MatchResult& rest = state.delivery.cache.find(sublist, "a").result();
        ASSERT_EQ(rest.queue_group_count(), 1U);
        EXPECT_EQ(rest.queue_group(0).members.size(), 1U);
        EXPECT_EQ(rest.queue_group(0).weight, 1U);
        EXPECT_TRUE(state.delivery.cache.find(sublist, "b").result().empty());
    });
    stage.client(0).say("PUB a 1\r\nx\r\nPUB a 1\r\ny\r\n");
    EXPECT_EQ(count_of(stays.hear(), "MSG a 1 1\r\n"), 2U);
    EXPECT_EQ(sublist.count(), 1U);
}

TEST(ClientTest, AboveItsPendingLimitItIsASlowConsumer) {
    auto options = test_options();
    options->max_pending = 100'000;
    WorkerStage stage(2, options);
    SimPeer& slow = stage.client(1);
    SimPeer& healthy = stage.client(1);
    for (SimPeer* peer : {&slow, &healthy}) peer->ask("SUB a 1\r\n");
    slow.stream().set_reading(false);
    SimPeer& sends = stage.client(0);
    const std::string frame = "PUB a 1000\r\n" + std::string(1000, 'x') + "\r\n";
    size_t received = 0;
    for (int i = 0; i < 350; ++i) {
        if (i < 300) sends.say(frame);
        stage.pass(1'000'000);  // the publisher rests sometimes
        received += count_of(healthy.hear(), "MSG a 1 1000\r\n");
    }
    EXPECT_EQ(received, 300U);
    EXPECT_EQ(faults_of(stage.state(1)).slow_consumers_pending, 1U);
    EXPECT_EQ(stage.link_count(), 2U);
    EXPECT_EQ(sends.ask("PING\r\n"), "PONG\r\n");
}

TEST(ClientTest, OverItsWriteDeadlineItIsASlowConsumer) {
    auto options = test_options();
    options->write_deadline = std::chrono::seconds(2);
    WorkerStage stage(1, options);
    SimPeer& slow = stage.client(0);
    slow.ask("SUB a 1\r\n");
    slow.stream().set_reading(false);
    SimPeer& sends = stage.client(0);
    for (int i = 0; i < 200; ++i) sends.say("PUB a 1000\r\n" + std::string(1000, 'x') + "\r\n");
    stage.pass(kSecond_ns);
    EXPECT_EQ(faults_of(stage.state(0)).slow_consumers_deadline, 0U);
    stage.pass(2 * kSecond_ns);
    EXPECT_EQ(faults_of(stage.state(0)).slow_consumers_deadline, 1U);
    EXPECT_EQ(stage.link_count(), 1U);
}

TEST(ClientTest, OneThatReadsALittleIsLateOnlyWhereAllHasToLeaveInTime) {
    using config::WriteTimeout;
    for (const WriteTimeout rule : {WriteTimeout::kDefault, WriteTimeout::kRetry, WriteTimeout::kClose}) {
        auto options = test_options();
        options->write_deadline = std::chrono::seconds(2);
        options->write_timeout = rule;
        WorkerStage stage(1, options);
        SimPeer& slow = stage.client(0);
        slow.ask("SUB a 1\r\n");
        slow.stream().set_reading(false);
        SimPeer& sends = stage.client(0);
        for (int i = 0; i < 2000; ++i) sends.say("PUB a 1000\r\n" + std::string(1000, 'x') + "\r\n");
        for (int second = 0; second < 5; ++second) {
            slow.stream().set_reading(true);
            (void)slow.stream().read_all();
            slow.stream().set_reading(false);
            stage.pass(kSecond_ns);
        }
        EXPECT_EQ(faults_of(stage.state(0)).slow_consumers_deadline, rule == WriteTimeout::kClose ? 1U : 0U);
    }
}

TEST(ClientTest, WhoReadsInTimeIsNoSlowConsumer) {
    auto options = test_options();
    options->write_deadline = std::chrono::seconds(2);
    WorkerStage stage(1, options);
    SimPeer& late = stage.client(0);
    late.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    size_t received = 0;
    for (int round = 0; round < 5; ++round) {
        late.stream().set_reading(false);
        for (int i = 0; i < 200; ++i) sends.say("PUB a 1000\r\n" + std::string(1000, 'x') + "\r\n");
        stage.pass(kSecond_ns);
        late.stream().set_reading(true);
        received += count_of(late.hear(), "MSG a 1 1000\r\n");
    }
    EXPECT_EQ(received, 1000U);
    EXPECT_EQ(faults_of(stage.state(0)).slow_consumers_pending, 0U);
    EXPECT_EQ(faults_of(stage.state(0)).slow_consumers_deadline, 0U);
}

TEST(ClientTest, NamesAreBoundedWhateverTheControlLine) {
    auto options = test_options();
    options->max_control_line = 1'000'000;
    WorkerStage stage(2, options, /*mailbox_bytes=*/size_t{256} * 1024);
    SimPeer& receives = stage.client(1);
    const std::string subject = "a." + std::string(delivery::kNamesSizeMax - 10, 'b');
    const std::string queue(delivery::kNamesSizeMax - 10, 'q');
    receives.ask("SUB > 1\r\nSUB a.> " + queue + " 2\r\n");
    stage.client(0).say("PUB " + subject + " 2\r\nok\r\n");
    const std::string heard = receives.hear();
    EXPECT_THAT(heard, HasSubstr("MSG " + subject + " 1 2\r\nok\r\n"));
    EXPECT_THAT(heard, HasSubstr("MSG " + subject + " 2 2\r\nok\r\n"));
    EXPECT_EQ(stage.client(0).ask("PUB " + subject + "bbbbbbbbbbbb 2\r\nok\r\n"),
              "-ERR 'maximum control line exceeded'\r\n");
    EXPECT_EQ(stage.client(0).ask("SUB " + subject + " qqqqqqqqqqqq 1\r\n"),
              "-ERR 'maximum control line exceeded'\r\n");
    EXPECT_EQ(receives.ask("PING\r\n"), "PONG\r\n");
}

// A client with a hundred thousand of them must not hold up the others of its worker after a reload.
TEST(ClientTest, ManySubscriptionsAreCheckedInSlices) {
    constexpr int kCount = 5000;
    const auto with_user = [](config::SubjectPermissions subscribe) {
        auto options = test_options();
        options->authorization.users = {{.name = "ann", .password = "p"}};
        options->authorization.users[0].permissions.emplace();
        options->authorization.users[0].permissions->subscribe = std::move(subscribe);
        return options;
    };
    WorkerStage stage(1, with_user({}));
    SimPeer& peer = stage.client(0, ",\"user\":\"ann\",\"pass\":\"p\"");
    for (int i = 0; i < kCount; ++i) peer.say(fmt::format("SUB {}.{} {}\r\n", i % 2 == 0 ? "a" : "b", i, i));
    EXPECT_EQ(peer.ask("PING\r\n"), "PONG\r\n");
    interest::Sublist& sublist = stage.accounts.global().sublist();
    const auto changed = with_user({.deny = {"b.>"}});
    stage.on_worker(0, [&](server::WorkerState& state) {
        state.apply(test::settings_of(changed), /*check_clients=*/true);
        EXPECT_EQ(sublist.count(), uint64_t{kCount}) << "none of them at once";
    });
    const std::string heard = peer.hear();
    EXPECT_EQ(count_of(heard, "Permissions Violation for Subscription to \"b."), size_t{kCount / 2});
    EXPECT_EQ(sublist.count(), uint64_t{kCount / 2});
    // Few are checked before anything else happens.
    SimPeer& few = stage.client(0, ",\"user\":\"ann\",\"pass\":\"p\"");
    few.ask("SUB a 1\r\n");
    const auto again = with_user({.deny = {"a", "b.>"}});
    stage.on_worker(0, [&](server::WorkerState& state) {
        state.apply(test::settings_of(again), /*check_clients=*/true);
        EXPECT_EQ(sublist.count(), uint64_t{kCount / 2});
    });
    EXPECT_THAT(few.hear(), HasSubstr("Permissions Violation for Subscription to \"a\" (sid \"1\")"));
}

}  // namespace
}  // namespace nuring::client
