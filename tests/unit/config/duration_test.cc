// SPDX-License-Identifier: Apache-2.0
#include "core/config/duration.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace nuring::config {
namespace {

using std::chrono::nanoseconds;

int64_t ns(std::string_view text) {
    const auto duration = parse_duration(text);
    EXPECT_TRUE(duration.ok()) << text;
    return duration.ok() ? duration->count() : -1;
}

std::string duration_error(std::string_view text) {
    const auto duration = parse_duration(text);
    EXPECT_FALSE(duration.ok()) << text;
    return std::string(duration.status().message());
}

TEST(DurationTest, ReadsGoNotation) {
    EXPECT_EQ(ns("0"), 0);
    EXPECT_EQ(ns("300ms"), 300'000'000);
    EXPECT_EQ(ns("2s"), 2'000'000'000);
    EXPECT_EQ(ns("1m30s"), 90'000'000'000);
    EXPECT_EQ(ns("1.5h"), 5400'000'000'000);
    EXPECT_EQ(ns("0.3s"), 300'000'000);
    EXPECT_EQ(ns(".5s"), 500'000'000);
    EXPECT_EQ(ns("5.s"), 5'000'000'000);
    EXPECT_EQ(ns("-2s"), -2'000'000'000);
    EXPECT_EQ(ns("+2s"), 2'000'000'000);
    EXPECT_EQ(ns("1us"), 1000);
    EXPECT_EQ(ns("1\xc2\xb5s2\xce\xbcs3ns"), 3003);
    EXPECT_EQ(ns("2562047h47m16.854775807s"), INT64_MAX);
}

TEST(DurationTest, RefusesWithGoTexts) {
    EXPECT_EQ(duration_error(""), "time: invalid duration \"\"");
    EXPECT_EQ(duration_error("abc"), "time: invalid duration \"abc\"");
    EXPECT_EQ(duration_error("."), "time: invalid duration \".\"");
    EXPECT_EQ(duration_error("-"), "time: invalid duration \"-\"");
    EXPECT_EQ(duration_error("10"), "time: missing unit in duration \"10\"");
    EXPECT_EQ(duration_error("3x"), "time: unknown unit \"x\" in duration \"3x\"");
    EXPECT_EQ(duration_error("3 s"), "time: unknown unit \" s\" in duration \"3 s\"");
    EXPECT_EQ(duration_error("9999999999999999999s"), "time: invalid duration \"9999999999999999999s\"");
    EXPECT_EQ(duration_error("9999999h"), "time: invalid duration \"9999999h\"");
    EXPECT_EQ(duration_error("2000000h2000000h"), "time: invalid duration \"2000000h2000000h\"");
}

TEST(DurationTest, PrintsGoNotation) {
    EXPECT_EQ(format_duration(nanoseconds{0}), "0s");
    EXPECT_EQ(format_duration(nanoseconds{5}), "5ns");
    EXPECT_EQ(format_duration(nanoseconds{1500}), "1.5\xc2\xb5s");
    EXPECT_EQ(format_duration(std::chrono::milliseconds{500}), "500ms");
    EXPECT_EQ(format_duration(std::chrono::seconds{5}), "5s");
    EXPECT_EQ(format_duration(std::chrono::milliseconds{1500}), "1.5s");
    EXPECT_EQ(format_duration(std::chrono::minutes{2}), "2m0s");
    EXPECT_EQ(format_duration(std::chrono::hours{1}), "1h0m0s");
    EXPECT_EQ(format_duration(std::chrono::seconds{-90}), "-1m30s");
    EXPECT_EQ(format_duration(nanoseconds{INT64_MIN}), "-2562047h47m16.854775808s");
}

TEST(DurationTest, PrintsWhatItReads) {
    for (const char* text : {"5s", "2m0s", "1h0m0.5s", "7ns", "2.003ms"}) {
        EXPECT_EQ(format_duration(*parse_duration(text)), text);
    }
}

}  // namespace
}  // namespace nuring::config
