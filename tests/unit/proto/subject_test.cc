// SPDX-License-Identifier: Apache-2.0
// Goal: every row of the reference's truth tables; then random patterns against the plain model
// (tests/support/subject_model.h).
#include "proto/subject.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/subject_model.h"

namespace nuring::proto {
namespace {

TEST(SubjectTest, ValidityFollowsTheTable) {
    struct Row {
        std::string_view subject;
        bool valid;
        bool literal;
    };
    const Row rows[] = {
        {"foo", true, true},         {"foo.bar", true, true},      {".foo", false, false},
        {"foo.", false, false},      {"foo..bar", false, false},   {".", false, false},
        {"", false, false},          {"foo.bar.*", true, false},   {"*", true, false},
        {"*.foo", true, false},      {"foo.bar.>", true, false},   {">", true, false},
        {"foo*", true, true},        {"foo**", true, true},        {"foo.**", true, true},
        {"foo*bar", true, true},     {"foo.*bar", true, true},     {"foo*.bar", true, true},
        {"*bar", true, true},        {"foo>", true, true},         {"foo>>", true, true},
        {"foo.>>", true, true},      {"foo>bar", true, true},      {"foo.>bar", true, true},
        {"foo>.bar", true, true},    {">bar", true, true},         {">.bar", false, false},
        {"foo.>.bar", false, false}, {"foo bar", false, true},     {"foo\tbar", false, true},
        {"foo.b\rar", false, true},  {"foo.bar\n", false, true},   {"\ffoo", false, true},
        {"**", true, true},          {"a.*.c.>", true, false},     {"foo.*.bar", true, false},
        {"..", false, false},        {"foo.\xc3\xa9", true, true}, {"*.", false, false},
        {"foo.>.", false, false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(is_valid_subject(row.subject), row.valid) << '"' << row.subject << '"';
        EXPECT_EQ(is_valid_literal_subject(row.subject), row.literal) << '"' << row.subject << '"';
    }
}

TEST(SubjectTest, ReservedPrefixesAreFoundAndTheirNeighboursAreNot) {
    EXPECT_TRUE(is_gateway_reply("_GR_.c.s.reply"));
    for (const char* free :
         {"", "_", "$", "_GR_.", "_GR_", "GR_.a", "_R_.a", "$GR.a", "a._GR_.b"}) {
        EXPECT_FALSE(is_gateway_reply(free)) << free;
    }
    EXPECT_TRUE(is_old_gateway_reply("$GR.a"));
    for (const char* free : {"", "$", "$GR.", "$GR", "_GR_.a", "a.$GR.b"}) {
        EXPECT_FALSE(is_old_gateway_reply(free)) << free;
    }
    EXPECT_TRUE(is_jetstream_group("$NRG.a"));
    EXPECT_FALSE(is_jetstream_group("$NRG"));
    EXPECT_FALSE(is_jetstream_group("a.$NRG.b"));
    for (const char* reserved :
         {"_R_.", "_R_.a", "_GR_.a", "$JS.ACK.a", "$JS.ACK.", "$JS.API.INFO", "$JS.hub.API.INFO", "$JS.a"}) {
        EXPECT_TRUE(is_reserved_reply(reserved)) << reserved;
    }
    for (const char* free : {"", "_", "$", "_R_", "_GR_.", "$JS.", "$JS", "$JSC.a", "$KV.a", "_INBOX.a", "R_.a",
                             "$GR.a", "a.$JS.API.b"}) {
        EXPECT_FALSE(is_reserved_reply(free)) << free;
    }
}

TEST(SubjectTest, RequestsToJetStreamAreKnownInEveryDomain) {
    for (const char* request : {"$JS.API", "$JS.API.INFO", "$JS.hub.API", "$JS.hub.API.INFO"}) {
        EXPECT_TRUE(is_jetstream_request(request)) << request;
    }
    for (const char* other : {"", "$", "$JS", "$JS.", "$JS.ACK.a", "$JS.FC.a", "$JS.API2.a", "$JS.a.b.API", "a.API",
                              "$JS.hub.API2", "$JSC.API", "_INBOX.a"}) {
        EXPECT_FALSE(is_jetstream_request(other)) << other;
    }
}

TEST(SubjectTest, PatternOfASubscriptionMayHoldBytesThatConfigurationsMayNot) {
    for (const std::string_view pattern : {"foo bar", "foo\tbar", "\ffoo.>", "foo.\f.*", "\f"}) {
        EXPECT_TRUE(is_valid_pattern(pattern)) << '"' << pattern << '"';
        EXPECT_FALSE(is_valid_subject(pattern)) << '"' << pattern << '"';
    }
    for (const std::string_view pattern : {"", ".", ".foo", "foo.", "foo..\f", ">.foo", "\f.>.*"}) {
        EXPECT_FALSE(is_valid_pattern(pattern)) << '"' << pattern << '"';
    }
}

TEST(SubjectTest, LiteralMeansNoWildcardToken) {
    for (const std::string_view subject :
         {"foo", "foo.bar", "foo*", "*foo", "foo.**", "foo.>>", "a>b", "", ".", "foo bar"}) {
        EXPECT_TRUE(is_literal(subject)) << subject;
    }
    for (const std::string_view subject :
         {"*", ">", "foo.*", "*.foo", "foo.*.bar", "foo.>", "foo.>.bar"}) {
        EXPECT_FALSE(is_literal(subject)) << subject;
    }
}

TEST(SubjectTest, WildcardsAreFoundAtEveryPlace) {
    for (size_t size = 1; size < 40; ++size) {
        for (size_t at = 0; at < size; ++at) {
            std::string subject(size, 'a');
            subject[at] = '*';
            EXPECT_EQ(is_literal(subject), size > 1) << subject;
            if (at > 0) subject[at - 1] = '.';
            if (at + 1 < size) subject[at + 1] = '.';
            EXPECT_FALSE(is_literal(subject)) << subject;
            subject[at] = '>';
            EXPECT_FALSE(is_literal(subject)) << subject;
        }
    }
}

TEST(SubjectTest, TokensAreWalkedLikeASplit) {
    const auto split = [](std::string_view subject) {
        std::vector<std::string> tokens;
        for (const std::string_view token : SubjectTokens(subject)) tokens.emplace_back(token);
        return tokens;
    };
    using Tokens = std::vector<std::string>;
    EXPECT_EQ(split("foo"), Tokens({"foo"}));
    EXPECT_EQ(split("foo.bar.baz"), Tokens({"foo", "bar", "baz"}));
    EXPECT_EQ(split(""), Tokens({""}));
    EXPECT_EQ(split("."), Tokens({"", ""}));
    EXPECT_EQ(split("foo."), Tokens({"foo", ""}));
    EXPECT_EQ(split("a..b"), Tokens({"a", "", "b"}));
    EXPECT_EQ(token_count("a..b"), 3U);
    EXPECT_EQ(token_count(""), 1U);
}

TEST(SubjectTest, MatchFollowsTheTable) {
    const std::string_view subjects[] = {
        "foo", "foo.bar", "foo.bar.baz", "bar", "foo.", "foo..bar", ".foo",
        "",    "foo.*",   "foo.>",       ">",   "*",    "foo.**",   "f*"};
    struct Row {
        std::string_view pattern;
        std::string_view matches;  // one letter per subject
    };
    const Row rows[] = {
        {"foo", "Y             "},       {"*", "Y  Y   Y  YY Y"},     {"foo.*", " Y  Y   YY  Y "},
        {"foo.>", " YY YY  YY  Y "},     {">", "YYYYYYYYYYYYYY"},     {"*.*", " Y  Y Y YY  Y "},
        {"foo.*.baz", "  Y           "}, {"*.bar", " Y            "}, {"*.>", " YY YYY YY  Y "},
        {"foo.**", "            Y "},    {"f*", "             Y"},
    };
    for (const Row& row : rows) {
        for (size_t i = 0; i < std::size(subjects); ++i) {
            EXPECT_EQ(matches_literal(subjects[i], row.pattern), row.matches[i] == 'Y')
                << row.pattern << " x \"" << subjects[i] << '"';
        }
    }
}

TEST(SubjectTest, MatchesLiteralFollowsTheList) {
    struct Row {
        std::string_view literal;
        std::string_view pattern;
        bool matches;
    };
    const Row rows[] = {
        {"foo", "*", true},
        {"foo", ">", true},
        {"foo.bar", ">", true},
        {"foo.bar", "foo.>", true},
        {"foo.bar", "bar.>", false},
        {"stats.test.22", "stats.>", true},
        {"stats.test.22", "stats.*.*", true},
        {"foo.bar", "foo", false},
        {"stats.test.foos", "stats.test.foos", true},
        {"stats.test.foos", "stats.test.foo", false},
        {"stats.test", "stats.test.*", false},
        {"stats.test.foos", "stats.*", false},
        {"stats.test.foos", "stats.*.*.foos", false},
        {"*bar", "*bar", true},
        {"foo*", "foo*", true},
        {"foo*bar", "foo*bar", true},
        {"foo.***.bar", "foo.***.bar", true},
        {">bar", ">bar", true},
        {"foo>", "foo>", true},
        {"foo>bar", "foo>bar", true},
        {"foo.>>>.bar", "foo.>>>.bar", true},
        {"xbar", "*bar", false},
        {"foo.x.bar", "foo.***.bar", false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(matches_literal(row.literal, row.pattern), row.matches)
            << row.literal << " x " << row.pattern;
    }
}

TEST(SubjectTest, RelationsFollowTheTable) {
    struct Row {
        std::string_view a;
        std::string_view b;
        bool subset;
        bool collide;
    };
    const Row rows[] = {
        {"foo", "foo", true, true},
        {"foo", "*", true, true},
        {"foo", ">", true, true},
        {"foo", "foo.>", false, false},
        {"foo.bar", "foo.*", true, true},
        {"foo.bar", "foo", false, false},
        {"foo.bar", "foo.baz", false, false},
        {"foo.*", "foo.*", true, true},
        {"foo.*", "*.*", true, true},
        {"foo.*", "foo.>", true, true},
        {"foo.*", ">", true, true},
        {"foo.*", "*.bar", false, true},
        {"foo.*", "bar.*", false, false},
        {"foo.*", "foo.*.*", false, false},
        {"foo.bar.*", "foo.*.*", true, true},
        {"foo", "*x", false, false},  // the reference takes `*x` for a wildcard here
        {"foo.>", "foo.*", false, true},
        {"foo.>", "foo.>", true, true},
        {"foo.>", "*.>", true, true},
        {"foo.>", ">", true, true},
        {"foo.>", "foo", false, false},
        {"*", "foo", false, true},
        {">", "*", false, true},
        {"*", ">", true, true},
        {"*.bar", "foo.bar", false, true},
        {"foo.*.baz", "foo.>", true, true},
        {"foo.*.bar", "foo.>", true, true},
        {"*.>", "foo", false, false},
        {"foo.", "foo.*", false, false},  // invalid sides
        {"foo", "", false, false},
        {"foo.>.bar", ">", false, false},
        {"foo", "foo..bar", false, false},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(is_subset(row.a, row.b), row.subset) << row.a << " in " << row.b;
        EXPECT_EQ(subjects_collide(row.a, row.b), row.collide) << row.a << " x " << row.b;
        EXPECT_EQ(subjects_collide(row.b, row.a), row.collide) << row.b << " x " << row.a;
    }
}

// Every subject of up to four tokens over a small alphabet stands for "every subject".
std::vector<std::string> all_subjects() {
    std::vector<std::string> subjects;
    std::vector<std::string> longest = {""};
    for (int size = 1; size <= 4; ++size) {
        std::vector<std::string> next;
        for (const std::string& head : longest) {
            for (const char* token : {"a", "b", "z"}) {
                next.push_back(head.empty() ? token : head + "." + token);
            }
        }
        subjects.insert(subjects.end(), next.begin(), next.end());
        longest = std::move(next);
    }
    return subjects;
}

std::vector<std::string> all_patterns() {
    std::vector<std::string> patterns;
    std::vector<std::string> longest = {""};
    for (int size = 1; size <= 3; ++size) {
        std::vector<std::string> next;
        for (const std::string& head : longest) {
            for (const char* token : {"a", "b", "*"}) {
                next.push_back(head.empty() ? token : head + "." + token);
            }
            patterns.push_back(head.empty() ? ">" : head + ".>");
        }
        patterns.insert(patterns.end(), next.begin(), next.end());
        longest = std::move(next);
    }
    return patterns;
}

TEST(SubjectTest, RelationsAgreeWithEnumeratedSubjects) {
    const std::vector<std::string> subjects = all_subjects();
    const std::vector<std::string> patterns = all_patterns();
    for (const std::string& a : patterns) {
        for (const std::string& b : patterns) {
            bool subset = true;
            bool collide = false;
            for (const std::string& subject : subjects) {
                const bool in_a = matches_literal(subject, a);
                const bool in_b = matches_literal(subject, b);
                subset = subset && (!in_a || in_b);
                collide = collide || (in_a && in_b);
            }
            ASSERT_EQ(is_subset(a, b), subset) << a << " in " << b;
            ASSERT_EQ(subjects_collide(a, b), collide) << a << " x " << b;
        }
    }
}

TEST(SubjectTest, RandomTextAgreesWithTheModel) {
    constexpr uint32_t kSeed = 20240611;
    RecordProperty("seed", static_cast<int>(kSeed));
    std::mt19937 random(kSeed);
    const auto draw = [&random] {
        std::string text(random() % 9, ' ');
        for (char& c : text) c = "ab..**> "[random() % 8];
        return text;
    };
    for (int round = 0; round < 200000; ++round) {
        const std::string text = draw();
        const std::string pattern = draw();
        const test::SubjectModel model(pattern);
        ASSERT_EQ(matches_literal(text, pattern), model.matches(test::SubjectModel(text)))
            << '"' << text << "\" x \"" << pattern << '"';
        ASSERT_EQ(is_valid_subject(pattern), model.is_valid()) << '"' << pattern << '"';
        ASSERT_EQ(is_valid_literal_subject(pattern), model.is_valid_literal()) << pattern;
        ASSERT_EQ(is_literal(pattern), model.is_literal()) << '"' << pattern << '"';
    }
}

}  // namespace
}  // namespace nuring::proto
