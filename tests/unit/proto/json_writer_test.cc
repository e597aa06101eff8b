// SPDX-License-Identifier: Apache-2.0
#include "proto/json_writer.h"

#include <limits>

#include "gtest/gtest.h"
#include "proto/json_text.h"

namespace nuring::proto {
namespace {

std::string number(double value) {
    std::string out;
    JsonWriter(&out).value(value);
    return out;
}

TEST(JsonWriterTest, IndentsByTwoBlanksAndEndsWithoutNewLine) {
    std::string out;
    JsonWriter json(&out);
    json.begin_object();
    json.field("a", 1);
    json.begin_object("empty");
    json.end_object();
    json.begin_array("list");
    json.value("x");
    json.begin_object();
    json.field("b", true);
    json.end_object();
    json.end_array();
    json.begin_array("none");
    json.end_array();
    json.key("z").null();
    json.end_object();
    EXPECT_EQ(out,
              "{\n  \"a\": 1,\n  \"empty\": {},\n  \"list\": [\n    \"x\",\n    {\n      \"b\": true\n"
              "    }\n  ],\n  \"none\": [],\n  \"z\": null\n}");
    EXPECT_EQ(proto::json_syntax_error(out), "");
}

TEST(JsonWriterTest, WritesOnOneLineWithoutIndent) {
    std::string out;
    JsonWriter json(&out, 0);
    json.begin_object();
    json.field("status", "ok");
    json.field("n", -5);
    json.end_object();
    EXPECT_EQ(out, "{\"status\":\"ok\",\"n\":-5}");
}

TEST(JsonWriterTest, EscapesWhatCouldBreakOutOfAPage) {
    std::string out;
    JsonWriter(&out).value("<script>\"&\xff\n\xc2\xb5");
    EXPECT_EQ(out, "\"\\u003cscript\\u003e\\\"\\u0026\\ufffd\\n\xc2\xb5\"");
}

TEST(JsonWriterTest, WritesNumbersAsGoDoes) {
    EXPECT_EQ(number(0), "0");
    EXPECT_EQ(number(2), "2");
    EXPECT_EQ(number(0.5), "0.5");
    EXPECT_EQ(number(1.0 / 6), "0.16666666666666666");
    EXPECT_EQ(number(1e20), "100000000000000000000");
    EXPECT_EQ(number(1e21), "1e+21");
    EXPECT_EQ(number(1e-6), "0.000001");
    EXPECT_EQ(number(1e-7), "1e-7");
    EXPECT_EQ(number(-12.25), "-12.25");
    EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "0");
    std::string out;
    JsonWriter json(&out, 0);
    json.begin_array();
    json.value(std::numeric_limits<uint64_t>::max());
    json.value(std::numeric_limits<int64_t>::min());
    json.end_array();
    EXPECT_EQ(out, "[18446744073709551615,-9223372036854775808]");
}

TEST(JsonWriterTest, LeavesOptionalFieldsOut) {
    std::string out;
    JsonWriter json(&out, 0);
    json.begin_object();
    json.optional_field("a", 0);
    json.optional_field("b", std::string());
    json.optional_field("c", false);
    json.optional_field("d", 7);
    json.end_object();
    EXPECT_EQ(out, "{\"d\":7}");
}

}  // namespace
}  // namespace nuring::proto
