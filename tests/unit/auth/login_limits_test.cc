// SPDX-License-Identifier: Apache-2.0
#include "core/auth/login_limits.h"

#include <gtest/gtest.h>

namespace nuring::auth {
namespace {

TEST(LoginLimitsTest, ANetworkHasAnAddressAndAPrefix) {
    for (const char* good : {"10.0.0.0/8", "0.0.0.0/0", "1.2.3.4/32", "2001:db8::/32", "::/0", "::1/128"}) {
        EXPECT_TRUE(is_network(good)) << good;
    }
    for (const char* bad : {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "::/129",
                            "10.0.0.0/-1", "10.0.0.0/8x", "host/8", "1.2.3.4/99999999999"}) {
        EXPECT_FALSE(is_network(bad)) << bad;
    }
}

TEST(LoginLimitsTest, AHostIsInsideOneOfTheNetworks) {
    EXPECT_TRUE(is_within("127.0.0.1", {}));
    EXPECT_TRUE(is_within("10.1.2.3", {"192.168.0.0/16", "10.0.0.0/8"}));
    EXPECT_FALSE(is_within("11.1.2.3", {"192.168.0.0/16", "10.0.0.0/8"}));
    EXPECT_TRUE(is_within("1.2.3.5", {"1.2.3.4/31"}));
    EXPECT_FALSE(is_within("1.2.3.6", {"1.2.3.4/31"}));
    EXPECT_TRUE(is_within("2001:db8::1", {"2001:db8::/32"}));
    EXPECT_FALSE(is_within("2001:db9::1", {"2001:db8::/32"}));
    EXPECT_FALSE(is_within("::1", {"0.0.0.0/0"}));
    EXPECT_TRUE(is_within("::ffff:10.0.0.1", {"10.0.0.0/8"}));
    EXPECT_FALSE(is_within("", {"0.0.0.0/0"}));
    EXPECT_FALSE(is_within("unix", {"0.0.0.0/0"}));
}

TEST(LoginLimitsTest, TimesOfDay) {
    for (const char* good : {"00:00:00", "23:59:59", "08:30:00"}) {
        EXPECT_TRUE(is_time_of_day(good)) << good;
    }
    for (const char* bad : {"", "24:00:00", "12:60:00", "12:00:60", "1:00:00", "12:00", "12:00:00x"}) {
        EXPECT_FALSE(is_time_of_day(bad)) << bad;
    }
}

TEST(LoginLimitsTest, ATimeZoneIsNoPath) {
    for (const char* good : {"UTC", "America/New_York", "Etc/GMT+5"}) EXPECT_TRUE(is_time_zone(good)) << good;
    for (const char* bad :
         {"/usr/share/zoneinfo/America/New_York", "file:America/New_York", "file:/usr/share/zoneinfo/UTC",
          "../zoneinfo/America/New_York", "America/../America/New_York", "America/./New_York",
          "America//New_York", "America/New_York/", "America", "libc:localtime", "Middle/Earth", "/", ""}) {
        EXPECT_FALSE(is_time_zone(bad)) << bad;
    }
}

constexpr int64_t kMidnight = 1'700'006'400;  // 2023-11-15 00:00:00 UTC
constexpr int64_t kHour = 3600;

AllowedTime allowed(std::string start, std::string end, int64_t now_s, std::string zone = "UTC") {
    UserRights rights;
    rights.times = {{.start = std::move(start), .end = std::move(end)}};
    rights.times_location = std::move(zone);
    return allowed_time(rights, now_s);
}

TEST(LoginLimitsTest, AUserOfTheMorning) {
    EXPECT_FALSE(allowed("08:00:00", "12:00:00", kMidnight + 7 * kHour).now);
    const AllowedTime nine = allowed("08:00:00", "12:00:00", kMidnight + 9 * kHour);
    EXPECT_TRUE(nine.now);
    EXPECT_EQ(nine.until_s, kMidnight + 12 * kHour);
    EXPECT_FALSE(allowed("08:00:00", "12:00:00", kMidnight + 12 * kHour).now);
}

TEST(LoginLimitsTest, ANightGoesOnAfterMidnight) {
    const AllowedTime late = allowed("22:00:00", "02:00:00", kMidnight + 23 * kHour);
    EXPECT_TRUE(late.now);
    EXPECT_EQ(late.until_s, kMidnight + 26 * kHour);
    const AllowedTime early = allowed("22:00:00", "02:00:00", kMidnight + 1 * kHour);
    EXPECT_TRUE(early.now);
    EXPECT_EQ(early.until_s, kMidnight + 2 * kHour);
    EXPECT_FALSE(allowed("22:00:00", "02:00:00", kMidnight + 12 * kHour).now);
}

TEST(LoginLimitsTest, TheLongestOfTheRangesCounts) {
    for (const bool longest_first : {false, true}) {
        UserRights rights;
        rights.times = {{.start = "08:00:00", .end = "10:00:00"}, {.start = "08:00:00", .end = "12:00:00"}};
        if (longest_first) std::swap(rights.times[0], rights.times[1]);
        EXPECT_EQ(allowed_time(rights, kMidnight + 9 * kHour).until_s, kMidnight + 12 * kHour);
    }
}

TEST(LoginLimitsTest, TheClockIsThatOfThePlace) {
    // 09:00 in New York is 14:00 UTC.
    EXPECT_TRUE(allowed("08:00:00", "10:00:00", kMidnight + 14 * kHour, "America/New_York").now);
    EXPECT_FALSE(allowed("08:00:00", "10:00:00", kMidnight + 9 * kHour, "America/New_York").now);
    EXPECT_FALSE(allowed("00:00:00", "23:59:59", kMidnight + kHour, "Middle/Earth").now);
}

TEST(LoginLimitsTest, WithoutTimesAlways) {
    const AllowedTime always = allowed_time(UserRights(), kMidnight);
    EXPECT_TRUE(always.now);
    EXPECT_EQ(always.until_s, 0);
}

}  // namespace
}  // namespace nuring::auth
