// SPDX-License-Identifier: Apache-2.0
// Queue groups whose members do not take what they were picked for: each message is offered to all of them,
// in an order that all workers share, and is lost only when nobody takes it.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/delivery/deliver.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::WorkerStage;
using testing::ElementsAre;
using testing::IsEmpty;
using Strings = std::vector<std::string>;

// A member that takes what the test lets it take, and writes it down.
class Member final : public Subscriber {
  public:
    uint32_t deliver(interest::Subscription& /*subscription*/, const MessageRun& run,
                     base::LinkHandle /*origin*/) override {
        const uint32_t count = std::min(run.count, limit);
        for (uint32_t i = 0; i < count; ++i) {
            taken.emplace_back(run.payload() + i * run.stride, run.total_size);
        }
        limit -= count;
        return count;
    }
    bool accepts(const interest::Subscription& /*subscription*/,
                 base::LinkHandle /*origin*/) const override {
        ++asked;
        return accepting;
    }

    bool accepting = true;
    mutable uint32_t asked = 0;
    uint32_t limit = UINT32_MAX;
    Strings taken;
    base::LinkHandle link;
    interest::Subscription* subscription = nullptr;
};

class MembersTest : public testing::Test {
  protected:
    ~MembersTest() override {
        for (const auto& each : members) {
            SubscriptionIndex& index =
                stage.state(index_of(each->link.worker())).delivery.subscriptions;
            stage.accounts.global().sublist().remove(each->subscription);
            index.destroy(each->subscription);
        }
    }
    Member& add(uint32_t worker, std::string_view queue = "q") {
        members.push_back(std::make_unique<Member>());
        Member& member = *members.back();
        member.link = base::LinkHandle(static_cast<base::WorkerId>(worker),
                                       1000 + static_cast<uint32_t>(members.size()), 1);
        SubscriptionIndex& index = stage.state(worker).delivery.subscriptions;
        member.subscription = index.create({.link = member.link,
                                            .owner = static_cast<Subscriber*>(&member),
                                            .subject = "a",
                                            .queue = queue,
                                            .sid = "1"});
        stage.accounts.global().sublist().insert(member.subscription);
        return member;
    }
    // A run of `count` numbered messages from worker 0. True: somebody took some.
    bool publish(uint32_t count, const Publisher& publisher = {}, uint32_t size = 6) {
        constexpr size_t kHead = sizeof("PUB a") - 1;
        std::string text;
        for (uint32_t i = 0; i < count; ++i)
            text += fmt::format("PUB a {0}\r\n{1:0{0}}\r\n", size, i);
        const size_t stride = text.size() / count;
        text.append(64, ' ');
        bool taken = false;
        stage.on_worker(0, [&](server::WorkerState& state) {
            MessageRun run;
            run.subject = "a";
            run.tail = text.data() + kHead;
            run.tail_size = stride - kHead;
            run.stride = stride;
            run.count = count;
            run.total_size = size;
            account::Account& account = stage.accounts.global();
            const interest::MatchEntry& entry = state.delivery.cache.find(account.sublist(), "a");
            const interest::MatchPin pin(entry);
            taken = deliver_run(state.delivery, publisher, account, entry, run);
        });
        stage.settle();
        return taken;
    }
    DeliveryCounters counters() {
        DeliveryCounters sum;
        for (uint32_t i = 0; i < 3; ++i) {
            const DeliveryCounters& each = stage.state(i).delivery.counters();
            sum.replaced_members += each.replaced_members;
            sum.lost_group_messages += each.lost_group_messages;
        }
        return sum;
    }
    static Strings numbers(uint32_t first, uint32_t count) {
        Strings all;
        for (uint32_t i = first; i < first + count; ++i) all.push_back(fmt::format("{:06}", i));
        return all;
    }

    WorkerStage stage{3};
    std::vector<std::unique_ptr<Member>> members;
};

TEST_F(MembersTest, WhatOneMemberLeavesTheNextOnesTake) {
    for (const uint32_t worker : {0U, 1U}) {
        const std::vector<Member*> group = {&add(worker), &add(worker), &add(worker)};
        for (Member* each : group) each->limit = 30;
        EXPECT_TRUE(publish(90));
        Strings all;
        for (Member* each : group) all.insert(all.end(), each->taken.begin(), each->taken.end());
        std::sort(all.begin(), all.end());
        EXPECT_EQ(all, numbers(0, 90));
        for (Member* each : group) each->accepting = false;
    }
    EXPECT_EQ(counters().lost_group_messages, 0U);
}

TEST_F(MembersTest, WhatNobodyTakesIsCountedAsLost) {
    Member& few = add(0);
    add(0).accepting = false;
    few.limit = 4;
    EXPECT_TRUE(publish(10)) << "some were taken";
    EXPECT_EQ(few.taken.size(), 4U);
    EXPECT_EQ(counters().lost_group_messages, 6U);
    EXPECT_FALSE(publish(10)) << "none was";
    EXPECT_EQ(counters().lost_group_messages, 16U);
    EXPECT_EQ(counters().replaced_members, 0U);
}

// A client without echo may have a hundred thousand members, and publish to them.
TEST_F(MembersTest, MembersThatRefuseAreNotAskedForEachMessage) {
    constexpr uint32_t kMembers = 100;
    const auto count_asked = [this] {
        uint32_t asked = 0;
        for (const auto& each : members) asked += std::exchange(each->asked, 0);
        return asked;
    };
    for (uint32_t i = 0; i < kMembers; ++i) add(0).accepting = false;
    EXPECT_FALSE(publish(50));
    EXPECT_LE(count_asked(), 2 * kMembers);
    EXPECT_EQ(counters().lost_group_messages, 50U);

    Member& willing = *members[40];
    willing.accepting = true;
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(publish(50));
    EXPECT_LE(count_asked(), 10 * (3 * kMembers + 50));
    ASSERT_EQ(willing.taken.size(), 500U);
    EXPECT_TRUE(std::is_sorted(willing.taken.begin(), willing.taken.begin() + 50));

    Member& second = *members[90];
    second.accepting = true;
    for (int i = 0; i < 10; ++i) publish(50);
    EXPECT_EQ(willing.taken.size() + second.taken.size(), 1000U);
    EXPECT_GT(second.taken.size(), 100U);
    EXPECT_EQ(counters().lost_group_messages, 50U);
}

TEST_F(MembersTest, MembersThatRefuseEachOtherEndAfterSomeHops) {
    add(1).accepting = false;
    add(2).accepting = false;
    EXPECT_TRUE(publish(3)) << "as far as this worker can know";
    EXPECT_EQ(counters().lost_group_messages, 3U);
    // Each of the parts has gone to and fro 64 times.
    EXPECT_EQ(counters().replaced_members, 2U * 64U);
}

TEST_F(MembersTest, TheWalkMeetsEachMemberWhateverTheWorkers) {
    for (uint32_t i = 0; i < 40; ++i) add(1 + i % 2).accepting = false;
    Member& willing = add(1);
    for (uint32_t i = 0; i < 20; ++i) add(1 + i % 2).accepting = false;
    for (int i = 0; i < 100; ++i) publish(1);
    EXPECT_EQ(willing.taken.size(), 100U);
    EXPECT_EQ(counters().lost_group_messages, 0U);
}

TEST_F(MembersTest, APublisherWithoutEchoGetsNothingBackOverAnotherWorker) {
    Member& own = add(0);
    add(1).accepting = false;
    for (int i = 0; i < 20; ++i) publish(1, {.link = own.link, .echo = false});
    EXPECT_THAT(own.taken, IsEmpty());
    EXPECT_EQ(counters().lost_group_messages, 20U);
    publish(4, {.link = own.link, .echo = true});
    EXPECT_EQ(own.taken.size(), 4U);
}

TEST_F(MembersTest, APartThatIsSentOnKeepsItsGroupAndItsMessages) {
    add(1, "p").accepting = true;
    add(1, "q").accepting = false;
    Member& willing = add(2, "q");
    Member& other = add(2, "r");
    publish(50);
    EXPECT_EQ(members[0]->taken, numbers(0, 50));
    EXPECT_EQ(other.taken, numbers(0, 50));
    std::sort(willing.taken.begin(), willing.taken.end());
    EXPECT_EQ(willing.taken, numbers(0, 50));
}

// They travel outside of the records, and each part has its own.
TEST_F(MembersTest, PartsWithLargeBodiesAreNotMixedUp) {
    constexpr uint32_t kSize = 40'000;
    const std::vector<Member*> group = {&add(1), &add(2), &add(1)};
    publish(6, {}, kSize);
    Strings all;
    for (Member* each : group) {
        EXPECT_EQ(each->taken.size(), 2U);
        all.insert(all.end(), each->taken.begin(), each->taken.end());
    }
    std::sort(all.begin(), all.end());
    Strings expected;
    for (int i = 0; i < 6; ++i) expected.push_back(fmt::format("{1:0{0}}", kSize, i));
    EXPECT_EQ(all, expected);
}

TEST(PublisherTest, OfAServerServesTheGroupsThatItNames) {
    const Publisher routed{.kind = proto::Kind::kRoute, .queues = "qq other\tlast"};
    for (const char* named : {"qq", "other", "last"}) EXPECT_TRUE(routed.may_serve(named)) << named;
    for (const char* other : {"q", "qqq", "othe", "las", "lastt"})
        EXPECT_FALSE(routed.may_serve(other)) << other;
    const Publisher unnamed{.kind = proto::Kind::kRoute};
    EXPECT_FALSE(unnamed.may_serve("q"));
    const Publisher client{.kind = proto::Kind::kClient};
    EXPECT_TRUE(client.may_serve("q"));
}

TEST_F(MembersTest, AMemberThatLeavesMeanwhileIsReplaced) {
    Member& leaves = add(1);
    Member& stays = add(2);
    stage.pause(1, true);
    publish(10);
    // All workers run in this thread, and that one does not.
    stage.accounts.global().sublist().remove(leaves.subscription);
    stage.state(1).delivery.subscriptions.destroy(leaves.subscription);
    members.erase(members.begin());
    stage.pause(1, false);
    stage.settle();
    std::sort(stays.taken.begin(), stays.taken.end());
    EXPECT_EQ(stays.taken, numbers(0, 10));
    EXPECT_GT(counters().replaced_members, 0U);
}

TEST_F(MembersTest, ARunInBlocksIsTakenIfAnySubscriberTakesIt) {
    for (int i = 0; i < 4; ++i) add(0, {});
    EXPECT_TRUE(publish(8));
    for (const auto& each : members) {
        EXPECT_EQ(each->taken, numbers(0, 8));
        each->limit = 0;
    }
    EXPECT_FALSE(publish(8));
}

}  // namespace
}  // namespace nuring::delivery
