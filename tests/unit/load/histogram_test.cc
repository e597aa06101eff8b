// SPDX-License-Identifier: Apache-2.0
#include "bench/load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace nuring::bench {
namespace {

TEST(HistogramTest, EveryValueLiesAtMostOneStepBelowItsBucketLimit) {
    for (uint64_t value = 0; value < (uint64_t{1} << 39); value += value / 97 + 1) {
        const uint64_t limit = Histogram::bucket_limit(Histogram::bucket_of(value));
        ASSERT_GE(limit, value);
        ASSERT_LE(limit - value, value / Histogram::kSteps);
    }
}

TEST(HistogramTest, BucketsFollowEachOtherWithoutGap) {
    for (size_t bucket = 0; bucket + 1 < Histogram::kBuckets; ++bucket) {
        const uint64_t limit = Histogram::bucket_limit(bucket);
        ASSERT_EQ(Histogram::bucket_of(limit), bucket);
        ASSERT_EQ(Histogram::bucket_of(limit + 1), bucket + 1);
    }
}

TEST(HistogramTest, ValuesBeyondTheLastBucketStayInIt) {
    EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
    Histogram histogram;
    histogram.add(UINT64_MAX);
    EXPECT_EQ(histogram.max_ns(), UINT64_MAX);
}

TEST(HistogramTest, QuantilesAgreeWithASortedList) {
    constexpr uint32_t kSeed = 7;
    std::mt19937_64 random(kSeed);
    std::vector<uint64_t> values;
    Histogram histogram;
    for (int i = 0; i < 100'000; ++i) {
        values.push_back(random() >> (random() % 40 + 24));
        histogram.add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<size_t>(share * static_cast<double>(values.size()) + 0.5);
        const uint64_t exact = values[std::max<size_t>(rank, 1) - 1];
        EXPECT_GE(histogram.quantile_ns(share), exact) << share;
        EXPECT_LE(histogram.quantile_ns(share), exact + exact / Histogram::kSteps + 1) << share;
    }
}

TEST(HistogramTest, EachHandsOutEveryValueInOrder) {
    Histogram histogram;
    for (const uint64_t value : {70'001U, 3U, 3U, 500U}) histogram.add(value);
    std::vector<uint64_t> limits;
    uint64_t count = 0;
    histogram.each([&](uint64_t limit_ns, uint64_t values) {
        limits.push_back(limit_ns);
        count += values;
    });
    EXPECT_EQ(count, histogram.count());
    ASSERT_EQ(limits.size(), 3U);
    EXPECT_EQ(limits[0], 3U);
    EXPECT_GE(limits[1], 500U);
    EXPECT_EQ(limits[2], 70'001U);  // the largest is exact
}

TEST(HistogramTest, AnEmptyOneAnswersZero) {
    Histogram histogram;
    EXPECT_EQ(histogram.quantile_ns(0.99), 0U);
    histogram.add(5);
    histogram.clear();
    EXPECT_EQ(histogram.count(), 0U);
    EXPECT_EQ(histogram.max_ns(), 0U);
}

}  // namespace
}  // namespace nuring::bench
