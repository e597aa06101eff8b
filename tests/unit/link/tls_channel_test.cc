// SPDX-License-Identifier: Apache-2.0
#include "core/link/tls_channel.h"

#include <gtest/gtest.h>

#include <string>

#include "core/link/rate_limit.h"

namespace nuring::link {
namespace {

std::string record(size_t size, char type = 0x16) {
    std::string made{type, 3, 3, static_cast<char>(size >> 8), static_cast<char>(size & 255)};
    return made + std::string(size, 'x');
}

TEST(WholeRecordsTest, AnUnfinishedRecordDoesNotCount) {
    const std::string two = record(0) + record(300);
    EXPECT_EQ(whole_records_size(two), two.size());
    const std::string three = two + record(16384);
    for (size_t size = 0; size < three.size(); ++size) {
        const size_t whole = size < 5 ? 0 : size < two.size() ? 5 : two.size();
        ASSERT_EQ(whole_records_size(std::string_view(three).substr(0, size)), whole) << size;
    }
    EXPECT_EQ(whole_records_size(three), three.size());
}

TEST(WholeRecordsTest, WhatIsNoRecordIsTakenAtOnce) {
    EXPECT_EQ(whole_records_size("CONNECT {}"), 10U);
    EXPECT_EQ(whole_records_size("CONN"), 0U);  // not even a header
    const std::string too_long("\x16\x03\x01\xff\xff", 5);
    EXPECT_EQ(whole_records_size(too_long), 5U);
    const std::string odd_second = record(10) + "hello";
    EXPECT_EQ(whole_records_size(odd_second), odd_second.size());
}

constexpr uint64_t kTlsSecond_ns = 1'000'000'000;

TEST(RateLimitTest, EachSecondAllowsSoMany) {
    RateLimit limit;
    for (const uint64_t second : {7, 8, 20}) {
        EXPECT_TRUE(limit.allows(second * kTlsSecond_ns, 2));
        EXPECT_TRUE(limit.allows(second * kTlsSecond_ns + 1, 2));
        EXPECT_FALSE(limit.allows(second * kTlsSecond_ns + 2, 2));
    }
}

TEST(RateLimitTest, RefusalsAreCountedUntilTheyAreTaken) {
    RateLimit limit;
    EXPECT_TRUE(limit.allows(kTlsSecond_ns, 1));
    EXPECT_EQ(limit.take_refused(), 0U);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(limit.allows(kTlsSecond_ns + 5, 1));
    EXPECT_EQ(limit.take_refused(), 3U);
    EXPECT_EQ(limit.take_refused(), 0U);
}

}  // namespace
}  // namespace nuring::link
