// SPDX-License-Identifier: Apache-2.0
// What gateways, leafnodes and routes of one account speak otherwise than routes.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/route_parser.h"

namespace nuring::proto {
namespace {

using Lines = std::vector<std::string>;

std::string describe(const RouteOperation& op) {
    const auto field = [](const char* name, std::string_view value) {
        return value.empty() ? std::string() : " " + std::string(name) + "=" + std::string(value);
    };
    std::string line(to_text(op.verb));
    const bool is_message = has_payload(op.verb);
    const bool is_interest = !is_message && op.verb <= RouteVerb::kLeafUnsubscribe;
    if (!is_message && !is_interest) return line + " <" + std::string(op.args) + ">";
    line += field("o", op.origin) + field("a", op.account) + field("s", op.subject);
    if (is_interest) {
        line += field("q", op.queue);
        return op.weight == 0 ? line : line + field("w", std::to_string(op.weight));
    }
    line += field("r", op.reply) + field("q", op.queues);
    if (op.header_size != 0) line += field("h", std::to_string(op.header_size));
    line += " [" + std::string(op.payload, op.total_size) + "]";
    return op.canonical ? line + " tail<" + std::string(op.frame_tail()) + ">" : line;
}

// The operations of an input that comes in two pieces; an error is the last line. What the parser sees is a
// heap block of exactly that size, so that a sanitizer notices overreads.
Lines parse_split(std::string_view input, RouteDialect dialect, size_t split) {
    const RouteParseLimits limits{.dialect = dialect};
    Lines lines;
    size_t done = 0;
    size_t scanned = 0;
    for (const size_t available : {split, input.size()}) {
        const auto block = std::make_unique<char[]>(available);
        std::memcpy(block.get(), input.data(), available);
        while (done < available) {
            RouteOperation op;
            const RouteParseStatus status =
                parse_route(block.get() + done, block.get() + available, limits, &op, scanned);
            scanned = 0;
            if (status == RouteParseStatus::kNeedMore) {
                scanned = op.scanned_bytes;
                break;
            }
            if (status == RouteParseStatus::kUnknownOperation) {
                lines.push_back("unknown at " + std::to_string(op.error_offset));
                return lines;
            }
            if (status != RouteParseStatus::kOperation) {
                lines.push_back(log_line(status, op, dialect));
                return lines;
            }
            lines.push_back(describe(op));
            done += op.consumed;
        }
    }
    if (done != input.size()) lines.push_back("needs more");
    return lines;
}

Lines parse(std::string_view input, RouteDialect dialect) {
    const Lines whole = parse_split(input, dialect, input.size());
    for (size_t split = 1; split < input.size(); ++split) {
        EXPECT_EQ(whole, parse_split(input, dialect, split)) << "split at " << split;
    }
    return whole;
}

// Enough behind an operation for the widest window of the fast path.
const std::string kPing64 = "PING" + std::string(80, ' ') + "\r\n";

TEST(RouteDialectTest, LeafnodesNameNoAccount) {
    const std::string captured =
        "LS+ hub.q q1 1\r\n"
        "LS+ $LDS.ftknAXIx5DOrxmi2utHjws\r\n"
        "LS- leaf.a\r\n"
        "LS- leaf.q qq\r\n"
        "LMSG leaf.a re.ply 2\r\nok\r\n"
        "LMSG leaf.q | qq 3\r\nabc\r\n"
        "LMSG hub.pre 2\r\nok\r\n"
        "LMSG hub.q + x.y q1 q2 3\r\nabc\r\n"
        "HMSG hub.pre 12 14\r\nNATS/1.0\r\n\r\nok\r\n"
        "HMSG hub.pre re.ply 12 14\r\nNATS/1.0\r\n\r\nok\r\n"
        "PING\r\n";
    const Lines expected = {
        "LS+ s=hub.q q=q1 w=1",
        "LS+ s=$LDS.ftknAXIx5DOrxmi2utHjws",
        "LS- s=leaf.a",
        "LS- s=leaf.q q=qq",
        "LMSG s=leaf.a r=re.ply [ok] tail< re.ply 2\r\nok\r\n>",
        "LMSG s=leaf.q q=qq [abc] tail< 3\r\nabc\r\n>",
        "LMSG s=hub.pre [ok] tail< 2\r\nok\r\n>",
        "LMSG s=hub.q r=x.y q=q1 q2 [abc]",
        "HMSG s=hub.pre h=12 [NATS/1.0\r\n\r\nok] tail< 12 14\r\nNATS/1.0\r\n\r\nok\r\n>",
        "HMSG s=hub.pre r=re.ply h=12 [NATS/1.0\r\n\r\nok] tail< re.ply 12 "
        "14\r\nNATS/1.0\r\n\r\nok\r\n>",
        "PING <>",
    };
    EXPECT_EQ(parse(captured, RouteDialect::kLeafnode), expected);
}

TEST(RouteDialectTest, DedicatedRoutesNameNoAccount) {
    const std::string captured =
        "RS+ $SYS.REQ.SERVER.PING.JSZ\r\n"
        "RS+ foo q 1\r\n"
        "RS- foo q\r\n"
        "LS+ hub foo\r\n"
        "RMSG foo 5\r\nhello\r\n"
        "RMSG foo + r.x q 5\r\nhello\r\n"
        "HMSG foo 12 14\r\nNATS/1.0\r\n\r\nok\r\n"
        "LMSG hub foo 0 2\r\nok\r\n";
    const Lines expected = {
        "RS+ s=$SYS.REQ.SERVER.PING.JSZ",
        "RS+ s=foo q=q w=1",
        "RS- s=foo q=q",
        "LS+ o=hub s=foo",
        "RMSG s=foo [hello] tail< 5\r\nhello\r\n>",
        "RMSG s=foo r=r.x q=q [hello]",
        "HMSG s=foo h=12 [NATS/1.0\r\n\r\nok] tail< 12 14\r\nNATS/1.0\r\n\r\nok\r\n>",
        "LMSG o=hub s=foo [ok]",
    };
    EXPECT_EQ(parse(captured, RouteDialect::kAccountRoute), expected);
}

TEST(RouteDialectTest, GatewaysSpeakAsRoutesWithoutLeafVerbs) {
    const std::string captured =
        "A- $SYS\r\nA+ $G\r\nRS- $G foo\r\nRS+ $G foo q 1\r\nRMSG $G foo rep.ly 2\r\nok\r\n";
    const Lines expected = {
        "A- <$SYS>",
        "A+ <$G>",
        "RS- a=$G s=foo",
        "RS+ a=$G s=foo q=q w=1",
        "RMSG a=$G s=foo r=rep.ly [ok] tail< rep.ly 2\r\nok\r\n>",
    };
    EXPECT_EQ(parse(captured, RouteDialect::kGateway), expected);
    EXPECT_EQ(parse(captured, RouteDialect::kRoute), expected);
}

TEST(RouteDialectTest, VerbsOfOtherDialectsAreUnknownFromTheirFirstByte) {
    for (const std::string_view verb : {"LMSG x 2", "LS+ x", "LS- x", "lmsg x 2", "ls+ x"}) {
        const std::string input = std::string(verb) + "\r\nok\r\n" + kPing64;
        EXPECT_EQ(parse(input, RouteDialect::kGateway), Lines{"unknown at 0"}) << verb;
    }
    for (const std::string_view verb : {"RMSG x 2", "RS+ x", "RS- x", "A+ x", "A- x", "rmsg x 2"}) {
        const std::string input = std::string(verb) + "\r\nok\r\n" + kPing64;
        EXPECT_EQ(parse(input, RouteDialect::kLeafnode), Lines{"unknown at 0"}) << verb;
    }
    EXPECT_EQ(parse("HPUB x 0 0\r\n", RouteDialect::kLeafnode), Lines{"unknown at 1"});
}

// The fast path and the plain one answer alike: with room behind an operation and without.
TEST(RouteDialectTest, RoomBehindAnOperationChangesNothing) {
    const std::string_view inputs[] = {
        "LMSG a 2\r\nok\r\n",
        "LMSG a b 2\r\nok\r\n",
        "LMSG  a 2\r\nok\r\n",
        "LMSG a  b 2\r\nok\r\n",
        "LMSG a\tb 2\r\nok\r\n",
        "LMSG a b c 2\r\nok\r\n",
        "LMSG a | b 2\r\nok\r\n",
        "LMSG 2\r\nok\r\n",
        "LMSG a 00000002\r\nok\r\n",
        "LMSG a 000000002\r\nok\r\n",
        "LMSG a 0000000002\r\n",
        "LMSG a x\r\nok\r\n",
        "LMSG a 2\nok\r\n",
        "LMSG a 2 \r\nok\r\n",
        "lmsg a b 2\r\nok\r\n",
        "LMSG a 3\r\nok\r\n",
        "LMSG a 1\r\nok\r\n",
        "LMSG \r\n",
        "LMSG aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 2\r\nok\r\n",
    };
    for (const RouteDialect dialect : {RouteDialect::kLeafnode, RouteDialect::kAccountRoute}) {
        for (std::string input : std::vector<std::string>(std::begin(inputs), std::end(inputs))) {
            if (dialect == RouteDialect::kAccountRoute) input[0] = input[0] == 'l' ? 'r' : 'R';
            const Lines alone = parse(input, dialect);
            const Lines followed = parse(input + kPing64, dialect);
            ASSERT_FALSE(followed.empty()) << input;
            if (alone.back() == "needs more") continue;
            EXPECT_EQ(alone.back(), followed.front()) << input;
        }
    }
}

TEST(RouteDialectTest, ErrorsAreTheReferencesByDialect) {
    struct Case {
        RouteDialect dialect;
        std::string input;
        std::string line;
    };
    const Case cases[] = {
        {RouteDialect::kLeafnode, "LMSG foo\r\n", "processLeafMsgArgs Parse Error: '[foo]'"},
        {RouteDialect::kLeafnode, "LMSG foo * q 2\r\n",
         "processLeafMsgArgs Bad or Missing Reply Indicator: '*'"},
        {RouteDialect::kLeafnode, "LMSG foo  -2\r\n",
         "processLeafMsgArgs Bad or Missing Size: '[foo -2]'"},
        {RouteDialect::kLeafnode, "HMSG foo 2\r\n",
         "processLeafHeaderMsgArgs Parse Error: '[foo 2]'"},
        {RouteDialect::kLeafnode, "HMSG foo x q 2 2\r\n",
         "processLeafHeaderMsgArgs Bad or Missing Reply Indicator: 'x'"},
        {RouteDialect::kLeafnode, "HMSG foo  x 2\r\n",
         "processLeafHeaderMsgArgs Bad or Missing Header Size: 'foo  x 2'"},
        {RouteDialect::kLeafnode, "HMSG foo 2 x\r\n",
         "processLeafHeaderMsgArgs Bad or Missing Size: '[foo 2 x]'"},
        {RouteDialect::kLeafnode, "HMSG foo 3 2\r\n",
         "processLeafHeaderMsgArgs Header Size larger then TotalSize: 'foo 3 2'"},
        {RouteDialect::kLeafnode, "LS+ foo q\r\n", "processLeafSub Parse Error: 'foo q'"},
        {RouteDialect::kLeafnode, "LS+ \r\n", "processLeafSub Parse Error: ''"},
        {RouteDialect::kGateway, "RS+ $G\r\n", "processGatewaySubjectSub Parse Error: '$G'"},
        {RouteDialect::kGateway, "RS- $G\r\n", "processGatewaySubjectUnsub parse error: '$G'"},
        {RouteDialect::kGateway, "RMSG $G foo\r\n", "processRoutedMsgArgs Parse Error: '[$G foo]'"},
        {RouteDialect::kAccountRoute, "RMSG foo x q 2\r\n",
         "processRoutedMsgArgs Bad or Missing Reply Indicator: 'x'"},
        {RouteDialect::kAccountRoute, "LMSG hub foo x q 0 2\r\n",
         "processRoutedOriginClusterMsgArgs Bad or Missing Reply Indicator: 'x'"},
    };
    for (const Case& bad : cases) {
        EXPECT_EQ(parse(bad.input, bad.dialect), Lines{bad.line});
    }
}

TEST(RouteDialectTest, LeafUnsubscribeOfNonsenseNamesNothing) {
    EXPECT_EQ(parse("LS- a b c\r\nLS- \r\n", RouteDialect::kLeafnode), (Lines{"LS-", "LS-"}));
}

}  // namespace
}  // namespace nuring::proto
