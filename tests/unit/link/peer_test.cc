// SPDX-License-Identifier: Apache-2.0
// Messages for other servers, messages from them, and what they are told.
#include "core/link/peer.h"

#include <map>
#include <string>
#include <vector>

#include "core/link/delivery.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/link/link_stage.h"

namespace nuring::link {
namespace {

using test::SimPeer;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

// A link to another server that writes down what it would send: "subject payload [queues]" for each message,
// "pattern queue count" for each announcement.
class FakePeer final : public Peer {
  public:
    FakePeer(WorkerLinks& links, int fd) : Peer(links, fd, proto::Kind::kRoute) {
        start();
        links.add_peer(*this);
    }
    void deliver_to_peer(account::Account& /*account*/, const MessageRun& run,
                         std::string_view queues) override {
        for (uint32_t i = 0; i < run.count; ++i) {
            messages.push_back(fmt::format("{} {} [{}]", run.subject,
                                           std::string_view(run.payload() + i * run.stride, run.total_size),
                                           queues));
        }
    }
    void announce(account::Account& account, std::string_view pattern, std::string_view queue) override {
        told.push_back(fmt::format("{} {} {}", pattern, queue,
                                   account.sublist().own_interest(links_.id, pattern, queue)));
    }
    void copy(uint64_t /*wall_ns*/, size_t /*subscriptions*/, PeerSnapshot* /*out*/) const override {}
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

    // What that server has told: a subscription of this link.
    void subscribe(std::string_view pattern, std::string_view queue = {}, uint32_t weight = 1) {
        interest::Subscription* subscription =
            links_.subscriptions.create({.link = handle(),
                                         .owner = static_cast<Subscriber*>(this),
                                         .serial = links_.take_serial(),
                                         .subject = pattern,
                                         .queue = queue,
                                         .weight = weight,
                                         .kind = proto::Kind::kRoute});
        links_.accounts.global().sublist().insert(subscription);
        subscriptions_.push_back(subscription);
    }
    // A message from that server.
    void send(std::string_view subject, std::string_view body, std::string_view queues) {
        std::string frame;
        const MessageRun run = frame_message({.subject = subject, .body = body}, &frame);
        account::Account& account = links_.accounts.global();
        const interest::MatchEntry& entry = links_.cache.find(account.sublist(), subject);
        const interest::MatchPin pin(entry);
        (void)deliver_run(links_, {.link = handle(), .kind = proto::Kind::kRoute, .queues = queues}, account,
                          entry.result(), run);
    }

    Strings messages;
    Strings told;

  private:
    size_t consume(const char* begin, const char* end) override { return static_cast<size_t>(end - begin); }
    void on_close() override {
        links_.remove_peer(*this);
        for (interest::Subscription* each : subscriptions_) {
            links_.retire(each);
            links_.accounts.global().sublist().remove(each);
        }
    }

    std::vector<interest::Subscription*> subscriptions_;
};

// A stage of workers with a peer on some of them.
class PeerTest : public testing::Test {
  protected:
    FakePeer& peer(uint32_t worker) {
        FakePeer* made = nullptr;
        stage.accept_as(worker, [&](WorkerLinks& links, int fd) { made = new FakePeer(links, fd); });
        return *made;
    }
    void on(FakePeer& peer, std::function<void(FakePeer&)> function) {
        stage.on_worker(index_of(peer.handle().worker()), [&](WorkerLinks&) { function(peer); });
        stage.settle();
    }
    static Strings take(Strings& strings) { return std::exchange(strings, {}); }

    LinkStage stage{3};
};

TEST_F(PeerTest, AMessageGoesToAServerOnceHoweverManyOfItsPatternsMatch) {
    FakePeer& here = peer(0);
    FakePeer& there = peer(1);
    for (FakePeer* each : {&here, &there}) {
        on(*each, [](FakePeer& peer) {
            peer.subscribe("a.b");
            peer.subscribe("a.*");
            peer.subscribe(">");
        });
    }
    SimPeer& client = stage.client(0);
    client.say("PUB a.b 1\r\nx\r\nPUB a.b 1\r\ny\r\nPUB other 1\r\nz\r\n");
    stage.settle();
    for (FakePeer* each : {&here, &there}) {
        EXPECT_THAT(each->messages, ElementsAre("a.b x []", "a.b y []", "other z []"));
    }
}

TEST_F(PeerTest, PlainSubscribersAndGroupsOfAServerShareOneMessage) {
    FakePeer& there = peer(1);
    on(there, [](FakePeer& peer) {
        peer.subscribe("a");
        peer.subscribe("a", "q");
        peer.subscribe("*", "r");
    });
    stage.client(0).say("PUB a 1\r\nx\r\n");
    stage.settle();
    EXPECT_THAT(there.messages, ElementsAre("a x [q r]"));
}

TEST_F(PeerTest, AServerWithoutPlainSubscribersGetsWhatItsMembersWerePickedFor) {
    FakePeer& here = peer(0);
    FakePeer& there = peer(2);
    for (FakePeer* each : {&here, &there}) {
        on(*each, [](FakePeer& peer) { peer.subscribe("a", "q"); });
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
TEST_F(PeerTest, PartsOfRunsForSeveralGroupsNeitherDoubleNorLose) {
    FakePeer& here = peer(0);
    FakePeer& there = peer(1);
    on(here, [](FakePeer& peer) {
        peer.subscribe("a");
        peer.subscribe("a", "q", 2);
        peer.subscribe("a", "r");
    });
    on(there, [](FakePeer& peer) {
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
        for (const FakePeer* each : {&here, &there}) {
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
            EXPECT_EQ(r[payload] + static_cast<int>(count_of(heard, "2\r\n" + payload + "\r\n")), 1) << count;
        }
        EXPECT_EQ(plain.size(), static_cast<size_t>(count));
    }
}

TEST_F(PeerTest, SharesFollowTheWeightsOfServers) {
    FakePeer& there = peer(1);
    on(there, [](FakePeer& peer) { peer.subscribe("a", "q", 3); });
    SimPeer& member = stage.client(0);
    member.ask("SUB a q 1\r\n");
    SimPeer& sends = stage.client(2);
    for (int i = 0; i < 4000; ++i) sends.say("PUB a 1\r\nx\r\nPUB nobody 0\r\n\r\n");
    const auto local = count_of(member.hear(), "MSG a 1 1\r\n");
    EXPECT_EQ(local + there.messages.size(), 4000U);
    EXPECT_NEAR(static_cast<double>(local), 1000, 100);
}

TEST_F(PeerTest, WhatComesFromAServerGoesToNoOther) {
    FakePeer& from = peer(0);
    FakePeer& other = peer(1);
    for (FakePeer* each : {&from, &other}) {
        on(*each, [](FakePeer& peer) {
            peer.subscribe("a");
            peer.subscribe("a", "q");
        });
    }
    SimPeer& here = stage.client(0);
    SimPeer& there = stage.client(2);
    here.ask("SUB a 1\r\nSUB a q 2\r\n");
    there.ask("SUB a 1\r\nSUB a q 2\r\n");
    on(from, [](FakePeer& peer) { peer.send("a", "x", ""); });
    EXPECT_EQ(here.hear(), "MSG a 1 1\r\nx\r\n");
    EXPECT_EQ(there.hear(), "MSG a 1 1\r\nx\r\n");
    on(from, [](FakePeer& peer) { peer.send("a", "y", "other q"); });
    const std::string heard = here.hear() + there.hear();
    EXPECT_EQ(count_of(heard, "MSG a 1 1\r\ny\r\n"), 2U);
    EXPECT_EQ(count_of(heard, "MSG a 2 1\r\ny\r\n"), 1U);
    EXPECT_THAT(from.messages, IsEmpty());
    EXPECT_THAT(other.messages, IsEmpty());
}

TEST_F(PeerTest, AGroupThatHasGoneHereIsServedByAnotherServerThanTheSender) {
    FakePeer& from = peer(0);
    FakePeer& other = peer(1);
    for (FakePeer* each : {&from, &other}) {
        on(*each, [](FakePeer& peer) { peer.subscribe("a", "q"); });
    }
    on(from, [](FakePeer& peer) { peer.send("a", "x", "q"); });
    EXPECT_THAT(from.messages, IsEmpty());
    EXPECT_THAT(other.messages, ElementsAre("a x [q]"));
}

TEST_F(PeerTest, ARequestThatOnlyAnotherServerCanAnswerHasResponders) {
    FakePeer& there = peer(1);
    on(there, [](FakePeer& peer) { peer.subscribe("service", "q"); });
    SimPeer& client = stage.client(0, ",\"headers\":true,\"no_responders\":true");
    EXPECT_EQ(client.ask("SUB inbox 1\r\nPUB service inbox 1\r\nx\r\n"), "");
    EXPECT_THAT(there.messages, ElementsAre("service x [q]"));
    EXPECT_NE(client.ask("PUB nobody inbox 0\r\n\r\n").find("503"), std::string::npos);
}

TEST_F(PeerTest, LargeBodiesArriveOnOtherWorkersToo) {
    FakePeer& there = peer(1);
    on(there, [](FakePeer& peer) { peer.subscribe("a"); });
    const std::string body(300'000, 'b');
    stage.client(0).say(fmt::format("PUB a {}\r\n{}\r\n", body.size(), body));
    stage.settle();
    EXPECT_THAT(there.messages, ElementsAre("a " + body + " []"));
}

TEST_F(PeerTest, PeersOnAllWorkersAreToldOfTheFirstAndTheLastSubscription) {
    FakePeer& here = peer(0);
    FakePeer& there = peer(1);
    SimPeer& first = stage.client(0);
    SimPeer& second = stage.client(2);
    first.ask("SUB a 1\r\n");
    second.ask("SUB a 1\r\n");
    for (FakePeer* each : {&here, &there}) EXPECT_EQ(take(each->told), Strings{"a  1"});
    first.ask("UNSUB 1\r\n");
    for (FakePeer* each : {&here, &there}) EXPECT_THAT(each->told, IsEmpty());
    second.stream().close();
    stage.settle();
    for (FakePeer* each : {&here, &there}) EXPECT_EQ(take(each->told), Strings{"a  0"});
}

TEST_F(PeerTest, PeersAreToldOfEachMemberOfAGroup) {
    FakePeer& there = peer(1);
    SimPeer& client = stage.client(0);
    client.ask("SUB a q 1\r\nSUB a q 2\r\n");
    EXPECT_THAT(there.told.back(), "a q 2");
    client.ask("UNSUB 1\r\n");
    EXPECT_THAT(there.told.back(), "a q 1");
    client.ask("UNSUB 2 1\r\nPUB a 0\r\n\r\n");
    EXPECT_THAT(there.told.back(), "a q 0");
}

// A request may not overtake the interest in its answer.
TEST_F(PeerTest, TheReplySubjectIsAnnouncedBeforeTheRequestLeaves) {
    FakePeer& there = peer(1);
    on(there, [](FakePeer& peer) { peer.subscribe("service"); });
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

TEST_F(PeerTest, AStormOfSubscriptionsWaitsForAWorkerThatIsBusy) {
    FakePeer& there = peer(1);
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
}

TEST_F(PeerTest, WithoutPeersNobodyIsTold) {
    FakePeer& there = peer(1);
    on(there, [](FakePeer& peer) { peer.close(CloseReason::kServerShutdown); });
    stage.pass(5'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
    SimPeer& client = stage.client(0);
    EXPECT_EQ(client.ask("SUB a 1\r\nPUB a 1\r\nx\r\n"), "MSG a 1 1\r\nx\r\n");
}

}  // namespace
}  // namespace nuring::link
