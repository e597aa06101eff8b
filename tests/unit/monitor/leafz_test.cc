// SPDX-License-Identifier: Apache-2.0
#include "monitor/leafz.h"

#include <string>

#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

std::string leafs_written(const std::vector<gateway::LeafSnapshot>& leafs, bool with_subscriptions) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    write_leafs(&json, leafs, with_subscriptions);
    json.end_object();
    return text;
}

TEST(LeafzTest, NoLeafnodeIsAnEmptyList) {
    EXPECT_EQ(leafs_written({}, true), R"({"leafnodes":0,"leafs":[]})");
}

TEST(LeafzTest, FieldsStandInTheOrderOfTheReference) {
    gateway::LeafSnapshot leaf;
    leaf.is_spoke = true;
    leaf.compression = "s2_fast";
    leaf.connection.kind = proto::Kind::kLeafnode;
    leaf.connection.cid = 4;
    leaf.connection.name = "L";
    leaf.connection.account = "$G";
    leaf.connection.host = "127.0.0.1";
    leaf.connection.port = 7422;
    leaf.connection.rtt_ns = 152'300;
    leaf.connection.traffic.in_messages = 1;
    leaf.connection.traffic.in_bytes = 2;
    leaf.connection.traffic.out_messages = 3;
    leaf.connection.traffic.out_bytes = 4;
    leaf.connection.subscription_count = 1;
    leaf.connection.subscriptions = {{.subject = "a.b", .queue = {}, .sid = "1"}};
    const std::string head =
        R"({"leafnodes":1,"leafs":[{"id":4,"name":"L","is_spoke":true,"account":"$G","ip":"127.0.0.1",)"
        R"("port":7422,"rtt":"152µs","in_msgs":1,"out_msgs":3,"in_bytes":2,"out_bytes":4,"subscriptions":1)";
    EXPECT_EQ(leafs_written({leaf}, false), head + R"(,"compression":"s2_fast"}]})");
    leaf.compression.clear();
    EXPECT_EQ(leafs_written({leaf}, true), head + R"(,"subscriptions_list":["a.b"]}]})");
    leaf.is_isolated = true;
    EXPECT_NE(leafs_written({leaf}, true).find(R"("is_spoke":true,"is_isolated":true,"account")"), std::string::npos);
}

}  // namespace
}  // namespace nuring::monitor
