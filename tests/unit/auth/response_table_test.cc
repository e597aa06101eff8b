// SPDX-License-Identifier: Apache-2.0
#include "core/auth/response_table.h"

#include <gtest/gtest.h>

#include <string>

namespace nuring::auth {
namespace {

TEST(ResponseTableTest, LongRepliesAreBoundedInBytes) {
    config::ResponsePermissions allowed;
    allowed.max_messages = 1;
    ResponseTable table(allowed);
    const std::string tail(4000, 'x');
    std::string last;
    for (size_t i = 0; i < 2 * base::ExpiringNames<int64_t>::kBytesMax / tail.size(); ++i) {
        last = std::to_string(i) + tail;
        table.note(last, 0);
        table.note(last, 0);
        ASSERT_LE(table.bytes(), base::ExpiringNames<int64_t>::kBytesMax);
    }
    EXPECT_TRUE(table.admits(last, 0));
    EXPECT_FALSE(table.admits("0" + tail, 0));
}

TEST(ResponseTableTest, WhatIsUsedUpTakesNoRoom) {
    config::ResponsePermissions allowed;
    allowed.max_messages = 2;
    ResponseTable table(allowed);
    table.note("a.reply", 0);
    table.use("a.reply", 0);
    EXPECT_EQ(table.bytes(), 7U);
    table.use("a.reply", 0);
    EXPECT_EQ(table.bytes(), 0U);
}

}  // namespace
}  // namespace nuring::auth
