// SPDX-License-Identifier: Apache-2.0
// cluster, gateway, leafnodes, operator mode.
#include <fmt/format.h>
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
        ping_interval: "10s", ping_max: 3, write_deadline: "4s", write_timeout: close
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
    EXPECT_EQ(c.compression.mode, CompressionMode::kFast);
    EXPECT_EQ(c.times.ping_interval, seconds(10));
    EXPECT_EQ(c.times.ping_max, 3);
    EXPECT_EQ(c.times.write_deadline, seconds(4));
    EXPECT_EQ(c.times.write_timeout, WriteTimeout::kClose);
}

TEST(ReadClusterTest, Errors) {
    EXPECT_EQ(messages_of("cluster: 5"), "1:0: Expected map to define cluster, got int64");
    EXPECT_THAT(messages_of("cluster { routes: [\"nats://h:x\"] }"),
                HasSubstr("error parsing route url [\"nats://h:x\"]"));
    EXPECT_THAT(messages_of("cluster { routes: [\"nats://u:pa#ss@h:x\"] }"),
                HasSubstr("error parsing route url [\"nats://u:xxxxx@h:x\"]"));
    EXPECT_THAT(messages_of("cluster { routes: [\"nats://u:p@h:1\", \"nats://u:p@h:1\"] }"),
                HasSubstr("\"nats://u:xxxxx@h:1\""));
    EXPECT_THAT(messages_of("cluster { authorization { users: [{user: a}] } }"),
                HasSubstr("Cluster authorization does not allow multiple users"));
    EXPECT_THAT(messages_of("cluster { authorization { token: a } }"),
                HasSubstr("Cluster authorization does not support tokens"));
    EXPECT_EQ(messages_of("cluster { name: \"a b\" }"), "1:10: cluster name cannot contain spaces");
    EXPECT_EQ(messages_of("cluster { name: \"a\\tb\" }"), "1:10: cluster name cannot contain spaces");
    EXPECT_EQ(messages_of("cluster { name: _ }"), "1:10: cluster name is reserved");
    EXPECT_EQ(messages_of("cluster { permissions { import: a, allow_responses: true } }"),
              "1:10: Cluster permissions do not support dynamic responses");
    EXPECT_EQ(messages_of("cluster { permissions { export: \"a b\" } }"),
              "1:10: cluster export allow: subject \"a b\" is not a valid subject");
    EXPECT_EQ(messages_of("cluster { write_timeout: later }"),
              "1:10: write_timeout must be 'default', 'close' or 'retry'");
    EXPECT_EQ(messages_of("cluster { ping_interval: \"31s\" }"),
              "1:10: Cluster 'ping_interval' will reset to 30s which is the max for routes");
    EXPECT_EQ(messages_of("cluster { routes: [\"nats://a:1\", \"nats://a:1\"] }"),
              "1:34: invalid use of field \"nats://a:1\": Duplicate route entry detected");
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

TEST(ReadClusterTest, ATlsBlockNeedsNoCertificate) {
    EXPECT_TRUE(read("cluster { tls { ca_file: a } }").good);
    EXPECT_TRUE(read("cluster { tls {} }").good);
    EXPECT_TRUE(read("leafnodes { port: 1, tls { handshake_first: true } }").good);
    EXPECT_TRUE(read("leafnodes { remotes: [{ url: \"tls://h\", tls { handshake_first: true } }] }").good);
}

// ---------------------------------------------------------------------------- compression

CompressionOptions completed(std::string_view block) {
    Options options = options_of(block);
    complete(&options);
    return options.cluster.compression;
}

TEST(ReadCompressionTest, WordsFlagsAndBlocks) {
    using enum CompressionMode;
    const auto mode = [](std::string_view value) {
        return completed(fmt::format("cluster {{ port: 1, compression: {} }}", value)).mode;
    };
    EXPECT_EQ(mode("true"), kFast);  // what "on" means depends on the block
    EXPECT_EQ(mode("on"), kFast);
    EXPECT_EQ(mode("false"), kOff);
    EXPECT_EQ(mode("Disabled"), kOff);
    EXPECT_EQ(mode("accept"), kAccept);
    EXPECT_EQ(mode("\"not supported\""), kNotSupported);
    EXPECT_EQ(mode("s2_better"), kBetter);
    EXPECT_EQ(mode("best"), kBest);
    EXPECT_EQ(mode("{mode: s2_auto}"), kAuto);
    EXPECT_EQ(completed("cluster { port: 1 }").mode, kAccept);
    EXPECT_EQ(options_of("leafnodes { compression: on }").leafnodes.compression.mode, kAuto);
}

TEST(ReadCompressionTest, AutoHasThresholds) {
    using std::chrono::milliseconds;
    EXPECT_THAT(completed("cluster { compression: s2_auto }").rtt_thresholds,
                ElementsAre(milliseconds(10), milliseconds(50), milliseconds(100)));
    EXPECT_THAT(completed("cluster { compression { mode: auto, rtt_thresholds: [\"-1s\", \"5ms\", "
                          "\"0s\"] } }")
                    .rtt_thresholds,
                ElementsAre(milliseconds(0), milliseconds(5)));
    EXPECT_THAT(completed("cluster { compression: s2_fast }").rtt_thresholds, testing::IsEmpty());
    EXPECT_EQ(messages_of("cluster { compression: 5 }"),
              "1:10: field \"compression\" should be a boolean or a structure, got int64");
    EXPECT_EQ(messages_of("cluster { compression { mood: x } }"), "1:24: unknown field \"mood\" (did you mean \"mode\"?)");
    EXPECT_EQ(messages_of("cluster { compression { rtts: [x] } }"),
              "1:24: time: invalid duration \"x\"");
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
                HasSubstr("Expected gateway entry to be a map/struct, got string"));
    EXPECT_THAT(messages_of("gateway { gateways: [{url: \"h:x\"}] }"),
                HasSubstr("error parsing gateway url [\"h:x\"]"));
    EXPECT_THAT(messages_of("gateway { authorization { users: [{user: a}] } }"),
                HasSubstr("Gateway authorization does not allow multiple users"));
    EXPECT_THAT(messages_of("gateway { authorization { token: t } }"),
                HasSubstr("Gateway authorization does not support tokens"));
}

TEST(ReadGatewayTest, NamesAndTimes) {
    EXPECT_EQ(messages_of("gateway { name: \"a b\" }"), "1:10: gateway name cannot contain spaces");
    EXPECT_THAT(messages_of("gateway { name: _ }"), HasSubstr("cluster name is reserved"));
    EXPECT_THAT(messages_of("gateway { ping_interval: \"16s\" }"),
                HasSubstr("Gateway 'ping_interval' will reset to 15s which is the max for gateways"));
    EXPECT_THAT(messages_of("gateway { authorization { auth_callout: x } }"),
                HasSubstr("Gateway authorization does not support callouts"));
    const GatewayOptions newer = options_of(R"(gateway {
        ping_interval: "3s", ping_max: 4, write_deadline: "2s", write_timeout: close
        connect_backoff: true, reject_unknown_cluster: true
    })").gateway;
    EXPECT_EQ(newer.times.ping_interval, std::chrono::seconds(3));
    EXPECT_EQ(newer.times.ping_max, 4);
    EXPECT_EQ(newer.times.write_deadline, std::chrono::seconds(2));
    EXPECT_EQ(newer.times.write_timeout, WriteTimeout::kClose);
    EXPECT_TRUE(newer.connect_backoff);
    EXPECT_TRUE(newer.reject_unknown);
    Options options = options_of("gateway { name: A, port: 1 }");
    complete(&options);
    EXPECT_EQ(options.cluster.name, "A");
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

TEST(ReadLeafnodesTest, ReconnectTakesSecondsOrDuration) {
    EXPECT_EQ(options_of("leafnodes { reconnect: 2 }").leafnodes.reconnect_interval, seconds(2));
    EXPECT_EQ(messages_of("leafnodes { reconnect: 2 }"),
              "1:12: invalid use of field \"reconnect\": reconnect should be converted to a duration");
}

constexpr const char* kSeed = "SUAPM67TC4RHQLKBX55NIQXSMATZDOZK6FNEOSS36CAYA7F7TY66LP4BOM";
constexpr const char* kUserKey = "UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR";

TEST(ReadLeafnodesTest, KeysOfNewerReleases) {
    // Read whole, though a part of it may be refused until it is built.
    const LeafnodeOptions l = read(fmt::format(R"(leafnodes {{
        port: 7422, dial_timeout: "3s", compression: s2_best, ping_interval: "9s", ping_max: 3
        write_deadline: "4s", write_timeout: default, authorization {{ nkey: {} }}
        remotes [ {{ url: "ws://r:1", nkey: {}, compression: off, first_info_timeout: "2s"
                     dial_timeout: "1s", disabled: true, ignore_discovered_servers: true
                     isolate: true, request_isolation: true, ws_compression: true
                     ws_no_masking: true, jetstream_cluster_migrate: true
                     proxy {{ url: "http://p:8080", username: u, password: p, timeout: "5s" }} }} ]
    }})",
                                                     kUserKey, kSeed))
                                  .options.leafnodes;
    EXPECT_EQ(l.authorization.nkey, kUserKey);
    EXPECT_EQ(l.dial_timeout, seconds(3));
    EXPECT_EQ(l.compression.mode, CompressionMode::kBest);
    EXPECT_EQ(l.times.ping_max, 3);
    ASSERT_EQ(l.remotes.size(), 1U);
    const RemoteLeafnode& r = l.remotes[0];
    EXPECT_EQ(r.nkey, kSeed);
    EXPECT_EQ(r.compression.mode, CompressionMode::kOff);
    EXPECT_EQ(r.first_info_timeout, seconds(2));
    EXPECT_EQ(r.dial_timeout, seconds(1));
    EXPECT_TRUE(r.disabled && r.ignore_discovered_servers && r.isolate_interest);
    EXPECT_TRUE(r.request_isolation && r.websocket_compression && r.websocket_no_masking);
    EXPECT_EQ(r.proxy.url, "http://p:8080");
    EXPECT_EQ(r.proxy.timeout, seconds(5));
    EXPECT_EQ(r.name(), "urls=[\"ws://r:1\"], account=\"$G\", nkey=\"[REDACTED]\"");
}

TEST(ReadLeafnodesTest, WhatARemoteMayNotHold) {
    const auto fault = [](std::string_view remote) {
        const std::string all = messages_of(fmt::format("leafnodes {{ remotes: [{{ {} }}] }}", remote));
        return all.substr(all.rfind('\n') + 1);
    };
    EXPECT_THAT(fault("nkey: SUAX"), testing::EndsWith("Remote leafnode nkey is not a valid seed"));
    EXPECT_THAT(fault(fmt::format("creds: f, nkey: {}", kSeed)),
                HasSubstr("Remote leafnode can not have both creds and nkey defined"));
    EXPECT_THAT(fault("deny_imports: \"a b\""), HasSubstr("subject \"a b\" is not a valid subject"));
    EXPECT_THAT(fault("url: 5"),
                HasSubstr("Expected remote leafnode url to be an array or string, got int64"));
    EXPECT_THAT(fault("proxy: { username: u }"),
                HasSubstr("proxy URL must be specified when other proxy options are set"));
    EXPECT_THAT(fault("proxy: { url: \"tcp://h\" }"),
                HasSubstr("proxy URL scheme must be http or https, got: tcp"));
    EXPECT_THAT(fault("url: \"nats://a:1\" }, { url: \"nats://a:1\""),
                HasSubstr("duplicate remote urls=[\"nats://a:1\"], account=\"$G\""));
    EXPECT_THAT(fault("jetstream_cluster_migrate: 5"),
                HasSubstr("Expected boolean or map for jetstream_cluster_migrate, got int64"));
}

TEST(ReadLeafnodesTest, MinimumVersions) {
    const auto fault = [](std::string_view version) {
        const std::string all = messages_of(fmt::format("leafnodes {{ min_version: {} }}", version));
        return all.substr(all.rfind('\n') + 1);
    };
    EXPECT_THAT(fault("2.7.9"), HasSubstr("the minimum version should be at least 2.8.0"));
    EXPECT_THAT(fault("abc"), HasSubstr("invalid leafnode's minimum version: invalid semver"));
    EXPECT_TRUE(read("leafnodes { min_version: \"2.10.0-rc.1\" }").good);
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
                HasSubstr("Expected remote leafnode entry to be a map/struct, got string"));
    EXPECT_THAT(messages_of("leafnodes { remotes: [{url: \"h:x\"}] }"),
                HasSubstr("error parsing leafnode url [\"h:x\"]"));
    EXPECT_THAT(messages_of("leafnodes { authorization { token: x } }"),
                HasSubstr("unknown field \"token\""));
}

TEST(ReadLeafnodesTest, AuthorizationIsForOneOrForMany) {
    EXPECT_THAT(messages_of("leafnodes { authorization { user: a, users: [{user: b}] } }"),
                HasSubstr("can not have a single user/pass and a users array"));
    EXPECT_THAT(messages_of("leafnodes { authorization { users: [{user: b}, {user: b}] } }"),
                HasSubstr("duplicate user \"b\" detected in leafnode authorization"));
    EXPECT_THAT(messages_of("leafnodes { authorization { nkey: UABC } }"),
                HasSubstr("Not a valid public nkey for leafnode authorization"));
}

// ---------------------------------------------------------------------------- websocket

TEST(ReadWebsocketTest, EveryKey) {
    const WebsocketOptions w = options_of(R"(websocket {
        listen: "h:8080", advertise: "x:1", no_tls: true, same_origin: true, compression: true
        allowed_origins: ["https://a", "http://b:1"], handshake_timeout: 3, no_auth_user: n
        jwt_cookie: j, user_cookie: u, pass_cookie: p, token_cookie: t, ping_interval: "9s"
        authorization { user: a, password: b, timeout: 4 }, headers { X-A: "1" }
    })")
                                   .websocket;
    EXPECT_EQ(w.host, "h");
    EXPECT_EQ(w.port, 8080);
    EXPECT_EQ(w.advertise, "x:1");
    EXPECT_TRUE(w.no_tls && w.same_origin && w.compression);
    EXPECT_THAT(w.allowed_origins, ElementsAre("https://a", "http://b:1"));
    EXPECT_EQ(w.handshake_timeout, seconds(3));
    EXPECT_EQ(w.no_auth_user, "n");
    EXPECT_EQ(w.jwt_cookie + w.user_cookie + w.pass_cookie + w.token_cookie, "jupt");
    EXPECT_EQ(w.ping_interval, seconds(9));
    EXPECT_EQ(w.user + w.password, "ab");
    EXPECT_EQ(w.auth_timeout, seconds(4));
    EXPECT_EQ(w.headers.at("X-A"), "1");
}

TEST(ReadWebsocketTest, Errors) {
    const auto fault = [](std::string_view inside) {
        const std::string all = messages_of(fmt::format("ws {{ {} }}", inside));
        return all.substr(all.rfind('\n') + 1);
    };
    EXPECT_EQ(messages_of("ws: 5"), "1:0: Expected websocket to be a map, got int64");
    EXPECT_THAT(fault("authorization { users: [] }"), HasSubstr("unknown field \"users\""));
    EXPECT_THAT(fault("headers: 5"), HasSubstr("error parsing headers: unsupported type int64"));
    EXPECT_THAT(fault("headers: { a: 5 }"),
                HasSubstr("error parsing header key a: unsupported type int64"));
    EXPECT_THAT(fault("handshake_timeout: true"),
                HasSubstr("error parsing handshake timeout: unsupported type bool"));
    EXPECT_THAT(fault("allowed_origins: 5"),
                HasSubstr("error parsing allowed origins: unsupported type int64"));
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
