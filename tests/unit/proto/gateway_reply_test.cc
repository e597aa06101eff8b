// SPDX-License-Identifier: Apache-2.0
#include "proto/gateway_reply.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace nuring::proto {
namespace {

TEST(GatewayReplyTest, HashesAreTheFirstBytesOfTheDigest) {
    const std::array<uint8_t, 8> digest = {0x0f, 0xbc, 0x3e, 0x40, 0xff, 0x00, 1, 2};
    EXPECT_EQ(old_gateway_hash(digest), "0fbc");
    // 15, 188 % 62 = 2, 62 % 62 = 0, 64 % 62 = 2, 255 % 62 = 7, 0
    EXPECT_EQ(gateway_hash(digest), "F20270");
}

TEST(GatewayReplyTest, NewForm) {
    const auto parsed = parse_gateway_reply("_GR_.F2cAWZ.NTW7tT._INBOX.abc.1");
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->cluster, "F2cAWZ");
    EXPECT_EQ(parsed->server, "NTW7tT");
    EXPECT_EQ(parsed->reply, "_INBOX.abc.1");
    EXPECT_FALSE(parsed->is_old());
}

TEST(GatewayReplyTest, OldForm) {
    const auto parsed = parse_gateway_reply("$GR.0fbc._INBOX.abc.1");
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed->cluster, "0fbc");
    EXPECT_EQ(parsed->server, "");
    EXPECT_EQ(parsed->reply, "_INBOX.abc.1");
    EXPECT_TRUE(parsed->is_old());
}

TEST(GatewayReplyTest, WhatIsTooShortIsAnOrdinarySubject) {
    for (const char* subject : {"", "_GR_.", "_GR_.F2cAWZ.NTW7tT.", "_GR_.F2cAWZ", "$GR.0fbc.", "$GR.", "foo",
                                "_INBOX.abc.1", "_GRR.F2cAWZ.NTW7tT.x", "$GR"}) {
        EXPECT_FALSE(parse_gateway_reply(subject).has_value()) << subject;
        EXPECT_TRUE(ReplyOrigin::of(subject).empty()) << subject;
    }
    EXPECT_TRUE(parse_gateway_reply("_GR_.F2cAWZ.NTW7tT.x").has_value());
    EXPECT_TRUE(parse_gateway_reply("$GR.0fbc.x").has_value());
}

TEST(GatewayReplyTest, OriginIsThePrefixAlone) {
    const ReplyOrigin origin = ReplyOrigin::of("_GR_.F2cAWZ.NTW7tT._INBOX.abc.1");
    EXPECT_FALSE(origin.empty());
    EXPECT_EQ(origin.prefix(), "_GR_.F2cAWZ.NTW7tT.");
    EXPECT_EQ(origin.cluster(), "F2cAWZ");
    EXPECT_EQ(origin, ReplyOrigin::make("F2cAWZ", "NTW7tT"));
}

TEST(GatewayReplyTest, TheOldFormHasNoOriginBecauseSubscribersSeeIt) {
    const ReplyOrigin origin = ReplyOrigin::of("$GR.0fbc._INBOX.abc.1.and.more");
    EXPECT_TRUE(origin.empty());
    EXPECT_EQ(origin.prefix(), "");
    EXPECT_EQ(origin.cluster(), "");
}

}  // namespace
}  // namespace nuring::proto
