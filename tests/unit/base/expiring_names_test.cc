// SPDX-License-Identifier: Apache-2.0
#include "core/base/expiring_names.h"

#include <gtest/gtest.h>

#include "fmt/format.h"

namespace nuring::base {
namespace {

using Names = ExpiringNames<int>;

// The name's value; 0: it has none.
int value_of(Names& names, std::string_view name, uint64_t now_ns) {
    const int* value = names.find(name, now_ns);
    return value == nullptr ? 0 : *value;
}

TEST(ExpiringNamesTest, ANameHasItsValueForItsLifetime) {
    Names names;
    names.note("inbox.1", 7, kSecond_ns, 2 * kSecond_ns);
    EXPECT_EQ(value_of(names, "inbox.1", 3 * kSecond_ns - 1), 7);
    EXPECT_EQ(value_of(names, "inbox.1", 3 * kSecond_ns), 0);
    EXPECT_EQ(value_of(names, "inbox.2", kSecond_ns), 0);
    names.note("for ever", 8, kSecond_ns, UINT64_MAX);
    EXPECT_EQ(value_of(names, "for ever", UINT64_MAX - 1), 8);
}

TEST(ExpiringNamesTest, TheLastValueCounts) {
    Names names;
    names.note("inbox", 1, 0, 2 * kSecond_ns);
    names.note("inbox", 2, kSecond_ns, 2 * kSecond_ns);
    EXPECT_EQ(value_of(names, "inbox", 2 * kSecond_ns), 2);
    EXPECT_EQ(names.size(), 1U);
    EXPECT_EQ(names.bytes(), 5U);
}

TEST(ExpiringNamesTest, AnErasedNameTakesNoRoom) {
    Names names;
    names.note("inbox", 1, 0, kSecond_ns);
    names.erase("other");
    EXPECT_EQ(names.bytes(), 5U);
    names.erase("inbox");
    EXPECT_EQ(names.size(), 0U);
    EXPECT_EQ(names.bytes(), 0U);
}

TEST(ExpiringNamesTest, WhatHasExpiredGoesWithTheNextNames) {
    Names names;
    for (int i = 0; i < 1000; ++i) names.note(fmt::format("inbox.{}", i), i, 0, 2 * kSecond_ns);
    EXPECT_EQ(names.size(), 1000U);
    names.note("another", 1, 3 * kSecond_ns, 2 * kSecond_ns);
    EXPECT_EQ(names.size(), 1U);
    EXPECT_EQ(names.bytes(), 7U);
}

TEST(ExpiringNamesTest, AFloodIsBounded) {
    Names names;
    const int last = static_cast<int>(Names::kNamesMax) + 99;
    for (int i = 0; i <= last; ++i) names.note(fmt::format("inbox.{}", i), i, 0, kSecond_ns);
    EXPECT_LE(names.size(), Names::kNamesMax);
    EXPECT_EQ(value_of(names, fmt::format("inbox.{}", last), 1), last);
}

TEST(ExpiringNamesTest, LongNamesAreBoundedInBytes) {
    Names names;
    const std::string tail(32'000, 'x');
    const int count = 3 * static_cast<int>(Names::kBytesMax / tail.size());
    for (int i = 1; i <= count; ++i) {
        names.note(std::to_string(i) + tail, i, 0, kSecond_ns);
        ASSERT_LE(names.bytes(), Names::kBytesMax);
    }
    EXPECT_EQ(value_of(names, std::to_string(count) + tail, 0), count);
    EXPECT_EQ(value_of(names, "1" + tail, 0), 0);
}

// As in a steady flood, where with each new name only one expires.
TEST(ExpiringNamesTest, FullOfLiveNamesItMakesRoomForMany) {
    Names names;
    for (uint64_t i = 0; i < Names::kNamesMax; ++i) names.note(std::to_string(i), 1, i, Names::kNamesMax);
    names.note("one more", 1, Names::kNamesMax, Names::kNamesMax);
    EXPECT_LE(names.size(), Names::kNamesMax / 2 + 1);
}

}  // namespace
}  // namespace nuring::base
