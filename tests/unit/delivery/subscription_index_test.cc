// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/subscription_index.h"

#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::delivery {
namespace {

TEST(SubscriptionIndexTest, OneThatIsRetiredIsNotFoundAnyMore) {
    SubscriptionIndex index;
    interest::Subscription* subscription = index.create({.subject = "a", .queue = "q"});
    const uint64_t serial = subscription->serial();
    EXPECT_EQ(index.find(serial), subscription);
    index.retire(subscription);
    EXPECT_EQ(index.find(serial), nullptr);
    EXPECT_TRUE(subscription->closed()) << "it lives until the end of the turn";
    index.free_retired();
    EXPECT_EQ(index.find(serial), nullptr);
    subscription = index.create({.subject = "a"});
    const uint64_t next = subscription->serial();
    EXPECT_NE(next, serial) << "though it has the same slot";
    EXPECT_EQ(index.find(serial), nullptr);
    EXPECT_EQ(index.find(next), subscription);
    index.destroy(subscription);
    EXPECT_EQ(index.find(next), nullptr);
}

TEST(SubscriptionIndexTest, SerialsOfOthersAreNotFound) {
    SubscriptionIndex index;
    EXPECT_EQ(index.find(0), nullptr);
    EXPECT_EQ(index.find(UINT64_MAX), nullptr);
    interest::Subscription* subscription = index.create({.subject = "a"});
    EXPECT_EQ(index.find(subscription->serial() + 1), nullptr);
    EXPECT_EQ(index.find(subscription->serial() + (uint64_t{1} << 32)), nullptr);
    index.destroy(subscription);
}

TEST(SubscriptionIndexTest, ManyComeAndGoInAnyOrder) {
    SubscriptionIndex index;
    std::vector<interest::Subscription*> all;
    std::set<uint64_t> serials;
    for (int i = 0; i < 10'000; ++i) {
        all.push_back(index.create({.subject = "a"}));
        EXPECT_TRUE(serials.insert(all.back()->serial()).second);
        if (i % 3 != 2) continue;
        const size_t victim = static_cast<size_t>(i) * 7 % all.size();
        index.retire(all[victim]);
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(victim));
        if (i % 5 == 0) index.free_retired();
    }
    for (interest::Subscription* each : all) EXPECT_EQ(index.find(each->serial()), each);
    for (interest::Subscription* each : all) index.destroy(each);
}

TEST(SubscriptionIndexTest, OneWithTooLongATextTakesNoSlot) {
    SubscriptionIndex index;
    const std::string text(interest::Subscription::kTextSizeMax + 1, 'a');
    EXPECT_EQ(index.create({.subject = text}), nullptr);
    interest::Subscription* subscription = index.create({.subject = "a"});
    EXPECT_EQ(index.find(subscription->serial()), subscription);
    index.destroy(subscription);
}

}  // namespace
}  // namespace nuring::delivery
