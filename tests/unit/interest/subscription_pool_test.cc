// SPDX-License-Identifier: Apache-2.0
#include "core/interest/subscription_pool.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/prng.h"

namespace nuring::interest {
namespace {

Subscription* add(SubscriptionPool& pool, const std::string& subject, uint64_t serial) {
    SubscriptionSpec spec;
    spec.subject = subject;
    spec.queue = serial % 3 == 0 ? "q" : "";
    spec.sid = "17";
    spec.serial = serial;
    return pool.create(spec);
}

TEST(SubscriptionPoolTest, SubscriptionsKeepTheirContentAmongOthers) {
    base::Prng prng(29);
    SubscriptionPool pool;
    std::vector<std::pair<Subscription*, std::string>> live;
    for (uint64_t step = 0; step < 60'000; ++step) {
        const bool growing = step / 10'000 % 2 == 0;
        if (live.empty() || prng.percent(growing ? 80 : 20)) {
            const uint32_t size = 1 + prng.below(prng.percent(5) ? 2000 : 60);
            std::string subject(size, static_cast<char>('a' + prng.below(26)));
            Subscription* const added = add(pool, subject, step);
            ASSERT_NE(added, nullptr);
            live.emplace_back(added, std::move(subject));
        } else {
            std::swap(live[prng.below(static_cast<uint32_t>(live.size()))], live.back());
            const auto& [subscription, subject] = live.back();
            ASSERT_EQ(subscription->subject(), subject);
            ASSERT_EQ(subscription->queue(), subscription->serial() % 3 == 0 ? "q" : "");
            ASSERT_EQ(subscription->sid(), "17");
            pool.destroy(subscription);
            live.pop_back();
        }
    }
    for (const auto& [subscription, subject] : live) {
        ASSERT_EQ(subscription->subject(), subject);
        pool.destroy(subscription);
    }
}

TEST(SubscriptionPoolTest, MemoryComesBackAfterABurst) {
    constexpr size_t kBurst = 100'000;
    SubscriptionPool pool;
    for (int round = 0; round < 2; ++round) {
        std::vector<Subscription*> all;
        for (size_t i = 0; i < kBurst; ++i) all.push_back(add(pool, "subject", i * 3 + 1));
        EXPECT_LE(pool.reserved_bytes(), kBurst * 80 + (size_t{4} << 20));
        for (Subscription* each : all) pool.destroy(each);
        EXPECT_LE(pool.reserved_bytes(), size_t{4} << 20);
    }
}

// Under the address sanitizer a pool has no pages.
bool has_pages() {
    SubscriptionPool pool;
    Subscription* const added = add(pool, "subject", 1);
    const bool result = pool.reserved_bytes() != 0;
    pool.destroy(added);
    return result;
}

TEST(SubscriptionPoolTest, TheOnlyPageStays) {
    if (!has_pages()) GTEST_SKIP();
    SubscriptionPool pool;
    pool.destroy(add(pool, "subject", 1));
    EXPECT_GT(pool.reserved_bytes(), 0U);
}

TEST(SubscriptionPoolTest, RoomIsUsedBesidePagesThatAreGivenBack) {
    if (!has_pages()) GTEST_SKIP();
    SubscriptionPool pool;
    std::vector<std::vector<Subscription*>> pages;
    size_t reserved = 0;
    while (pages.size() < 4) {
        Subscription* const added = add(pool, "subject", 1);
        if (pool.reserved_bytes() != reserved) pages.emplace_back();
        reserved = pool.reserved_bytes();
        pages.back().push_back(added);
    }
    const size_t per_page = pages[0].size();
    for (size_t i : {0, 1, 2}) {
        pool.destroy(pages[i].back());
        pages[i].pop_back();
    }
    for (Subscription* each : pages[1]) pool.destroy(each);
    pages[1].clear();
    EXPECT_LT(pool.reserved_bytes(), reserved);
    reserved = pool.reserved_bytes();
    // One in each of two pages, and the rest of the last one.
    for (size_t i = 0; i < 2 + per_page - 1; ++i) pages[1].push_back(add(pool, "subject", 1));
    EXPECT_EQ(pool.reserved_bytes(), reserved);
    for (const std::vector<Subscription*>& page : pages) {
        for (Subscription* each : page) pool.destroy(each);
    }
}

TEST(SubscriptionPoolTest, TooLongTextsAreRefused) {
    SubscriptionPool pool;
    EXPECT_EQ(add(pool, std::string(Subscription::kTextSizeMax + 1, 'x'), 1), nullptr);
    Subscription* const longest = add(pool, std::string(Subscription::kTextSizeMax, 'x'), 1);
    ASSERT_NE(longest, nullptr);
    pool.destroy(longest);
    pool.destroy(nullptr);
}

}  // namespace
}  // namespace nuring::interest
