// SPDX-License-Identifier: Apache-2.0
// Frames for leafnodes and for routes of one account: written byte for byte as captured, and read back.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proto/encode_route.h"
#include "proto/route_parser.h"

namespace nuring::proto {
namespace {

// Runs an encoder on exactly `size` bytes of heap, so that a sanitizer sees one byte too many.
template <typename Encode>
std::string dialect_encoded(size_t size, Encode encode) {
    const auto memory = std::make_unique<char[]>(size);
    char* end = encode(memory.get());
    EXPECT_EQ(static_cast<size_t>(end - memory.get()), size);
    return {memory.get(), end};
}

std::string dialect_subscribe(RouteInterest interest) {
    if (interest.weight == 0) interest.weight = 1;
    return dialect_encoded(route_interest_size(interest),
                   [&](char* out) { return encode_route_interest(out, interest); });
}

std::string dialect_unsubscribe(RouteInterest interest) {
    interest.weight = 0;
    return dialect_encoded(route_interest_size(interest),
                   [&](char* out) { return encode_route_interest(out, interest); });
}

std::string frame(const RouteMessage& message) {
    return dialect_encoded(route_message_size(message),
                   [&](char* out) { return encode_route_message(out, message); });
}

constexpr RouteDialect kLeafnode = RouteDialect::kLeafnode;
constexpr RouteDialect kAccountRoute = RouteDialect::kAccountRoute;
constexpr std::string_view kHeaders = "NATS/1.0\r\n\r\n";

TEST(EncodeDialectTest, InterestOfLeafnodesHasNeitherAccountNorOrigin) {
    EXPECT_EQ(dialect_subscribe({.account = {}, .subject = "hub.pre", .dialect = kLeafnode}),
              "LS+ hub.pre\r\n");
    EXPECT_EQ(
        dialect_subscribe(
            {.account = {}, .subject = "hub.q", .queue = "q1", .weight = 12, .dialect = kLeafnode}),
        "LS+ hub.q q1 12\r\n");
    EXPECT_EQ(dialect_unsubscribe({.account = {}, .subject = "leaf.a", .dialect = kLeafnode}),
              "LS- leaf.a\r\n");
    EXPECT_EQ(
        dialect_unsubscribe({.account = {}, .subject = "leaf.q", .queue = "qq", .dialect = kLeafnode}),
        "LS- leaf.q qq\r\n");
}

TEST(EncodeDialectTest, InterestOfDedicatedRoutesHasNoAccount) {
    EXPECT_EQ(dialect_subscribe({.account = {}, .subject = "foo", .dialect = kAccountRoute}),
              "RS+ foo\r\n");
    EXPECT_EQ(
        dialect_unsubscribe({.account = {}, .subject = "foo", .queue = "q", .dialect = kAccountRoute}),
        "RS- foo q\r\n");
    EXPECT_EQ(
        dialect_subscribe({.account = {}, .subject = "foo", .origin = "hub", .dialect = kAccountRoute}),
        "LS+ hub foo\r\n");
}

TEST(EncodeDialectTest, MessagesOfLeafnodesNameNoAccount) {
    RouteMessage message{.head = {.account = {}, .subject = "leaf.a", .dialect = kLeafnode},
                         .body = "ok"};
    EXPECT_EQ(frame(message), "LMSG leaf.a 2\r\nok\r\n");
    message.head.reply = "re.ply";
    EXPECT_EQ(frame(message), "LMSG leaf.a re.ply 2\r\nok\r\n");
    message.head.queues = "q1 q2";
    EXPECT_EQ(frame(message), "LMSG leaf.a + re.ply q1 q2 2\r\nok\r\n");
    message.head.reply = {};
    EXPECT_EQ(frame(message), "LMSG leaf.a | q1 q2 2\r\nok\r\n");
    message.headers = kHeaders;
    EXPECT_EQ(frame(message), "LMSG leaf.a | q1 q2 2\r\nok\r\n") << "a peer without headers";
    message.head.has_headers = true;
    EXPECT_EQ(frame(message), "HMSG leaf.a | q1 q2 12 14\r\nNATS/1.0\r\n\r\nok\r\n");
    message.head.queues = {};
    EXPECT_EQ(frame(message), "HMSG leaf.a 12 14\r\nNATS/1.0\r\n\r\nok\r\n");
}

TEST(EncodeDialectTest, MessagesOfDedicatedRoutesNameNoAccount) {
    RouteMessage message{.head = {.account = {}, .subject = "foo", .dialect = kAccountRoute},
                         .body = "hello"};
    EXPECT_EQ(frame(message), "RMSG foo 5\r\nhello\r\n");
    message.headers = kHeaders;
    message.head.has_headers = true;
    EXPECT_EQ(frame(message), "HMSG foo 12 17\r\nNATS/1.0\r\n\r\nhello\r\n");
}

// Every combination of fields comes back as it went.
TEST(EncodeDialectTest, WhatIsWrittenIsRead) {
    int count = 0;
    for (const RouteDialect dialect :
         {RouteDialect::kRoute, RouteDialect::kGateway, kAccountRoute, kLeafnode}) {
        const bool may_have_origin = dialect == RouteDialect::kRoute || dialect == kAccountRoute;
        for (int bits = 0; bits < 16; ++bits) {
            RouteMessage message{.head = {.account = names_account(dialect) ? "$G" : "",
                                          .subject = "foo.bar",
                                          .dialect = dialect},
                                 .body = "body"};
            if ((bits & 1) != 0) message.head.reply = "re.ply";
            if ((bits & 2) != 0) message.head.queues = "q1 q2";
            message.head.has_headers = (bits & 4) != 0;
            if (message.head.has_headers) message.headers = kHeaders;
            if ((bits & 8) != 0) message.head.origin = "hub";
            if (!message.head.origin.empty() && !may_have_origin) continue;
            const std::string bytes = frame(message);
            RouteOperation op;
            ASSERT_EQ(
                parse_route(bytes.data(), bytes.data() + bytes.size(), {.dialect = dialect}, &op),
                RouteParseStatus::kOperation)
                << bytes;
            EXPECT_EQ(op.consumed, bytes.size());
            EXPECT_EQ(op.origin, message.head.origin) << bytes;
            EXPECT_EQ(op.account, message.head.account) << bytes;
            EXPECT_EQ(op.subject, message.head.subject) << bytes;
            EXPECT_EQ(op.reply, message.head.reply) << bytes;
            EXPECT_EQ(op.queues, message.head.queues) << bytes;
            EXPECT_EQ(op.header_size, message.headers.size()) << bytes;
            EXPECT_EQ(std::string(op.payload, op.total_size),
                      std::string(message.headers).append(message.body));
            const bool needs_other_line =
                ((bits & 3) == 3) || (!message.head.origin.empty() && !message.head.has_headers);
            EXPECT_EQ(op.canonical, !needs_other_line) << bytes;
            ++count;
        }
    }
    EXPECT_EQ(count, 48);
}

}  // namespace
}  // namespace nuring::proto
