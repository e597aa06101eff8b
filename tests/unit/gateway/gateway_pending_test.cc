// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_pending.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

#include "core/account/account.h"
#include "fmt/format.h"

namespace nuring::gateway {
namespace {

class Store : public OutboundInterest::Store {
  public:
    bool add(account::Account&, std::string_view pattern, std::string_view queue) override {
        return set.emplace(pattern, queue).second;
    }
    bool remove(account::Account&, std::string_view pattern, std::string_view queue) override {
        return set.erase({std::string(pattern), std::string(queue)}) != 0;
    }
    void remove_plain(account::Account&) override {
        std::erase_if(set, [](const auto& each) { return each.second.empty(); });
    }
    std::set<std::pair<std::string, std::string>> set;
};

using Set = std::set<std::pair<std::string, std::string>>;

class GatewayPendingTest : public testing::Test {
  protected:
    account::Account a_{"A", {}};
    Store store_;
};

TEST_F(GatewayPendingTest, WhatWasAnnouncedBeforeTheAccountCame) {
    PendingInterest pending(/*interest_only=*/true);
    OutboundInterest interest(store_, true);
    pending.begin_switch("A");
    pending.subscribe("A", "foo", {});
    pending.subscribe("A", "bar.*", {});
    pending.subscribe("A", "svc", "q");
    pending.subscribe("B", "other", {});
    pending.end_switch("A");
    pending.unsubscribe("A", "foo", {});
    pending.replay(a_, &interest);
    EXPECT_EQ(store_.set, (Set{{"bar.*", ""}, {"svc", "q"}}));
    EXPECT_EQ(interest.facts(a_).mode, InterestMode::kInterestOnly);
    EXPECT_EQ(pending.size(), 2U);
    store_.set.clear();
    pending.replay(a_, &interest);  // once
    EXPECT_EQ(store_.set, Set{});
}

TEST_F(GatewayPendingTest, LongNamesAreBounded) {
    PendingInterest pending(/*interest_only=*/true);
    const std::string longest(PendingInterest::kBytesMax / 4, 'x');
    for (char c = 'a'; c < 'z'; ++c) pending.subscribe("A", c + longest, {});
    EXPECT_EQ(pending.size(), 4U);  // the account, and three patterns
    for (char c = 'a'; c < 'z'; ++c) pending.begin_switch(c + longest);
    EXPECT_EQ(pending.size(), 4U);
    pending.unsubscribe("A", 'a' + longest, {});
    pending.subscribe("A", 'z' + longest, {});
    EXPECT_EQ(pending.size(), 4U);
    pending.set_refused("A", true);  // all plain ones go
    pending.subscribe("A", "svc", "q");
    EXPECT_EQ(pending.size(), 2U);
    for (char c = 'b'; c < 'z'; ++c) pending.subscribe("A", c + longest, "q");
    EXPECT_EQ(pending.size(), 5U);
    OutboundInterest interest(store_, true);
    pending.replay(a_, &interest);
    EXPECT_EQ(pending.size(), 0U);
    for (char c = 'b'; c < 'z'; ++c) pending.subscribe("A", c + longest, "q");
    EXPECT_EQ(pending.size(), 4U);
}

TEST_F(GatewayPendingTest, AnOptimisticAccountThatWasRefused) {
    PendingInterest pending(/*interest_only=*/false);
    OutboundInterest interest(store_, false);
    pending.subscribe("A", "foo", {});  // means nothing before the switch
    pending.set_refused("A", true);
    pending.replay(a_, &interest);
    EXPECT_EQ(store_.set, Set{});
    EXPECT_TRUE(interest.facts(a_).is_refused);
    interest.on_account_wanted(a_);
    EXPECT_EQ(store_.set, (Set{{">", ""}}));
}

TEST_F(GatewayPendingTest, AGroupWithdrawsTheRefusal) {
    PendingInterest pending(/*interest_only=*/false);
    OutboundInterest interest(store_, false);
    pending.set_refused("A", true);
    pending.subscribe("A", "foo", "q");
    pending.replay(a_, &interest);
    EXPECT_EQ(store_.set, (Set{{">", ""}, {"foo", "q"}}));
}

TEST_F(GatewayPendingTest, AnAccountThatWasRefusedBeginsAnew) {
    PendingInterest pending(/*interest_only=*/true);
    OutboundInterest interest(store_, true);
    pending.begin_switch("A");
    pending.subscribe("A", "foo", {});
    pending.subscribe("A", "svc", "q");
    pending.end_switch("A");
    pending.set_refused("A", true);
    pending.set_refused("A", false);
    pending.replay(a_, &interest);
    EXPECT_EQ(interest.facts(a_).mode, InterestMode::kOptimistic);
    EXPECT_EQ(store_.set, (Set{{">", ""}, {"svc", "q"}}));
    EXPECT_EQ(pending.size(), 0U);
}

TEST_F(GatewayPendingTest, ARefusedSubjectWithdrawsTheRefusalOfTheAccount) {
    PendingInterest pending(/*interest_only=*/false);
    OutboundInterest interest(store_, false);
    pending.set_refused("A", true);
    pending.unsubscribe("A", "foo", {});
    pending.replay(a_, &interest);
    EXPECT_FALSE(interest.facts(a_).is_refused);
    EXPECT_EQ(store_.set, (Set{{">", ""}}));
}

TEST_F(GatewayPendingTest, AnAccountIsWantedBeforeItsSwitch) {
    PendingInterest pending(/*interest_only=*/false);
    OutboundInterest interest(store_, false);
    pending.set_refused("A", true);
    pending.set_refused("A", false);
    pending.begin_switch("A");
    pending.replay(a_, &interest);
    EXPECT_EQ(interest.facts(a_).mode, InterestMode::kTransitioning);
    EXPECT_EQ(store_.set, (Set{{">", ""}}));
}

TEST_F(GatewayPendingTest, AFloodIsBounded) {
    PendingInterest pending(/*interest_only=*/true);
    for (size_t i = 0; i < 2 * PendingInterest::kEntriesMax; ++i) {
        pending.subscribe(fmt::format("A{}", i % 100), fmt::format("s.{}", i), {});
        pending.set_refused(fmt::format("B{}", i), true);
    }
    EXPECT_LE(pending.size(), PendingInterest::kEntriesMax);
}

}  // namespace
}  // namespace nuring::gateway
