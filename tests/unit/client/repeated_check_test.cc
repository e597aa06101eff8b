// SPDX-License-Identifier: Apache-2.0
#include "core/client/repeated_check.h"

#include "gtest/gtest.h"

namespace nuring::client {
namespace {

TEST(RepeatedCheckTest, OneIsUnderWayAndOneMoreFollowsHoweverOftenClaimsChange) {
    RepeatedCheck check;
    EXPECT_TRUE(check.begin());
    EXPECT_FALSE(check.begin());
    EXPECT_FALSE(check.begin());
    EXPECT_TRUE(check.end());  // another one, which is under way now
    EXPECT_FALSE(check.begin());
    EXPECT_TRUE(check.end());
    EXPECT_FALSE(check.end());
    EXPECT_TRUE(check.begin());
    EXPECT_FALSE(check.end());
}

TEST(RepeatedCheckTest, AVerdictWithoutACheckAsksForNone) {
    RepeatedCheck check;
    EXPECT_FALSE(check.end());
    EXPECT_TRUE(check.begin());
}

}  // namespace
}  // namespace nuring::client
