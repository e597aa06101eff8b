// SPDX-License-Identifier: Apache-2.0
#include "monitor/gatewayz.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

using gateway::GatewaySnapshot;
using testing::HasSubstr;

GatewaySnapshot snapshot(std::string cluster, bool outbound, uint64_t cid) {
    GatewaySnapshot gateway;
    gateway.cluster_name = std::move(cluster);
    gateway.is_outbound = outbound;
    gateway.is_configured = true;
    gateway.connection.kind = proto::Kind::kGateway;
    gateway.connection.cid = cid;
    return gateway;
}

std::string written(std::vector<GatewaySnapshot> gateways, bool only_one = false,
                    const LinkDetail& detail = {}) {
    std::string text;
    proto::JsonWriter json(&text, /*indent=*/0);
    json.begin_object();
    write_gateways(&json, std::move(gateways), only_one, detail, /*now_ns=*/0);
    json.end_object();
    return text;
}

// What stands before and after the fields that every connection has.
std::string outline(const std::string& text) {
    std::string result = text;
    for (size_t at = result.find(",\"ip\""); at != std::string::npos; at = result.find(",\"ip\"")) {
        result.erase(at, result.find('}', at) - at);
    }
    return result;
}

TEST(GatewayzTest, WithoutConnectionsBothMapsAreEmpty) {
    EXPECT_EQ(written({}), R"({"outbound_gateways":{},"inbound_gateways":{}})");
}

TEST(GatewayzTest, AClusterWithoutConnectionThatIsAskedForIsNull) {
    EXPECT_EQ(written({}, /*only_one=*/true), R"({"outbound_gateways":null,"inbound_gateways":{}})");
    EXPECT_THAT(written({snapshot("B", false, 7)}, /*only_one=*/true),
                HasSubstr(R"({"outbound_gateways":null,"inbound_gateways":{"B":[)"));
}

TEST(GatewayzTest, ConnectionsAreGroupedAndSortedByCluster) {
    EXPECT_EQ(outline(written({snapshot("C", true, 9), snapshot("B", false, 8), snapshot("B", true, 3),
                               snapshot("B", false, 4), snapshot("A", false, 5)})),
              R"({"outbound_gateways":{)"
              R"("B":{"configured":true,"connection":{"cid":3,"kind":"Gateway"}},)"
              R"("C":{"configured":true,"connection":{"cid":9,"kind":"Gateway"}}},)"
              R"("inbound_gateways":{)"
              R"("A":[{"configured":false,"connection":{"cid":5,"kind":"Gateway"}}],)"
              R"("B":[{"configured":false,"connection":{"cid":4,"kind":"Gateway"}},)"
              R"({"configured":false,"connection":{"cid":8,"kind":"Gateway"}}]}})");
}

TEST(GatewayzTest, OfTwoOutboundConnectionsToAClusterTheNewerIsShown) {
    EXPECT_EQ(outline(written({snapshot("B", true, 3), snapshot("B", true, 12)})),
              R"({"outbound_gateways":{"B":{"configured":true,"connection":{"cid":12,"kind":"Gateway"}}},)"
              R"("inbound_gateways":{}})");
}

TEST(GatewayzTest, AccountsShowTheirModeAndWhatTheyKnow) {
    GatewaySnapshot gateway = snapshot("B", true, 3);
    gateway.accounts.push_back({.name = "X", .no_interest_count = 2});
    gateway.accounts.push_back({.name = "Y",
                                .mode = gateway::InterestMode::kInterestOnly,
                                .subscription_count = 3,
                                .queue_subscription_count = 1,
                                .subscriptions = {{.subject = "a.b", .queue = "q", .sid = "1", .cid = 3}}});
    EXPECT_THAT(written({gateway}),
                HasSubstr(R"("accounts":[{"name":"X","interest_mode":"Optimistic","no_interest_count":2,)"
                          R"("interest_only_threshold":1000},{"name":"Y","interest_mode":"Interest-Only",)"
                          R"("interest_only_threshold":1000,"num_subs":3,"num_queue_subs":1}])"));
    EXPECT_THAT(written({gateway}, false, {.subscriptions = true}),
                HasSubstr(R"("num_queue_subs":1,"subscriptions_list":["a.b"]})"));
    EXPECT_THAT(written({gateway}, false, {.subscription_detail = true}),
                HasSubstr(R"("subscriptions_list_detail":[{"subject":"a.b","qgroup":"q","sid":"1",)"
                          R"("msgs":0,"cid":3}]})"));
}

}  // namespace
}  // namespace nuring::monitor
