// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/stall_gate.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/delivery/deliver.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::SimPeer;
using test::WorkerStage;

// Timers fire up to a tick later.
constexpr uint64_t kRest_ns = StallGate::kRest_ns + runtime::TimerWheel::kTick_ns;
constexpr uint64_t kRestThere_ns = StallGate::kRestThere_ns + runtime::TimerWheel::kTick_ns;

std::string message(size_t size) {
    return "PUB a " + std::to_string(size) + "\r\n" + std::string(size, 'x') + "\r\n";
}

std::shared_ptr<config::Options> with_max_pending(int64_t bytes) {
    auto options = test::test_options();
    options->max_pending = bytes;
    return options;
}

// A subscriber on worker `receiver` that reads nothing, and a publisher on worker 0.
struct Pair {
    Pair(uint32_t workers, uint32_t receiver, const std::shared_ptr<config::Options>& options)
        : stage(workers, options) {
        receives = &stage.client(receiver);
        receives->ask("SUB a 1\r\nSUB b.> 2\r\n");
        receives->stream().set_reading(false);
        sends = &stage.client(0);
    }
    void publish(const std::string& text = message(100'000)) {
        sends->say(text);
        stage.settle();
    }
    // Until a PING is not answered at once. Returns how often.
    int publish_until_rest(const std::string& text = message(100'000)) {
        for (int count = 1; count < 100; ++count) {
            publish(text);
            if (sends->ask("PING\r\n").empty()) return count;
        }
        return 0;
    }

    WorkerStage stage;
    SimPeer* receives;
    SimPeer* sends;
};

void expect_one_rest(Pair& pair, uint64_t rest_ns, int messages) {
    EXPECT_GE(pair.publish_until_rest(), messages);
    pair.stage.pass(rest_ns);
    EXPECT_EQ(pair.sends->hear(), "PONG\r\n");
    EXPECT_EQ(pair.stage.link_count(), 2U);
    EXPECT_EQ(pair.stage.state(0).counters().stalls, 1U);
}

TEST(StallGateTest, AClientRestsWhenAReceiverHasMostOfMaxPendingWaiting) {
    Pair pair(1, 0, with_max_pending(1'000'000));
    expect_one_rest(pair, kRest_ns, 7);
}

TEST(StallGateTest, ItRestsAlsoForAReceiverOfAnotherWorker) {
    Pair pair(2, 1, with_max_pending(1'000'000));
    expect_one_rest(pair, kRestThere_ns, 5);
}

// Else one that reads nothing would hold up the others until its write deadline.
void expect_free_bytes(uint32_t workers, uint64_t rest_ns, int messages) {
    Pair pair(workers, workers - 1, with_max_pending(4'000'000));
    EXPECT_GE(pair.publish_until_rest(), messages);
    pair.stage.pass(rest_ns);
    EXPECT_EQ(pair.sends->hear(), "PONG\r\n");
    pair.publish();
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "PONG\r\n");
    for (int i = 0; i < 20; ++i) {
        pair.publish();
        pair.stage.pass(rest_ns);
    }
    EXPECT_EQ(pair.stage.link_count(), 1U) << "the receiver is a slow consumer";
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "PONG\r\n");
}
TEST(StallGateTest, AfterARestItMaySendForAWhile) { expect_free_bytes(1, kRest_ns, 29); }
TEST(StallGateTest, AlsoAfterARestForAReceiverOfAnotherWorker) {
    expect_free_bytes(2, kRestThere_ns, 20);
}

uint64_t waiting_bytes(WorkerStage& stage) {
    const link::LinkHost& host = stage.state(0).host;
    uint64_t waiting = 0;
    for (const base::LinkHandle each : host.handles()) waiting += host.table.find(each)->pending_bytes();
    return waiting;
}

constexpr int kRests = 10;

// No runs: a run is published as a whole.
std::string many_messages() {
    std::string text;
    for (size_t i = 0; i < 4000; ++i) text += message(1000 + i % 2);
    return text;
}

// They offer more than is free, in each rest.
void expect_little_per_rest(WorkerStage& stage, const std::vector<SimPeer*>& publishers) {
    const std::string text = many_messages();
    std::vector<std::string_view> unsaid(publishers.size(), text);
    const uint64_t before = waiting_bytes(stage);
    for (int rests = 0; rests < kRests; ++rests) {
        for (size_t i = 0; i < publishers.size(); ++i) {
            publishers[i]->say(unsaid[i]);
            unsaid[i] = unsaid[i].substr(unsaid[i].size() - publishers[i]->unsaid());
        }
        stage.pass(kRest_ns);
    }
    const uint64_t more = waiting_bytes(stage) - before;
    EXPECT_GT(more, 0U);
    const uint64_t shares = std::max(publishers.size(), StallGate::kSharersMax) / StallGate::kSharersMax;
    EXPECT_LT(more, kRests * StallGate::kFreeBytes * shares * 2);
}

// The other worker's answer may come turns later, in which much more may arrive.
TEST(StallGateTest, AClientAwaitsTheAnswerOfAnotherWorker) {
    Pair pair(2, 1, with_max_pending(40'000'000));
    EXPECT_GE(pair.publish_until_rest(message(500'000)), 55);
    const auto rests = [&pair] {
        link::LinkHost& host = pair.stage.state(0).host;
        return host.table.find(host.handles().front())->is_stalled();
    };
    pair.stage.pass(kRestThere_ns);
    EXPECT_FALSE(rests());
    pair.stage.pause(1, true);
    pair.publish(message(70'000) + message(70'000));
    EXPECT_TRUE(rests());
    pair.stage.pause(1, false);
    pair.stage.settle();
    pair.stage.pass(StallGate::kRestThere_ns - 1);
    EXPECT_TRUE(rests());  // that worker's receiver is still behind
    EXPECT_EQ(pair.stage.state(0).counters().stalls, 2U);
    pair.receives->stream().set_reading(true);
    pair.receives->hear();
    pair.stage.pass(kRestThere_ns);
    pair.publish(message(70'000) + message(70'000));
    EXPECT_TRUE(rests());
    pair.stage.pass(kRest_ns);
    EXPECT_FALSE(rests());
    pair.publish(message(500'000));
    EXPECT_FALSE(rests());
    EXPECT_EQ(pair.stage.state(0).counters().stalls, 2U);
}

TEST(StallGateTest, ManyPublishersShareWhatIsFree) {
    Pair pair(1, 0, with_max_pending(40'000'000));
    EXPECT_GE(pair.publish_until_rest(message(500'000)), 55);
    pair.stage.pass(kRest_ns);
    std::vector<SimPeer*> publishers;
    for (int i = 0; i < 20; ++i) publishers.push_back(&pair.stage.client(0));
    expect_little_per_rest(pair.stage, publishers);
    EXPECT_EQ(pair.stage.link_count(), 22U);
}

// The one that rests later goes on earlier.
TEST(StallGateTest, EachPublisherRestsForItsOwnTime) {
    Pair far(2, 1, with_max_pending(4'000'000));
    WorkerStage& stage = far.stage;
    SimPeer& near_receiver = stage.client(0);
    near_receiver.ask("SUB near 1\r\n");
    near_receiver.stream().set_reading(false);
    SimPeer& near = stage.client(0);
    const auto publish_near = [&] {
        near.say("PUB near 100000\r\n" + std::string(100'000, 'x') + "\r\n");
        stage.settle();
        return near.ask("PING\r\n");
    };
    for (int i = 0; i < 40 && !publish_near().empty(); ++i) continue;
    stage.pass(kRest_ns);
    EXPECT_EQ(near.hear(), "PONG\r\n");
    EXPECT_GE(far.publish_until_rest(), 20);
    EXPECT_EQ(publish_near(), "PONG\r\n");
    EXPECT_EQ(publish_near(), "");
    stage.pass(StallGate::kRest_ns + 1);
    stage.pass(StallGate::kRestThere_ns - StallGate::kRest_ns - 2);
    EXPECT_EQ(near.hear(), "PONG\r\n");
    EXPECT_EQ(far.sends->hear(), "");
    stage.pass(kRestThere_ns);
    EXPECT_EQ(far.sends->hear(), "PONG\r\n");
}

// Their bodies alone would be free for ever.
TEST(StallGateTest, EmptyMessagesAreCountedToo) {
    Pair pair(1, 0, with_max_pending(4'000'000));
    std::string text;
    for (int i = 0; i < 500; ++i) text += "PUB b." + std::string(200, 's') + " 0\r\n\r\n";
    for (int rests = 0; rests < 2; ++rests) {
        EXPECT_GT(pair.publish_until_rest(text), 0);
        pair.stage.pass(kRest_ns);
        EXPECT_EQ(pair.sends->hear(), "PONG\r\n");
    }
    EXPECT_EQ(pair.stage.link_count(), 2U);
}

// What a server's message has noted on another worker is not for the publisher of the next one.
TEST(StallGateTest, AClientDoesNotRestForTheMessageOfAServer) {
    Pair pair(2, 1, with_max_pending(1'000'000));
    EXPECT_GT(pair.publish_until_rest(), 0);
    pair.stage.client(1).ask("SUB quick 1\r\n");
    SimPeer& other = pair.stage.client(0);
    pair.stage.on_worker(0, [&pair](server::WorkerState& state) {
        account::Account& account = pair.stage.accounts.global();
        const base::LinkHandle other_link = state.host.handles().back();
        const auto deliver = [&](const Publisher& publisher, std::string_view subject) {
            std::string frame;
            const MessageRun run =
                frame_message({.subject = subject, .reply = {}, .headers = {}, .body = "x"}, &frame);
            const interest::MatchEntry& entry = state.delivery.cache.find(account.sublist(), subject);
            const interest::MatchPin pin(entry);
            EXPECT_TRUE(deliver_run(state.delivery, publisher, account, entry, run));
        };
        deliver({.link = other_link, .kind = proto::Kind::kRoute}, "a");
        deliver({.link = other_link}, "quick");
    });
    pair.stage.settle();
    EXPECT_EQ(other.ask("PING\r\n"), "PONG\r\n");
}

TEST(StallGateTest, AClientDoesNotRestForTheMessageOfTheServerItself) {
    Pair pair(1, 0, with_max_pending(1'000'000));
    EXPECT_GT(pair.publish_until_rest(), 0);
    pair.stage.on_worker(0, [&pair](server::WorkerState& state) {
        state.internal.publish({.account = &pair.stage.accounts.global(), .subject = "a", .body = "x"});
    });
    while (pair.stage.step(UINT64_MAX, /*timers=*/false))
        EXPECT_FALSE(pair.stage.state(0).delivery.stall_gate.has_backlog());
}

// What it has waiting leaves at the end of the turn.
TEST(StallGateTest, APublisherRestsForATurnWhereTheReceiverWaitsForThisWorkerAlone) {
    Pair pair(1, 0, with_max_pending(200'000));
    pair.receives->stream().set_reading(true);
    pair.stage.on_worker(0, [](server::WorkerState& state) {
        link::Link& receiver = *state.host.table.find(state.host.handles().front());
        link::Link& publisher = *state.host.table.find(state.host.handles().back());
        receiver.queue(std::string(160'000, 'x'));
        StallGate& gate = state.delivery.stall_gate;
        gate.note_backlog(receiver);
        EXPECT_TRUE(gate.rests_after_message(publisher));
        EXPECT_FALSE(publisher.is_stalled());
        EXPECT_TRUE(state.delivery.interest_gate.wants_turn());
    });
    EXPECT_EQ(pair.sends->ask("PING\r\n"), "PONG\r\n");
}

// Else what is free would exceed it.
TEST(StallGateTest, WithASmallMaxPendingLessIsFree) {
    Pair pair(1, 0, with_max_pending(200'000));
    const std::string small = message(5'000);
    for (int rests = 0; rests < 2; ++rests) {
        EXPECT_GT(pair.publish_until_rest(small), 0);
        pair.stage.pass(kRest_ns);
        EXPECT_EQ(pair.sends->hear(), "PONG\r\n");
    }
    EXPECT_EQ(pair.stage.link_count(), 2U);
}

// Each of many publishers goes on until it knows: all together would be too much.
TEST(StallGateTest, AWorkerWithAReceiverBehindTakesLittleInATurn) {
    Pair pair(2, 1, with_max_pending(4'000'000));
    runtime::Mailbox& box = pair.stage.state(0).host.worker.mesh().mailbox(
        static_cast<base::WorkerId>(0), static_cast<base::WorkerId>(1));
    EXPECT_FALSE(box.is_throttled());
    EXPECT_GT(pair.publish_until_rest(), 0);
    EXPECT_TRUE(box.is_throttled());
    EXPECT_TRUE(pair.stage.state(1).host.throttled());
    pair.receives->stream().set_reading(true);
    pair.receives->hear();
    pair.stage.pass(kRestThere_ns);
    EXPECT_EQ(pair.sends->hear(), "PONG\r\n");
    pair.publish();
    EXPECT_FALSE(box.is_throttled());
    EXPECT_FALSE(pair.stage.state(1).host.throttled());
}

TEST(StallGateTest, NobodyRestsWithNoFastProducerStall) {
    auto options = with_max_pending(1'000'000);
    options->no_fast_producer_stall = true;
    Pair pair(1, 0, options);
    EXPECT_EQ(pair.publish_until_rest(), 0);
    EXPECT_EQ(pair.stage.link_count(), 1U);
    EXPECT_EQ(pair.stage.state(0).counters().stalls, 0U);
}

}  // namespace
}  // namespace nuring::delivery
