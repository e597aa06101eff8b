// SPDX-License-Identifier: Apache-2.0
#include "proto/route_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace nuring::proto {
namespace {

RouteOperation parse(const std::string& script) {
    RouteOperation operation;
    const char* begin = script.data();
    EXPECT_EQ(parse_route(begin, begin + script.size(), {}, &operation), RouteParseStatus::kOperation);
    EXPECT_EQ(operation.consumed, script.size());
    return operation;
}

TEST(RouteParserTest, MessageNamesGroupsBehindItsIndicator) {
    const std::string plain = "RMSG $G foo rep.ly 2\r\nok\r\n";
    RouteOperation operation = parse(plain);
    EXPECT_EQ(operation.verb, RouteVerb::kMessage);
    EXPECT_EQ(operation.account, "$G");
    EXPECT_EQ(operation.subject, "foo");
    EXPECT_EQ(operation.reply, "rep.ly");
    EXPECT_EQ(operation.queues, "");
    EXPECT_TRUE(operation.canonical);
    EXPECT_EQ(operation.frame_tail(), " rep.ly 2\r\nok\r\n");
    const std::string groups = "RMSG $G bar.x | q1 q2 3\r\nabc\r\n";
    operation = parse(groups);
    EXPECT_EQ(operation.queues, "q1 q2");
    EXPECT_EQ(operation.queue_count, 2U);
    EXPECT_TRUE(operation.canonical);
    EXPECT_EQ(operation.frame_tail(), " 3\r\nabc\r\n");
    const std::string both = "RMSG $G bar.x + my.reply q1 q2 3\r\nabc\r\n";
    operation = parse(both);
    EXPECT_EQ(operation.reply, "my.reply");
    EXPECT_EQ(operation.queues, "q1 q2");
    EXPECT_FALSE(operation.canonical);
    const std::string header = "HMSG $G foo 20 24\r\nNATS/1.0\r\nKey: v\r\n\r\nxxok\r\n";
    operation = parse(header);
    EXPECT_EQ(operation.header_size, 20U);
    EXPECT_EQ(operation.total_size, 24U);
    EXPECT_EQ(operation.frame_tail(), " 20 24\r\nNATS/1.0\r\nKey: v\r\n\r\nxxok\r\n");
}

TEST(RouteParserTest, InterestHasAccountSubjectAndQueueWithWeight) {
    const std::string subscribe = "RS+ $G bar.* q1 2\r\n";
    RouteOperation operation = parse(subscribe);
    EXPECT_EQ(operation.verb, RouteVerb::kSubscribe);
    EXPECT_EQ(operation.subject, "bar.*");
    EXPECT_EQ(operation.queue, "q1");
    EXPECT_EQ(operation.weight, 2U);
    const std::string unsubscribe = "RS- $G bar.* q1\r\n";
    operation = parse(unsubscribe);
    EXPECT_EQ(operation.verb, RouteVerb::kUnsubscribe);
    EXPECT_EQ(operation.queue, "q1");
}

TEST(RouteParserTest, LogLinesAreTheReferences) {
    RouteOperation operation;
    const std::string script = "RMSG $G  foo\r\n";
    const RouteParseStatus status =
        parse_route(script.data(), script.data() + script.size(), {}, &operation);
    EXPECT_EQ(status, RouteParseStatus::kBadMessageArgs);
    EXPECT_EQ(log_line(status, operation), "processRoutedMsgArgs Parse Error: '[$G foo]'");
}

}  // namespace
}  // namespace nuring::proto
