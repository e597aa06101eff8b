// SPDX-License-Identifier: Apache-2.0
// Method: each frame byte for byte, its size exactly as promised, and read back by the parser.
#include "proto/encode_route.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/route_parser.h"

namespace nuring::proto {
namespace {

std::string encoded(const RouteInterest& interest) {
    std::string frame(route_interest_size(interest), '?');
    EXPECT_EQ(encode_route_interest(frame.data(), interest), frame.data() + frame.size());
    return frame;
}

std::string subscribe(RouteInterest interest) {
    if (interest.weight == 0) interest.weight = 1;
    return encoded(interest);
}

std::string unsubscribe(RouteInterest interest) {
    interest.weight = 0;
    return encoded(interest);
}

std::string head(const RouteMessageHead& names) {
    std::string text(route_head_size(names), '?');
    EXPECT_EQ(encode_route_head(text.data(), names), text.data() + text.size());
    return text;
}

std::string message(const RouteMessage& parts) {
    std::string frame(route_message_size(parts), '?');
    EXPECT_EQ(encode_route_message(frame.data(), parts), frame.data() + frame.size());
    return frame;
}

TEST(EncodeRouteTest, InterestIsWrittenAsOnTheWire) {
    EXPECT_EQ(subscribe({.account = "$G", .subject = "foo"}), "RS+ $G foo\r\n");
    EXPECT_EQ(subscribe({.account = "$G", .subject = "bar.*", .queue = "q1", .weight = 2}),
              "RS+ $G bar.* q1 2\r\n");
    EXPECT_EQ(subscribe({.account = "$G", .subject = "b", .queue = "q", .weight = 4294967295}),
              "RS+ $G b q 4294967295\r\n");
    EXPECT_EQ(unsubscribe({.account = "$G", .subject = "foo"}), "RS- $G foo\r\n");
    EXPECT_EQ(unsubscribe({.account = "$G", .subject = "bar.*", .queue = "q1", .weight = 2}),
              "RS- $G bar.* q1\r\n");
}

TEST(EncodeRouteTest, InterestOfALeafnodeNamesItsOrigin) {
    RouteInterest interest{.account = "A", .subject = "foo", .origin = "LC"};
    EXPECT_EQ(subscribe(interest), "LS+ LC A foo\r\n");
    EXPECT_EQ(unsubscribe(interest), "LS- A foo\r\n");
    interest.names_unsubscribe_origin = true;
    EXPECT_EQ(unsubscribe(interest), "LS- LC A foo\r\n");
    interest.queue = "q";
    interest.weight = 1;
    EXPECT_EQ(subscribe(interest), "LS+ LC A foo q 1\r\n");
    EXPECT_EQ(unsubscribe(interest), "LS- LC A foo q\r\n");
    interest.origin = {};
    EXPECT_EQ(unsubscribe(interest), "RS- A foo q\r\n");
}

TEST(EncodeRouteTest, AccountInterestNamesTheAccount) {
    for (const bool is_wanted : {true, false}) {
        std::string frame(account_interest_size("ACC"), '?');
        EXPECT_EQ(encode_account_interest(frame.data(), "ACC", is_wanted),
                  frame.data() + frame.size());
        EXPECT_EQ(frame, is_wanted ? "A+ ACC\r\n" : "A- ACC\r\n");
    }
}

TEST(EncodeRouteTest, HeadEndsWhereTheTailBegins) {
    EXPECT_EQ(head({.account = "$G", .subject = "foo"}), "RMSG $G foo");
    EXPECT_EQ(head({.account = "$G", .subject = "foo", .reply = "r"}), "RMSG $G foo");
    EXPECT_EQ(head({.account = "$G", .subject = "foo", .has_headers = true}), "HMSG $G foo");
    EXPECT_EQ(head({.account = "$G", .subject = "foo", .queues = "q1 q2"}), "RMSG $G foo | q1 q2");
    EXPECT_EQ(head({.account = "$G", .subject = "foo", .reply = "r", .queues = "q1 q2"}),
              "RMSG $G foo + r q1 q2");
    EXPECT_EQ(head({.account = "$G", .subject = "foo", .queues = "q", .origin = "LC"}),
              "LMSG LC $G foo | q");
}

TEST(EncodeRouteTest, HeadAndTailOfAReadMessageGiveTheMessage) {
    for (const std::string script : {"RMSG $G foo r 2\r\nok\r\n", "RMSG $G foo 2\r\nok\r\n",
                                     "RMSG $G foo | q1 q2 2\r\nok\r\n", "HMSG A foo 1 2\r\nok\r\n",
                                     "LMSG LC A foo | q 1 2\r\nok\r\n"}) {
        RouteOperation read;
        const RouteParseStatus status =
            parse_route(script.data(), script.data() + script.size(), {}, &read);
        ASSERT_EQ(status, RouteParseStatus::kOperation);
        ASSERT_TRUE(read.canonical);
        EXPECT_EQ(head({.account = read.account,
                        .subject = read.subject,
                        .reply = read.reply,
                        .queues = read.queues,
                        .origin = read.origin,
                        .has_headers = read.header_size > 0}) +
                      std::string(read.frame_tail()),
                  script);
    }
}

TEST(EncodeRouteTest, WholeMessagesHaveTheirSizes) {
    RouteMessage parts{.head = {.account = "$G", .subject = "foo"}, .body = "hello"};
    EXPECT_EQ(message(parts), "RMSG $G foo 5\r\nhello\r\n");
    parts.head.reply = "my.reply";
    EXPECT_EQ(message(parts), "RMSG $G foo my.reply 5\r\nhello\r\n");
    parts.head.queues = "q1 q2";
    EXPECT_EQ(message(parts), "RMSG $G foo + my.reply q1 q2 5\r\nhello\r\n");
    parts.head.reply = {};
    EXPECT_EQ(message(parts), "RMSG $G foo | q1 q2 5\r\nhello\r\n");
    parts.head.has_headers = true;
    parts.headers = "NATS/1.0\r\n\r\n";
    EXPECT_EQ(message(parts), "HMSG $G foo | q1 q2 12 17\r\nNATS/1.0\r\n\r\nhello\r\n");
    parts.head.queues = {};
    parts.head.reply = "r";
    EXPECT_EQ(message(parts), "HMSG $G foo r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n");
    parts.head.origin = "LC";
    EXPECT_EQ(message(parts), "LMSG LC $G foo r 12 17\r\nNATS/1.0\r\n\r\nhello\r\n");
}

TEST(EncodeRouteTest, HeadersAreStrippedForPeersWithout) {
    RouteMessage parts{.head = {.account = "$G", .subject = "foo", .reply = "r"},
                       .headers = "NATS/1.0\r\n\r\n",
                       .body = "hello"};
    EXPECT_EQ(message(parts), "RMSG $G foo r 5\r\nhello\r\n");
    parts.body = {};
    EXPECT_EQ(message(parts), "RMSG $G foo r 0\r\n\r\n");
    parts.head.origin = "LC";
    EXPECT_EQ(message(parts), "LMSG LC $G foo r 0 0\r\n\r\n");
}

}  // namespace
}  // namespace nuring::proto
