// SPDX-License-Identifier: Apache-2.0
#include "core/base/prng.h"

#include <array>

#include "gtest/gtest.h"

namespace nuring::base {
namespace {

TEST(PrngTest, EqualSeedsGiveEqualNumbers) {
    Prng a(42);
    Prng b(42);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(a.next(), b.next());
}

TEST(PrngTest, NeighbouringSeedsHaveNothingInCommon) {
    Prng a(0);
    Prng b(1);
    for (int i = 0; i < 1000; ++i) ASSERT_NE(a.next(), b.next());
}

TEST(PrngTest, BelowStaysBelow) {
    Prng prng(1);
    for (const uint32_t bound : {1U, 2U, 3U, 1000U, UINT32_MAX}) {
        for (int i = 0; i < 1000; ++i) ASSERT_LT(prng.below(bound), bound);
    }
}

TEST(PrngTest, BelowIsFair) {
    Prng prng(2);
    std::array<int, 7> counts{};
    for (int i = 0; i < 70'000; ++i) ++counts[prng.below(7)];
    for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);  // over 5 sigma
}

TEST(PrngTest, PercentKnowsNeverAndAlways) {
    Prng prng(3);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_FALSE(prng.percent(0));
        ASSERT_TRUE(prng.percent(100));
    }
}

}  // namespace
}  // namespace nuring::base
