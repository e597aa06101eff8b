// SPDX-License-Identifier: Apache-2.0
#include "core/interest/sid_table.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/prng.h"

namespace nuring::interest {
namespace {

SubscriptionPtr with_sid(std::string_view sid) {
    SubscriptionSpec spec;
    spec.subject = "foo";
    spec.sid = sid;
    return SubscriptionPtr(Subscription::create(spec));
}

TEST(SidTableTest, AgreesWithAMapUnderRandomChanges) {
    base::Prng prng(23);
    SidTable table(prng.next());
    std::map<std::string, SubscriptionPtr> model;
    for (int step = 0; step < 60'000; ++step) {
        const uint32_t range = step / 6000 % 2 == 0 ? 2000 : 40;
        std::string sid = std::to_string(prng.below(range) * (prng.percent(50) ? 1 : 64));
        if (prng.percent(10)) sid.insert(0, "0");
        if (prng.percent(10)) sid += "-text";
        const auto found = model.find(sid);
        ASSERT_EQ(table.find(sid), found == model.end() ? nullptr : found->second.get());
        if (found != model.end()) {
            table.erase(found->second.get());
            model.erase(found);
        } else {
            SubscriptionPtr added = with_sid(sid);
            table.insert(added.get());
            model.emplace(sid, std::move(added));
        }
        ASSERT_EQ(table.size(), model.size());
    }
    std::set<const Subscription*> visited;
    table.for_each([&](const Subscription* each) { visited.insert(each); });
    EXPECT_EQ(visited.size(), model.size());
    for (const auto& [sid, subscription] : model) table.erase(subscription.get());
    EXPECT_TRUE(table.empty());
    EXPECT_LE(table.heap_bytes(), 1024U);
}

TEST(SidTableTest, IsTakenApartInPieces) {
    SidTable table(1);
    std::map<const Subscription*, SubscriptionPtr> left;
    for (int i = 0; i < 1000; ++i) {
        for (const std::string& sid : {std::to_string(i), "text" + std::to_string(i)}) {
            SubscriptionPtr added = with_sid(sid);
            table.insert(added.get());
            left.emplace(added.get(), std::move(added));
        }
    }
    table.erase(table.find("7"));
    table.erase(table.find("text7"));
    size_t pieces = 0;
    size_t taken = 0;
    while (!table.empty()) {
        std::vector<Subscription*> piece;
        table.take(100, &piece);
        EXPECT_EQ(piece.size(), std::min<size_t>(100, 1998 - taken));
        for (const Subscription* each : piece) ASSERT_EQ(left.erase(each), 1U);
        taken += piece.size();
        EXPECT_EQ(table.size(), 1998 - taken);
        ++pieces;
    }
    EXPECT_EQ(left.size(), 2U);
    EXPECT_EQ(pieces, 20U);
    EXPECT_EQ(table.heap_bytes(), 0U);
    table.insert(left.begin()->second.get());  // usable again
    EXPECT_EQ(table.find(left.begin()->first->sid()), left.begin()->first);
}

TEST(SidTableTest, PagesThatCameToNothingAreUsedAgain) {
    SidTable table(1);
    const SubscriptionPtr stays = with_sid("0");
    table.insert(stays.get());
    for (int i = 1; i <= 1000; ++i) {
        const SubscriptionPtr brief = with_sid(std::to_string(16 * i));
        table.insert(brief.get());
        table.erase(brief.get());
    }
    EXPECT_LE(table.heap_bytes(), 1024U);
}

TEST(SidTableTest, CountedSidsCostWhatTheTableSays) {
    SidTable table(1);
    EXPECT_EQ(table.heap_bytes(), 0U);
    std::vector<SubscriptionPtr> all;
    for (int i = 0; i < 50'000; ++i) {
        all.push_back(with_sid(std::to_string(1'000'000 + i)));
        ASSERT_EQ(table.find(all.back()->sid()), nullptr);
        table.insert(all.back().get());
    }
    for (const SubscriptionPtr& each : all) ASSERT_EQ(table.find(each->sid()), each.get());
    EXPECT_LE(table.heap_bytes(), all.size() * 13);
    table.clear();
    EXPECT_EQ(table.find("1000000"), nullptr);
    EXPECT_EQ(table.heap_bytes(), 0U);
}

TEST(SidTableTest, VeryLongNumbersAndOddTextsAreKeptApart) {
    SidTable table(1);
    const std::vector<std::string> sids = {"1", "01", "001", "18446744073709551617", "1.0", "",
                                           "999999999999999999", "9999999999999999999", "a"};
    std::vector<SubscriptionPtr> all;
    for (const std::string& sid : sids) {
        all.push_back(with_sid(sid));
        EXPECT_EQ(table.find(sid), nullptr) << sid;
        table.insert(all.back().get());
    }
    for (const SubscriptionPtr& each : all) EXPECT_EQ(table.find(each->sid()), each.get());
}

}  // namespace
}  // namespace nuring::interest
