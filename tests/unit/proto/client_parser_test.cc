// SPDX-License-Identifier: Apache-2.0
// Goal: the grammar row by row, and the promise that the answer does not depend on the split.
// Method: every script runs whole, byte by byte and cut at every offset, against the expected lines
// and against the plain model (tests/support/client_parser_model.h).
#include "proto/client_parser.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/client_parser_model.h"

namespace nuring::proto {
namespace {

using namespace std::string_literals;

using test::Lines;

void expect_model(const std::string& script, const ClientParseLimits& limits) {
    const Lines expected = test::ClientParserModel(limits).run(script);
    ASSERT_EQ(test::parse_whole(script, limits), expected) << script;
    ASSERT_EQ(test::parse_in_pieces(script, limits, 1), expected) << script;
    ASSERT_EQ(test::parse_in_pieces(script, limits, 7), expected) << script;
    for (size_t at = 0; at <= script.size(); ++at) {
        ASSERT_EQ(test::parse_split_at(script, limits, at), expected) << script << " @" << at;
    }
}

void expect_lines(const std::string& script, const Lines& expected,
                  const ClientParseLimits& limits = {}) {
    EXPECT_EQ(test::parse_whole(script, limits), expected) << script;
    expect_model(script, limits);
}

// Behind a quick path's back: the same operation with enough bytes after it for any wide load.
void expect_first(const std::string& script, const std::string& expected) {
    expect_lines(script, {expected});
    const std::string ping = "PING\r\n";
    Lines lines = {expected};
    std::string longer = script;
    for (int i = 0; i < 20; ++i) {
        longer += ping;
        lines.push_back("PING <>");
    }
    expect_lines(longer, lines);
}

// The reference looks for the end of the line only behind the first byte of the args.
TEST(ClientParserTest, ALineFeedMayBeginTheArgs) {
    expect_first("PUB \n foo 5\r\nhello\r\n", "PUB \n r=foo h=0 n=5 (5) [hello]");
    expect_first("PUB \nfoo 5\r\nhello\r\n", "PUB \nfoo r= h=0 n=5 (5) [hello]");
    expect_first("SUB \n foo 5\r\n", "SUB foo q= sid=5");
    expect_first("UNSUB \t\n5\r\n", "UNSUB 5 max=0");
    expect_first("CONNECT\n{}\r\n", "CONNECT <\n{}>");
    expect_first("PING\n", "PING <>");
}

TEST(ClientParserTest, PublishTakesSubjectReplyAndPayload) {
    expect_first("PUB foo 5\r\nhello\r\n", "PUB foo r= h=0 n=5 (5) [hello]");
    expect_first("PUB foo.bar _INBOX.22 11\r\nhello world\r\n",
                 "PUB foo.bar r=_INBOX.22 h=0 n=11 (11) [hello world]");
    expect_first("PUB foo 0\r\n\r\n", "PUB foo r= h=0 n=0 (0) []");
    expect_first("PUB f 1\r\nx\r\n", "PUB f r= h=0 n=1 (1) [x]");
    expect_first("PUB foo 007\r\n1234567\r\n", "PUB foo r= h=0 n=7 (007) [1234567]");
    expect_first("PUB foo 000000003\r\nabc\r\n",
                 "PUB foo r= h=0 n=3 (000000003) [abc]");
    expect_first("PUB foo 4\r\n\r\n\r\n\r\n", "PUB foo r= h=0 n=4 (4) [\r\n\r\n]");
    const std::string longer(200, 's');
    expect_first("PUB " + longer + " 2\r\nab\r\n", "PUB " + longer + " r= h=0 n=2 (2) [ab]");
    expect_first("PUB " + longer + " " + longer + " 2\r\nab\r\n",
                 "PUB " + longer + " r=" + longer + " h=0 n=2 (2) [ab]");
}

TEST(ClientParserTest, EverySubjectAndReplyLengthIsTaken) {
    for (size_t size = 1; size < 80; ++size) {
        const std::string subject(size, 'a');
        const std::string payload(size % 20, 'p');
        const std::string count = std::to_string(payload.size());
        const std::string end = " h=0 n=" + count + " (" + count + ") [" + payload + "]";
        expect_lines("PUB " + subject + " " + count + "\r\n" + payload + "\r\nPING\r\n",
                     {"PUB " + subject + " r=" + end, "PING <>"});
        expect_lines("PUB s " + subject + " " + count + "\r\n" + payload + "\r\nPING\r\n",
                     {"PUB s r=" + subject + end, "PING <>"});
    }
}

TEST(ClientParserTest, SizesOfUpToNineDigitsAreTaken) {
    for (size_t zeros = 0; zeros < 8; ++zeros) {
        const std::string size = std::string(zeros, '0') + "5";
        expect_first("PUB foo " + size + "\r\nhello\r\n", "PUB foo r= h=0 n=5 (" + size + ") [hello]");
        expect_first("PUB foo " + std::string(zeros, '0') + "10\r\n0123456789\r\n",
                     "PUB foo r= h=0 n=10 (" + std::string(zeros, '0') + "10) [0123456789]");
    }
}

TEST(ClientParserTest, SeparatorsAreRunsOfSpacesAndTabs) {
    expect_first("PUB\tfoo\t5\r\nhello\r\n", "PUB foo r= h=0 n=5 (5) [hello]");
    expect_first("PUB \t foo  \t 5 \t\r\nhello\r\n", "PUB foo r= h=0 n=5 (5) [hello]");
    expect_first("PUB foo  5\r\nhello\r\n", "PUB foo r= h=0 n=5 (5) [hello]");
    expect_first("PUB  foo 5\r\nhello\r\n", "PUB foo r= h=0 n=5 (5) [hello]");
    expect_first("PUB foo 5 \r\nhello\r\n", "PUB foo r= h=0 n=5 (5) [hello]");
    expect_first("PUB foo r\t5\r\nhello\r\n", "PUB foo r=r h=0 n=5 (5) [hello]");
    expect_first("SUB \t foo \t q\t 1 \r\n", "SUB foo q=q sid=1");
    expect_first("UNSUB\t1\t5\t\r\n", "UNSUB 1 max=5");
}

TEST(ClientParserTest, VerbsAreMatchedInAnyCase) {
    expect_first("pub foo 1\r\nx\r\n", "PUB foo r= h=0 n=1 (1) [x]");
    expect_first("PuB foo 1\r\nx\r\n", "PUB foo r= h=0 n=1 (1) [x]");
    expect_first("hPuB foo 1 2\r\nxy\r\n", "HPUB foo r= h=1 n=2 (2) [xy]");
    expect_first("sUb foo 1\r\n", "SUB foo q= sid=1");
    expect_first("unSUB 1\r\n", "UNSUB 1 max=0");
    expect_first("ping\r\n", "PING <>");
    expect_first("pOnG\r\n", "PONG <>");
    expect_first("connect {}\r\n", "CONNECT <{}>");
    expect_first("Info {}\r\n", "INFO <{}>");
    expect_first("+ok\r\n", "+OK <>");
    expect_first("-err 'x'\r\n", "-ERR <'x'>");
}

TEST(ClientParserTest, OneCarriageReturnBeforeTheLineFeedIsDropped) {
    expect_first("PUB foo 1\nx\r\n", "PUB foo r= h=0 n=1 (1) [x]");
    expect_first("PING\n", "PING <>");
    expect_first("CONNECT {}\n", "CONNECT <{}>");
    expect_first("CONNECT {\r}\r\n", "CONNECT <{\r}>");
    expect_first("CONNECT {}\r\r\n", "CONNECT <{}\r>");
    expect_first("SUB foo\r1\r\n", "SUB foo q= sid=1");
    expect_first("SUB foo 1\r\r\n", "SUB foo q= sid=1");
    expect_first("PUB fo\ro 1\r\nx\r\n", "PUB fo\ro r= h=0 n=1 (1) [x]");
}

TEST(ClientParserTest, SomeVerbsNeedNoBlankAndIgnoreTheRest) {
    expect_first("CONNECT{}\r\n", "CONNECT <{}>");
    expect_first("CONNECT \t {\"a\": 1} \r\n", "CONNECT <{\"a\": 1} >");
    expect_first("CONNECT\r\n", "CONNECT <>");
    expect_first("INFO{}\r\n", "INFO <{}>");
    expect_first("PINGxyz\r\n", "PING <xyz>");
    expect_first("PONG and more\r\n", "PONG <and more>");
    expect_first("+OKAY\r\n", "+OK <AY>");
    expect_first("-ERR 'Some Text' \r\n", "-ERR <'Some Text' >");
}

TEST(ClientParserTest, SubscribeTakesQueueAndAnySid) {
    expect_first("SUB foo 1\r\n", "SUB foo q= sid=1");
    expect_first("SUB foo.* workers abc\r\n", "SUB foo.* q=workers sid=abc");
    expect_first("SUB .. 1\r\n", "SUB .. q= sid=1");
}

TEST(ClientParserTest, UnsubscribeTakesAMaximum) {
    expect_first("UNSUB 1\r\n", "UNSUB 1 max=0");
    expect_first("UNSUB 1 5\r\n", "UNSUB 1 max=5");
    expect_first("UNSUB sid 0\r\n", "UNSUB sid max=0");
    expect_first("UNSUB 1 -5\r\n", "UNSUB 1 max=0");
    expect_first("UNSUB 1 many\r\n", "UNSUB 1 max=0");
    expect_first("UNSUB 1 999999999\r\n", "UNSUB 1 max=999999999");
    expect_first("UNSUB 1 99999999999999999999\r\n", "UNSUB 1 max=0");
}

TEST(ClientParserTest, HeaderPublishTakesBothSizes) {
    expect_first("HPUB foo 12 17\r\nNATS/1.0\r\n\r\nhello\r\n",
                 "HPUB foo r= h=12 n=17 (17) [NATS/1.0\r\n\r\nhello]");
    expect_first("HPUB foo bar 12 12\r\nNATS/1.0\r\n\r\n\r\n",
                 "HPUB foo r=bar h=12 n=12 (12) [NATS/1.0\r\n\r\n]");
    expect_first("HPUB foo 0 1\r\nx\r\n", "HPUB foo r= h=0 n=1 (1) [x]");
}

TEST(ClientParserTest, WrongVerbsAreReportedAtTheirByte) {
    const struct {
        std::string script;
        size_t offset;
    } rows[] = {
        {" PING\r\n", 0},
        {"\r\n", 0},
        {"\n", 0},
        {"RS+ foo 1\r\n", 0},
        {"LS+ foo\r\n", 0},
        {"A+ foo\r\n", 0},
        {"MSG f 1 0\r\n", 0},
        {"HMSG", 1},
        {"PUB\r\n", 3},
        {"PUBS x 1", 4 - 1},
        {"SUBfoo", 3},
        {"UNSUB\n", 5},
        {"PX", 1},
        {"PIX", 2},
        {"CONNECX", 6},
        {"INFX", 3},
        {"+OX", 2},
        {"-ERR\r\n", 4},
        {"-ERX", 3},
        {"\xff", 0},
        {"HPUBx", 4},
        {"PU\0B"s.substr(0, 3), 2},
        {"UNSUX", 4},
        {"UNSUX 1\r\n", 4},
    };
    for (const auto& row : rows) {
        expect_lines(row.script, {"unknown at " + std::to_string(row.offset)});
        // The rest of a line does not matter, nor that it is missing.
        expect_lines(row.script.substr(0, row.offset + 1),
                     {"unknown at " + std::to_string(row.offset)});
    }
}

TEST(ClientParserTest, PayloadMustEndWithCrLf) {
    expect_lines("PUB foo 2\r\nab\n", {"unknown at 13"});
    expect_lines("PUB foo 2\r\nabc", {"unknown at 13"});
    expect_lines("PUB foo 2\r\nab\rX", {"unknown at 14"});
    expect_lines("PUB foo 2\nab\n", {"unknown at 12"});
    expect_lines("PUB foo 2\r\nabcdefghijklmnopqrstuvwxyz01234567890123456789\r\n",
                 {"unknown at 13"});
}

TEST(ClientParserTest, WrongArgumentsNameTheRawText) {
    const struct {
        std::string script;
        std::string expected;
    } rows[] = {
        {"PUB foo\r\n", "bad PUB args <foo>"},
        {"PUB  \t\r\n", "bad PUB args <>"},
        {"PUB \n\n", "bad PUB args <\n>"},
        {"PUB a b c 1\r\n", "bad PUB args <a b c 1>"},
        {"PUB foo bar\r\n", "bad PUB size <foo bar>"},
        {"PUB foo -1\r\n", "bad PUB size <foo -1>"},
        {"PUB foo +1\r\n", "bad PUB size <foo +1>"},
        {"PUB foo 1x\r\n", "bad PUB size <foo 1x>"},
        {"PUB foo /1\r\n", "bad PUB size <foo /1>"},
        {"PUB foo :1\r\n", "bad PUB size <foo :1>"},
        {"PUB foo 123456789x\r\n", "bad PUB size <foo 123456789x>"},
        {"PUB foo \xb1\r\n", "bad PUB size <foo \xb1>"},
        {"HPUB foo 1\r\n", "bad HPUB args <foo 1>"},
        {"HPUB a b c 1 2\r\n", "bad HPUB args <a b c 1 2>"},
        {"HPUB foo x 1\r\n", "bad HPUB header size <foo x 1>"},
        {"HPUB foo 1 x\r\n", "bad HPUB total size <foo 1 x>"},
        {"HPUB foo 2 1\r\n", "bad HPUB sizes <foo 2 1>"},
        {"HPUB foo 999999999 1\r\n", "bad HPUB sizes <foo 999999999 1>"},
        {"HPUB foo 4294967297 1\r\n", "bad HPUB header size <foo 4294967297 1>"},
        {"SUB foo\r\n", "bad SUB args <foo>"},
        {"SUB a b c d\r\n", "bad SUB args <a b c d>"},
        {"SUB \r\n", "bad SUB args <>"},
        {"UNSUB \r\n", "bad UNSUB args <>"},
        {"UNSUB 1 2 3\r\n", "bad UNSUB args <1 2 3>"},
    };
    for (const auto& row : rows) {
        expect_lines(row.script, {row.expected});
        expect_lines(row.script + std::string(100, '\n'), {row.expected});
    }
}

TEST(ClientParserTest, ASizeHasNineDigitsAtMost) {
    const std::string more(64, ' ');
    for (const std::string& rest : {std::string(), more}) {
        for (const std::string text : {"2147483648", "4294967296", "18446744073709551616", "0000000001"}) {
            expect_lines("PUB foo " + text + "\r\n" + rest, {"bad PUB size <foo " + text + ">"});
            expect_lines("HPUB foo 0 " + text + "\r\n" + rest,
                         {"bad HPUB total size <foo 0 " + text + ">"});
            expect_lines("UNSUB 1 " + text + "\r\n", {"UNSUB 1 max=0"});
        }
    }
    expect_lines("PUB foo 000000001\r\nx\r\n", {"PUB foo r= h=0 n=1 (000000001) [x]"});
}

TEST(ClientParserTest, APayloadBeyondTheLimitIsRefused) {
    const std::string more(64, ' ');
    for (const std::string& rest : {std::string(), more}) {
        for (const auto& [text, claimed] : {
                 std::pair<std::string, std::string>{"11", "11"},
                 {"000000011", "11"},
                 {"999999999", "999999999"},
             }) {
            expect_lines("PUB foo " + text + "\r\n" + rest, {"payload too large " + claimed},
                         {.payload_max = 10});
            expect_lines("HPUB foo 0 " + text + "\r\n" + rest, {"payload too large " + claimed},
                         {.payload_max = 10});
        }
    }
    expect_lines("PUB foo 10\r\n0123456789\r\n", {"PUB foo r= h=0 n=10 (10) [0123456789]"},
                 {.payload_max = 10});
    expect_lines("PUB foo 1\r\nx\r\n" + more, {"payload too large 1"}, {.payload_max = 0});
    expect_lines("PUB foo 5000000\r\n" + more, {}, {.payload_max = kPayloadUnlimited});
}

TEST(ClientParserTest, ControlLineLimitCountsTheArguments) {
    const ClientParseLimits limits = {.control_line_max = 10};
    expect_lines("SUB 12345678 1\r\n", {"SUB 12345678 q= sid=1"}, limits);
    expect_lines("SUB 12345678 1\n", {"SUB 12345678 q= sid=1"}, limits);
    expect_lines("SUB      12345678 1\r\n", {"SUB 12345678 q= sid=1"}, limits);
    expect_lines("SUB 123456789 1\r\n", {"line too long"}, limits);
    expect_lines("SUB 123456789 1", {"line too long"}, limits);
    expect_lines("SUB 12345678 1 \r\n", {"line too long"}, limits);
    expect_lines("CONNECT {\"a\":false}\r\n", {"line too long"}, limits);
    expect_lines("CONNECT {\"a\":1}\r\n", {"CONNECT <{\"a\":1}>"}, limits);
    expect_lines("PUB 12345678 1\r\nx\r\n", {"PUB 12345678 r= h=0 n=1 (1) [x]"}, limits);
    expect_lines("PUB 123456789 1\r\nx\r\n" + std::string(64, ' '), {"line too long"}, limits);
    expect_lines("PING12345678901\r\n", {"line too long"}, limits);
    expect_lines("SUB           1 1\r\n", {"line too long"}, limits);  // eleven blanks
    expect_lines("SUB 123456789 1\r", {"line too long"}, limits);
    expect_lines("SUB 12345678 1\r", {}, limits);
}

TEST(ClientParserTest, NeedMoreTellsTheSizeOnceTheLineIsThere) {
    ClientOperation operation;
    const std::string line = "PUB foo 1000\r\n";
    ASSERT_EQ(parse_client(line.data(), line.data() + line.size(), {}, &operation),
              ParseStatus::kNeedMore);
    EXPECT_EQ(operation.needed_bytes, line.size() + 1000 + 2);
    ASSERT_EQ(parse_client(line.data(), line.data() + 8, {}, &operation), ParseStatus::kNeedMore);
    EXPECT_EQ(operation.needed_bytes, 0U);
    EXPECT_EQ(operation.scanned_bytes, 8U);
    ASSERT_EQ(parse_client(line.data(), line.data(), {}, &operation), ParseStatus::kNeedMore);
    EXPECT_EQ(operation.needed_bytes, 0U);
}

TEST(ClientParserTest, ScannedBytesAreNotSearchedAgain) {
    // A line feed in the scanned part would be found if it were searched.
    const std::string input = "SUB fo\no 1";
    ClientOperation operation;
    EXPECT_EQ(parse_client(input.data(), input.data() + input.size(), {}, &operation, 8),
              ParseStatus::kNeedMore);
}

TEST(ClientParserTest, CanonicalPublishOffersItsTail) {
    const auto first = [](const std::string& input) {
        ClientOperation operation;
        EXPECT_EQ(parse_client(input.data(), input.data() + input.size(), {}, &operation),
                  ParseStatus::kOperation);
        return operation;
    };
    const std::string after(64, 'x');
    for (const std::string& rest : {std::string(), after}) {
        std::string input = "PUB foo 5\r\nhello\r\n" + rest;
        ClientOperation operation = first(input);
        EXPECT_TRUE(operation.canonical);
        EXPECT_EQ(operation.frame_tail(), " 5\r\nhello\r\n");
        EXPECT_EQ(operation.publish_args(), "foo 5");
        input = "HPUB foo r 2 5\r\nhello\r\n" + rest;
        operation = first(input);
        EXPECT_TRUE(operation.canonical);
        EXPECT_EQ(operation.frame_tail(), " r 2 5\r\nhello\r\n");
        for (const char* line : {"PUB foo  5", "PUB foo\t5", "PUB foo 5 ", "PUB foo r  5"}) {
            input = line + ("\r\nhello\r\n" + rest);
            EXPECT_FALSE(first(input).canonical) << line;
        }
        input = "PUB foo 5\nhello\r\n" + rest;
        EXPECT_FALSE(first(input).canonical);
    }
}

TEST(ClientParserTest, PipelinedOperationsKeepTheirOrder) {
    expect_lines(
        "CONNECT {\"verbose\":false}\r\nSUB a 1\r\nSUB b q 2\r\nPUB a 2\r\nhi\r\nPUB b r 0\r\n\r\n"
        "PING\r\nUNSUB 1 2\r\nPONG\r\nHPUB a 1 1\r\nx\r\n+OK\r\n-ERR 'bye'\r\n",
        {"CONNECT <{\"verbose\":false}>", "SUB a q= sid=1", "SUB b q=q sid=2",
         "PUB a r= h=0 n=2 (2) [hi]", "PUB b r=r h=0 n=0 (0) []", "PING <>", "UNSUB 1 max=2",
         "PONG <>", "HPUB a r= h=1 n=1 (1) [x]", "+OK <>", "-ERR <'bye'>"});
}

// Random scripts made of pieces of the protocol, often slightly wrong.
std::string random_script(std::mt19937& random) {
    static const char* const kPieces[] = {
        "PUB ",     "pub\t", "HPUB ", "SUB ",  "UNSUB ", "PING",    "PONG",
        "CONNECT ", "INFO ", "+OK",   "-ERR ", "foo",    "foo.bar", "_INBOX.abcdefghijklmnopqrstuv",
        " ",        "  ",    "\t",    "\r",    "\n",     "\r\n",    "\r\n",
        "\r\n",     "1",     "2",     "0",     "16",     "007",     "99999999999",
        "hello",    "{}",    "x"};
    std::string script;
    const size_t count = random() % 12;
    for (size_t i = 0; i < count; ++i) {
        const uint32_t choice = random() % 10;
        if (choice < 6) {
            script += kPieces[random() % std::size(kPieces)];
        } else if (choice < 9) {
            const std::string payload(random() % 40, 'p');
            script += "PUB " + std::string(1 + random() % 40, 's') + " ";
            if (random() % 2 != 0) script += std::string(1 + random() % 30, 'r') + " ";
            script += std::to_string(payload.size()) + "\r\n" + payload + "\r\n";
        } else {
            script += static_cast<char>(random());
        }
    }
    return script;
}

TEST(ClientParserTest, RandomScriptsAgreeWithTheModel) {
    constexpr uint32_t kSeed = 7142;
    RecordProperty("seed", static_cast<int>(kSeed));
    std::mt19937 random(kSeed);
    for (int round = 0; round < 20000; ++round) {
        const std::string script = random_script(random);
        const ClientParseLimits limits = {
            .control_line_max = random() % 4 == 0 ? 12U : kControlLineSizeDefault,
            .payload_max = random() % 4 == 0 ? 10 : kPayloadSizeDefault};
        const Lines expected = test::ClientParserModel(limits).run(script);
        ASSERT_EQ(test::parse_whole(script, limits), expected) << script;
        ASSERT_EQ(test::parse_in_pieces(script, limits, 1), expected) << script;
        const size_t cut = script.empty() ? 0 : random() % script.size();
        ASSERT_EQ(test::parse_split_at(script, limits, cut), expected) << script << " @" << cut;
    }
}

TEST(ClientParserTest, RandomBytesNeverReadOutside) {
    std::mt19937 random(99);
    for (int round = 0; round < 20000; ++round) {
        std::string script(random() % 120, ' ');
        for (char& c : script) c = static_cast<char>(random());
        if (random() % 2 != 0) script.insert(0, "PUB ");
        const Lines expected = test::ClientParserModel({}).run(script);
        ASSERT_EQ(test::parse_whole(script, {}), expected);
    }
}

}  // namespace
}  // namespace nuring::proto
