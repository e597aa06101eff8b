// SPDX-License-Identifier: Apache-2.0
// ServerLink: interest and messages, both ways; keep-alive and compression.
#include "core/server_link/server_link.h"

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/account/subject_map.h"
#include "core/delivery/announcer.h"
#include "core/delivery/records.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server_link/test_link.h"

namespace nuring::server_link {
namespace {

using test::count_of;
using test::SimPeer;
using testing::EndsWith;
using Strings = std::vector<std::string>;

constexpr uint32_t kLinesPerTurn =
    delivery::InterestGate::kCostPerTurn / delivery::InterestGate::kServerCost;

// ------------------------------------------------------------------ what the other server wants

TEST_F(ServerLinkTest, WhatTheOtherServerWantsStandsInTheSublist) {
    SimPeer& peer = serve();
    peer.ask("RS+ $G a\r\nRS+ $G a q 3\r\nRS+ $G a\r\nRS+ $G b.*\r\n");
    EXPECT_EQ(sublist().count(), 3U);
    SimPeer& client = stage.client(1);
    client.ask("PUB a 1\r\nx\r\nPUB b.c 1\r\ny\r\n");
    EXPECT_EQ(peer.hear(), "RMSG $G a | q 1\r\nx\r\nRMSG $G b.c 1\r\ny\r\n");
    peer.ask("RS- $G a q\r\nRS- $G b.*\r\nRS- $G never\r\nRS- NOBODY a\r\n");
    EXPECT_EQ(sublist().count(), 1U);
    client.ask("PUB a 1\r\nx\r\nPUB b.c 1\r\ny\r\n");
    EXPECT_EQ(peer.hear(), "RMSG $G a 1\r\nx\r\n");
    on_link([](TestLink& each) { each.close(link::CloseReason::kServerShutdown); });
    EXPECT_EQ(sublist().count(), 0U);
}

TEST_F(ServerLinkTest, WhatIsTakenBackIsNoSubscriptionAnyMore) {
    SimPeer& peer = serve();
    peer.ask("RS+ $G a\r\n");
    const uint64_t serial = link->remote_interest().find(stage.accounts.global(), "a", {})->serial();
    const delivery::SubscriptionIndex& index = stage.state(0).delivery.subscriptions;
    EXPECT_NE(index.find(serial), nullptr);
    peer.ask("RS- $G a\r\n");
    EXPECT_EQ(index.find(serial), nullptr);
}

TEST_F(ServerLinkTest, InOperatorModeOnlyTheKeyOfAnAccountMakesOne) {
    stage.state(0).delivery.set_operator_mode(true);
    SimPeer& peer = serve();
    const std::string key = "ADWUSKGGFDI4FRXK5EBTRECZSVQSSWJHHJOGH6JWG3AUMFFMQ435D6HD";
    const std::string other = key.substr(0, key.size() - 1) + "E";
    peer.ask(fmt::format("RS+ {} a\r\nRS+ {} a\r\n", key, other));
    EXPECT_NE(stage.accounts.find(key), nullptr);
    EXPECT_EQ(stage.accounts.find(other), nullptr);
}

TEST_F(ServerLinkTest, AGroupWithoutMembersCountsAsOne) {
    SimPeer& peer = serve();
    peer.ask("RS+ $G a q 0\r\n");
    SimPeer& client = stage.client(0);
    client.ask("PUB a 1\r\nx\r\n");
    EXPECT_EQ(peer.hear(), "RMSG $G a | q 1\r\nx\r\n");
}

TEST_F(ServerLinkTest, TheWeightOfAGroupFollowsTheLastLine) {
    SimPeer& peer = serve();
    peer.ask("RS+ $G a q 1\r\nRS+ $G a q 9\r\n");
    const auto& entry = stage.state(0).delivery.cache.find(sublist(), "a");
    ASSERT_EQ(entry.result().queue_group_count(), 1U);
    EXPECT_EQ(entry.result().queue_group(0).weight, 9U);
    EXPECT_EQ(entry.result().queue_group(0).members.size(), 1U);
}

TEST_F(ServerLinkTest, WhatIsNoPatternIsRefusedAndTheRestCounts) {
    SimPeer& peer = serve();
    EXPECT_EQ(peer.ask("RS+ $G a..b\r\nRS+ $G a\r\n"), "-ERR 'Invalid Subscription'\r\n");
    const std::string longest(delivery::kNamesSizeMax, 'x');
    EXPECT_EQ(peer.ask(fmt::format("RS+ $G {}\r\nRS+ $G {} q 1\r\n", longest, longest)),
              "-ERR 'Invalid Subscription'\r\n");
    EXPECT_EQ(sublist().count(), 2U);
    EXPECT_TRUE(is_open());
}

TEST_F(ServerLinkTest, WhatMayNotBeExportedIsIgnored) {
    rules.not_exported = "secret";
    SimPeer& peer = serve();
    EXPECT_EQ(peer.ask("RS+ $G secret\r\nRS+ $G open\r\nRS+ NOBODY open\r\n"), "");
    EXPECT_EQ(sublist().count(), 1U);
}

TEST_F(ServerLinkTest, AccountsAreKeptApart) {
    account::Account& other = stage.accounts.find_or_create("OTHER");
    SimPeer& peer = serve();
    peer.ask("RS+ $G a\r\nRS+ OTHER b\r\nRS+ OTHER c\r\nRS+ $G d\r\n");
    EXPECT_EQ(sublist().count(), 2U);
    EXPECT_EQ(other.sublist().count(), 2U);
    EXPECT_TRUE(other.sublist().has_interest(base::WorkerId{0}, "c"));
    EXPECT_FALSE(other.sublist().has_interest(base::WorkerId{0}, "d"));
}

TEST_F(ServerLinkTest, AVerboseServerHearsOfEachLine) {
    SimPeer& peer = serve();
    on_link([](TestLink& each) { each.set_verbose(true); });
    EXPECT_EQ(peer.ask("RS+ $G a\r\nRS- $G a\r\n"), "+OK\r\n+OK\r\n");
}

// Both storms are there in one turn, each longer than what a turn takes of all links.
TEST_F(ServerLinkTest, AStormOfInterestIsReadInSlices) {
    constexpr uint32_t kLines = kLinesPerTurn + 500;
    const auto pattern = [](char prefix, uint32_t number) { return fmt::format("{}{:x}", prefix, number); };
    const auto storm = [&](char prefix) {
        std::string lines;
        for (uint32_t i = 0; i < kLines; ++i) lines += fmt::format("RS+ $G {}\r\n", pattern(prefix, i));
        return lines;
    };
    SimPeer& one = serve();
    TestLink* const first = link;
    SimPeer& two = serve();
    TestLink* const second = link;
    stage.pause(0, true);
    ASSERT_EQ(one.offer(storm('a')), storm('a').size());
    ASSERT_EQ(two.offer(storm('b')), storm('b').size());
    stage.settle();
    stage.pause(0, false);
    stage.settle();
    ASSERT_EQ(sublist().count(), 2 * kLines);
    const auto serial = [&](char prefix, uint32_t number) {
        const TestLink* of = prefix == 'a' ? first : second;
        // The count of creations.
        const auto* found = of->remote_interest().find(stage.accounts.global(), pattern(prefix, number), {});
        return found->serial() >> 32;
    };
    const bool is_a_first = serial('a', 0) < serial('b', 0);
    const char early = is_a_first ? 'a' : 'b';
    const char late = is_a_first ? 'b' : 'a';
    EXPECT_LT(serial(early, kLinesPerTurn - 1), serial(late, 0));
    EXPECT_LT(serial(late, 0), serial(early, 0) + 2 * kLinesPerTurn) << "the next turn";
}

TEST_F(ServerLinkTest, AllLinksTogetherSweepOneSliceAtOnce) {
    constexpr uint32_t kLinks = 5;
    constexpr int kSlice = 10;
    std::vector<TestLink*> links;
    for (uint32_t i = 0; i < kLinks; ++i) {
        SimPeer& peer = serve();
        links.push_back(link);
        for (int k = 0; k < 2 * kSlice; ++k) peer.say(fmt::format("RS+ $G a.{}\r\n", k));
    }
    stage.settle();
    stage.on_worker(0, [&](server::WorkerState& state) {
        state.host.set_released_per_turn(kSlice);
        for (TestLink* each : links) each->sweep_interest();
        EXPECT_EQ(rules.kept, kSlice);
    });
    stage.settle();
    EXPECT_EQ(rules.kept, static_cast<int>(kLinks) * 2 * kSlice);
}

TEST_F(ServerLinkTest, ASnapshotShowsAsManySubscriptionsAsItIsAskedFor) {
    SimPeer& peer = serve();
    peer.ask("RS+ $G a\r\nRS+ $G b\r\nRS+ $G c\r\n");
    for (const size_t most : {0U, 2U, 3U, 9U}) {
        delivery::ServerLinkSnapshot copy;
        link->copy(0, most, &copy);
        EXPECT_EQ(copy.subscription_count, 3U);
        EXPECT_EQ(copy.subscriptions.size(), std::min<size_t>(most, 3));
        EXPECT_EQ(copy.remote_id, "REMOTE");
    }
}

// ----------------------------------------------------------------------- what this server wants

TEST_F(ServerLinkTest, EverythingThatIsWantedIsAnnouncedAtFirst) {
    SimPeer& client = stage.client(1);
    client.ask("SUB a 1\r\nSUB a 2\r\nSUB b.* q 3\r\nSUB b.* q 4\r\nSUB hidden 5\r\n");
    rules.not_imported = "hidden";
    SimPeer& peer = serve();
    const std::string heard = peer.hear();
    EXPECT_EQ(count_of(heard, "RS+ $G a\r\n"), 1U);
    EXPECT_EQ(count_of(heard, "RS+ $G b.* q 2\r\n"), 1U);
    EXPECT_EQ(count_of(heard, "\r\n"), 2U);
    EXPECT_EQ(rules.synced, 1);
}

TEST_F(ServerLinkTest, WhatIsWantedInSeveralAccountsIsAnnouncedAtFirst) {
    stage.accounts.find_or_create("OTHER");
    serve(1, kLeafnode).ask("RS+ $G a\r\nRS+ OTHER b\r\n");
    EXPECT_EQ(serve().hear(), "RS+ $G a\r\nRS+ OTHER b\r\n");
}

TEST_F(ServerLinkTest, ChangesAreAnnouncedAndNothingTwice) {
    rules.not_imported = "hidden";
    SimPeer& peer = serve();
    SimPeer& client = stage.client(0);
    client.ask("SUB a q 1\r\n");
    EXPECT_EQ(peer.hear(), "RS+ $G a q 1\r\n");
    // Both changes find the same two members; the second says nothing new.
    on_link([this](TestLink& each) { each.announce(stage.accounts.global(), "a", "q"); });
    EXPECT_EQ(peer.hear(), "");
    client.ask("SUB a q 2\r\nUNSUB 1\r\nUNSUB 2\r\n");
    EXPECT_THAT(peer.hear(), EndsWith("RS- $G a q\r\n"));
    client.ask("SUB a q 3\r\n");
    EXPECT_EQ(peer.hear(), "RS+ $G a q 1\r\n") << "it has been away";
    client.ask("SUB hidden 4\r\nSUB b 5\r\nSUB hidden q 6\r\n");
    EXPECT_EQ(peer.hear(), "RS+ $G b\r\n");
}

// As when permissions change and change back.
TEST_F(ServerLinkTest, AGroupThatWentUnannouncedIsAnnouncedWhenItComesAgain) {
    SimPeer& peer = serve();
    SimPeer& client = stage.client(0);
    client.ask("SUB a q 1\r\n");
    EXPECT_EQ(peer.hear(), "RS+ $G a q 1\r\n");
    rules.not_imported = "a";
    client.ask("UNSUB 1\r\n");
    rules.not_imported.clear();
    on_link([](TestLink& each) { each.begin_sync(); });
    EXPECT_EQ(peer.hear(), "");
    client.ask("SUB a q 2\r\n");
    EXPECT_EQ(peer.hear(), "RS+ $G a q 1\r\n");
}

TEST_F(ServerLinkTest, MoreThanMayBePendingEndsTheLinkBehindWhoeverQueuesIt) {
    serve();
    on_link([this](TestLink& each) {
        each.queue(std::string(kPendingMax, 'x'));
        each.queue("one more");
        EXPECT_TRUE(each.open());
        const uint64_t pending = each.pending_bytes();
        each.queue("nothing of this");
        EXPECT_EQ(each.pending_bytes(), pending);
        EXPECT_EQ(slow_consumers(), 0U);
    });
    EXPECT_FALSE(is_open());
    EXPECT_EQ(slow_consumers(), 1U);
}

TEST_F(ServerLinkTest, WhatTheSyncHasAnnouncedIsNotRepeated) {
    SimPeer& client = stage.client(0);
    client.ask("SUB a q 1\r\n");
    SimPeer& peer = serve();
    EXPECT_EQ(peer.hear(), "RS+ $G a q 1\r\n");
    on_link([this](TestLink& each) { each.announce(stage.accounts.global(), "a", "q"); });
    EXPECT_EQ(peer.hear(), "");
}

TEST_F(ServerLinkTest, ALargeSyncTakesManyTurnsAndHoldsBackThePong) {
    constexpr uint32_t kSubscriptions = 5 * InterestSync::kAnnouncedPerTurn / 2;
    constexpr size_t kLineSizeMax = sizeof("RS+ $G abcd\r\n") - 1;
    constexpr size_t kSliceBytesMax = 20'000;
    subscribe_to(kSubscriptions);
    SimPeer& peer = accept();
    stage.on_worker(0, [this](server::WorkerState&) {
        link->skip_login();
        link->serve("REMOTE", "remote");
        EXPECT_TRUE(link->paused());
        EXPECT_LT(link->pending_bytes(), InterestSync::kAnnouncedPerTurn * kLineSizeMax + kSliceBytesMax);
        EXPECT_GT(link->pending_bytes(), InterestSync::kAnnouncedPerTurn * kLineSizeMax / 2);
    });
    peer.offer("PING\r\n");
    const std::string heard = hear_sync(peer);
    EXPECT_EQ(count_of(heard, "RS+ "), kSubscriptions);
    EXPECT_THAT(heard, EndsWith("\r\nPONG\r\n"));
}

// It reads on at the end of a turn, and rests at once; nothing else makes the next turn come.
TEST_F(ServerLinkTest, WhatCameDuringASyncIsReadWithoutFurtherCause) {
    constexpr uint32_t kSubscriptions = 5 * InterestSync::kAnnouncedPerTurn / 2;
    constexpr uint32_t kLines = kLinesPerTurn + 500;
    subscribe_to(kSubscriptions);
    link::LinkLimits limits = stage.state(0).host.limits();
    limits.max_pending_bytes = uint64_t{64} * 1024 * 1024;
    stage.state(0).host.set_limits(limits);
    SimPeer& peer = accept();
    peer.stream().set_reading(false);
    rules.on_connect = [this](auto&, auto) {
        link->skip_login();
        link->serve("REMOTE", "remote");
    };
    std::string input = "CONNECT {}\r\n";
    for (uint32_t i = 0; i < kLines; ++i) input += fmt::format("RS+ $G r{:x}\r\n", i);
    ASSERT_EQ(peer.offer(input), input.size());
    stage.settle();
    EXPECT_EQ(rules.synced, 1);
    EXPECT_EQ(sublist().count(), kSubscriptions + kLines);
}

// A record about interest is small, and makes a line for each link of its worker.
TEST_F(ServerLinkTest, AWorkerWithManyLinksIsLeftNoMoreThanItAnnouncesInATurn) {
    constexpr uint32_t kLinks = 300;
    constexpr uint32_t kChanges = 3000;
    constexpr uint64_t kMost = delivery::Announcer::kLinesAheadMax / kLinks;
    static_assert(kMost < kChanges / 2);
    std::vector<SimPeer*> peers;
    for (uint32_t i = 0; i < kLinks; ++i) peers.push_back(&serve(1));
    SimPeer& client = stage.client(0);
    std::string lines;
    for (uint32_t i = 0; i < kChanges; ++i) lines += fmt::format("SUB {:x} {}\r\n", i, i);
    stage.pause(1, true);
    client.say(lines + "PING\r\n");
    stage.settle();
    EXPECT_GE(sublist().count(), kMost);
    EXPECT_LE(sublist().count(), kMost + 1);
    EXPECT_EQ(client.hear(), "");
    stage.pause(1, false);
    EXPECT_EQ(client.hear(), "PONG\r\n");
    EXPECT_EQ(sublist().count(), kChanges);
    EXPECT_EQ(count_of(peers.front()->hear(), "RS+ "), kChanges);
    // What a client wanted that has gone is withdrawn at that pace, too.
    stage.pause(1, true);
    client.stream().close();
    stage.settle();
    EXPECT_GE(sublist().count(), kChanges - kMost - 100);
    stage.pause(1, false);
    stage.settle();
    EXPECT_EQ(sublist().count(), 0U);
    EXPECT_EQ(count_of(peers.back()->hear(), "RS- "), kChanges);
}

// What found no room in the mailbox would keep the client's worker from sending anything.
TEST_F(ServerLinkTest, WhatAClientWantedThatHasGoneIsWithdrawnAsFarAsThereIsRoom) {
    constexpr uint32_t kSubscriptions = 20'000;
    SimPeer& peer = serve(1);
    SimPeer& client = stage.client(0);
    SimPeer& bystander = stage.client(0);
    std::string lines;
    for (uint32_t i = 0; i < kSubscriptions; ++i) lines += fmt::format("SUB {:x} {}\r\n", i, i);
    client.say(lines + "PING\r\n");
    EXPECT_EQ(client.hear(), "PONG\r\n");
    EXPECT_EQ(count_of(peer.hear(), "RS+ "), kSubscriptions);
    stage.pause(1, true);
    client.stream().close();
    stage.settle();
    EXPECT_LT(sublist().count(), kSubscriptions);
    EXPECT_GT(sublist().count(), kSubscriptions / 2);
    EXPECT_EQ(stage.state(0).counters().spilled_records, 0U);
    EXPECT_EQ(bystander.ask("PING\r\n"), "PONG\r\n");
    stage.pause(1, false);
    stage.settle();
    EXPECT_EQ(sublist().count(), 0U);
    EXPECT_EQ(count_of(peer.hear(), "RS- "), kSubscriptions);
}

TEST_F(ServerLinkTest, ASyncThatIsAskedForMeanwhileRunsOnceMoreFromTheStart) {
    constexpr uint32_t kSubscriptions = 2 * InterestSync::kAnnouncedPerTurn;
    subscribe_to(kSubscriptions);
    SimPeer& peer = accept();
    stage.on_worker(0, [this](server::WorkerState&) {
        link->skip_login();
        link->serve("REMOTE", "remote");
        ASSERT_TRUE(link->paused());
        link->begin_sync();
        link->begin_sync();
    });
    const std::string heard = hear_sync(peer);
    EXPECT_EQ(count_of(heard, "RS+ "), 2 * kSubscriptions);
    EXPECT_EQ(count_of(heard, "RS+ $G 0\r\n"), 2U);
    EXPECT_EQ(rules.synced, 1);
}

TEST_F(ServerLinkTest, ASyncThatBeginsAtTheEndOfAnotherWaitsForTheNextTurn) {
    subscribe_to(1);
    rules.more_syncs = 100;
    SimPeer& peer = accept();
    stage.on_worker(0, [this](server::WorkerState&) {
        link->skip_login();
        link->serve("REMOTE", "remote");
        EXPECT_EQ(rules.synced, 1);
        EXPECT_TRUE(link->paused());
    });
    stage.settle();
    EXPECT_EQ(rules.synced, 101);
    EXPECT_EQ(rules.sync_depth_max, 1);
    EXPECT_EQ(count_of(peer.ask("PING\r\n"), "RS+ "), 101U);
    on_link([](TestLink& each) { EXPECT_FALSE(each.paused()); });
}

TEST_F(ServerLinkTest, ALinkThatClosesDuringItsSyncIsForgotten) {
    constexpr uint32_t kSubscriptions = 2 * InterestSync::kAnnouncedPerTurn;
    subscribe_to(kSubscriptions);
    accept();
    stage.on_worker(0, [this](server::WorkerState& state) {
        link->skip_login();
        link->serve("REMOTE", "remote");
        ASSERT_TRUE(link->paused());
        link->close(link::CloseReason::kServerShutdown);
        EXPECT_FALSE(state.delivery.servers.send_interest_slice());
    });
    stage.settle();
    EXPECT_EQ(rules.synced, 0);
}

TEST_F(ServerLinkTest, AServerThatReadsNothingGetsAQuarterOfThePendingLimitAndTheRestLater) {
    constexpr uint32_t kSubscriptions = 20'000;
    const std::string name(100, 'n');
    std::string storm;
    for (uint32_t i = 0; i < kSubscriptions; ++i) storm += fmt::format("SUB {}.{} {}\r\n", name, i, i);
    stage.client(1).say(storm);
    stage.settle();
    SimPeer& peer = accept();
    peer.stream().set_reading(false);
    uint64_t most = 0;
    stage.on_worker(0, [this](server::WorkerState&) {
        link->skip_login();
        link->serve("REMOTE", "remote");
    });
    for (int i = 0; i < 100; ++i) {
        stage.pass(1'000'000);
        most = std::max(most, link->pending_bytes());
    }
    EXPECT_EQ(rules.synced, 0);
    EXPECT_GE(most, kPendingMax / 4);
    EXPECT_LE(most, kPendingMax / 2);
    peer.stream().set_reading(true);
    const std::string heard = hear_sync(peer);
    EXPECT_EQ(rules.synced, 1);
    EXPECT_EQ(count_of(heard, "RS+ "), kSubscriptions);
    EXPECT_EQ(peer.ask("PING\r\n"), "PONG\r\n");
}

TEST_F(ServerLinkTest, AServerThatReadsNoAnnouncementsIsASlowConsumer) {
    SimPeer& peer = serve();
    peer.stream().set_reading(false);
    const std::string name(200, 'n');
    std::string storm;
    for (uint32_t i = 0; i < 10'000; ++i) storm += fmt::format("SUB {}.{} {}\r\n", name, i, i);
    stage.client(1).ask(storm);
    stage.pass(kSecond_ns / 10);  // no PING is due yet
    EXPECT_FALSE(is_open());
    EXPECT_EQ(slow_consumers(), 1U);
}

// ------------------------------------------------------------------------------------ messages

TEST_F(ServerLinkTest, MessagesThatComeInReachClientsOnAllWorkers) {
    SimPeer& peer = serve();
    SimPeer& here = stage.client(0, ",\"headers\":true");
    SimPeer& there = stage.client(1);
    here.ask("SUB > 1\r\n");
    there.ask("SUB a.* q 2\r\n");
    peer.hear();
    // Plain, without the blank of the canonical form, for a group, and with headers.
    peer.say("RMSG $G a.b r 1\r\nx\r\nRMSG  $G a.b 1\r\ny\r\nRMSG $G a.b | q 1\r\nz\r\n"
             "HMSG $G a.c 12 13\r\nNATS/1.0\r\n\r\nh\r\n");
    EXPECT_EQ(here.hear(), "MSG a.b 1 r 1\r\nx\r\nMSG a.b 1 1\r\ny\r\nMSG a.b 1 1\r\nz\r\n"
                           "HMSG a.c 1 12 13\r\nNATS/1.0\r\n\r\nh\r\n");
    EXPECT_EQ(there.hear(), "MSG a.b 2 1\r\nz\r\n");
    EXPECT_EQ(link->traffic().in_messages, 4U);
    EXPECT_EQ(link->traffic().in_bytes, 16U);
    EXPECT_EQ(peer.ask("PING\r\n"), "PONG\r\n");
}

TEST_F(ServerLinkTest, AJetStreamDeliveryReachesAClientUnderTheSubjectOfItsStream) {
    SimPeer& client = stage.client(1);
    client.ask("SUB deliver 1\r\n");
    serve().ask("RMSG $G deliver $JS.ACK.S.C.1.2.3.4.5@orders.new 1\r\nx\r\n");
    EXPECT_EQ(client.hear(), "MSG orders.new 1 $JS.ACK.S.C.1.2.3.4.5 1\r\nx\r\n");
}

TEST_F(ServerLinkTest, MessagesThatAMappingMakesTooLongAreCountedOnce) {
    const account::SubjectMap twice({{.source = "a.*", .targets = {{.subject = "$1.$1"}}}}, "");
    rules.mappings = &twice;
    const std::string message =
        fmt::format("RMSG $G a.{} 1\r\nx\r\n", std::string(delivery::kNamesSizeMax / 2, 't'));
    serve().ask(message + message + message);
    EXPECT_EQ(link->traffic().in_messages, 3U);
    EXPECT_EQ(stage.state(0).delivery.counters().oversized, 3U);
}

TEST_F(ServerLinkTest, EachRequestOfARunToAServiceHasAReplyOfItsOwn) {
    config::Options options;
    options.accounts = {{.name = "A"}, {.name = "B"}};
    constexpr auto kService = config::ExchangeKind::kService;
    options.accounts[0].imports = {{.kind = kService, .account = "B", .subject = "svc"}};
    options.accounts[1].exports = {{.kind = kService, .subject = "svc"}};
    (void)stage.accounts.apply(options);
    SimPeer& responder = serve(1);
    responder.ask("RS+ B svc\r\n");
    const std::string request = "RMSG A svc inbox 1\r\nx\r\n";
    serve(0, kLeafnode).ask(request + request + request);
    const std::string heard = responder.hear();
    const Strings parts = absl::StrSplit(heard, "RMSG B svc ");
    ASSERT_EQ(parts.size(), 4U);
    EXPECT_NE(parts[1], parts[2]);
    EXPECT_NE(parts[2], parts[3]);
}

TEST_F(ServerLinkTest, MessagesThatHaveNoPlaceHereAreIgnored) {
    SimPeer& peer = serve();
    SimPeer& client = stage.client(0);
    client.ask("SUB > 1\r\n");
    peer.hear();
    const std::string half(delivery::kNamesSizeMax / 2 + 1, 'n');
    EXPECT_EQ(peer.ask(fmt::format("RMSG NOBODY a 1\r\nx\r\nRMSG $G {0} {0} 1\r\nx\r\nPING\r\n", half)),
              "PONG\r\n");
    EXPECT_EQ(client.hear(), "");
    EXPECT_TRUE(is_open());
}

TEST_F(ServerLinkTest, NothingPassesBeforeTheLinkIsRegistered) {
    SimPeer& peer = accept();
    on_link([](TestLink& each) { each.skip_login(); });
    SimPeer& client = stage.client(0);
    client.ask("SUB > 1\r\n");
    EXPECT_EQ(peer.ask("RS+ $G a\r\nRMSG $G a 1\r\nx\r\nPING\r\n"), "PONG\r\n");
    EXPECT_EQ(client.hear(), "");
    EXPECT_EQ(sublist().count(), 1U);
}

TEST_F(ServerLinkTest, AServerWithoutHeadersGetsTheBodyAlone) {
    SimPeer& peer = serve();
    peer.ask("RS+ $G a\r\n");
    SimPeer& client = stage.client(1, ",\"headers\":true");
    const std::string message = "HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
    client.ask(message);
    EXPECT_EQ(peer.hear(), "HMSG $G a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    EXPECT_EQ(link->traffic().out_bytes, 14U);
    on_link([](TestLink& each) { each.set_takes_headers(false); });
    client.ask(message + message);
    EXPECT_EQ(peer.hear(), "RMSG $G a r 2\r\nhi\r\nRMSG $G a r 2\r\nhi\r\n");
    EXPECT_EQ(link->traffic().out_bytes, 18U);
    EXPECT_EQ(link->traffic().out_messages, 3U);
}

TEST_F(ServerLinkTest, GroupsAndRepliesStandInTheHead) {
    SimPeer& peer = serve();
    peer.ask("RS+ $G a q 1\r\n");
    SimPeer& client = stage.client(0);
    client.ask("PUB a 1\r\nx\r\nPUB a reply 1\r\ny\r\n");
    EXPECT_EQ(peer.hear(), "RMSG $G a | q 1\r\nx\r\nRMSG $G a + reply q 1\r\ny\r\n");
}

TEST_F(ServerLinkTest, AMessageOfALeafnodeClusterNamesItAndTheSizeOfItsHeaders) {
    SimPeer& peer = serve();
    on_link([this](TestLink& each) {
        std::string frame;
        const delivery::MessageRun plain =
            delivery::frame_message({.subject = "a", .reply = "r", .headers = {}, .body = "xy"}, &frame);
        each.send_message({.account = stage.accounts.global(), .run = plain, .subject = "a", .origin = "EAST"});
        std::string other;
        const delivery::MessageRun headed = delivery::frame_message(
            {.subject = "a", .reply = {}, .headers = "NATS/1.0\r\n\r\n", .body = "xy"}, &other);
        each.send_message({.account = stage.accounts.global(), .run = headed, .subject = "b", .origin = "EAST"});
    });
    EXPECT_EQ(peer.hear(), "LMSG EAST $G a r 0 2\r\nxy\r\nLMSG EAST $G b 12 14\r\nNATS/1.0\r\n\r\nxy\r\n");
}

TEST_F(ServerLinkTest, AMappedReplyStandsBeforeTheSizes) {
    SimPeer& peer = serve();
    on_link([this](TestLink& each) {
        std::string frame;
        const delivery::MessageRun run =
            delivery::frame_message({.subject = "a", .reply = "r", .headers = {}, .body = "xy"}, &frame);
        each.send_message(
            {.account = stage.accounts.global(), .run = run, .subject = "a", .reply_prefix = "_GR_.x."});
        each.send_message({.account = stage.accounts.global(),
                           .run = run,
                           .subject = "a",
                           .queues = "q",
                           .reply_prefix = "_GR_.x."});
    });
    EXPECT_EQ(peer.hear(), "RMSG $G a _GR_.x.r 2\r\nxy\r\nRMSG $G a + _GR_.x.r q 2\r\nxy\r\n");
}

TEST_F(ServerLinkTest, WithoutGatewaysAMappedReplyIsASubjectLikeOthers) {
    SimPeer& client = stage.client(1);
    client.ask("SUB > 1\r\n");
    serve().ask("RMSG $G _GR_.CLUSTR.SERVER.inbox 1\r\nx\r\n");
    EXPECT_EQ(client.hear(), "MSG _GR_.CLUSTR.SERVER.inbox 1 1\r\nx\r\n");
}

TEST_F(ServerLinkTest, WhatMayNotLeaveStays) {
    rules.may_not_leave = "secret";
    SimPeer& peer = serve();
    peer.ask("RS+ $G >\r\n");
    for (uint32_t worker : {0, 1}) {
        stage.client(worker).ask("PUB secret 1\r\nx\r\nPUB open 1\r\ny\r\n");
        EXPECT_EQ(peer.hear(), "RMSG $G open 1\r\ny\r\n");
    }
}

// Two are more than is free after a rest.
std::string half_of_free(const link::LinkLimits& limits) {
    const size_t size = (limits.max_pending_bytes - limits.stall_from_bytes) / 2 * 9 / 16;
    return fmt::format("RMSG $G a {}\r\n{}\r\n", size, std::string(size, 'x'));
}

// Others publish over it, too.
TEST_F(ServerLinkTest, AServerRestsForATurnAndThenSendsForAWhile) {
    SimPeer& receives = stage.client(0);
    receives.stream().set_reading(false);
    link::Link& receiver = *stage.state(0).host.table.find(stage.state(0).host.handles().back());
    SimPeer& peer = serve();
    const link::LinkLimits& limits = stage.state(0).host.limits();
    while (receiver.pending_bytes() <= limits.stall_from_bytes)
        on_link([&](TestLink&) { receiver.queue(std::string(limits.max_pending_bytes / 16, 'x')); });
    const auto rests = [&] {
        bool rested = false;
        on_link([&](TestLink& each) {
            delivery::StallGate& gate = stage.state(0).delivery.stall_gate;
            gate.note_backlog(receiver);
            rested = gate.rests_after_message(each);
        });
        return rested;
    };
    EXPECT_TRUE(rests());
    EXPECT_FALSE(link->is_stalled());
    EXPECT_FALSE(rests());
    const std::string half = half_of_free(limits);
    peer.ask(half);
    EXPECT_FALSE(rests());
    peer.ask(half);
    EXPECT_TRUE(rests());
}

// Else clients that rest beside it would hold up all that is behind it.
TEST_F(ServerLinkTest, AServerSharesWithNobodyWhatIsFreeAfterARest) {
    SimPeer& receives = stage.client(0);
    receives.stream().set_reading(false);
    link::LinkHost& host = stage.state(0).host;
    link::Link& receiver = *host.table.find(host.handles().back());
    std::vector<base::LinkHandle> publishers;
    for (size_t i = 0; i < delivery::StallGate::kSharersMax; ++i) {
        stage.client(0);
        publishers.push_back(host.handles().back());
    }
    SimPeer& peer = serve();
    publishers.push_back(link->handle());
    const link::LinkLimits& limits = host.limits();
    while (receiver.pending_bytes() <= limits.stall_from_bytes)
        on_link([&](TestLink&) { receiver.queue(std::string(limits.max_pending_bytes / 16, 'x')); });
    on_link([&](TestLink&) {
        delivery::StallGate& gate = stage.state(0).delivery.stall_gate;
        for (const base::LinkHandle each : publishers) {
            gate.note_backlog(receiver);
            gate.stall_there(each, proto::Kind::kClient);
        }
    });
    EXPECT_TRUE(link->is_stalled());
    stage.pass(delivery::StallGate::kRest_ns + runtime::TimerWheel::kTick_ns);
    EXPECT_FALSE(link->is_stalled());
    const std::string half = half_of_free(limits);
    peer.ask(half);
    EXPECT_FALSE(link->may_rest());
    peer.ask(half);
    EXPECT_TRUE(link->may_rest());
}

// ---------------------------------------------------------------------------------- keep-alive

TEST_F(ServerLinkTest, AServerThatAnswersPingsStays) {
    SimPeer& peer = serve();
    const std::string heard = answer_pings(peer, 600);
    EXPECT_GT(count_of(heard, "PING\r\n"), 15U);
    EXPECT_TRUE(is_open());
    EXPECT_GT(link->rtt_ns(), 0U);
}

TEST_F(ServerLinkTest, AServerThatDoesNotIsStaleAfterTheLastPing) {
    SimPeer& peer = serve();
    stage.pass(600 * kSecond_ns);
    const std::string heard = peer.hear();
    EXPECT_EQ(count_of(heard, "PING\r\n"), static_cast<size_t>(config::Options().ping_max));
    EXPECT_THAT(heard, EndsWith("-ERR 'Stale Connection'\r\n"));
    EXPECT_FALSE(is_open());
}

TEST_F(ServerLinkTest, ALinkThatPartsIsClosedLaterAndSendsNoPings) {
    SimPeer& peer = accept();
    on_link([](TestLink& each) {
        each.close_after(link::CloseReason::kDuplicateRoute, 5 * kSecond_ns);
        each.skip_login();
    });
    stage.pass(4 * kSecond_ns);
    EXPECT_TRUE(is_open());
    stage.pass(2 * kSecond_ns);
    EXPECT_FALSE(is_open());
    EXPECT_EQ(peer.hear(), "");
}

TEST_F(ServerLinkTest, ALinkThatIsRegisteredAfterAllDoesNotPart) {
    SimPeer& peer = accept();
    on_link([](TestLink& each) {
        each.skip_login();
        each.close_after(link::CloseReason::kDuplicateRoute, 5 * kSecond_ns);
        each.serve("REMOTE", "remote");
    });
    answer_pings(peer, 10);
    EXPECT_TRUE(is_open());
}

TEST_F(ServerLinkTest, ALinkThatLogsInWhileItPartsIsPingedOnceItIsRegistered) {
    SimPeer& peer = accept();
    on_link([](TestLink& each) {
        each.close_after(link::CloseReason::kDuplicateRoute, 5 * kSecond_ns);
        each.skip_login();
        each.serve("REMOTE", "remote");
    });
    EXPECT_GT(count_of(answer_pings(peer, 60), "PING\r\n"), 0U);
    EXPECT_TRUE(is_open());
}

// --------------------------------------------------------------------------------- compression

TEST_F(ServerLinkTest, TheLevelFollowsTheRoundTripTimeInModeAutoAlone) {
    rules.on_connect = [](ServerLink& each, auto) {
        static_cast<TestLink&>(each).begin_compression(Compression::kFast);
    };
    serve().say("CONNECT {}\r\n");
    stage.pass(kSecond_ns / 2);
    config::CompressionOptions own;
    own.mode = config::CompressionMode::kFast;
    for (const int each : {10, 50, 100}) own.rtt_thresholds.push_back(std::chrono::milliseconds(each));
    on_link([&](TestLink& each) { each.adapt_level(own); });
    EXPECT_EQ(link->compression(), Compression::kFast);
    own.mode = config::CompressionMode::kAuto;
    on_link([&](TestLink& each) { each.adapt_level(own); });
    EXPECT_EQ(link->compression(), Compression::kBest);
}

TEST_F(ServerLinkTest, OtherSettingsOfCompressionCloseALinkThatHasToAgreeAgain) {
    const auto is_open_after = [this](Compression of_link, config::CompressionMode before,
                                      config::CompressionMode now) {
        rules.ended = false;
        serve();
        on_link([=](TestLink& each) {
            each.set_compression(of_link);
            each.apply_compression({.mode = before}, {.mode = now});
        });
        return is_open();
    };
    using Mode = config::CompressionMode;
    EXPECT_TRUE(is_open_after(Compression::kOff, Mode::kOff, Mode::kOff));
    EXPECT_FALSE(is_open_after(Compression::kOff, Mode::kOff, Mode::kFast));
    EXPECT_FALSE(is_open_after(Compression::kOff, Mode::kOff, Mode::kAccept));
    EXPECT_TRUE(is_open_after(Compression::kOff, Mode::kAccept, Mode::kOff));
    EXPECT_TRUE(is_open_after(Compression::kNotSupported, Mode::kOff, Mode::kFast));
    EXPECT_FALSE(is_open_after(Compression::kFast, Mode::kFast, Mode::kOff));
    EXPECT_FALSE(is_open_after(Compression::kFast, Mode::kFast, Mode::kAccept));
    EXPECT_TRUE(is_open_after(Compression::kFast, Mode::kFast, Mode::kFast));
}

}  // namespace
}  // namespace nuring::server_link
