// SPDX-License-Identifier: Apache-2.0
#include "proto/route_connect.h"

#include <gtest/gtest.h>

#include <string>

namespace nuring::proto {
namespace {

struct Parsed {
    JsonStatus status;
    RouteConnect connect;
    std::string error;
};

Parsed parse(std::string_view json, RouteConnect connect = {}) {
    JsonParser parser;
    Parsed parsed{JsonStatus::kOk, std::move(connect), {}};
    parsed.status = parse_route_connect(json, &parser, &parsed.connect, &parsed.error);
    return parsed;
}

// Seen between servers: RC19 has fewer keys, and says nothing about headers.
TEST(RouteConnectTest, CapturedLinesAreReadAndWrittenByteForByte) {
    const std::string rc19 =
        R"({"echo":true,"verbose":false,"pedantic":false,"tls_required":false,"name":"NARIXO"})";
    Parsed parsed = parse(rc19);
    ASSERT_EQ(parsed.status, JsonStatus::kOk);
    EXPECT_EQ(parsed.connect, (RouteConnect{.echo = true, .name = "NARIXO"}));

    for (const std::string json : {
             R"({"echo":true,"verbose":false,"pedantic":false,"tls_required":false,"headers":true,)"
             R"("name":"NB","cluster":"C1","lnoc":true})",
             R"({"echo":true,"verbose":false,"pedantic":false,"user":"ruser","pass":"top<secret",)"
             R"("tls_required":true,"headers":true,"name":"NB","cluster":"C1",)"
             R"("cluster_dynamic":true,"lnoc":true,"lnocu":true,"ln":true})",
             R"({"echo":false,"verbose":false,"pedantic":false,"tls_required":false,)"
             R"("headers":false,"name":"NB","gateway":"GG"})"}) {
        parsed = parse(json);
        ASSERT_EQ(parsed.status, JsonStatus::kOk) << parsed.error;
        std::string expected = json;
        if (const size_t at = expected.find('<'); at != std::string::npos) {
            expected.replace(at, 1, "\\u003c");  // as Go's encoding/json
        }
        EXPECT_EQ(to_json(parsed.connect), expected);
    }
}

TEST(RouteConnectTest, WrongPeersAreToldByLangAndGateway) {
    EXPECT_EQ(parse(R"({"verbose":true,"lang":"go","version":"1.31.0"})").connect.lang, "go");
    EXPECT_EQ(parse(R"({"name":"N","gateway":"GG"})").connect.gateway, "GG");
    RouteConnect connect;
    connect.lang = "go";
    EXPECT_EQ(to_json(connect).find("lang"), std::string::npos);
}

TEST(RouteConnectTest, KeysComeInAnyCaseTheLastOneWinsAndNullLeaves) {
    const Parsed parsed = parse(R"({"NAME":"a","Name":"b","cluster":"C","CLUSTER":null,"other":[1],)"
                                R"("Echo":true,"lnoc":true,"lnoc":false})");
    ASSERT_EQ(parsed.status, JsonStatus::kOk);
    EXPECT_EQ(parsed.connect, (RouteConnect{.echo = true, .name = "b", .cluster = "C"}));
    EXPECT_EQ(parse("null", {.name = "n"}).connect.name, "n");
    EXPECT_EQ(parse("{} ", {.name = "n"}).connect.name, "n");
}

TEST(RouteConnectTest, BadInputHasGosMessagesAndChangesNothing) {
    Parsed parsed = parse(R"({"name":"x","verbose":"yes"})", {.name = "n"});
    EXPECT_EQ(parsed.status, JsonStatus::kWrongType);
    EXPECT_EQ(parsed.error,
              "json: cannot unmarshal string into Go struct field clientOpts.verbose of type bool");
    EXPECT_EQ(parsed.connect.name, "n");
    parsed = parse(R"({"cluster":5})");
    EXPECT_EQ(parsed.status, JsonStatus::kWrongType);
    EXPECT_EQ(parsed.error,
              "json: cannot unmarshal number into Go struct field connectInfo.cluster of type string");
    parsed = parse("[]");
    EXPECT_EQ(parsed.status, JsonStatus::kWrongType);
    EXPECT_EQ(parsed.error, "json: cannot unmarshal array into Go value of type server.clientOpts");
    parsed = parse("{");
    EXPECT_EQ(parsed.status, JsonStatus::kBadJson);
    EXPECT_EQ(parsed.error, "unexpected end of JSON input");
    EXPECT_EQ(parse("").status, JsonStatus::kBadJson);
}

}  // namespace
}  // namespace nuring::proto
