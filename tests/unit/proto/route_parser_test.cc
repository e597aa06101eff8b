// SPDX-License-Identifier: Apache-2.0
// Goal: the grammar row by row, captured traffic, and the promise that the answer does not depend on
//       the split.
// Method: every script runs whole, byte by byte and cut at every offset, against the expected lines
// and against the plain model (tests/support/route_parser_model.h).
#include "proto/route_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/route_parser_model.h"

namespace nuring::proto {
namespace {

using namespace std::string_literals;

using test::Lines;
using test::RouteParser;

void expect_model(const std::string& script, const RouteParseLimits& limits) {
    const Lines expected = test::RouteParserModel(limits).run(script);
    ASSERT_EQ(test::feed_whole<RouteParser>(script, limits), expected) << script;
    ASSERT_EQ(test::feed_in_pieces<RouteParser>(script, limits, 1), expected) << script;
    ASSERT_EQ(test::feed_in_pieces<RouteParser>(script, limits, 7), expected) << script;
    for (size_t at = 0; at <= script.size(); ++at) {
        ASSERT_EQ(test::feed_split_at<RouteParser>(script, limits, at), expected)
            << script << " @" << at;
    }
}

void expect_route_lines(const std::string& script, const Lines& expected,
                  const RouteParseLimits& limits = {}) {
    EXPECT_EQ(test::feed_whole<RouteParser>(script, limits), expected) << script;
    expect_model(script, limits);
}

// Behind a quick path's back: the same operation with enough bytes after it for any wide load.
void expect_first_route(const std::string& script, const std::string& expected,
                  const RouteParseLimits& limits = {}) {
    expect_route_lines(script, {expected}, limits);
    Lines lines = {expected};
    std::string longer = script;
    for (int i = 0; i < 20; ++i) {
        longer += "PING\r\n";
        lines.push_back("PING <>");
    }
    expect_route_lines(longer, lines, limits);
}

// An error ends everything, whatever comes behind.
void expect_error(const std::string& script, const std::string& expected,
                  const RouteParseLimits& limits = {}) {
    expect_route_lines(script, {expected}, limits);
    expect_route_lines(script + std::string(80, 'x') + "\r\n", {expected}, limits);
}

TEST(RouteParserTest, MessageHasAccountSubjectAndMaybeAReply) {
    expect_first_route("RMSG $G foo 5\r\nhello\r\n",
                 "RMSG o= a=$G s=foo r= q= h=0 n=5 (5) tail=< 5> [hello]");
    expect_first_route("RMSG $G foo rep.ly 2\r\nok\r\n",
                 "RMSG o= a=$G s=foo r=rep.ly q= h=0 n=2 (2) tail=< rep.ly 2> [ok]");
    expect_first_route("rmsg ACC foo.bar 0\r\n\r\n",
                 "RMSG o= a=ACC s=foo.bar r= q= h=0 n=0 (0) tail=< 0> []");
    expect_first_route("RMSG $G foo 007\r\n1234567\r\n",
                 "RMSG o= a=$G s=foo r= q= h=0 n=7 (007) tail=< 007> [1234567]");
    for (const char* size : {"0000005", "00000005", "000000005"}) {  // servers write nine digits at most
        expect_first_route("RMSG $G foo "s + size + "\r\nhello\r\n",
                           "RMSG o= a=$G s=foo r= q= h=0 n=5 ("s + size + ") tail=< " + size + "> [hello]");
    }
    expect_first_route("RMSG $G foo 4\r\n\r\n\r\n\r\n",
                 "RMSG o= a=$G s=foo r= q= h=0 n=4 (4) tail=< 4> [\r\n\r\n]");
}

TEST(RouteParserTest, ReplyMayLookLikeAnIndicator) {
    expect_first_route("RMSG $G foo + 2\r\nok\r\n",
                 "RMSG o= a=$G s=foo r=+ q= h=0 n=2 (2) tail=< + 2> [ok]");
    expect_first_route("RMSG $G foo | 2\r\nok\r\n",
                 "RMSG o= a=$G s=foo r=| q= h=0 n=2 (2) tail=< | 2> [ok]");
    expect_first_route("HMSG $G foo | 1 2\r\nok\r\n",
                 "HMSG o= a=$G s=foo r=| q= h=1 n=2 (2) tail=< | 1 2> [ok]");
}

TEST(RouteParserTest, MessageNamesTheGroupsBehindItsIndicator) {
    expect_first_route("RMSG $G bar.x | q1 q2 3\r\nabc\r\n",
                 "RMSG o= a=$G s=bar.x r= q=q1,q2 h=0 n=3 (3) tail=< 3> [abc]");
    expect_first_route("RMSG $G bar.x | q1 3\r\nabc\r\n",
                 "RMSG o= a=$G s=bar.x r= q=q1 h=0 n=3 (3) tail=< 3> [abc]");
    expect_first_route("RMSG $G bar.x + my.reply q1 q2 3\r\nabc\r\n",
                 "RMSG o= a=$G s=bar.x r=my.reply q=q1,q2 h=0 n=3 (3) [abc]");
    expect_first_route("RMSG $G bar.x + my.reply 3\r\nabc\r\n",
                 "RMSG o= a=$G s=bar.x r=my.reply q= h=0 n=3 (3) [abc]");
    std::string script = "RMSG $G bar |";
    std::string expected = "RMSG o= a=$G s=bar r= q=";
    for (int i = 0; i < 200; ++i) {
        script += " queue-" + std::to_string(i);
        expected += (i == 0 ? "queue-" : ",queue-") + std::to_string(i);
    }
    expect_route_lines(script + " 1\r\nx\r\n", {expected + " h=0 n=1 (1) tail=< 1> [x]"});
}

TEST(RouteParserTest, HeaderMessageHasTwoSizes) {
    expect_first_route("HMSG $G foo 20 24\r\nNATS/1.0\r\nKey: v\r\n\r\nxxok\r\n",
                 "HMSG o= a=$G s=foo r= q= h=20 n=24 (24) tail=< 20 24> "
                 "[NATS/1.0\r\nKey: v\r\n\r\nxxok]");
    expect_first_route("HMSG $G foo r 1 2\r\nok\r\n",
                 "HMSG o= a=$G s=foo r=r q= h=1 n=2 (2) tail=< r 1 2> [ok]");
    expect_first_route("HMSG $G foo | q1 q2 1 2\r\nok\r\n",
                 "HMSG o= a=$G s=foo r= q=q1,q2 h=1 n=2 (2) tail=< 1 2> [ok]");
    expect_first_route("HMSG $G foo + r q1 1 2\r\nok\r\n",
                 "HMSG o= a=$G s=foo r=r q=q1 h=1 n=2 (2) [ok]");
    expect_first_route("HMSG $G foo + r 1 2\r\nok\r\n", "HMSG o= a=$G s=foo r=r q= h=1 n=2 (2) [ok]");
    // Without headers a subscriber gets a MSG, whose tail is another.
    expect_first_route("HMSG $G foo 0 2\r\nok\r\n", "HMSG o= a=$G s=foo r= q= h=0 n=2 (2) [ok]");
}

TEST(RouteParserTest, LeafMessageBeginsWithItsOrigin) {
    expect_first_route("LMSG LC $G foo 1 2\r\nok\r\n",
                 "LMSG o=LC a=$G s=foo r= q= h=1 n=2 (2) tail=< 1 2> [ok]");
    expect_first_route("LMSG LC $G foo 0 2\r\nok\r\n", "LMSG o=LC a=$G s=foo r= q= h=0 n=2 (2) [ok]");
    expect_first_route("LMSG LC $G foo r 1 2\r\nok\r\n",
                 "LMSG o=LC a=$G s=foo r=r q= h=1 n=2 (2) tail=< r 1 2> [ok]");
    expect_first_route("LMSG LC $G foo | q 1 2\r\nok\r\n",
                 "LMSG o=LC a=$G s=foo r= q=q h=1 n=2 (2) tail=< 1 2> [ok]");
    expect_first_route("LMSG LC $G foo + r q1 q2 1 2\r\nok\r\n",
                 "LMSG o=LC a=$G s=foo r=r q=q1,q2 h=1 n=2 (2) [ok]");
}

TEST(RouteParserTest, SeparatorsAreRunsOfBlanks) {
    expect_first_route("RMSG\t$G  foo\t5 \r\nhello\r\n", "RMSG o= a=$G s=foo r= q= h=0 n=5 (5) [hello]");
    expect_first_route("RMSG  $G   foo 5\r\nhello\r\n",
                 "RMSG o= a=$G s=foo r= q= h=0 n=5 (5) tail=< 5> [hello]");
    expect_first_route("RMSG $G foo 5\nhello\r\n", "RMSG o= a=$G s=foo r= q= h=0 n=5 (5) [hello]");
    expect_first_route("RMSG $G foo  |  q1\tq2  5\r\nhello\r\n",
                 "RMSG o= a=$G s=foo r= q=q1,q2 h=0 n=5 (5) [hello]");
    expect_first_route("RMSG $G foo  |  q1\tq2 5\r\nhello\r\n",
                 "RMSG o= a=$G s=foo r= q=q1,q2 h=0 n=5 (5) tail=< 5> [hello]");
    expect_first_route("RMSG $G\rfoo 5\r\nhello\r\n",
                 "RMSG o= a=$G s=foo r= q= h=0 n=5 (5) tail=< 5> [hello]");
    expect_first_route("RS+\t $G\tfoo \r\n", "RS+ o= a=$G s=foo q= w=0");
}

TEST(RouteParserTest, ALineFeedMayBeginTheArgs) {
    expect_first_route("RMSG \n$G foo 5\r\nhello\r\n",
                 "RMSG o= a=$G s=foo r= q= h=0 n=5 (5) tail=< 5> [hello]");
    expect_first_route("RS+ \n $G foo\r\n", "RS+ o= a=$G s=foo q= w=0");
    expect_first_route("CONNECT\n{}\r\n", "CONNECT <\n{}>");
    expect_first_route("PING\n", "PING <>");
}

TEST(RouteParserTest, EveryLengthOfTheNamesIsTaken) {
    for (size_t size = 1; size < 80; ++size) {
        const std::string name(size, 'a');
        const std::string payload(size % 20, 'p');
        const std::string count = std::to_string(payload.size());
        const std::string frame = " " + count + "\r\n" + payload + "\r\nPING\r\n";
        const std::string end = " h=0 n=" + count + " (" + count + ") tail=<";
        const std::string close = " " + count + "> [" + payload + "]";
        expect_route_lines("RMSG $G " + name + frame,
                     {"RMSG o= a=$G s=" + name + " r= q=" + end + close, "PING <>"});
        expect_route_lines("RMSG " + name + " s" + frame,
                     {"RMSG o= a=" + name + " s=s r= q=" + end + close, "PING <>"});
        expect_route_lines("RMSG $G s " + name + frame,
                     {"RMSG o= a=$G s=s r=" + name + " q=" + end + " " + name + close, "PING <>"});
        expect_route_lines("RMSG $G s | " + name + frame,
                     {"RMSG o= a=$G s=s r= q=" + name + end + close, "PING <>"});
    }
}

TEST(RouteParserTest, InterestHasAccountSubjectAndMaybeAQueue) {
    expect_first_route("RS+ $G foo\r\n", "RS+ o= a=$G s=foo q= w=0");
    expect_first_route("RS+ $G bar.* q1 2\r\n", "RS+ o= a=$G s=bar.* q=q1 w=2");
    expect_first_route("rs+ $G bar.* q1 2\n", "RS+ o= a=$G s=bar.* q=q1 w=2");
    expect_first_route("RS- $G foo\r\n", "RS- o= a=$G s=foo q=");
    expect_first_route("Rs- $G bar.* q1\r\n", "RS- o= a=$G s=bar.* q=q1");
    expect_first_route("LS+ LC $G foo\r\n", "LS+ o=LC a=$G s=foo q= w=0");
    expect_first_route("LS+ LC $G foo q 7\r\n", "LS+ o=LC a=$G s=foo q=q w=7");
    expect_first_route("A+ $G\r\n", "A+ <$G>");
    expect_first_route("a- ACC \r\n", "A- <ACC >");
}

TEST(RouteParserTest, WeightThatIsNoNumberIsNothing) {
    expect_first_route("RS+ $G foo q x\r\n", "RS+ o= a=$G s=foo q=q w=0");
    expect_first_route("RS+ $G foo q -1\r\n", "RS+ o= a=$G s=foo q=q w=0");
    expect_first_route("RS+ $G foo q 999999999\r\n", "RS+ o= a=$G s=foo q=q w=999999999");
    expect_first_route("RS+ $G foo q 1000000000\r\n", "RS+ o= a=$G s=foo q=q w=0");
}

TEST(RouteParserTest, LeafUnsubscribeNamesTheOriginIfAgreed) {
    expect_first_route("LS- $G foo\r\n", "LS- o= a=$G s=foo q=");
    expect_first_route("LS-  $G foo q\r\n", "LS- o= a=$G s=foo q=q");
    RouteParseLimits limits;
    limits.names_unsubscribe_origin = true;
    expect_first_route("LS- LC $G foo\r\n", "LS- o=LC a=$G s=foo q=", limits);
    expect_first_route("LS- LC $G foo q\r\n", "LS- o=LC a=$G s=foo q=q", limits);
    expect_first_route("RS- $G foo\r\n", "RS- o= a=$G s=foo q=", limits);
    expect_error("LS- $G foo\r\n", "processRemoteUnsub parse error: '$G foo'", limits);
}

TEST(RouteParserTest, OtherVerbsHaveTheirTextAsArgs) {
    expect_first_route("PING\r\n", "PING <>");
    expect_first_route("pong\r\n", "PONG <>");
    expect_first_route("+OK\r\n", "+OK <>");
    expect_first_route("-ERR 'Stale Connection'\r\n", "-ERR <'Stale Connection'>");
    expect_first_route("CONNECT {\"name\":\"N\"}\r\n", "CONNECT <{\"name\":\"N\"}>");
    expect_first_route("INFO {\"server_id\":\"N\"} \r\n", "INFO <{\"server_id\":\"N\"} >");
    expect_first_route("info {}\n", "INFO <{}>");
}

TEST(RouteParserTest, MalformedMessagesHaveTheReferencesLogLines) {
    const std::string routed = "processRoutedMsgArgs ";
    expect_error("RMSG $G  foo\r\n", routed + "Parse Error: '[$G foo]'");
    expect_error("RMSG \r\n", routed + "Parse Error: '[]'");
    const std::string long_word(80, 'x');
    expect_route_lines("RMSG \n" + long_word + "\r\n", {routed + "Parse Error: '[" + long_word + "]'"});
    expect_error("RMSG $G foo bar q 5\r\n", routed + "Bad or Missing Reply Indicator: 'bar'");
    expect_error("RMSG $G foo ++ q 5\r\n", routed + "Bad or Missing Reply Indicator: '++'");
    expect_error("RMSG $G foo | q1 q2 x\r\n", routed + "Bad or Missing Size: '[$G foo | q1 q2 x]'");
    expect_error("RMSG $G foo -5\r\n", routed + "Bad or Missing Size: '[$G foo -5]'");
    expect_error("RMSG $G foo 1000000000\r\n", routed + "Bad or Missing Size: '[$G foo 1000000000]'");
    // With and without the payload that a size of five would have.
    for (const std::string rest : {"", "hello\r\n"}) {
        expect_error("RMSG $G foo 0000000005\r\n" + rest,
                     routed + "Bad or Missing Size: '[$G foo 0000000005]'");
    }
    const std::string header = "processRoutedHeaderMsgArgs ";
    expect_error("HMSG $G foo 5\r\n", header + "Parse Error: '[$G foo 5]'");
    expect_error("HMSG $G foo r q 1 5\r\n", header + "Bad or Missing Reply Indicator: 'r'");
    expect_error("HMSG $G foo  x 5\r\n", header + "Bad or Missing Header Size: '$G foo  x 5'");
    expect_error("HMSG $G foo  1 x\r\n", header + "Bad or Missing Size: '[$G foo 1 x]'");
    expect_error("HMSG $G foo  6 5\r\n", header + "Header Size larger then TotalSize: '$G foo  6 5'");
    const std::string origin = "processRoutedOriginClusterMsgArgs ";
    expect_error("LMSG LC $G foo 5\r\n", origin + "Parse Error: '[LC $G foo 5]'");
    expect_error("LMSG LC $G foo r q 1 5\r\n", origin + "Bad or Missing Reply Indicator: 'r'");
    expect_error("LMSG LC $G foo x 5\r\n", origin + "Bad or Missing Header Size: 'LC $G foo x 5'");
    expect_error("LMSG LC $G foo 1 x\r\n", origin + "Bad or Missing Size: '[LC $G foo 1 x]'");
    expect_error("LMSG LC $G foo 6 5\r\n",
                 origin + "Header Size larger then TotalSize: 'LC $G foo 6 5'");
}

TEST(RouteParserTest, MalformedInterestHasTheReferencesLogLines) {
    expect_error("RS+ $G\r\n", "processRemoteSub Parse Error: '$G'");
    expect_error("RS+ $G foo q\r\n", "processRemoteSub Parse Error: '$G foo q'");
    expect_error("RS+ $G foo q 1 2\r\n", "processRemoteSub Parse Error: '$G foo q 1 2'");
    expect_error("LS+ LC $G\r\n", "processRemoteSub Parse Error: 'LC $G'");
    expect_error("LS+ LC $G foo q\r\n", "processRemoteSub Parse Error: 'LC $G foo q'");
    expect_error("RS- $G\r\n", "processRemoteUnsub parse error: '$G'");
    expect_error("RS- \r\n", "processRemoteUnsub parse error: ''");
    expect_error("RS- $G foo q 1\r\n", "processRemoteUnsub parse error: '$G foo q 1'");
    expect_error("LS- LC $G foo q\r\n", "processRemoteUnsub parse error: 'LC $G foo q'");
}

TEST(RouteParserTest, UnknownVerbsEndAtTheOffendingByte) {
    expect_error("X", "unknown at 0");
    expect_error("RMSGX", "unknown at 4");
    expect_error("RS\x0b ", "unknown at 2");
    expect_error("RS+x", "unknown at 3");
    expect_error("LSx", "unknown at 2");
    expect_error("Ax", "unknown at 1");
    expect_error("MSG foo", "unknown at 0");
    // Of clients.
    expect_error("PUB foo 2\r\nok\r\n", "unknown at 1");
    expect_error("SUB foo 1\r\n", "unknown at 0");
    expect_error("HPUB foo 1 2\r\nok\r\n", "unknown at 1");
    expect_error("UNSUB 1\r\n", "unknown at 0");
}

TEST(RouteParserTest, PayloadMustEndWithCrLf) {
    expect_error("RMSG $G foo 2\r\nokX", "unknown at 17");
    expect_error("RMSG $G foo 2\r\nok\rX", "unknown at 18");
    expect_error("RMSG $G foo 2\r\nok\n", "unknown at 17");
}

TEST(RouteParserTest, ControlLineIsBounded) {
    RouteParseLimits limits;
    limits.control_line_max = 20;
    expect_first_route("RMSG $G aaaaaaaaaaaaaa 2\r\nok\r\n"s,
                 "RMSG o= a=$G s=aaaaaaaaaaaaaa r= q= h=0 n=2 (2) tail=< 2> [ok]", limits);
    expect_route_lines("RMSG $G aaaaaaaaaaaaaaaa 2\r\nok\r\n", {"line too long"}, limits);
    expect_route_lines("INFO " + std::string(100, 'x'), {"line too long"}, limits);
    expect_route_lines("RS+ " + std::string(100, ' '), {"line too long"}, limits);
    const std::string long_info = "INFO {" + std::string(65534, 'x') + "\r\n";
    const Lines taken = test::feed_in_pieces<RouteParser>(long_info, {}, 4096);
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken[0].size(), sizeof("INFO <>") - 1 + 65535);
}

TEST(RouteParserTest, SizesUpToNineDigitsAreNeeded) {
    const std::string line = "RMSG $G foo 999999999\r\n";
    RouteOperation operation;
    const char* begin = line.data();
    EXPECT_EQ(parse_route(begin, begin + line.size(), {}, &operation), RouteParseStatus::kNeedMore);
    EXPECT_EQ(operation.needed_bytes, line.size() + 999999999 + 2);
}

// Seen between two servers of 2.0.0-RC19, 2.9.10 and 2.10.14.
TEST(RouteParserTest, CapturedTrafficIsTaken) {
    expect_route_lines(
        "RS+ $G foo\r\nRS+ $G bar.* q1 1\r\nRS+ $G bar.* q1 2\r\nRS+ $G bar.* q2 1\r\n"
        "RMSG $G foo 5\r\nhello\r\nRMSG $G foo rep.ly 2\r\nok\r\nRMSG $G bar.x | q1 q2 3\r\nabc\r\n"
        "RMSG $G bar.x + my.reply q1 q2 3\r\nabc\r\nRS+ $G bar.* q1 1\r\nRS- $G foo\r\n"
        "RS- $G bar.* q1\r\n",
        {"RS+ o= a=$G s=foo q= w=0", "RS+ o= a=$G s=bar.* q=q1 w=1",
         "RS+ o= a=$G s=bar.* q=q1 w=2", "RS+ o= a=$G s=bar.* q=q2 w=1",
         "RMSG o= a=$G s=foo r= q= h=0 n=5 (5) tail=< 5> [hello]",
         "RMSG o= a=$G s=foo r=rep.ly q= h=0 n=2 (2) tail=< rep.ly 2> [ok]",
         "RMSG o= a=$G s=bar.x r= q=q1,q2 h=0 n=3 (3) tail=< 3> [abc]",
         "RMSG o= a=$G s=bar.x r=my.reply q=q1,q2 h=0 n=3 (3) [abc]",
         "RS+ o= a=$G s=bar.* q=q1 w=1", "RS- o= a=$G s=foo q=", "RS- o= a=$G s=bar.* q=q1"});
    expect_route_lines(
        "CONNECT {\"echo\":true,\"name\":\"NB\"}\r\nINFO {\"server_id\":\"NB\"} \r\nPING\r\nPONG\r\n"
        "RS+ B _R_.ATqFJK.>\r\nRMSG B req.svc _R_.ATqFJK.h0csuy 3\r\nabc\r\n"
        "-ERR 'Rejecting connection, cluster name \"\" does not match \"C1\"'\r\n",
        {"CONNECT <{\"echo\":true,\"name\":\"NB\"}>", "INFO <{\"server_id\":\"NB\"} >", "PING <>",
         "PONG <>", "RS+ o= a=B s=_R_.ATqFJK.> q= w=0",
         "RMSG o= a=B s=req.svc r=_R_.ATqFJK.h0csuy q= h=0 n=3 (3) tail=< _R_.ATqFJK.h0csuy 3> "
         "[abc]",
         "-ERR <'Rejecting connection, cluster name \"\" does not match \"C1\"'>"});
}

// Scripts of likely and unlikely words, against the model.
TEST(RouteParserTest, RandomScriptsAgreeWithTheModel) {
    const uint32_t seed = std::random_device()();
    std::printf("seed %u\n", seed);
    std::mt19937 random(seed);
    static const std::string kWords[] = {"RMSG", "HMSG", "LMSG", "RS+",  "RS-", "LS+", "LS-", "A+",
                                         "PING", "+OK",  "rmsg", "-ERR", "$G",  "foo", "+",   "|",
                                         "q1",   "0",    "1",    "2",    "12",  "x",   "_INBOX.abc"};
    static const std::string kGaps[] = {" ", " ", " ", " ", " ", " ", "  ", "\t", "\r", ""};
    static const std::string kEnds[] = {"\r\n", "\r\n", "\r\n", "\n", " \r\n", "\r\r\n"};
    for (int round = 0; round < 3000; ++round) {
        RouteParseLimits limits;
        limits.names_unsubscribe_origin = random() % 2 == 0;
        if (random() % 8 == 0) limits.control_line_max = 16;
        std::string script;
        for (size_t lines = random() % 4 + 1; lines != 0; --lines) {
            script += kWords[random() % 12] + " ";
            for (size_t words = random() % 7; words != 0; --words) {
                script += kWords[12 + random() % 11] + kGaps[random() % 10];
            }
            const size_t size = random() % 3;
            script += kEnds[random() % 6];
            if (random() % 2 == 0) script.insert(script.size() - 2, " " + std::to_string(size));
            if (random() % 3 != 0) script += std::string(size, 'p') + "\r\n";
        }
        expect_model(script, limits);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace nuring::proto
