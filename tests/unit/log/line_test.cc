// SPDX-License-Identifier: Apache-2.0
#include "core/log/line.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace nuring::log {
namespace {

// 2026-11-21 06:00:00.123456 UTC
constexpr uint64_t kTime = 1'795'240'800'123'456'789;

std::string form(const LineFormat& format, Level level, std::string_view text) {
    std::string out;
    LineWriter(format).append(out, {kTime, level, text});
    return out;
}

TEST(LineTest, HasTheReferencesTextForm) {
    LineFormat format;
    format.pid = 4242;
    format.logtime_utc = true;
    EXPECT_EQ(form(format, Level::kInfo, "Server is ready"),
              "[4242] 2026/11/21 06:00:00.123456 [INF] Server is ready\n");
}

TEST(LineTest, LeavesTheTimeOutWithoutLogtime) {
    LineFormat format;
    format.pid = 1;
    format.logtime = false;
    EXPECT_EQ(form(format, Level::kWarn, "x"), "[1] [WRN] x\n");
}

TEST(LineTest, LabelsEveryLevelInTheReferencesColour) {
    LineFormat format;
    format.pid = 1;
    format.logtime = false;
    format.colour = true;
    EXPECT_EQ(form(format, Level::kInfo, "x"), "[1] [\x1b[32mINF\x1b[0m] x\n");
    EXPECT_EQ(form(format, Level::kDebug, "x"), "[1] [\x1b[36mDBG\x1b[0m] x\n");
    EXPECT_EQ(form(format, Level::kWarn, "x"), "[1] [\x1b[0;93mWRN\x1b[0m] x\n");
    EXPECT_EQ(form(format, Level::kError, "x"), "[1] [\x1b[31mERR\x1b[0m] x\n");
    EXPECT_EQ(form(format, Level::kFatal, "x"), "[1] [\x1b[31mFTL\x1b[0m] x\n");
    EXPECT_EQ(form(format, Level::kTrace, "x"), "[1] [\x1b[33mTRC\x1b[0m] x\n");
}

TEST(LineTest, LocalTimeFollowsTheZone) {
    ::setenv("TZ", "UTC-2", 1);  // two hours east
    ::tzset();
    LineFormat format;
    format.pid = 1;
    EXPECT_EQ(form(format, Level::kInfo, "x"), "[1] 2026/11/21 08:00:00.123456 [INF] x\n");
    ::unsetenv("TZ");
    ::tzset();
}

TEST(LineTest, StaysOneLineWhateverTheTextHolds) {
    LineFormat format;
    format.pid = 1;
    format.logtime = false;
    EXPECT_EQ(form(format, Level::kInfo, std::string_view("a\nb\r\x1b[31m\0\x7f\tc", 13)),
              "[1] [INF] a\\nb\\r\\x1b[31m\\x00\\x7f\tc\n");
}

TEST(LineTest, HasAJsonForm) {
    LineFormat format;
    format.pid = 7;
    format.json = true;
    EXPECT_EQ(form(format, Level::kError, "say \"hi\"\\\n"),
              "{\"time\":\"2026-11-21T06:00:00.123456Z\",\"pid\":7,\"level\":\"ERR\","
              "\"text\":\"say \\\"hi\\\"\\\\\\n\"}\n");
}

TEST(LineTest, JsonKeepsUtf8AndReplacesWhatIsNot) {
    const auto inside = [](std::string_view text) {
        std::string out;
        append_json_escaped(out, text);
        return out;
    };
    EXPECT_EQ(inside("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
              "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
    EXPECT_EQ(inside("\xff"
                     "a"),
              "\\ufffda");
    EXPECT_EQ(inside("\xc3"), "\\ufffd");                        // cut off
    EXPECT_EQ(inside("\xc0\x80"), "\\ufffd\\ufffd");             // overlong
    EXPECT_EQ(inside("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");  // surrogate
    EXPECT_EQ(inside(std::string_view("\0\x01", 2)), "\\u0000\\u0001");
}

}  // namespace
}  // namespace nuring::log
