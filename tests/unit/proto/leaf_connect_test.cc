// SPDX-License-Identifier: Apache-2.0
#include "proto/leaf_connect.h"

#include <gtest/gtest.h>

namespace nuring::proto {
namespace {

LeafConnect parsed(std::string_view json) {
    JsonParser parser;
    LeafConnect connect;
    std::string error;
    EXPECT_EQ(parse_leaf_connect(json, &parser, &connect, &error), JsonStatus::kOk) << error;
    return connect;
}

// The fields of every version in one object.
constexpr std::string_view kAll =
    R"({"version":"2.14.0","nkey":"U","jwt":"e","sig":"s","user":"u","pass":"p","auth_token":"t",)"
    R"("tls_required":true,"server_id":"NX","domain":"d","name":"L","is_hub":true,"cluster":"C",)"
    R"("headers":true,"jetstream":true,"deny_pub":["a","b"],"isolate":true,"compress_mode":"off",)"
    R"("gateway":"G","remote_account":"$G","protocol":1})";

TEST(LeafConnectTest, CapturedObjectsComeBackAsTheyWere) {
    const std::string_view captured[] = {
        R"({"tls_required":false,"name":"NC2FWX"})",
        R"({"version":"2.9.10","tls_required":false,"server_id":"NDKM75","name":"L","cluster":"L","headers":true})",
        R"({"tls_required":false})",
        kAll,
    };
    for (const std::string_view json : captured) EXPECT_EQ(to_json(parsed(json)), json);
}

TEST(LeafConnectTest, NewerServersLeaveTlsRequiredOut) {
    const LeafConnect connect = parsed(
        R"({"version":"2.10.14","server_id":"NA","name":"L","cluster":"L","compress_mode":"not supported",)"
        R"("remote_account":"$G"})");
    EXPECT_EQ(connect.compress_mode, "not supported");
    EXPECT_EQ(connect.remote_account, "$G");
    EXPECT_FALSE(connect.tls_required);
    EXPECT_FALSE(connect.headers);
}

TEST(LeafConnectTest, StrangersAtTheDoorAreSeen) {
    EXPECT_EQ(parsed(R"({"lang":"go","name":"x"})").lang, "go");
    EXPECT_EQ(parsed(R"({"gateway":"GG"})").gateway, "GG");
    EXPECT_EQ(to_json(parsed(R"({"lang":"go"})")), R"({"tls_required":false})");
}

TEST(LeafConnectTest, KeysComeInAnyCaseAndTheLastWins) {
    const LeafConnect connect =
        parsed(R"({"NAME":"a","name":"b","name":null,"Server_Id":"n","unknown":{"x":[1]}})");
    EXPECT_EQ(connect.name, "b");
    EXPECT_EQ(connect.server_id, "n");
    EXPECT_EQ(parsed("null"), LeafConnect());
    EXPECT_EQ(parsed(R"({"compression":false})"), LeafConnect());
}

TEST(LeafConnectTest, WrongTypesAreRefusedAndChangeNothing) {
    struct Case {
        std::string_view json;
        JsonStatus status;
        std::string_view error;
    };
    const Case cases[] = {
        {R"({"name":"b","user":1})", JsonStatus::kWrongType,
         "json: cannot unmarshal number into Go struct field clientOpts.user of type string"},
        {R"({"is_hub":"yes"})", JsonStatus::kWrongType,
         "json: cannot unmarshal string into Go struct field leafConnectInfo.is_hub of type bool"},
        {R"([])", JsonStatus::kWrongType,
         "json: cannot unmarshal array into Go value of type server.clientOpts"},
        {R"({"name":)", JsonStatus::kBadJson, "unexpected end of JSON input"},
    };
    for (const Case& bad : cases) {
        JsonParser parser;
        LeafConnect connect;
        connect.name = "a";
        const LeafConnect before = connect;
        std::string error;
        EXPECT_EQ(parse_leaf_connect(bad.json, &parser, &connect, &error), bad.status) << bad.json;
        EXPECT_EQ(error, bad.error);
        EXPECT_EQ(connect, before);
    }
}

}  // namespace
}  // namespace nuring::proto
