// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/deliver.h"

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/delivery/run_reader.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::count_of;
using test::SimPeer;
using test::test_options;
using test::WorkerStage;

// "PUB <subject> <size>" with the numbers from `first` on as payloads of six digits.
std::string numbered(std::string_view subject, uint32_t first, uint32_t count) {
    std::string text;
    for (uint32_t i = first; i < first + count; ++i) {
        text += fmt::format("PUB {} 6\r\n{:06}\r\n", subject, i);
    }
    return text;
}

// The six-digit payloads of a stream of MSG frames.
std::vector<uint32_t> numbers_of(std::string_view heard) {
    std::vector<uint32_t> numbers;
    while (!heard.empty()) {
        const size_t line_end = heard.find("\r\n");
        EXPECT_TRUE(heard.starts_with("MSG ")) << heard.substr(0, 80);
        if (!heard.starts_with("MSG ") || heard.size() < line_end + 10) break;
        numbers.push_back(
            static_cast<uint32_t>(std::atoi(std::string(heard.substr(line_end + 2, 6)).c_str())));
        heard.remove_prefix(line_end + 10);
    }
    return numbers;
}

struct Group {
    // One member on each of four workers.
    explicit Group(WorkerStage& stage) {
        for (uint32_t i = 0; i < 4; ++i) {
            members[i] = &stage.client(i);
            members[i]->ask("SUB a q 1\r\n");
        }
    }
    void hear() {
        for (uint32_t i = 0; i < 4; ++i) {
            for (const uint32_t number : numbers_of(members[i]->hear())) shares[i].push_back(number);
        }
    }
    // Each number below `count` came to one member, and rose at each.
    void check_all_once(uint32_t count) const {
        std::vector<int> seen(count, 0);
        for (const auto& share : shares) {
            for (size_t i = 0; i < share.size(); ++i) {
                ASSERT_LT(share[i], count);
                ++seen[share[i]];
                ASSERT_TRUE(i == 0 || share[i - 1] < share[i]) << "out of order";
            }
        }
        for (uint32_t i = 0; i < count; ++i) ASSERT_EQ(seen[i], 1) << "message " << i;
    }
    void check_fair(uint32_t count) const {
        for (const auto& share : shares) EXPECT_NEAR(share.size(), count / 4.0, count / 4.0 * 0.05);
    }

    std::array<SimPeer*, 4> members{};
    std::array<std::vector<uint32_t>, 4> shares;
};

TEST(DeliveryTest, AQueueGroupOnFourWorkersSharesRunsFairly) {
    WorkerStage stage(4);
    Group group(stage);
    SimPeer& sends = stage.client(0);
    constexpr uint32_t kCount = 100'000;
    // Bursts of every length, so that runs of every length come about.
    uint32_t sent = 0;
    for (uint32_t burst = 1; sent < kCount; burst = burst % 97 + 1) {
        const uint32_t now = std::min(burst, kCount - sent);
        sends.say(numbered("a", sent, now));
        sent += now;
        group.hear();
    }
    group.hear();
    group.check_all_once(kCount);
    group.check_fair(kCount);
}

TEST(DeliveryTest, AQueueGroupOnFourWorkersSharesSingleMessagesFairly) {
    WorkerStage stage(4);
    Group group(stage);
    SimPeer& sends = stage.client(2);
    constexpr uint32_t kCount = 20'000;
    // Another subject in between: no run is longer than one message.
    for (uint32_t i = 0; i < kCount; ++i) {
        sends.say(numbered("a", i, 1) + "PUB other 0\r\n\r\n");
        if (i % 50 == 0) group.hear();
    }
    group.hear();
    group.check_all_once(kCount);
    group.check_fair(kCount);
}

TEST(DeliveryTest, ARunOfFourIsOneMessageForEachOfFourMembers) {
    WorkerStage stage(1);
    SimPeer& peer = stage.client(0);
    peer.ask("SUB a q 1\r\nSUB a q 2\r\nSUB a q 3\r\nSUB a q 4\r\n");
    for (int round = 0; round < 20; ++round) {
        const std::string heard = peer.ask(numbered("a", 0, 4));
        for (const char* sid : {"1", "2", "3", "4"}) {
            EXPECT_EQ(count_of(heard, fmt::format("MSG a {} 6\r\n", sid)), 1U);
        }
    }
}

TEST(DeliveryTest, EachGroupAndEachPlainSubscriptionGetsEveryMessage) {
    WorkerStage stage(3);
    SimPeer& one = stage.client(1);
    SimPeer& two = stage.client(2);
    one.ask("SUB a.* 1\r\nSUB a.b q1 2\r\nSUB a.b q2 3\r\n");
    two.ask("SUB a.b 4\r\nSUB a.> q1 5\r\nSUB a.b q2 6\r\n");
    stage.client(0).say(numbered("a.b", 0, 500));
    const std::string first = one.hear();
    const std::string second = two.hear();
    const auto got = [](const std::string& heard, int sid) {
        return count_of(heard, fmt::format("MSG a.b {} 6\r\n", sid));
    };
    EXPECT_EQ(got(first, 1), 500U);
    EXPECT_EQ(got(second, 4), 500U);
    EXPECT_EQ(got(first, 2) + got(second, 5), 500U);
    EXPECT_EQ(got(first, 3) + got(second, 6), 500U);
}

// Records in batches of every length, of subjects that the other worker's cache does and does not hold.
TEST(DeliveryTest, ManySubjectsArriveInOrderOnAnotherWorker) {
    constexpr uint32_t kSubjects = 50;
    WorkerStage stage(2);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB many.*.t 1\r\n");
    for (uint32_t i = 0; i < kSubjects; i += 2) receives.ask(fmt::format("SUB many.{0}.t 1{0}\r\n", i));
    SimPeer& sends = stage.client(0);
    uint32_t number = 0;
    for (uint32_t burst = 1; burst < 100; ++burst) {
        std::string said;
        std::string expected;
        for (uint32_t i = 0; i < burst; ++i, ++number) {
            const uint32_t subject = number * 7 % kSubjects;
            said += fmt::format("PUB many.{}.t 6\r\n{:06}\r\n", subject, number);
            if (subject % 2 == 0) expected += fmt::format("MSG many.{0}.t 1{0} 6\r\n{1:06}\r\n", subject, number);
            expected += fmt::format("MSG many.{}.t 1 6\r\n{:06}\r\n", subject, number);
        }
        sends.say(said);
        ASSERT_EQ(receives.hear(), expected) << "burst of " << burst;
    }
    const interest::MatchCacheStats& cache = stage.state(1).delivery.cache.counters();
    EXPECT_GT(cache.hits, 10 * cache.misses) << "found by the hash that the record carries";
}

TEST(DeliveryTest, AMemberOfThePublisherWithoutEchoIsPassedOver) {
    WorkerStage stage(2);
    SimPeer& sends = stage.client(0, ",\"echo\":false");
    SimPeer& other = stage.client(1);
    sends.ask("SUB a q 1\r\nSUB a q 2\r\n");
    other.ask("SUB a q 1\r\n");
    EXPECT_EQ(sends.ask(numbered("a", 0, 100)), "");
    EXPECT_EQ(numbers_of(other.hear()).size(), 100U);
}

TEST(DeliveryTest, AutoUnsubscribeCountsMessagesOfAllWorkers) {
    WorkerStage stage(3);
    SimPeer& receives = stage.client(2);
    receives.ask("SUB a 1\r\nUNSUB 1 150\r\n");
    SimPeer& one = stage.client(0);
    SimPeer& two = stage.client(1);
    one.say(numbered("a", 0, 100));
    two.say(numbered("a", 0, 100));
    EXPECT_EQ(count_of(receives.hear(), "MSG a 1 6\r\n"), 150U);
    EXPECT_EQ(stage.accounts.global().sublist().count(), 0U);
    EXPECT_EQ(one.ask(numbered("a", 0, 10) + "PING\r\n"), "PONG\r\n");
    EXPECT_EQ(receives.ask("PING\r\n"), "PONG\r\n");
}

TEST(DeliveryTest, WhatAMemberMayNotHaveAnyMoreGoesToTheOthers) {
    for (const uint32_t publisher : {0U, 1U, 2U}) {  // its worker, the other's, and neither's
        WorkerStage stage(3);
        SimPeer& limited = stage.client(0);
        SimPeer& other = stage.client(1);
        limited.ask("SUB a q 1\r\nUNSUB 1 30\r\n");
        other.ask("SUB a q 1\r\n");
        stage.client(publisher).say(numbered("a", 0, 500));
        const auto few = numbers_of(limited.hear());
        const auto most = numbers_of(other.hear());
        EXPECT_EQ(few.size(), 30U);
        EXPECT_EQ(most.size(), 470U);
        std::vector<int> seen(500, 0);
        for (const uint32_t number : few) ++seen[number];
        for (const uint32_t number : most) ++seen[number];
        EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 500);
    }
}

TEST(DeliveryTest, WhatIsOnItsWayToAMemberThatHasGoneGoesToAnother) {
    WorkerStage stage(3);
    SimPeer& leaves = stage.client(1);
    SimPeer& stays = stage.client(2);
    leaves.ask("SUB a q 1\r\n");
    stays.ask("SUB a q 1\r\n");
    SimPeer& sends = stage.client(0);
    // Its worker does not run, so records for it wait; the UNSUB is there before it sees them.
    stage.pause(1, true);
    sends.say(numbered("a", 0, 100));
    const std::string direct = stays.hear();
    EXPECT_LT(count_of(direct, "MSG "), 100U);
    leaves.stream().reset();
    stage.pass(1'000'000);
    stage.pause(1, false);
    EXPECT_EQ(count_of(direct, "MSG ") + count_of(stays.hear(), "MSG "), 100U);
}

TEST(DeliveryTest, AMessageWithoutItsLineEndIsNoPartOfARun) {
    WorkerStage stage(1);
    SimPeer& receives = stage.client(0);
    receives.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    sends.ask("PUB a 2\r\nxx\r\nPUB a 2\r\nyyz\n");
    EXPECT_EQ(receives.hear(), "MSG a 1 2\r\nxx\r\n");
    EXPECT_TRUE(sends.ended());
}

TEST(DeliveryTest, AMappingWithSeveralTargetsDrawsForEachMessage) {
    const auto options = test_options();
    config::SubjectMapping mapping;
    mapping.source = "spread";
    mapping.targets = {{.subject = "left", .weight = 50}, {.subject = "right", .weight = 50}};
    options->mappings.push_back(mapping);
    WorkerStage stage(1, options);
    (void)stage.accounts.apply(*options);
    SimPeer& receives = stage.client(0);
    receives.ask("SUB left 1\r\nSUB right 2\r\n");
    stage.client(0).say(numbered("spread", 0, 200));
    const std::string heard = receives.hear();
    EXPECT_NEAR(static_cast<double>(count_of(heard, "MSG left 1 ")), 100, 40);
    EXPECT_EQ(count_of(heard, "MSG "), 200U);
}

TEST(DeliveryTest, ABodyLargerThanAMailboxCrossesWorkers) {
    WorkerStage stage(3);
    SimPeer& plain = stage.client(1);
    SimPeer& member = stage.client(2);
    plain.ask("SUB a 1\r\nSUB a 2\r\n");
    member.ask("SUB a q 3\r\n");
    std::string body;
    for (int i = 0; body.size() < 900'000; ++i) body += fmt::format("{:08}", i);
    stage.client(0).say(fmt::format("PUB a r {}\r\n{}\r\n", body.size(), body));
    EXPECT_EQ(plain.hear(), fmt::format("MSG a 1 r {0}\r\n{1}\r\nMSG a 2 r {0}\r\n{1}\r\n",
                                        body.size(), body));
    EXPECT_EQ(member.hear(), fmt::format("MSG a 3 r {}\r\n{}\r\n", body.size(), body));
}

TEST(DeliveryTest, ARunIsCutToWhatTheMailboxTakes) {
    // 4 KiB of mailbox: a run of 32 KiB goes in many pieces, and the publisher is paused in between.
    WorkerStage stage(2, test_options(), /*mailbox_bytes=*/4096);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    sends.say(numbered("a", 0, 5000) + "PING\r\n");
    EXPECT_GE(stage.state(0).counters().pauses, 1U);
    EXPECT_LT(stage.state(0).counters().in_messages, 5000U);
    stage.pause(1, false);
    const auto numbers = numbers_of(receives.hear());
    ASSERT_EQ(numbers.size(), 5000U);
    for (uint32_t i = 0; i < 5000; ++i) ASSERT_EQ(numbers[i], i);
    EXPECT_EQ(sends.hear(), "PONG\r\n");
    EXPECT_EQ(stage.state(0).counters().spilled_records, 0U);
}

// The publisher's match has named it.
TEST(DeliveryTest, TheOnlySubscriptionOfAnotherWorkerIsFoundWithoutAMatch) {
    WorkerStage stage(3);
    SimPeer& receives = stage.client(2);
    std::string lines;
    for (uint32_t i = 0; i < 50; ++i) lines += fmt::format("SUB one.{0} {0}\r\n", i);
    receives.ask(lines);
    const uint64_t lookups = stage.state(2).delivery.cache.counters().lookups();
    SimPeer& sends = stage.client(0);
    std::string said;
    std::string expected;
    for (uint32_t i = 0; i < 500; ++i) {
        const uint32_t subject = i * 7 % 50;
        said += fmt::format("PUB one.{} reply.{} 6\r\n{:06}\r\n", subject, i, i);
        expected += fmt::format("MSG one.{0} {0} reply.{1} 6\r\n{1:06}\r\n", subject, i, i);
    }
    sends.say(said);
    EXPECT_EQ(receives.hear(), expected);
    EXPECT_EQ(stage.state(2).delivery.cache.counters().lookups(), lookups);
    // With a second one, on whatever worker, all get it.
    SimPeer& another = stage.client(1);
    another.ask("SUB one.* 1\r\n");
    sends.say("PUB one.3 1\r\nx\r\n");
    EXPECT_EQ(receives.hear(), "MSG one.3 3 1\r\nx\r\n");
    EXPECT_EQ(another.hear(), "MSG one.3 1 1\r\nx\r\n");
    another.ask("UNSUB 1\r\n");
    sends.ask("SUB one.* 1\r\n");
    EXPECT_EQ(sends.ask("PUB one.3 1\r\nx\r\n"), "MSG one.3 1 1\r\nx\r\n");
    EXPECT_EQ(receives.hear(), "MSG one.3 3 1\r\nx\r\n");
}

TEST(DeliveryTest, WhatIsOnItsWayToASubscriptionThatHasGoneIsForNobodyElse) {
    WorkerStage stage(2);
    SimPeer& leaves = stage.client(1);
    leaves.ask("SUB a 1\r\n");
    SimPeer& sends = stage.client(0);
    stage.pause(1, true);
    sends.say(numbered("a", 0, 100));
    leaves.stream().reset();
    stage.pass(1'000'000);
    stage.pause(1, false);
    stage.settle();
    SimPeer& comes = stage.client(1);
    comes.ask("SUB a 2\r\n");
    EXPECT_EQ(comes.hear(), "");
    sends.say(numbered("a", 0, 1));
    EXPECT_EQ(comes.hear(), "MSG a 2 6\r\n000000\r\n");
}

TEST(DeliveryTest, ALargeBodyGoesToTheOnlySubscriptionOfAnotherWorker) {
    WorkerStage stage(2, test_options(), /*mailbox_bytes=*/4096);
    SimPeer& receives = stage.client(1);
    receives.ask("SUB a 1\r\n");
    std::string body;
    for (int i = 0; body.size() < 900'000; ++i) body += fmt::format("{:08}", i);
    std::string said;
    std::string expected;
    for (int i = 0; i < 3; ++i) {
        said += fmt::format("PUB a {0}\r\n{1}\r\nPUB a 1\r\nx\r\n", body.size(), body);
        expected += fmt::format("MSG a 1 {0}\r\n{1}\r\nMSG a 1 1\r\nx\r\n", body.size(), body);
    }
    stage.client(0).say(said);
    EXPECT_EQ(receives.hear(), expected);
}

TEST(FindMatchTest, AMemoIsOfOneAccount) {
    WorkerStage stage(1);
    Delivery& delivery = stage.state(0).delivery;
    interest::Sublist& one = stage.accounts.find_or_create("ONE").sublist();
    interest::Sublist& two = stage.accounts.find_or_create("TWO").sublist();
    interest::MatchMemo memo;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(find_match(delivery, one, "a", 0, &memo).sublist(), &one);
    EXPECT_EQ(find_match(delivery, two, "a", 0, &memo).sublist(), &two);
}

TEST(MessageRunTest, AFrameHasReplyAndHeaders) {
    std::string frame;
    const MessageRun run = frame_message(
        {.subject = "a", .reply = "r", .headers = "NATS/1.0\r\n\r\n", .body = "x"}, &frame);
    EXPECT_EQ(std::string_view(run.tail, run.tail_size), " r 12 13\r\nNATS/1.0\r\n\r\nx\r\n");
}

}  // namespace
}  // namespace nuring::delivery
