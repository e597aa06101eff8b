// SPDX-License-Identifier: Apache-2.0
#include "proto/json_members.h"

#include <gtest/gtest.h>

#include <array>

namespace nuring::proto {
namespace {

constexpr std::array kFields = {
    JsonFieldType{"auth", JsonType::kBool},     JsonFieldType{"limit", JsonType::kInt},
    JsonFieldType{"cid", JsonType::kUint64},    JsonFieldType{"user", JsonType::kString},
    JsonFieldType{"tags", JsonType::kStrings},
};

struct JsonMembersTest : testing::Test {
    bool parse(std::string_view text) {
        return parse_json_members(text, &parser, "ConnzEventOptions", kFields, &members, &error);
    }
    std::string texts() const {
        std::string all;
        for (const JsonMember& member : members) {
            all += std::string(kFields[member.field].key) + "=" + member.text + ";";
        }
        return all;
    }
    JsonParser parser;
    std::vector<JsonMember> members;
    std::string error;
};

TEST_F(JsonMembersTest, ReadsEachKindInTheOrderOfTheText) {
    ASSERT_TRUE(parse(
        R"({"user":"a\"b","LIMIT":-5,"cid":18446744073709551615,"auth":true,"tags":["x","y"],"z":{}})"));
    EXPECT_EQ(texts(), "user=a\"b;limit=-5;cid=18446744073709551615;auth=true;tags=x;tags=y;");
}

TEST_F(JsonMembersTest, NothingIsNoMember) {
    for (const char* text : {"", "null", "{}", R"({"auth":null,"tags":[]})"}) {
        EXPECT_TRUE(parse(text)) << text;
        EXPECT_TRUE(members.empty()) << text;
    }
}

// What the reference answers to a request on $SYS.REQ.SERVER.PING.CONNZ (2.9.10).
TEST_F(JsonMembersTest, ErrorsAreThoseOfTheReference) {
    EXPECT_FALSE(parse("nojson"));
    EXPECT_EQ(error, "invalid character 'o' in literal null (expecting 'u')");
    EXPECT_FALSE(parse("[]"));
    EXPECT_EQ(error, "json: cannot unmarshal array into Go value of type server.ConnzEventOptions");
    EXPECT_FALSE(parse(R"({"limit":"x"})"));
    EXPECT_EQ(error,
              "json: cannot unmarshal string into Go struct field ConnzEventOptions.limit of type int");
    EXPECT_FALSE(parse(R"({"tags":[1]})"));
}

}  // namespace
}  // namespace nuring::proto
