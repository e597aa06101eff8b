// SPDX-License-Identifier: Apache-2.0
// Messages for other servers, messages from them, and what they are told.
#include "core/delivery/remote_server.h"

#include <map>
#include <string>
#include <vector>

#include "core/delivery/deliver.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_remote_server.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::count_of;
using test::FakeRemoteServer;
using test::SimPeer;
using test::WorkerStage;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

// A member here that takes nothing.
class RefusingMember final : public Subscriber {
  public:
    RefusingMember(Delivery& delivery, std::string_view pattern, std::string_view queue)
        : delivery_(delivery),
          subscription_(delivery.subscriptions.create(
              {.link = base::LinkHandle(delivery.host.id, 1000, 1),
               .owner = static_cast<Subscriber*>(this),
               .subject = pattern,
               .queue = queue})) {
        delivery_.accounts.global().sublist().insert(subscription_);
    }
    ~RefusingMember() {
        delivery_.accounts.global().sublist().remove(subscription_);
        delivery_.subscriptions.destroy(subscription_);
    }
    RefusingMember(const RefusingMember&) = delete;
    RefusingMember& operator=(const RefusingMember&) = delete;

    uint32_t deliver(interest::Subscription& /*subscription*/, const MessageRun& /*run*/,
                     base::LinkHandle /*origin*/) override {
        return 0;
    }
    bool accepts(const interest::Subscription& /*subscription*/, base::LinkHandle /*origin*/) const override {
        return false;
    }

  private:
    Delivery& delivery_;
    interest::Subscription* const subscription_;
};

// A stage of workers with a peer on some of them.
class RemoteServerTest : public testing::Test {
  protected:
    FakeRemoteServer& peer(uint32_t worker, proto::Kind kind = proto::Kind::kRoute,
                           SimPeer** other_end = nullptr) {
        FakeRemoteServer* made = nullptr;
        SimPeer& end = stage.accept_as(worker, [&](server::WorkerState& state, int fd) {
            made = new FakeRemoteServer(state.delivery, fd, kind);
        });
        if (other_end != nullptr) *other_end = &end;
        return *made;
    }
    void on(FakeRemoteServer& peer, std::function<void(FakeRemoteServer&)> function) {
        stage.on_worker(index_of(peer.handle().worker()),
                        [&](server::WorkerState&) { function(peer); });
        stage.settle();
    }
    static Strings take(Strings& strings) { return std::exchange(strings, {}); }

    WorkerStage stage{3};
};

TEST_F(RemoteServerTest, AMessageGoesToAServerOnceHoweverManyOfItsPatternsMatch) {
    FakeRemoteServer& here = peer(0);
    FakeRemoteServer& there = peer(1);
    for (FakeRemoteServer* each : {&here, &there}) {
        on(*each, [](FakeRemoteServer& peer) {
            peer.subscribe("a.b");
            peer.subscribe("a.*");
            peer.subscribe(">");
        });
    }
    SimPeer& client = stage.client(0);
    client.say("PUB a.b 1\r\nx\r\nPUB a.b 1\r\ny\r\nPUB other 1\r\nz\r\n");
    stage.settle();
    for (FakeRemoteServer* each : {&here, &there}) {
        EXPECT_THAT(each->messages, ElementsAre("a.b x []", "a.b y []", "other z []"));
    }
}

TEST_F(RemoteServerTest, PlainSubscribersAndGroupsOfAServerShareOneMessage) {
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) {
        peer.subscribe("a");
        peer.subscribe("a", "q");
        peer.subscribe("*", "r");
    });
    stage.client(0).say("PUB a 1\r\nx\r\n");
    stage.settle();
    EXPECT_THAT(there.messages, ElementsAre("a x [q r]"));
}

TEST_F(RemoteServerTest, AServerWithoutPlainSubscribersGetsWhatItsMembersWerePickedFor) {
    FakeRemoteServer& here = peer(0);
    FakeRemoteServer& there = peer(2);
    for (FakeRemoteServer* each : {&here, &there}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    SimPeer& member = stage.client(1);
    member.ask("SUB a q 1\r\n");
    std::string burst;
    for (int i = 0; i < 30; ++i) burst += fmt::format("PUB a 2\r\n{:02}\r\n", i);
    stage.client(0).say(burst);
    const std::string heard = member.hear();
    EXPECT_EQ(count_of(heard, "MSG a 1 2\r\n"), 10U);
    EXPECT_EQ(here.messages.size(), 10U);
    EXPECT_EQ(there.messages.size(), 10U);
    Strings all = here.messages;
    all.insert(all.end(), there.messages.begin(), there.messages.end());
    for (int i = 0; i < 30; ++i) {
        const std::string payload = fmt::format("{:02}", i);
        const auto in_peers = std::count(all.begin(), all.end(), fmt::format("a {} [q]", payload));
        const auto at_member = static_cast<long>(count_of(heard, "2\r\n" + payload + "\r\n"));
        EXPECT_EQ(in_peers + at_member, 1) << payload;
    }
}

// Whatever groups pick which server for which part of a run: each message comes to it once if it has plain
// subscribers, and with the names of those groups that have picked it.
TEST_F(RemoteServerTest, PartsOfRunsForSeveralGroupsNeitherDoubleNorLose) {
    FakeRemoteServer& here = peer(0);
    FakeRemoteServer& there = peer(1);
    on(here, [](FakeRemoteServer& peer) {
        peer.subscribe("a");
        peer.subscribe("a", "q", 2);
        peer.subscribe("a", "r");
    });
    on(there, [](FakeRemoteServer& peer) {
        peer.subscribe("a", "q");
        peer.subscribe("a", "r", 3);
    });
    SimPeer& member = stage.client(2);
    member.ask("SUB a r 1\r\n");
    SimPeer& sends = stage.client(0);
    for (const int count : {1, 2, 3, 7, 50}) {
        here.messages.clear();
        there.messages.clear();
        std::string burst;
        for (int i = 0; i < count; ++i) burst += fmt::format("PUB a 2\r\n{:02}\r\n", i);
        sends.say(burst);
        const std::string heard = member.hear();
        std::map<std::string, int> plain;
        std::map<std::string, int> q;
        std::map<std::string, int> r;
        for (const FakeRemoteServer* each : {&here, &there}) {
            for (const std::string& message : each->messages) {
                const std::string payload = message.substr(2, 2);
                const std::string queues = message.substr(5);
                if (each == &here) ++plain[payload];
                if (each == &there) {
                    EXPECT_NE(queues, "[]") << message;
                }
                q[payload] += queues.find('q') != std::string::npos;
                r[payload] += queues.find('r') != std::string::npos;
            }
        }
        for (int i = 0; i < count; ++i) {
            const std::string payload = fmt::format("{:02}", i);
            EXPECT_EQ(plain[payload], 1) << count;
            EXPECT_EQ(q[payload], 1) << count;
            EXPECT_EQ(r[payload] + static_cast<int>(count_of(heard, "2\r\n" + payload + "\r\n")), 1)
                << count;
        }
        EXPECT_EQ(plain.size(), static_cast<size_t>(count));
    }
}

TEST_F(RemoteServerTest, SharesFollowTheWeightsOfServers) {
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) { peer.subscribe("a", "q", 3); });
    SimPeer& member = stage.client(0);
    member.ask("SUB a q 1\r\n");
    SimPeer& sends = stage.client(2);
    for (int i = 0; i < 4000; ++i) sends.say("PUB a 1\r\nx\r\nPUB nobody 0\r\n\r\n");
    const auto local = count_of(member.hear(), "MSG a 1 1\r\n");
    EXPECT_EQ(local + there.messages.size(), 4000U);
    EXPECT_NEAR(static_cast<double>(local), 1000, 100);
}

TEST_F(RemoteServerTest, WeightsWhoseSumIsBeyond32BitsAreFair) {
    std::vector<FakeRemoteServer*> peers;
    for (uint32_t i = 0; i < 5; ++i) {
        peers.push_back(&peer(1));
        on(*peers.back(), [](FakeRemoteServer& peer) { peer.subscribe("a", "q", 999'999'999); });
    }
    SimPeer& sends = stage.client(2);
    for (int i = 0; i < 1000; ++i) sends.say("PUB a 1\r\nx\r\nPUB nobody 0\r\n\r\n");
    stage.settle();
    for (const FakeRemoteServer* each : peers) {
        EXPECT_NEAR(static_cast<double>(each->messages.size()), 200, 60);
    }
}

TEST_F(RemoteServerTest, WhatComesFromAServerGoesToNoOther) {
    FakeRemoteServer& from = peer(0);
    FakeRemoteServer& other = peer(1);
    for (FakeRemoteServer* each : {&from, &other}) {
        on(*each, [](FakeRemoteServer& peer) {
            peer.subscribe("a");
            peer.subscribe("a", "q");
        });
    }
    SimPeer& here = stage.client(0);
    SimPeer& there = stage.client(2);
    here.ask("SUB a 1\r\nSUB a q 2\r\n");
    there.ask("SUB a 1\r\nSUB a q 2\r\n");
    on(from, [](FakeRemoteServer& peer) { peer.send("a", "x", ""); });
    EXPECT_EQ(here.hear(), "MSG a 1 r 1\r\nx\r\n");
    EXPECT_EQ(there.hear(), "MSG a 1 r 1\r\nx\r\n");
    on(from, [](FakeRemoteServer& peer) { peer.send("a", "y", "other q"); });
    const std::string heard = here.hear() + there.hear();
    EXPECT_EQ(count_of(heard, "MSG a 1 r 1\r\ny\r\n"), 2U);
    EXPECT_EQ(count_of(heard, "MSG a 2 r 1\r\ny\r\n"), 1U);
    EXPECT_THAT(from.messages, IsEmpty());
    EXPECT_THAT(other.messages, IsEmpty());
}

TEST_F(RemoteServerTest, AGroupThatHasGoneHereIsServedByAnotherServerThanTheSender) {
    FakeRemoteServer& from = peer(0);
    FakeRemoteServer& other = peer(1);
    for (FakeRemoteServer* each : {&from, &other}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    on(from, [](FakeRemoteServer& peer) { peer.send("a", "x", "q"); });
    EXPECT_THAT(from.messages, IsEmpty());
    EXPECT_THAT(other.messages, ElementsAre("a x [q]"));
}

// The picks for a server wait for its worker; then it has gone.
TEST_F(RemoteServerTest, WhatAServerThatHasGoneWasPickedForGoesToNobodyTwice) {
    SimPeer* end = nullptr;
    FakeRemoteServer& gone = peer(1, proto::Kind::kRoute, &end);
    FakeRemoteServer& served = peer(2);
    on(gone, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    on(served, [](FakeRemoteServer& peer) {
        peer.subscribe("a");
        peer.subscribe("a", "q");
    });
    const auto publish_and_lose = [&] {
        stage.pause(1, true);
        SimPeer& client = stage.client(0);
        for (int i = 0; i < 50; ++i) client.say(fmt::format("PUB a 2\r\n{:02}\r\n", i));
        stage.pass(1'000'000);
        end->stream().reset();
        stage.pass(1'000'000);
        stage.pause(1, false);
        stage.settle();
    };
    publish_and_lose();
    EXPECT_EQ(served.messages.size(), 50U);
    EXPECT_GT(stage.state(1).delivery.counters().lost_group_messages, 0U);

    // Members here, and servers without plain subscribers, have not had it.
    FakeRemoteServer& gone_too = peer(1, proto::Kind::kRoute, &end);
    FakeRemoteServer& spare = peer(0);
    for (FakeRemoteServer* each : {&gone_too, &spare}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    const uint64_t lost = stage.state(1).delivery.counters().lost_group_messages;
    served.messages.clear();
    publish_and_lose();
    EXPECT_EQ(served.messages.size(), 50U);
    const auto with_group = static_cast<size_t>(std::count_if(
        served.messages.begin(), served.messages.end(),
        [](const std::string& each) { return each.ends_with("[q]"); }));
    EXPECT_EQ(spare.messages.size() + with_group, 50U);
    EXPECT_EQ(stage.state(1).delivery.counters().lost_group_messages, lost);
}

// Other servers of the cluster would pass it on in turn, and their plain subscribers had it twice.
TEST_F(RemoteServerTest, LeafnodesServeAGroupBeforeOtherServersWhatCameFromAServer) {
    FakeRemoteServer& sender = peer(0);
    FakeRemoteServer& third = peer(1);
    FakeRemoteServer& leaf = peer(2, proto::Kind::kLeafnode);
    for (FakeRemoteServer* each : {&sender, &third, &leaf}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    for (int i = 0; i < 20; ++i) {
        on(sender, [](FakeRemoteServer& peer) { peer.send("a", "x", "q"); });
    }
    EXPECT_THAT(leaf.messages, testing::SizeIs(20));
    EXPECT_THAT(third.messages, IsEmpty());
    EXPECT_THAT(sender.messages, IsEmpty());
}

TEST_F(RemoteServerTest, AGroupThatHasGoneHereGoesBackToTheSenderWhereNobodyElseHasMembers) {
    FakeRemoteServer& from = peer(0);
    on(from, [](FakeRemoteServer& peer) {
        peer.subscribe("a", "q");
        EXPECT_TRUE(peer.send("a", "x", "q"));
    });
    EXPECT_THAT(from.messages, ElementsAre("a x [q]"));
    // Not to a leafnode: its server has asked all members there before.
    FakeRemoteServer& leaf = peer(0, proto::Kind::kLeafnode);
    on(leaf, [](FakeRemoteServer& peer) {
        peer.subscribe("b", "q");
        EXPECT_FALSE(peer.send("b", "x", "q"));
    });
    EXPECT_THAT(leaf.messages, IsEmpty());
    EXPECT_EQ(stage.state(0).delivery.counters().lost_group_messages, 1U);
}

TEST_F(RemoteServerTest, BehindAMemberThatRefusesLeafnodesComeBeforeOtherServersToo) {
    FakeRemoteServer& sender = peer(0);
    FakeRemoteServer& third = peer(1);
    FakeRemoteServer& leaf = peer(2, proto::Kind::kLeafnode);
    for (FakeRemoteServer* each : {&sender, &third, &leaf}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    RefusingMember member(stage.state(0).delivery, "a", "q");
    for (int i = 0; i < 10; ++i) {
        on(sender, [](FakeRemoteServer& peer) { EXPECT_TRUE(peer.send("a", "x", "q")); });
    }
    EXPECT_THAT(leaf.messages, testing::SizeIs(10));
    EXPECT_THAT(third.messages, IsEmpty());
    EXPECT_THAT(sender.messages, IsEmpty());
}

TEST_F(RemoteServerTest, BehindAMemberThatLeavesLeafnodesComeBeforeOtherServersToo) {
    FakeRemoteServer& sender = peer(0);
    FakeRemoteServer& third = peer(1);
    FakeRemoteServer& leaf = peer(2, proto::Kind::kLeafnode);
    SimPeer& member = stage.client(0);
    member.ask("SUB a q 1\r\nUNSUB 1 3\r\n");
    for (FakeRemoteServer* each : {&sender, &third, &leaf}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    // The first three go to the member, and its interest with the third one.
    stage.on_worker(0, [&](server::WorkerState&) {
        for (int i = 0; i < 10; ++i) EXPECT_TRUE(sender.send("a", fmt::format("{}", i), "q"));
    });
    stage.settle();
    EXPECT_EQ(count_of(member.hear(), "MSG a 1 "), 3U);
    EXPECT_THAT(leaf.messages, testing::SizeIs(7));
    EXPECT_THAT(third.messages, IsEmpty());
    EXPECT_THAT(sender.messages, IsEmpty());
}

TEST_F(RemoteServerTest, MembersHereAndInTheClusterComeBeforeThoseOfLeafnodesAndOtherClusters) {
    FakeRemoteServer& gateway = peer(0, proto::Kind::kGateway);
    FakeRemoteServer& leaf = peer(1, proto::Kind::kLeafnode);
    FakeRemoteServer& route = peer(2);
    SimPeer& sends = stage.client(0);
    const auto publish = [&] {
        for (int i = 0; i < 20; ++i) sends.say("PUB a 1\r\nx\r\nPUB other 0\r\n\r\n");
        stage.settle();
    };
    const auto add = [&](FakeRemoteServer& each) {
        on(each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    };
    add(gateway);
    publish();
    EXPECT_THAT(take(gateway.messages), testing::SizeIs(20));
    add(leaf);
    publish();
    EXPECT_THAT(take(leaf.messages), testing::SizeIs(20));
    add(route);
    publish();
    EXPECT_THAT(take(route.messages), testing::SizeIs(20));
    EXPECT_THAT(leaf.messages, IsEmpty());
    EXPECT_THAT(gateway.messages, IsEmpty());
}

TEST_F(RemoteServerTest, OfOtherClustersTheNearestServesAGroup) {
    FakeRemoteServer& far = peer(0, proto::Kind::kGateway);
    FakeRemoteServer& near = peer(1, proto::Kind::kGateway);
    for (FakeRemoteServer* each : {&far, &near}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    stage.on_worker(0, [&](server::WorkerState& state) {
        state.delivery.gateways.outbound = {{.link = near.handle()}, {.link = far.handle()}};
    });
    SimPeer& sends = stage.client(0);
    for (int i = 0; i < 10; ++i) sends.say("PUB a 1\r\nx\r\nPUB other 0\r\n\r\n");
    stage.settle();
    EXPECT_THAT(near.messages, testing::SizeIs(10));
    EXPECT_THAT(far.messages, IsEmpty());
    // What came over a gateway goes over no other.
    FakeRemoteServer& from = peer(0, proto::Kind::kGateway);
    on(from, [](FakeRemoteServer& peer) { EXPECT_FALSE(peer.send("a", "x", "q")); });
    EXPECT_THAT(near.messages, testing::SizeIs(10));
    EXPECT_EQ(stage.state(0).delivery.counters().lost_group_messages, 1U);
}

TEST_F(RemoteServerTest, AClusterOfLeafnodesGetsItsOwnMessagesFromNobody) {
    constexpr uint32_t kEast = 1;
    constexpr uint32_t kWest = 2;
    FakeRemoteServer& from = peer(0, proto::Kind::kLeafnode);
    FakeRemoteServer& same = peer(1, proto::Kind::kLeafnode);
    FakeRemoteServer& other = peer(2, proto::Kind::kLeafnode);
    on(same, [](FakeRemoteServer& peer) { peer.subscribe("a", "q", 1, kEast); });
    on(other, [](FakeRemoteServer& peer) { peer.subscribe("a", "q", 1, kWest); });
    for (int i = 0; i < 20; ++i) {
        on(from, [](FakeRemoteServer& peer) { EXPECT_TRUE(peer.send("a", "x", "q", kEast)); });
    }
    EXPECT_THAT(same.messages, IsEmpty());
    EXPECT_THAT(other.messages, testing::SizeIs(20));
    EXPECT_EQ(other.last_origin_cluster, kEast) << "also where it lives on another worker";
}

TEST_F(RemoteServerTest, WhatAServerNeedsToKnowOfAMessageCrossesWorkers) {
    FakeRemoteServer& from = peer(0, proto::Kind::kGateway);
    FakeRemoteServer& here = peer(0, proto::Kind::kLeafnode);
    FakeRemoteServer& there = peer(1, proto::Kind::kLeafnode);
    const proto::ReplyOrigin origin = proto::ReplyOrigin::make("CLUSTR", "SERVER");
    for (FakeRemoteServer* each : {&here, &there}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a"); });
    }
    on(from, [&](FakeRemoteServer& peer) { EXPECT_TRUE(peer.send("a", "x", "", 0, origin)); });
    for (FakeRemoteServer* each : {&here, &there}) {
        EXPECT_THAT(each->messages, ElementsAre("a x []"));
        EXPECT_EQ(each->last_reply, "r");
        EXPECT_EQ(each->last_reply_origin, origin.prefix());
        EXPECT_EQ(each->last_origin_cluster, 0U);
    }
    SimPeer& client = stage.client(2, ",\"headers\":true");
    client.say("HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n");
    stage.settle();
    for (FakeRemoteServer* each : {&here, &there}) {
        EXPECT_EQ(each->last_header_size, 12U);
        EXPECT_EQ(each->last_reply_origin, "");
    }
}

TEST_F(RemoteServerTest, APartOfAHubThatIsSentOnGoesToNoRouteEither) {
    FakeRemoteServer& hub = peer(0, proto::Kind::kHub);
    FakeRemoteServer& route = peer(1);
    RefusingMember member(stage.state(1).delivery, "a", "q");
    on(route, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    on(hub, [](FakeRemoteServer& peer) { (void)peer.send("a", "x", "q"); });
    EXPECT_THAT(route.messages, IsEmpty());
    EXPECT_EQ(stage.state(1).delivery.counters().lost_group_messages, 1U);
}

TEST_F(RemoteServerTest, ClientsOnAllWorkersSeeTheSubjectOfAStream) {
    FakeRemoteServer& from = peer(0);
    SimPeer& here = stage.client(0);
    SimPeer& there = stage.client(1);
    for (SimPeer* each : {&here, &there}) each->ask("SUB deliver 1\r\n");
    on(from, [&](FakeRemoteServer& peer) {
        std::string frame;
        MessageRun run = frame_message(
            {.subject = "deliver", .reply = "$JS.ACK.s.c.1.2.3.4.5@orders", .headers = {}, .body = "x"}, &frame);
        run.is_jetstream = true;
        server::WorkerState& state = stage.state(0);
        const auto& entry = state.delivery.cache.find(stage.accounts.global().sublist(), "deliver");
        const interest::MatchPin pin(entry);
        (void)deliver_run(state.delivery, {.link = peer.handle(), .kind = proto::Kind::kRoute},
                          stage.accounts.global(), entry, run);
    });
    for (SimPeer* each : {&here, &there}) {
        EXPECT_EQ(each->hear(), "MSG orders 1 $JS.ACK.s.c.1.2.3.4.5 1\r\nx\r\n");
    }
}

// More names than one message may carry: the groups that find no place are counted.
TEST_F(RemoteServerTest, NamesOfGroupsAreBounded) {
    constexpr size_t kNameSize = 20'000;
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) {
        for (const char letter : {'p', 'q', 'r'}) peer.subscribe("a", std::string(kNameSize, letter));
    });
    stage.client(0).say("PUB a 1\r\nx\r\n");
    stage.settle();
    ASSERT_THAT(there.messages, testing::SizeIs(1));
    EXPECT_EQ(there.messages[0].size(), std::string("a x []").size() + kNameSize);
    EXPECT_EQ(stage.state(0).delivery.counters().lost_group_messages, 2U);
}

TEST_F(RemoteServerTest, AMessageForAServerAloneHasATaker) {
    FakeRemoteServer& here = peer(0);
    on(here, [](FakeRemoteServer& peer) { peer.subscribe("a"); });
    FakeRemoteServer& gateway = peer(0, proto::Kind::kGateway);
    on(gateway, [](FakeRemoteServer& peer) {
        EXPECT_TRUE(peer.send("a", "x", ""));
        EXPECT_FALSE(peer.send("b", "x", ""));
    });
    EXPECT_THAT(here.messages, ElementsAre("a x []"));
}

TEST_F(RemoteServerTest, WhatServersWantIsAnnouncedToLeafnodesOnAllWorkers) {
    FakeRemoteServer& route = peer(0);
    FakeRemoteServer& here = peer(0, proto::Kind::kLeafnode);
    FakeRemoteServer& there = peer(1, proto::Kind::kLeafnode);
    FakeRemoteServer& other_route = peer(1);
    on(route, [](FakeRemoteServer& peer) { peer.subscribe("a"); });
    for (FakeRemoteServer* each : {&here, &there}) EXPECT_THAT(each->told, ElementsAre("a  0"));
    EXPECT_THAT(other_route.told, IsEmpty());
    EXPECT_THAT(route.told, IsEmpty());
}

TEST_F(RemoteServerTest, WhatAMemberHereLeavesAServerGets) {
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    SimPeer& member = stage.client(0);
    SimPeer& sends = stage.client(0);
    for (int round = 0; round < 8; ++round) {
        member.ask(fmt::format("SUB a q {0}\r\nUNSUB {0} 3\r\n", round));
        std::string burst;
        for (int i = 0; i < 10; ++i) burst += fmt::format("PUB a 2\r\n{:02}\r\n", i);
        sends.say(burst);
        const std::string heard = member.hear();
        const Strings others = take(there.messages);
        EXPECT_EQ(count_of(heard, "MSG a "), 3U);
        for (int i = 0; i < 10; ++i) {
            const std::string payload = fmt::format("{:02}", i);
            const auto at_server = std::count(others.begin(), others.end(), fmt::format("a {} [q]", payload));
            const auto at_member = static_cast<long>(count_of(heard, "2\r\n" + payload + "\r\n"));
            EXPECT_EQ(at_server + at_member, 1) << payload;
        }
    }
}

TEST_F(RemoteServerTest, NoServerGetsItsMessagesBackAndNoRouteThoseOfAHub) {
    FakeRemoteServer& leaf = peer(0, proto::Kind::kLeafnode);
    FakeRemoteServer& other = peer(0, proto::Kind::kLeafnode);
    FakeRemoteServer& hub = peer(1, proto::Kind::kHub);
    FakeRemoteServer& route = peer(1);
    for (FakeRemoteServer* each : {&leaf, &other}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a"); });
    }
    on(leaf, [](FakeRemoteServer& peer) { EXPECT_TRUE(peer.send("a", "x", "")); });
    EXPECT_THAT(leaf.messages, IsEmpty());
    EXPECT_THAT(other.messages, ElementsAre("a x []"));
    on(route, [](FakeRemoteServer& peer) { peer.subscribe("b", "q"); });
    on(hub, [](FakeRemoteServer& peer) { EXPECT_FALSE(peer.send("b", "x", "q")); });
    EXPECT_THAT(route.messages, IsEmpty());
}

TEST_F(RemoteServerTest, ARequestThatOnlyAnotherServerCanAnswerHasResponders) {
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) { peer.subscribe("service", "q"); });
    SimPeer& client = stage.client(0, ",\"headers\":true,\"no_responders\":true");
    EXPECT_EQ(client.ask("SUB inbox 1\r\nPUB service inbox 1\r\nx\r\n"), "");
    EXPECT_THAT(there.messages, ElementsAre("service x [q]"));
    EXPECT_NE(client.ask("PUB nobody inbox 0\r\n\r\n").find("503"), std::string::npos);
}

TEST_F(RemoteServerTest, LargeBodiesArriveOnOtherWorkersToo) {
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) { peer.subscribe("a"); });
    const std::string body(300'000, 'b');
    stage.client(0).say(fmt::format("PUB a {}\r\n{}\r\n", body.size(), body));
    stage.settle();
    EXPECT_THAT(there.messages, ElementsAre("a " + body + " []"));
}

// They travel outside of the records, and each part has its own.
TEST_F(RemoteServerTest, PartsWithLargeBodiesAreNotMixedUp) {
    constexpr int kCount = 6;
    constexpr size_t kSize = 40'000;
    constexpr size_t kHead = sizeof("PUB a") - 1;
    FakeRemoteServer& one = peer(1);
    FakeRemoteServer& two = peer(1);
    for (FakeRemoteServer* each : {&one, &two}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    }
    std::string text;
    for (int i = 0; i < kCount; ++i) text += fmt::format("PUB a {0}\r\n{1:0{0}}\r\n", kSize, i);
    const size_t stride = text.size() / kCount;
    text.append(64, ' ');
    stage.on_worker(0, [&](server::WorkerState& state) {
        MessageRun run;
        run.subject = "a";
        run.tail = text.data() + kHead;
        run.tail_size = stride - kHead;
        run.stride = stride;
        run.count = kCount;
        run.total_size = kSize;
        account::Account& account = stage.accounts.global();
        const interest::MatchEntry& entry = state.delivery.cache.find(account.sublist(), "a");
        const interest::MatchPin pin(entry);
        EXPECT_TRUE(deliver_run(state.delivery, {}, account, entry, run));
    });
    stage.settle();
    Strings all = one.messages;
    all.insert(all.end(), two.messages.begin(), two.messages.end());
    std::sort(all.begin(), all.end());
    Strings expected;
    for (int i = 0; i < kCount; ++i) expected.push_back(fmt::format("a {1:0{0}} [q]", kSize, i));
    EXPECT_EQ(all, expected);
}

TEST_F(RemoteServerTest, PeersOnAllWorkersAreToldOfTheFirstAndTheLastSubscription) {
    FakeRemoteServer& here = peer(0);
    FakeRemoteServer& there = peer(1);
    SimPeer& first = stage.client(0);
    SimPeer& second = stage.client(2);
    first.ask("SUB a 1\r\n");
    second.ask("SUB a 1\r\n");
    for (FakeRemoteServer* each : {&here, &there}) EXPECT_EQ(take(each->told), Strings{"a  1"});
    first.ask("UNSUB 1\r\n");
    for (FakeRemoteServer* each : {&here, &there}) EXPECT_THAT(each->told, IsEmpty());
    second.stream().close();
    stage.settle();
    for (FakeRemoteServer* each : {&here, &there}) EXPECT_EQ(take(each->told), Strings{"a  0"});
}

TEST_F(RemoteServerTest, PeersAreToldOfEachMemberOfAGroup) {
    FakeRemoteServer& there = peer(1);
    SimPeer& client = stage.client(0);
    client.ask("SUB a q 1\r\nSUB a q 2\r\n");
    EXPECT_THAT(there.told.back(), "a q 2");
    client.ask("UNSUB 1\r\n");
    EXPECT_THAT(there.told.back(), "a q 1");
    client.ask("UNSUB 2 1\r\nPUB a 0\r\n\r\n");
    EXPECT_THAT(there.told.back(), "a q 0");
}

// A request may not overtake the interest in its answer.
TEST_F(RemoteServerTest, TheReplySubjectIsAnnouncedBeforeTheRequestLeaves) {
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) { peer.subscribe("service"); });
    SimPeer& client = stage.client(0);
    stage.pause(1, true);
    client.say("SUB inbox 1\r\nPUB service inbox 1\r\nx\r\n");
    stage.settle();
    EXPECT_THAT(there.told, IsEmpty());
    stage.pause(1, false);
    stage.settle();
    EXPECT_THAT(there.told, ElementsAre("inbox  1"));
    EXPECT_THAT(there.messages, ElementsAre("service x []"));
}

TEST_F(RemoteServerTest, AStormOfSubscriptionsWaitsForAWorkerThatIsBusy) {
    FakeRemoteServer& there = peer(1);
    SimPeer& client = stage.client(0);
    stage.pause(1, true);
    std::string storm;
    for (int i = 0; i < 20'000; ++i) storm += fmt::format("SUB storm.{} {}\r\n", i, i);
    client.say(storm);
    EXPECT_LT(stage.accounts.global().sublist().count(), 20'000U);
    stage.pause(1, false);
    client.say(storm.substr(storm.size() - client.unsaid()));
    stage.settle();
    EXPECT_EQ(stage.accounts.global().sublist().count(), 20'000U);
    EXPECT_EQ(there.told.size(), 20'000U);
    EXPECT_EQ(stage.state(0).counters().spilled_records, 0U);
}

TEST_F(RemoteServerTest, WithoutPeersNobodyIsTold) {
    FakeRemoteServer& there = peer(1);
    on(there, [](FakeRemoteServer& peer) { peer.close(link::CloseReason::kServerShutdown); });
    stage.pass(5'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
    SimPeer& client = stage.client(0);
    stage.pause(1, true);
    EXPECT_EQ(client.ask("SUB a 1\r\nPUB a 1\r\nx\r\n"), "MSG a 1 1\r\nx\r\n");
    runtime::Mesh& mesh = stage.state(0).host.worker.mesh();
    EXPECT_EQ(mesh.mailbox(base::WorkerId{0}, base::WorkerId{1}).unconsumed_bytes(), 0U) << "nor its worker";
    stage.pause(1, false);
}

TEST_F(RemoteServerTest, ThePatternOfRepliesToServicesIsAnnouncedOnce) {
    FakeRemoteServer& there = peer(1);
    auto options = test::test_options();
    config::AccountOptions exporter{.name = "EXP"};
    config::AccountOptions importer{.name = "IMP"};
    exporter.exports = {{.kind = config::ExchangeKind::kService, .subject = "svc"}};
    importer.imports = {{.kind = config::ExchangeKind::kService, .account = "EXP", .subject = "svc"}};
    options->accounts = {exporter, importer};
    const auto retired = stage.accounts.apply(*options);
    stage.settle();
    EXPECT_THAT(there.told, IsEmpty()) << "that is for the workers to do";
    for (int i = 0; i < 2; ++i) {
        stage.on_worker(1, [this](server::WorkerState& state) {
            state.delivery.servers.announce_reply_patterns(stage.accounts);
        });
        stage.settle();
    }
    EXPECT_THAT(there.told, ElementsAre("_R_.>  1", "_R_.>  1")) << "once for each of the two accounts";
}

TEST_F(RemoteServerTest, AServerGetsAsMuchAsItsMembersWeigh) {
    FakeRemoteServer& one = peer(1);
    FakeRemoteServer& two = peer(2);
    on(one, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    on(two, [](FakeRemoteServer& peer) { peer.subscribe("a", "q", 2); });
    std::string burst;
    for (int i = 0; i < 30; ++i) burst += fmt::format("PUB a 2\r\n{:02}\r\n", i);
    stage.client(0).say(burst);
    stage.settle();
    EXPECT_EQ(one.messages.size(), 10U);
    EXPECT_EQ(two.messages.size(), 20U);
}

TEST_F(RemoteServerTest, AnotherClusterThatHadAMessageIsNotTheLastResortOfAGroup) {
    SimPeer* end = nullptr;
    FakeRemoteServer& gone = peer(1, proto::Kind::kRoute, &end);
    FakeRemoteServer& far = peer(2, proto::Kind::kGateway);
    on(gone, [](FakeRemoteServer& peer) { peer.subscribe("a", "q"); });
    on(far, [](FakeRemoteServer& peer) {
        peer.subscribe("a");
        peer.subscribe("a", "q");
    });
    stage.pause(1, true);
    stage.client(0).say("PUB a 1\r\nx\r\n");
    stage.pass(1'000'000);
    end->stream().reset();
    stage.pass(1'000'000);
    stage.pause(1, false);
    stage.settle();
    EXPECT_THAT(far.messages, ElementsAre("a x []"));
    EXPECT_EQ(stage.state(1).delivery.counters().lost_group_messages, 1U);
}

TEST_F(RemoteServerTest, WhatIsForLeafPeersGoesToNoOtherServerAndNotBack) {
    FakeRemoteServer& from = peer(0, proto::Kind::kLeafnode);
    FakeRemoteServer& here = peer(0, proto::Kind::kLeafnode);
    FakeRemoteServer& there = peer(1, proto::Kind::kHub);
    FakeRemoteServer& route = peer(1);
    for (FakeRemoteServer* each : {&from, &here, &there, &route}) {
        on(*each, [](FakeRemoteServer& peer) { peer.subscribe("a"); });
    }
    on(from, [this](FakeRemoteServer& peer) {
        std::string frame;
        const MessageRun run =
            frame_message({.subject = "a", .reply = {}, .headers = {}, .body = "x"}, &frame);
        Delivery& delivery = stage.state(0).delivery;
        account::Account& account = stage.accounts.global();
        const interest::MatchEntry& entry = delivery.cache.find(account.sublist(), "a");
        const interest::MatchPin pin(entry);
        EXPECT_TRUE(has_leaf_servers(entry.result()));
        const Publisher publisher{.link = peer.handle(), .kind = proto::Kind::kLeafnode};
        deliver_run_to_leaf_servers(delivery, publisher, account, entry.result(), run);
    });
    EXPECT_THAT(here.messages, ElementsAre("a x []"));
    EXPECT_THAT(there.messages, ElementsAre("a x []"));
    EXPECT_THAT(from.messages, IsEmpty());
    EXPECT_THAT(route.messages, IsEmpty());
}

TEST_F(RemoteServerTest, AServerThatHasGoneIsSentNoInterest) {
    FakeRemoteServer& gone = peer(0);
    on(gone, [this](FakeRemoteServer& peer) {
        RemoteServers& servers = stage.state(0).delivery.servers;
        servers.send_interest_later(peer);
        peer.close(link::CloseReason::kClientClosed);
        EXPECT_FALSE(servers.has_interest_to_send());
    });
}

}  // namespace
}  // namespace nuring::delivery
