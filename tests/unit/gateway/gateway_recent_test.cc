// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_recent.h"

#include <gtest/gtest.h>

#include "core/account/account.h"
#include "fmt/format.h"

namespace nuring::gateway {
namespace {

constexpr uint64_t kSecond_ns = 1'000'000'000;

class GatewayRecentTest : public testing::Test {
  protected:
    account::Account a_{"A", {}};
    account::Account b_{"B", {}};
    RecentInterest recent_;
};

TEST_F(GatewayRecentTest, LiteralsAndPatternsOfTheSameAccount) {
    recent_.note(a_, "_INBOX.abc.1", 0);
    recent_.note(a_, "_INBOX.def.*", 0);
    recent_.note(a_, "x.*.z", 0);
    EXPECT_TRUE(recent_.covers(a_, "_INBOX.abc.1", 1));
    EXPECT_TRUE(recent_.covers(a_, "_INBOX.def.7", 1));
    EXPECT_TRUE(recent_.covers(a_, "x.y.z", 1));
    EXPECT_FALSE(recent_.covers(a_, "_INBOX.abc.2", 1));
    EXPECT_FALSE(recent_.covers(a_, "_INBOX.def", 1));
    EXPECT_FALSE(recent_.covers(a_, "_INBOX.def.7.8", 1));
    EXPECT_FALSE(recent_.covers(a_, "x.y", 1));
    EXPECT_FALSE(recent_.covers(b_, "_INBOX.abc.1", 1));
}

TEST_F(GatewayRecentTest, WildcardsFirst) {
    recent_.note(a_, "*.reply", 0);
    EXPECT_TRUE(recent_.covers(a_, "any.reply", 1));
    EXPECT_FALSE(recent_.covers(a_, "reply", 1));
    recent_.note(a_, ">", 0);
    EXPECT_TRUE(recent_.covers(a_, "reply", 1));
}

TEST_F(GatewayRecentTest, TwoSecondsAreRecent) {
    recent_.note(a_, "foo", 0);
    recent_.note(a_, "foo", kSecond_ns);
    EXPECT_TRUE(recent_.covers(a_, "foo", 2 * kSecond_ns));
    EXPECT_EQ(recent_.size(), 1U);
    EXPECT_FALSE(recent_.covers(a_, "foo", 3 * kSecond_ns));
    EXPECT_EQ(recent_.size(), 0U);
}

TEST_F(GatewayRecentTest, OfManyPatternsWithOneBeginningAllCountAsRecent) {
    const size_t count = RecentInterest::kPatternsPerKeyMax + 1;
    for (size_t i = 0; i < count; ++i) recent_.note(a_, fmt::format("x.*.{}", i), i);
    EXPECT_EQ(recent_.size(), count);
    EXPECT_TRUE(recent_.covers(a_, fmt::format("x.y.{}", count - 1), kSecond_ns));
    EXPECT_TRUE(recent_.covers(a_, "x.y.other", kSecond_ns));
    EXPECT_FALSE(recent_.covers(a_, "y.y.0", kSecond_ns));
    EXPECT_FALSE(recent_.covers(b_, "x.y.0", kSecond_ns));
    EXPECT_TRUE(recent_.covers(a_, "x.y.other", 2 * kSecond_ns + count - 2));
    EXPECT_FALSE(recent_.covers(a_, "x.y.other", 2 * kSecond_ns + count - 1));
    EXPECT_EQ(recent_.size(), 0U);
}

TEST_F(GatewayRecentTest, AFloodOfOneSubjectIsForgottenAsItCame) {
    for (size_t i = 0; i < RecentInterest::kPatternsMax; ++i) recent_.note(a_, "s", i);
    EXPECT_TRUE(recent_.covers(a_, "s", 2 * kSecond_ns));
    EXPECT_EQ(recent_.size(), RecentInterest::kPatternsMax - 1);
    EXPECT_FALSE(recent_.covers(a_, "s", 3 * kSecond_ns));
    EXPECT_EQ(recent_.size(), 0U);
}

TEST_F(GatewayRecentTest, AFloodIsBoundedAndLosesNoAnswer) {
    for (size_t i = 0; i < RecentInterest::kPatternsMax + 10; ++i) recent_.note(a_, fmt::format("s.{}", i), 0);
    EXPECT_EQ(recent_.size(), RecentInterest::kPatternsMax);
    EXPECT_TRUE(recent_.covers(a_, fmt::format("s.{}", RecentInterest::kPatternsMax + 5), 1));
    EXPECT_TRUE(recent_.covers(b_, "whatever", 1));
    EXPECT_FALSE(recent_.covers(b_, "whatever", 3 * kSecond_ns));
}

TEST_F(GatewayRecentTest, AFloodOfLongPatternsIsBounded) {
    const std::string tail(4000, 'x');
    for (size_t i = 0; i < 3000; ++i) recent_.note(a_, fmt::format("s.{}.{}", i, tail), 0);
    EXPECT_LT(recent_.size(), 3000U);
    EXPECT_TRUE(recent_.covers(b_, "whatever", 1));
    EXPECT_FALSE(recent_.covers(b_, "whatever", 3 * kSecond_ns));
    recent_.note(a_, "foo", 3 * kSecond_ns);
    EXPECT_TRUE(recent_.covers(a_, "foo", 4 * kSecond_ns));
    EXPECT_FALSE(recent_.covers(b_, "foo", 4 * kSecond_ns));
}

}  // namespace
}  // namespace nuring::gateway
