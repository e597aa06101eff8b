// SPDX-License-Identifier: Apache-2.0
// cluster, gateway, leafnodes, operator mode.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config/inactive.h"
#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kOperatorKey = "OAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB7JSU";

// ---------------------------------------------------------------------------- cluster

TEST(ReadClusterTest, EveryKey) {
    const ClusterOptions c = options_of(R"(cluster {
        name: C, listen: localhost:4244
        authorization { user: u, password: p, timeout: 0.5 }
        routes = [ nats-route://u:p@127.0.0.1:4245
                   "nats://[::1]:4246" ]
        tls { cert_file: c, key_file: k, verify_cert_and_check_known_urls: true }
        cluster_advertise: "h:1", no_advertise: true, connect_retries: 5, connect_backoff: true
        permissions { import: ["a.>"], export: {deny: b} }
        pool_size: 3, accounts: [A, B], compression: s2_fast
    })")
                                 .cluster;
    EXPECT_EQ(c.name, "C");
    EXPECT_EQ(c.host, "localhost");
    EXPECT_EQ(c.port, 4244);
    EXPECT_EQ(c.authorization.user, "u");
    EXPECT_EQ(c.authorization.timeout, std::chrono::milliseconds(500));
    ASSERT_EQ(c.routes.size(), 2U);
    EXPECT_EQ(c.routes[0].password, "p");
    EXPECT_EQ(c.routes[1].host, "::1");
    EXPECT_TRUE(c.tls->check_known_urls);
    EXPECT_EQ(c.advertise, "h:1");
    EXPECT_TRUE(c.no_advertise && c.connect_backoff);
    EXPECT_EQ(c.connect_retries, 5);
    EXPECT_THAT(c.permissions->publish.allow, ElementsAre("a.>"));
    EXPECT_THAT(c.permissions->subscribe.deny, ElementsAre("b"));
    EXPECT_EQ(c.pool_size, 3);
    EXPECT_THAT(c.pinned_accounts, ElementsAre("A", "B"));
    EXPECT_EQ(c.compression, "s2_fast");
}

TEST(ReadClusterTest, Errors) {
    EXPECT_EQ(messages_of("cluster: 5"), "1:0: Expected map to define cluster, got int64");
    EXPECT_THAT(messages_of("cluster { routes: [\"nats://h:x\"] }"),
                HasSubstr("error parsing route url [\"nats://h:x\"]"));
    EXPECT_THAT(messages_of("cluster { authorization { users: [{user: a}] } }"),
                HasSubstr("Cluster authorization does not allow multiple users"));
    EXPECT_THAT(messages_of("cluster { authorization { token: a } }"),
                HasSubstr("Cluster authorization does not support tokens"));
    EXPECT_THAT(messages_of("cluster { rotes: [] }"),
                HasSubstr("unknown field \"rotes\" (did you mean \"routes\"?)"));
}

TEST(ReadClusterTest, PermissionsInTheAuthorizationBlockAreDeprecated) {
    const ReadResult result =
        read("cluster { authorization { user: u, permissions { import: a } } }");
    EXPECT_TRUE(result.good);
    EXPECT_THAT(result.messages,
                HasSubstr("a.conf:1:10: invalid use of field \"authorization\": setting "
                          "\"permissions\" within cluster authorization block is deprecated"));
    EXPECT_THAT(result.options.cluster.permissions->publish.allow, ElementsAre("a"));
    const Options both = options_of(
        "cluster { permissions { import: b }, authorization { permissions { import: a } } }");
    EXPECT_THAT(both.cluster.permissions->publish.allow, ElementsAre("b"));
}

TEST(ReadClusterTest, IsNotedWhileInactive) {
    if (is_active(Part::kCluster)) GTEST_SKIP();
    EXPECT_EQ(messages_of("cluster { port: 1 }"),
              "1:0: \"cluster\" is accepted, but not active in this version");
}

// ---------------------------------------------------------------------------- gateway

TEST(ReadGatewayTest, EveryKey) {
    const GatewayOptions g = options_of(R"(gateway {
        name: A, port: 7222, host: h, advertise: "x:1", connect_retries: 2, reject_unknown: true
        authorization { user: u, password: p }
        gateways [ { name: B, url: "nats://b:1" }, { name: C, urls: ["nats://c:1", "nats://d:2"]
                     tls { cert_file: c, key_file: k } } ]
    })")
                                 .gateway;
    EXPECT_EQ(g.name, "A");
    EXPECT_EQ(g.port, 7222);
    EXPECT_EQ(g.host, "h");
    EXPECT_EQ(g.advertise, "x:1");
    EXPECT_EQ(g.connect_retries, 2);
    EXPECT_TRUE(g.reject_unknown);
    EXPECT_EQ(g.authorization.user, "u");
    ASSERT_EQ(g.gateways.size(), 2U);
    EXPECT_EQ(g.gateways[0].urls.at(0).host, "b");
    EXPECT_EQ(g.gateways[1].urls.size(), 2U);
    EXPECT_TRUE(g.gateways[1].tls.has_value());
}

TEST(ReadGatewayTest, Errors) {
    EXPECT_EQ(messages_of("gateway: x"), "1:0: Expected gateway to be a map, got string");
    EXPECT_THAT(messages_of("gateway { gateways: 5 }"),
                HasSubstr("Expected gateways field to be an array, got int64"));
    EXPECT_THAT(messages_of("gateway { gateways: [x] }"),
                HasSubstr("Expected gateway entry to be a map/struct, got x"));
    EXPECT_THAT(messages_of("gateway { gateways: [{url: \"h:x\"}] }"),
                HasSubstr("error parsing gateway url [\"h:x\"]"));
    EXPECT_THAT(messages_of("gateway { authorization { users: [{user: a}] } }"),
                HasSubstr("Gateway authorization does not allow multiple users"));
}

// ---------------------------------------------------------------------------- leafnodes

TEST(ReadLeafnodesTest, EveryKey) {
    const LeafnodeOptions l = options_of(R"(leaf {
        listen: "h:7422", advertise: "x:1", no_advertise: true, reconnect: "5s", min_version: "2.8.0"
        authorization { user: u, password: p, account: A }
        remotes [ { url: "nats-leaf://r:1", account: B, creds: f, hub: true, no_randomize: true
                    deny_imports: a, deny_exports: [b, c] }
                  { urls: ["nats://x", "nats://y"] } ]
    })")
                                  .leafnodes;
    EXPECT_EQ(l.port, 7422);
    EXPECT_EQ(l.advertise, "x:1");
    EXPECT_TRUE(l.no_advertise);
    EXPECT_EQ(l.reconnect_interval, seconds(5));
    EXPECT_EQ(l.min_version, "2.8.0");
    EXPECT_EQ(l.authorization.account, "A");
    ASSERT_EQ(l.remotes.size(), 2U);
    EXPECT_EQ(l.remotes[0].account, "B");
    EXPECT_EQ(l.remotes[0].credentials, "f");
    EXPECT_TRUE(l.remotes[0].hub && l.remotes[0].no_randomize);
    EXPECT_THAT(l.remotes[0].deny_imports, ElementsAre("a"));
    EXPECT_THAT(l.remotes[0].deny_exports, ElementsAre("b", "c"));
    EXPECT_EQ(l.remotes[1].urls.size(), 2U);
}

TEST(ReadLeafnodesTest, UsersWithAccounts) {
    const LeafnodeOptions l =
        options_of("leafnodes { authorization { users: [{user: a, password: b, account: C}] } }")
            .leafnodes;
    ASSERT_EQ(l.users.size(), 1U);
    EXPECT_EQ(l.users[0].account, "C");
}

TEST(ReadLeafnodesTest, Errors) {
    EXPECT_EQ(messages_of("leafnodes: x"), "1:0: Expected map to define a leafnode, got string");
    EXPECT_THAT(messages_of("leafnodes { remotes: 5 }"),
                HasSubstr("Expected remotes field to be an array, got int64"));
    EXPECT_THAT(messages_of("leafnodes { remotes: [x] }"),
                HasSubstr("Expected remote leafnode entry to be a map/struct, got x"));
    EXPECT_THAT(messages_of("leafnodes { remotes: [{url: \"h:x\"}] }"),
                HasSubstr("error parsing leafnode url [\"h:x\"]"));
    EXPECT_THAT(messages_of("leafnodes { authorization { token: x } }"),
                HasSubstr("unknown field \"token\""));
}

// ---------------------------------------------------------------------------- operator mode

TEST(ReadOperatorTest, FilesAndKeys) {
    EXPECT_THAT(options_of("operator: o.jwt").trust.files, ElementsAre("o.jwt"));
    EXPECT_THAT(options_of("operators: [a, b]").trust.files, ElementsAre("a", "b"));
    EXPECT_EQ(messages_of("operator: 5").substr(messages_of("operator: 5").find('\n') + 1),
              "1:0: error parsing operators: unsupported type int64");
    const std::string key(kOperatorKey);
    EXPECT_THAT(options_of("trusted: [" + key + "]").trust.trusted_keys, ElementsAre(key));
    EXPECT_THAT(options_of("trusted_keys: " + key).trust.trusted_keys, ElementsAre(key));
    EXPECT_THAT(messages_of("trusted: OABC"),
                HasSubstr("trust key \"OABC\" required to be a valid public operator nkey"));
    EXPECT_EQ(messages_of("trusted: [" + key + ", OABC]").substr(0, 15), "1:68: trust key");
    EXPECT_THAT(messages_of("trusted: 5"),
                HasSubstr("error parsing trusted: unsupported type int64"));
    EXPECT_THAT(messages_of("trusted: [5]"),
                HasSubstr("error parsing trusted: unsupported type in array int64"));
}

TEST(ReadOperatorTest, Resolvers) {
    EXPECT_EQ(options_of("resolver: MEMORY").trust.resolver, ResolverKind::kMemory);
    EXPECT_EQ(options_of("resolver: mem").trust.resolver, ResolverKind::kMemory);
    const auto url = options_of("resolver: URL(http://members/x/)").trust;
    EXPECT_EQ(url.resolver, ResolverKind::kUrl);
    EXPECT_EQ(url.resolver_url, "http://members/x/");
    EXPECT_EQ(options_of("resolver: 'url( \"http://h:1/\" )'").trust.resolver_url, "http://h:1/");
    const auto directory = options_of("resolver { type: full, dir: './jwt', limit: 5 }").trust;
    EXPECT_EQ(directory.resolver, ResolverKind::kFullDirectory);
    EXPECT_EQ(directory.directory.path, "./jwt");
    EXPECT_EQ(directory.directory.limit, 5);
    EXPECT_THAT(messages_of("resolver: x"),
                HasSubstr("error parsing account resolver, should be MEM or URL(\"url\")"));
    EXPECT_THAT(messages_of("resolver: 5"),
                HasSubstr("error parsing operator resolver, wrong type int64"));
    EXPECT_THAT(messages_of("resolver: 'URL(http://h:x)'"),
                HasSubstr("error parsing account resolver url [\"http://h:x\"]"));
    EXPECT_THAT(messages_of("resolver { type: full }"), HasSubstr("dir has no value"));
}

TEST(ReadOperatorTest, Preload) {
    EXPECT_EQ(options_of("resolver_preload { A: jwt }").trust.preload.at("A"), "jwt");
    EXPECT_THAT(messages_of("resolver_preload: 5"),
                HasSubstr("preload should be a map of key:jwt"));
    EXPECT_THAT(messages_of("resolver_preload { A: 5 }"),
                HasSubstr("preload map value should be a string jwt"));
    EXPECT_EQ(messages_of("system_account: 5"), "1:0: system account name must be a string");
}

}  // namespace
}  // namespace nuring::config
