// SPDX-License-Identifier: Apache-2.0
#include "proto/json_text.h"

#include <gtest/gtest.h>

namespace nuring::proto {
namespace {

TEST(JsonTextTest, StringsAreEscapedLikeGo) {
    const auto json = [](std::string_view text) {
        std::string out;
        append_json_string(&out, text);
        return out;
    };
    EXPECT_EQ(json("foo"), R"("foo")");
    EXPECT_EQ(json("a\"b\\c/"), R"("a\"b\\c/")");
    EXPECT_EQ(json("\n\r\t\b\x01"), R"("\n\r\t\u0008\u0001")");
    EXPECT_EQ(json("<&>"), R"("\u003c\u0026\u003e")");
    EXPECT_EQ(json("\xe2\x80\xa8\xff\xc3\xa9\x7f"), "\"\\u2028\\ufffd\xc3\xa9\x7f\"");
}

TEST(JsonTextTest, SyntaxErrorsReadLikeGo) {
    const struct {
        std::string_view json;
        std::string_view error;
    } rows[] = {
        {"{}", ""},
        {" [1, -0.5e+3, \"\\u00e9\", true, null, {\"a\": []}] \r\n", ""},
        {"", "unexpected end of JSON input"},
        {"  ", "unexpected end of JSON input"},
        {"{", "unexpected end of JSON input"},
        {"{\"a\"", "unexpected end of JSON input"},
        {"{\"a\":", "unexpected end of JSON input"},
        {"{\"a\":1", "unexpected end of JSON input"},
        {"{\"a\":1,", "unexpected end of JSON input"},
        {"[1,", "unexpected end of JSON input"},
        {"\"a", "unexpected end of JSON input"},
        {"\"a\\", "unexpected end of JSON input"},
        {"\"a\\u00", "unexpected end of JSON input"},
        {"tru", "unexpected end of JSON input"},
        {"-", "unexpected end of JSON input"},
        {"1.", "unexpected end of JSON input"},
        {"foo", "invalid character 'o' in literal false (expecting 'a')"},
        {"x", "invalid character 'x' looking for beginning of value"},
        {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
        {"{\"a\" 1}", "invalid character '1' after object key"},
        {"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
        {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
        {"[1 2]", "invalid character '2' after array element"},
        {"[1,]", "invalid character ']' looking for beginning of value"},
        {"{} x", "invalid character 'x' after top-level value"},
        {"\"\n\"", "invalid character '\\n' in string literal"},
        {"\"\\x\"", "invalid character 'x' in string escape code"},
        {"\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"},
        {"-x", "invalid character 'x' in numeric literal"},
        {"1.x", "invalid character 'x' after decimal point in numeric literal"},
        {"1ex", "invalid character 'x' in exponent of numeric literal"},
        {"01", "invalid character '1' after top-level value"},
        {"nul}", "invalid character '}' in literal null (expecting 'l')"},
    };
    for (const auto& row : rows) EXPECT_EQ(json_syntax_error(row.json), row.error) << row.json;
}

TEST(JsonTextTest, DeepNestingNeedsNoStack) {
    EXPECT_EQ(json_syntax_error(std::string(1000000, '[')), "unexpected end of JSON input");
    EXPECT_EQ(json_syntax_error(std::string(1000, '[') + std::string(1000, ']')), "");
}

TEST(JsonTextTest, KeysMatchInAnyCase) {
    EXPECT_TRUE(equal_keys("Tls_Required", "tls_required"));
    EXPECT_FALSE(equal_keys("tls_require", "tls_required"));
    EXPECT_FALSE(equal_keys("tls-required", "tls_required"));
}

}  // namespace
}  // namespace nuring::proto
