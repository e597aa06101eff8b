// SPDX-License-Identifier: Apache-2.0
#include "monitor/format.h"

#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(FormatTest, UptimeBeginsWithTheLargestUnit) {
    EXPECT_EQ(format_uptime(0), "0s");
    EXPECT_EQ(format_uptime(5 * kSecond + 999), "5s");
    EXPECT_EQ(format_uptime(120 * kSecond), "2m0s");
    EXPECT_EQ(format_uptime(3603 * kSecond), "1h0m3s");
    EXPECT_EQ(format_uptime(86400 * kSecond), "1d0h0m0s");
    EXPECT_EQ(format_uptime(365 * 86400 * kSecond), "1y0d0h0m0s");
    EXPECT_EQ(format_uptime((366 * 86400 + 3661) * kSecond), "1y1d1h1m1s");
}

TEST(FormatTest, RttIsCutToMicrosecondsBelowOneMillisecond) {
    EXPECT_EQ(format_rtt(0), "0s");
    EXPECT_EQ(format_rtt(1000), "0s");
    EXPECT_EQ(format_rtt(1001), "1\xc2\xb5s");
    EXPECT_EQ(format_rtt(715'999), "715\xc2\xb5s");
    EXPECT_EQ(format_rtt(1'234'567), "1ms");
    EXPECT_EQ(format_rtt(1'234'567'890), "1.234s");
}

}  // namespace
}  // namespace nuring::monitor
