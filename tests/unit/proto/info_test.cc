// SPDX-License-Identifier: Apache-2.0
#include "proto/info.h"

#include <gtest/gtest.h>

namespace nuring::proto {
namespace {

ServerInfo full_info() {
    ServerInfo info;
    info.server_id = "NABC";
    info.server_name = "one";
    info.version = "2.0.0-RC19";
    info.proto = 1;
    info.git_commit = "abc";
    info.go = "go1.12";
    info.host = "0.0.0.0";
    info.port = 4222;
    info.headers = true;
    info.auth_required = info.tls_required = info.tls_verify = info.tls_available = true;
    info.max_payload = 1048576;
    info.jetstream = true;
    info.ip = "nats-route://127.0.0.1:4248/";
    info.client_id = 7;
    info.client_ip = "127.0.0.1";
    info.nonce = "n";
    info.cluster = "c";
    info.cluster_dynamic = true;
    info.domain = "d";
    info.connect_urls = {"a:1", "b:2"};
    info.ws_connect_urls = {"w:1"};
    info.ldm = true;
    info.compression = "s2_auto";
    info.connect_info = true;
    info.remote_account = "A";
    info.acc_is_sys = true;
    info.api_lvl = 1;
    info.import_subjects = SubjectPermission{{"i.>"}, {}};
    info.export_subjects = SubjectPermission{{}, {"x", "y"}};
    info.lnoc = info.lnocu = info.ln = info.info_on_connect = true;
    info.route_pool_size = 3;
    info.route_pool_idx = 2;
    info.route_account = "R";
    info.route_acc_add_reqid = "q";
    info.gossip_mode = 1;
    info.gateway = "g";
    info.gateway_urls = {"g:1"};
    info.gateway_url = "g:1";
    info.gateway_cmd = 2;
    info.gateway_cmd_payload = "$G";
    info.gateway_nrp = info.gateway_iom = true;
    info.leafnode_urls = {"l:1"};
    info.xkey = "X";
    return info;
}

constexpr std::string_view kFullJson =
    R"({"server_id":"NABC","server_name":"one","version":"2.0.0-RC19","proto":1,)"
    R"("git_commit":"abc","go":"go1.12","host":"0.0.0.0","port":4222,"headers":true,)"
    R"("auth_required":true,"tls_required":true,"tls_verify":true,"tls_available":true,)"
    R"("max_payload":1048576,"jetstream":true,"ip":"nats-route://127.0.0.1:4248/",)"
    R"("client_id":7,"client_ip":"127.0.0.1","nonce":"n","cluster":"c",)"
    R"("cluster_dynamic":true,"domain":"d","connect_urls":["a:1","b:2"],)"
    R"("ws_connect_urls":["w:1"],"ldm":true,"compression":"s2_auto","connect_info":true,)"
    R"("remote_account":"A","acc_is_sys":true,"api_lvl":1,"import":{"allow":["i.>"]},)"
    R"("export":{"deny":["x","y"]},"lnoc":true,"lnocu":true,"ln":true,"info_on_connect":true,)"
    R"("route_pool_size":3,"route_pool_idx":2,"route_account":"R",)"
    R"("route_acc_add_reqid":"q","gossip_mode":1,"gateway":"g","gateway_urls":["g:1"],)"
    R"("gateway_url":"g:1","gateway_cmd":2,"gateway_cmd_payload":"JEc=",)"
    R"("gateway_nrp":true,"gateway_iom":true,"leafnode_urls":["l:1"],"xkey":"X"})";

// `>` is escaped by Go.
std::string escaped(std::string_view json) {
    std::string text(json);
    text.replace(text.find("i.>"), 3, "i.\\u003e");
    return text;
}

TEST(InfoTest, WritesEveryFieldInTheOrderOfTheWire) {
    EXPECT_EQ(to_json(full_info()), escaped(kFullJson));
}

TEST(InfoTest, OmitsWhatIsEmpty) {
    ServerInfo info;
    info.server_id = "N<&>";
    info.port = -1;
    EXPECT_EQ(
        encode_info(info),
        "INFO {\"server_id\":\"N\\u003c\\u0026\\u003e\",\"server_name\":\"\",\"version\":\"\","
        "\"proto\":1,\"go\":\"\",\"host\":\"\",\"port\":-1,\"headers\":false,"
        "\"max_payload\":0} \r\n");
}

TEST(InfoTest, ReadsBackWhatItWrote) {
    JsonParser parser;
    ServerInfo info;
    std::string error;
    ASSERT_EQ(parse_info(to_json(full_info()), &parser, &info, &error), JsonStatus::kOk) << error;
    EXPECT_EQ(info, full_info());
}

TEST(InfoTest, NullListsAreAbsentAndUnknownKeysIgnored) {
    JsonParser parser;
    ServerInfo info;
    std::string error;
    ASSERT_EQ(parse_info(R"({"connect_urls":null,"import":null,"host":null,"Port":1,"zz":[{}]})",
                         &parser, &info, &error),
              JsonStatus::kOk);
    EXPECT_TRUE(info.connect_urls.empty());
    EXPECT_FALSE(info.import_subjects.has_value());
    EXPECT_EQ(info.port, 1);
    ASSERT_EQ(parse_info(R"({"import":{}})", &parser, &info, &error), JsonStatus::kOk);
    EXPECT_TRUE(info.import_subjects.has_value());
}

TEST(InfoTest, ErrorsNameTheField) {
    JsonParser parser;
    const auto error_of = [&parser](std::string_view json) {
        ServerInfo info;
        std::string error;
        EXPECT_NE(parse_info(json, &parser, &info, &error), JsonStatus::kOk) << json;
        return error;
    };
    EXPECT_EQ(error_of("{"), "unexpected end of JSON input");
    EXPECT_EQ(error_of("[]"), "json: cannot unmarshal array into Go value of type server.Info");
    EXPECT_EQ(error_of(R"({"port":"1"})"),
              "json: cannot unmarshal string into Go struct field Info.port of type int");
    EXPECT_EQ(error_of(R"({"connect_urls":[1]})"),
              "json: cannot unmarshal array into Go struct field Info.connect_urls of type "
              "[]string");
    EXPECT_EQ(error_of(R"({"gateway_cmd_payload":"!"})"), "illegal base64 data");
}

// ---- routes ------------------------------------------------------------------------------------

struct Captured {
    std::string_view sent;
    std::string_view passed_on;  // empty: the same
};

// Seen between servers of 2.0.0-RC19, 2.9.10 and 2.10.14. Passed on, what a server does not know of
// stays away, and the keys of 2.2 that are always there are there.
constexpr Captured kCaptured[] = {
    {R"({"server_id":"NARIXO","version":"2.0.0-RC19","proto":2,"go":"go1.19.8",)"
     R"("host":"127.0.0.1","port":16221,"max_payload":1048576,"nonce":"F87It6R6zPMznTo",)"
     R"("connect_urls":["127.0.0.1:14221"]} )",
     R"({"server_id":"NARIXO","server_name":"","version":"2.0.0-RC19","proto":2,)"
     R"("go":"go1.19.8","host":"127.0.0.1","port":16221,"headers":false,"max_payload":1048576,)"
     R"("nonce":"F87It6R6zPMznTo","connect_urls":["127.0.0.1:14221"]})"},
    {R"({"server_id":"NB","server_name":"A","version":"2.9.10","proto":2,"go":"go1.19.8",)"
     R"("host":"127.0.0.1","port":16221,"headers":true,"max_payload":1048576,"nonce":"..",)"
     R"("cluster":"C1","connect_urls":["127.0.0.1:14221"],"lnoc":true})",
     ""},
    {R"({"server_id":"NAT2Y6","server_name":"C","version":"2.9.10","proto":2,"go":"go1.19.8",)"
     R"("host":"127.0.0.1","port":16223,"headers":true,"max_payload":1048576,)"
     R"("ip":"nats-route://127.0.0.1:16223/","cluster":"C1",)"
     R"("connect_urls":["127.0.0.1:14223"],"lnoc":true})",
     ""},
    {R"({"server_id":"NAD3AV","server_name":"B","version":"2.10.14","proto":2,"go":"go1.21.9",)"
     R"("host":"127.0.0.1","port":16222,"headers":true,"max_payload":1048576,"nonce":"..",)"
     R"("cluster":"C1","cluster_dynamic":true,"connect_urls":["127.0.0.1:14222"],)"
     R"("compression":"accept","lnoc":true,"route_pool_size":3,"route_pool_idx":1,)"
     R"("route_account":"$SYS"})",
     ""},
};

TEST(InfoTest, CapturedInfosOfRoutesAreReadAndPassedOn) {
    for (const Captured& captured : kCaptured) {
        JsonParser parser;
        ServerInfo info;
        std::string error;
        ASSERT_EQ(parse_info(captured.sent, &parser, &info, &error), JsonStatus::kOk) << error;
        EXPECT_EQ(info.proto, 2);
        EXPECT_EQ(to_json(info), captured.passed_on.empty() ? captured.sent : captured.passed_on);
    }
}

TEST(InfoTest, NullListsAndPermissionsAreAbsent) {
    JsonParser parser;
    ServerInfo info;
    info.connect_urls = {"a:1"};
    info.leafnode_urls = {"l:1"};
    info.import_subjects = SubjectPermission{{"a"}, {}};
    std::string error;
    ASSERT_EQ(parse_info(R"({"connect_urls":null,"leafnode_urls":null,"import":null})", &parser,
                         &info, &error),
              JsonStatus::kOk);
    EXPECT_EQ(info, ServerInfo());
}

}  // namespace
}  // namespace nuring::proto
