// SPDX-License-Identifier: Apache-2.0
// What a run may cost the mailboxes, against what it does cost: from worker 0 to worker 1, which does not
// run.
#include "core/delivery/room.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/delivery/deliver.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::WorkerStage;

constexpr base::WorkerId kBusy{1};

// Subscriptions by hand, of links that do not exist: all that a match needs.
class RoomTest : public testing::Test {
  protected:
    ~RoomTest() override {
        for (interest::Subscription* each : subscriptions_) {
            sublist().remove(each);
            stage.state(0).delivery.subscriptions.destroy(each);
        }
        // What was delivered has no subscribers any more.
        stage.pause(1, false);
        stage.settle();
    }
    void add(uint32_t worker, std::string_view queue = {}, proto::Kind kind = proto::Kind::kClient) {
        SubscriptionIndex& index = stage.state(0).delivery.subscriptions;
        const base::LinkHandle link(static_cast<base::WorkerId>(worker), 1000 + ++links_, 1);
        subscriptions_.push_back(index.create({.link = link,
                                               .subject = "a",
                                               .queue = queue,
                                               .kind = kind}));
        sublist().insert(subscriptions_.back());
    }
    const interest::MatchEntry& entry() { return stage.state(0).delivery.cache.find(sublist(), "a"); }
    const interest::MatchResult& match() { return entry().result(); }
    MailboxDemand demand(proto::Kind from = proto::Kind::kClient) {
        return demand_of(stage.state(0).delivery, from, match());
    }
    // `count` messages of that size.
    MessageRun run_of(uint32_t count, uint32_t size) {
        constexpr size_t kHead = sizeof("PUB a") - 1;
        const std::string one = fmt::format("PUB a {}\r\n{}\r\n", size, std::string(size, 'b'));
        text_.clear();
        for (uint32_t i = 0; i < count; ++i) text_ += one;
        text_.append(64, ' ');
        MessageRun run;
        run.subject = "a";
        run.tail = text_.data() + kHead;
        run.tail_size = one.size() - kHead;
        run.stride = one.size();
        run.count = count;
        run.total_size = size;
        return run;
    }
    // The run is cut and delivered; returns how many messages it was.
    uint32_t expect_enough(uint32_t count, uint32_t size) {
        MessageRun run = run_of(count, size);
        const MailboxDemand asked = demand();
        uint32_t cut = 0;
        stage.pause(1, true);
        stage.on_worker(0, [&](server::WorkerState& state) {
            cut = run.count = deliverable_count(state.delivery, asked, run);
            const size_t needed = bytes_needed(state.delivery, asked, match(), run);
            runtime::Mailbox& box = state.host.worker.mesh().mailbox(base::WorkerId{0}, kBusy);
            EXPECT_LE(needed, box.capacity() / 2);
            const size_t before = box.unconsumed_bytes();
            EXPECT_TRUE(deliver_run(state.delivery, {}, stage.accounts.global(), entry(), run));
            EXPECT_FALSE(state.delivery.outlets.has_spill());
            EXPECT_LE(box.unconsumed_bytes() - before, needed);
        });
        stage.settle();
        return cut;
    }
    interest::Sublist& sublist() { return stage.accounts.global().sublist(); }

    WorkerStage stage{3};

  private:
    std::vector<interest::Subscription*> subscriptions_;
    uint32_t links_ = 0;
    std::string text_;
};

TEST_F(RoomTest, DemandIsWhatOtherWorkersHave) {
    add(0);
    add(0, "here");
    add(0, {}, proto::Kind::kRoute);
    EXPECT_TRUE(demand().workers.empty());
    EXPECT_EQ(demand().group_count, 0U);
    EXPECT_EQ(demand().server_count, 0U);
    add(1);
    add(1);
    EXPECT_EQ(demand().workers, interest::WorkerSet::from_words({2, 0}));
    add(2, "name");
    add(0, "name");
    EXPECT_EQ(demand().workers, interest::WorkerSet::from_words({6, 0}));
    EXPECT_EQ(demand().group_count, 1U);
    EXPECT_EQ(demand().group_names, 4U);
    add(1, {}, proto::Kind::kRoute);
    EXPECT_EQ(demand().server_count, 1U);
    EXPECT_EQ(demand(proto::Kind::kRoute).server_count, 0U) << "a route sends to no other";
}

TEST_F(RoomTest, AServerAloneIsADemand) {
    add(1, {}, proto::Kind::kRoute);
    EXPECT_EQ(demand().workers, interest::WorkerSet::from_words({2, 0}));
}

TEST_F(RoomTest, ARunFitsIntoOneRecordWhileItIsSmall) {
    add(1);
    EXPECT_EQ(expect_enough(1, 10), 1U);
    EXPECT_EQ(expect_enough(20, 10), 20U);
    const uint32_t cut = expect_enough(2000, 100);
    EXPECT_GT(cut, 50U);
    EXPECT_LT(cut, 2000U);
    MessageRun run = run_of(cut, 100);
    EXPECT_FALSE(record_size(stage.state(0).delivery, run, 0, run.block_size()).is_large);
    run = run_of(cut + 1, 100);
    EXPECT_TRUE(record_size(stage.state(0).delivery, run, 0, run.block_size()).is_large);
    EXPECT_EQ(expect_enough(1, 500'000), 1U) << "its body travels outside";
}

TEST_F(RoomTest, GroupsNeedRoomForEachOfTheirParts) {
    add(1);
    const std::string long_name(200, 'n');
    for (int group = 0; group < 6; ++group) {
        for (int member = 0; member < 30; ++member) add(1, fmt::format("{}{}", long_name, group));
    }
    EXPECT_EQ(expect_enough(1, 10), 1U);
    EXPECT_GE(expect_enough(20, 10), 10U);
    EXPECT_GE(expect_enough(300, 10), 10U);
    EXPECT_GE(expect_enough(2000, 100), 10U);
}

TEST_F(RoomTest, ManyGroupsWithLongNamesCutTheRun) {
    const std::string long_name(1000, 'n');
    for (int group = 0; group < 40; ++group) {
        for (int member = 0; member < 10; ++member) add(1, fmt::format("{}{}", long_name, group));
    }
    MessageRun run = run_of(100, 10);
    const uint32_t with_names = deliverable_count(stage.state(0).delivery, demand(), run);
    MailboxDemand without_names = demand();
    without_names.group_names = 0;
    EXPECT_LT(with_names, deliverable_count(stage.state(0).delivery, without_names, run));
    EXPECT_GE(with_names, 1U);
}

TEST_F(RoomTest, ServersNeedARecordEach) {
    for (int i = 0; i < 5; ++i) add(1, {}, proto::Kind::kRoute);
    add(1);
    EXPECT_EQ(expect_enough(50, 100), 50U);
}

TEST_F(RoomTest, ARunForManyIsCutToATurn) {
    for (int i = 0; i < 3000; ++i) add(1);
    MessageRun small = run_of(9, 10);
    cut_to_turn(match(), &small);
    EXPECT_EQ(small.count, 9U);
    MessageRun medium = run_of(9, 10'000);
    cut_to_turn(match(), &medium);
    EXPECT_EQ(medium.count, 3U);
    // One message alone is more than a turn.
    MessageRun large = run_of(9, 30'000);
    cut_to_turn(match(), &large);
    EXPECT_EQ(large.count, 1U);
}

TEST(InterestGateTest, ALargeMessageIsAsMuchWorkAsSeveralSmallOnes) {
    EXPECT_EQ(InterestGate::copies(10, 100), 10U);
    EXPECT_EQ(InterestGate::copies(10, 2560), 110U);
}

}  // namespace
}  // namespace nuring::delivery
