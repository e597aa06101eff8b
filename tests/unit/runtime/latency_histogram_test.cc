// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/latency_histogram.h"

#include <algorithm>
#include <vector>

#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::runtime {
namespace {

TEST(LatencyHistogramTest, BucketsFollowOneAnotherWithoutGaps) {
    for (uint32_t bucket = 0; bucket + 1 < LatencyHistogram::kBucketCount; ++bucket) {
        const uint64_t end = LatencyHistogram::bucket_end_ns(bucket);
        ASSERT_EQ(LatencyHistogram::bucket_of(end - 1), bucket);
        ASSERT_EQ(LatencyHistogram::bucket_of(end), bucket + 1);
    }
}

TEST(LatencyHistogramTest, QuantilesAreRightWithinASixteenth) {
    base::Prng prng(7);
    LatencyHistogram histogram;
    std::vector<uint64_t> all;
    for (int i = 0; i < 20'000; ++i) {
        const uint64_t ns = prng.next() >> prng.below(50) >> 14;
        all.push_back(std::min(ns, LatencyHistogram::kLimit_ns));
        histogram.record(ns);
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(histogram.count(), all.size());
    for (const double part : {0.001, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto index = static_cast<size_t>(part * static_cast<double>(all.size()) + 0.999999);
        const uint64_t exact = all[std::max<size_t>(index, 1) - 1];
        const uint64_t found = histogram.quantile_ns(part);
        EXPECT_GE(found, exact);
        EXPECT_LE(found, exact + exact / 16 + 1);
    }
    for (const uint32_t bits : {0U, 3U, 10U, 20U, 39U, 40U}) {
        const auto below = std::count_if(all.begin(), all.end(), [bits](uint64_t ns) {
            return bits >= LatencyHistogram::kBitsMax || ns < uint64_t{1} << bits;
        });
        EXPECT_EQ(histogram.count_below_power(bits), static_cast<uint64_t>(below)) << bits;
    }
}

TEST(LatencyHistogramTest, EmptyHasNoQuantiles) {
    LatencyHistogram histogram;
    EXPECT_EQ(histogram.quantile_ns(0.5), 0U);
    LatencyHistogram other;
    other.record(100);
    histogram.add(other);
    EXPECT_EQ(histogram.count(), 1U);
    EXPECT_EQ(histogram.sum_ns(), 100U);
    EXPECT_EQ(histogram.quantile_ns(0.5), 103U);
}

}  // namespace
}  // namespace nuring::runtime
