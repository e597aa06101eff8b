// SPDX-License-Identifier: Apache-2.0
#include "core/client/reply_origins.h"

#include <gtest/gtest.h>

#include "fmt/format.h"

namespace nuring::client {
namespace {

constexpr uint64_t kOneSecond_ns = 1'000'000'000;

TEST(ReplyOriginsTest, AnAnswerWithinTwoSecondsFindsBack) {
    ReplyOrigins origins;
    const auto origin = proto::ReplyOrigin::make("F2cAWZ", "NTW7tT");
    origins.note("inbox.1", origin, 0);
    EXPECT_EQ(origins.find("inbox.1", kOneSecond_ns), origin);
    EXPECT_EQ(origins.find("inbox.1", kOneSecond_ns), origin);  // there may be several answers
    EXPECT_TRUE(origins.find("inbox.2", kOneSecond_ns).empty());
    EXPECT_TRUE(origins.find("inbox.1", 2 * kOneSecond_ns).empty());
}

TEST(ReplyOriginsTest, TheLastRequestWithAReplyCounts) {
    ReplyOrigins origins;
    origins.note("inbox", proto::ReplyOrigin::make("AAAAAA", "aaaaaa"), 0);
    const auto last = proto::ReplyOrigin::make("BBBBBB", "bbbbbb");
    origins.note("inbox", last, kOneSecond_ns);
    EXPECT_EQ(origins.find("inbox", 2 * kOneSecond_ns), last);
}

TEST(ReplyOriginsTest, WhatHasExpiredGoesWithTheNextRequests) {
    ReplyOrigins origins;
    const auto origin = proto::ReplyOrigin::make("F2cAWZ", "NTW7tT");
    for (int i = 0; i < 1000; ++i) origins.note(fmt::format("inbox.{}", i), origin, 0);
    EXPECT_EQ(origins.size(), 1000U);
    origins.note("another", origin, 3 * kOneSecond_ns);
    EXPECT_EQ(origins.size(), 1U);
}

TEST(ReplyOriginsTest, AFloodIsBounded) {
    ReplyOrigins origins;
    const auto origin = proto::ReplyOrigin::make("F2cAWZ", "NTW7tT");
    for (size_t i = 0; i < ReplyOrigins::kRepliesMax + 100; ++i) origins.note(fmt::format("inbox.{}", i), origin, 0);
    EXPECT_LE(origins.size(), ReplyOrigins::kRepliesMax);
    EXPECT_EQ(origins.find(fmt::format("inbox.{}", ReplyOrigins::kRepliesMax + 99), 1), origin);
}

}  // namespace
}  // namespace nuring::client
