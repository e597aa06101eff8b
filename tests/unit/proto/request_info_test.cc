// SPDX-License-Identifier: Apache-2.0
#include "proto/request_info.h"

#include <map>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace nuring::proto {
namespace {

class RenameRequestorTest : public testing::Test {
  protected:
    // The text with other names, or "as it is".
    std::string renamed(std::string_view json) {
        std::string out = "what was there before";
        const auto other_name = [this](std::string_view account) -> const std::string* {
            const auto known = names_.find(std::string(account));
            return known == names_.end() ? nullptr : &known->second;
        };
        return rename_requestor(json, other_name, &parser_, &out) ? out : "as it is";
    }

    std::map<std::string, std::string> names_{{"A", "HUB"}, {"Q", "a\"\r\n<b>"}};
    JsonParser parser_;
};

TEST_F(RenameRequestorTest, TheAccountGetsItsOtherNameAndAllElseStays) {
    EXPECT_EQ(
        renamed(
            R"({"start":"2026-01-01T00:00:00Z","id":7,"acc":"A","rtt":1234567890123,"tags":["x",1],)"
            R"("own":{"acc":"A"},"nothing":null})"),
        R"({"start":"2026-01-01T00:00:00Z","id":7,"acc":"HUB","rtt":1234567890123,"tags":["x",1],)"
        R"("own":{"acc":"A"},"nothing":null})");
    EXPECT_EQ(renamed(R"( { "acc" : "A" } )"), R"({"acc":"HUB"})");
    EXPECT_EQ(renamed(R"({"\u0061cc":"\u0041"})"), R"({"acc":"HUB"})");
}

TEST_F(RenameRequestorTest, AnAccountWithoutAnotherNameStays) {
    for (const char* json :
         {R"({"acc":"B"})", R"({"acc":""})", R"({"svc":"A"})", "{}", R"({"acc":1})"}) {
        EXPECT_EQ(renamed(json), "as it is") << json;
    }
}

TEST_F(RenameRequestorTest, AnAccountMayBeAdded) {
    names_[""] = "HUB";
    EXPECT_EQ(renamed("{}"), R"({"acc":"HUB"})");
    EXPECT_EQ(renamed(R"({"rtt":1})"), R"({"rtt":1,"acc":"HUB"})");
    EXPECT_EQ(renamed(R"({"acc":["A"],"rtt":1})"), R"({"acc":"HUB","rtt":1})");
}

TEST_F(RenameRequestorTest, WhatIsNoSuchObjectStays) {
    for (const char* json : {"", "null", "A", R"("A")", "[]", R"(["acc","A"])", R"({"acc":"A")",
                             R"({"acc":"A"} x)", "{\"acc\":\"A\"", "\xff"}) {
        EXPECT_EQ(renamed(json), "as it is") << json;
    }
}

// As deep as readers in Go go: a header that they understand must not get past it.
TEST_F(RenameRequestorTest, DeepValuesHideNoAccount) {
    for (const size_t depth :
         {size_t{1000}, size_t{1023}, size_t{1024}, size_t{9998}, size_t{9999}}) {
        const std::string deep = std::string(depth, '[') + std::string(depth, ']');
        EXPECT_EQ(renamed(R"({"x":)" + deep + R"(,"acc":"A"})"),
                  R"({"x":)" + deep + R"(,"acc":"HUB"})")
            << depth;
    }
    const std::string too_deep(1'000'000, '[');
    EXPECT_EQ(renamed(R"({"acc":"A","x":)" + too_deep), "as it is");
    EXPECT_EQ(renamed(R"({"acc":"A"})"), R"({"acc":"HUB"})");
}

TEST_F(RenameRequestorTest, OfSeveralAccountsTheLastCounts) {
    EXPECT_EQ(renamed(R"({"acc":"B","ACC":"A"})"), R"({"acc":"HUB","ACC":"HUB"})");
    EXPECT_EQ(renamed(R"({"acc":"A","acc":"B"})"), "as it is");
}

TEST_F(RenameRequestorTest, NoNameEndsTheLineOfTheHeader) {
    EXPECT_EQ(renamed(R"({"acc":"Q"})"), R"({"acc":"a\"\r\n\u003cb\u003e"})");
    EXPECT_EQ(renamed(R"({"acc":"A","user":"x\r\ny"})"), R"({"acc":"HUB","user":"x\r\ny"})");
}

}  // namespace
}  // namespace nuring::proto
