// SPDX-License-Identifier: Apache-2.0
#include "proto/connect.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace nuring::proto {
namespace {

static_assert(sizeof(ConnectOptions) <= 32);

class ConnectTest : public testing::Test {
  protected:
    JsonStatus parse(std::string_view json) {
        return parse_connect(json, &parser_, &options_, &error_);
    }
    std::string_view text(ConnectText field) const { return options_.text(field); }

    JsonParser parser_;
    ConnectOptions options_;
    std::string error_;
};

TEST_F(ConnectTest, EmptyObjectKeepsTheDefaults) {
    ASSERT_EQ(parse("{}"), JsonStatus::kOk);
    EXPECT_TRUE(options_.verbose);
    EXPECT_TRUE(options_.pedantic);
    EXPECT_TRUE(options_.echo);
    EXPECT_FALSE(options_.tls_required);
    EXPECT_FALSE(options_.headers);
    EXPECT_FALSE(options_.no_responders);
    EXPECT_FALSE(options_.names_account);
    EXPECT_EQ(options_.protocol, 0);
    EXPECT_EQ(text(ConnectText::kName), "");
}

TEST_F(ConnectTest, TakesWhatClientsSend) {
    ASSERT_EQ(parse(R"({"verbose":false,"pedantic":false,"user":"derek","pass":"s3cr3t",)"
                    R"("tls_required":true,"name":"caf\u00e9","lang":"go","version":"1.9.1",)"
                    R"("protocol":1,"echo":false,"headers":true,"no_responders":true,)"
                    R"("auth_token":"t","nkey":"U","sig":"s","jwt":"j"})"),
              JsonStatus::kOk);
    EXPECT_FALSE(options_.verbose);
    EXPECT_FALSE(options_.pedantic);
    EXPECT_FALSE(options_.echo);
    EXPECT_TRUE(options_.tls_required);
    EXPECT_TRUE(options_.headers);
    EXPECT_TRUE(options_.no_responders);
    EXPECT_EQ(options_.protocol, 1);
    EXPECT_EQ(text(ConnectText::kUser), "derek");
    EXPECT_EQ(text(ConnectText::kPass), "s3cr3t");
    EXPECT_EQ(text(ConnectText::kName), "caf\xc3\xa9");
    EXPECT_EQ(text(ConnectText::kLang), "go");
    EXPECT_EQ(text(ConnectText::kVersion), "1.9.1");
    EXPECT_EQ(text(ConnectText::kAuthToken), "t");
    EXPECT_EQ(text(ConnectText::kNkey), "U");
    EXPECT_EQ(text(ConnectText::kSig), "s");
    EXPECT_EQ(text(ConnectText::kJwt), "j");
}

TEST_F(ConnectTest, SecondConnectIsMergedOverTheFirst) {
    ASSERT_EQ(parse(R"({"verbose":false,"user":"a","name":"n"})"), JsonStatus::kOk);
    ASSERT_EQ(parse(R"({"user":"longer than before","echo":false})"), JsonStatus::kOk);
    EXPECT_FALSE(options_.verbose);
    EXPECT_FALSE(options_.echo);
    EXPECT_EQ(text(ConnectText::kUser), "longer than before");
    EXPECT_EQ(text(ConnectText::kName), "n");
    ASSERT_EQ(parse(R"({"user":"","name":""})"), JsonStatus::kOk);
    EXPECT_EQ(text(ConnectText::kUser), "");
}

TEST_F(ConnectTest, KeysInAnyCaseLastOneWinsNullLeaves) {
    ASSERT_EQ(parse(R"({"VERBOSE":true,"verbose":false,"User":"a","USER":"b","user":null,)"
                    R"("echo":false,"echo":null,"protocol":1,"Protocol":null})"),
              JsonStatus::kOk);
    EXPECT_FALSE(options_.verbose);
    EXPECT_FALSE(options_.echo);
    EXPECT_EQ(text(ConnectText::kUser), "b");
    EXPECT_EQ(options_.protocol, 1);
}

TEST_F(ConnectTest, UnknownKeysAreIgnored) {
    ASSERT_EQ(parse(R"({"import":{"allow":["a"]},"x":[1,2,{"y":null}],"echo":false})"),
              JsonStatus::kOk);
    EXPECT_FALSE(options_.echo);
}

TEST_F(ConnectTest, AccountKeysAreNoticed) {
    ASSERT_EQ(parse(R"({"account":"","new_account":false})"), JsonStatus::kOk);
    EXPECT_FALSE(options_.names_account);
    ASSERT_EQ(parse(R"({"account":"A"})"), JsonStatus::kOk);
    EXPECT_TRUE(options_.names_account);
    options_.names_account = false;
    ASSERT_EQ(parse(R"({"new_account":true})"), JsonStatus::kOk);
    EXPECT_TRUE(options_.names_account);
    ASSERT_EQ(parse("{}"), JsonStatus::kOk);
    EXPECT_TRUE(options_.names_account);
}

TEST_F(ConnectTest, NullDocumentChangesNothing) {
    ASSERT_EQ(parse("null"), JsonStatus::kOk);
    EXPECT_TRUE(options_.verbose);
}

TEST_F(ConnectTest, BadJsonNamesTheReason) {
    for (const auto& [json, error] : {
             std::pair<std::string_view, std::string_view>{"", "unexpected end of JSON input"},
             {"{\"user\":\"a\"", "unexpected end of JSON input"},
             {"{user:1}", "invalid character 'u' looking for beginning of object key string"},
             {"{} {}", "invalid character '{' after top-level value"},
             {"{\"x\":[1,]}", "invalid character ']' looking for beginning of value"},
             {"\r", "unexpected end of JSON input"},
         }) {
        EXPECT_EQ(parse(json), JsonStatus::kBadJson) << json;
        EXPECT_EQ(error_, error) << json;
    }
}

TEST_F(ConnectTest, WrongTypeIsAnErrorAndChangesNothing) {
    for (const auto& [json, error] : {
             std::pair<std::string_view, std::string_view>{
                 R"({"user":"x","verbose":"no"})",
                 "json: cannot unmarshal string into Go struct field clientOpts.verbose of type "
                 "bool"},
             {R"({"user":1})",
              "json: cannot unmarshal number into Go struct field clientOpts.user of type string"},
             {R"({"protocol":1.5})",
              "json: cannot unmarshal number into Go struct field clientOpts.protocol of type int"},
             {R"({"protocol":"1"})",
              "json: cannot unmarshal string into Go struct field clientOpts.protocol of type int"},
             {R"({"protocol":true})",
              "json: cannot unmarshal bool into Go struct field clientOpts.protocol of type int"},
             {R"({"account":{}})",
              "json: cannot unmarshal object into Go struct field clientOpts.account of type "
              "string"},
             {R"({"import":true})",
              "json: cannot unmarshal bool into Go struct field clientOpts.import of type "
              "server.SubjectPermission"},
             {R"({"Export":["a"]})",
              "json: cannot unmarshal array into Go struct field clientOpts.export of type "
              "server.SubjectPermission"},
             {R"({"protocol":99999999999999999999})",
              "json: cannot unmarshal number into Go struct field clientOpts.protocol of type int"},
             {"[]", "json: cannot unmarshal array into Go value of type server.clientOpts"},
             {"7", "json: cannot unmarshal number into Go value of type server.clientOpts"},
         }) {
        EXPECT_EQ(parse(json), JsonStatus::kWrongType) << json;
        EXPECT_EQ(error_, error) << json;
        EXPECT_EQ(text(ConnectText::kUser), "");
    }
}

TEST_F(ConnectTest, InvalidUtf8BecomesTheReplacementRune) {
    ASSERT_EQ(parse("{\"user\":\"a\xff\"}"), JsonStatus::kOk);
    EXPECT_EQ(text(ConnectText::kUser), "a\xef\xbf\xbd");
    EXPECT_EQ(parse("{\xff}"), JsonStatus::kBadJson);
    ASSERT_EQ(parse("{\"user\":\"\xff\",\"protocol\":1234567890123456789}"), JsonStatus::kOk);
    EXPECT_EQ(options_.protocol, 1234567890123456789);
}

TEST_F(ConnectTest, UnpairedSurrogateEscapesBecomeTheReplacementRune) {
    for (const auto& [escaped, value] : {
             std::pair<std::string_view, std::string_view>{R"(\ud800)", "\xef\xbf\xbd"},
             {R"(a\uDFFFb)",
              "a\xef\xbf\xbd"
              "b"},
             {R"(\ud83d\ude00\ud83d)", "\xf0\x9f\x98\x80\xef\xbf\xbd"},
             {R"(\ud83d\ud83d\ude00)", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
             {R"(\\ud800\ude00\"7)", "\\ud800\xef\xbf\xbd\"7"},
             {R"(\ud800\u0041)",
              "\xef\xbf\xbd"
              "A"},
         }) {
        ASSERT_EQ(parse(fmt::format(R"({{"user":"{}","echo":false}})", escaped)),
                  JsonStatus::kOk)
            << escaped << ": " << error_;
        EXPECT_EQ(text(ConnectText::kUser), value) << escaped;
        EXPECT_FALSE(options_.echo);
    }
}

TEST_F(ConnectTest, NumbersOfAnySizeMayStandUnderUnknownKeys) {
    ASSERT_EQ(
        parse(R"({"x":[-99999999999999999999,1e999,0.5],"protocol":1,"echo":false,"y":"\""})"),
        JsonStatus::kOk)
        << error_;
    EXPECT_EQ(options_.protocol, 1);
    EXPECT_FALSE(options_.echo);
}

TEST_F(ConnectTest, NegativeAndLargeProtocolsAreLeftToTheCaller) {
    ASSERT_EQ(parse(R"({"protocol":-1})"), JsonStatus::kOk);
    EXPECT_EQ(options_.protocol, -1);
    ASSERT_EQ(parse(R"({"protocol":9223372036854775807})"), JsonStatus::kOk);
    EXPECT_EQ(parse(R"({"protocol":9223372036854775808})"), JsonStatus::kWrongType);
}

}  // namespace
}  // namespace nuring::proto
