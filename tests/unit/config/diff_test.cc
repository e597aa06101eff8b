// SPDX-License-Identifier: Apache-2.0
#include "core/config/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config/inactive.h"
#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<Change> changes(std::string_view before, std::string_view after) {
    Options active = options_of(before);
    Options fresh = options_of(after);
    complete(&active);
    complete(&fresh);
    keep_ports(active, &fresh);
    return diff(active, fresh);
}

std::vector<std::string> lines(std::string_view before, std::string_view after) {
    std::vector<std::string> out;
    for (const Change& change : changes(before, after)) out.push_back(change.text);
    return out;
}

std::string refusal(std::string_view before, std::string_view after) {
    return std::string(check_reload(changes(before, after)).message());
}

TEST(DiffTest, NothingChangedSaysNothing) {
    EXPECT_THAT(lines("port: 1\nauthorization {user: a}", "listen: 1\nauthorization {user: a} # x"),
                IsEmpty());
    EXPECT_THAT(lines("", "port: 4222, max_payload: 1mb"), IsEmpty());
}

TEST(DiffTest, LoggingLines) {
    EXPECT_THAT(lines("",
                      "debug: true, trace: true, logtime: false, log_file: f, syslog: true, "
                      "remote_syslog: 'udp://h:1'"),
                ElementsAre("Reloaded: debug = true", "Reloaded: trace = true",
                            "Reloaded: logtime = false", "Reloaded: log_file = f",
                            "Reloaded: syslog = true", "Reloaded: remote_syslog = udp://h:1"));
}

TEST(DiffTest, AStallIsNamed) {
    EXPECT_THAT(lines("", "no_fast_producer_stall: true"),
                ElementsAre("Reloaded: fast producers will not be stalled"));
    EXPECT_THAT(lines("no_fast_producer_stall: true", ""),
                ElementsAre("Reloaded: fast producers will be stalled"));
}

TEST(DiffTest, LimitsAndTimesAreGoStyle) {
    EXPECT_THAT(
        lines("",
              "max_connections: 10, max_control_line: 512, max_payload: 1000, ping_interval: 5, "
              "ping_max: 3, write_deadline: '1m30s', write_timeout: close, connect_error_reports: 4, "
              "reconnect_error_reports: 5, lame_duck_duration: '3m'"),
        ElementsAre("Reloaded: max_connections = 10", "Reloaded: max_control_line = 512",
                    "Reloaded: max_payload = 1000", "Reloaded: ping_interval = 5s",
                    "Reloaded: ping_max = 3", "Reloaded: write_deadline = 1m30s",
                    "Reloaded: write_timeout = close",
                    "Reloaded: lame_duck_duration = 3m0s", "Reloaded: connect_error_reports = 4",
                    "Reloaded: reconnect_error_reports = 5"));
}

TEST(DiffTest, AuthorizationNeverShowsSecrets) {
    const auto found =
        lines("authorization {user: a, password: secret1}", "authorization {token: secret2}");
    EXPECT_THAT(found,
                ElementsAre("Reloaded: authorization username", "Reloaded: authorization password",
                            "Reloaded: authorization token"));
    EXPECT_THAT(lines("authorization {users: [{user: a, password: x}]}",
                      "authorization {users: [{user: a, password: y}]}"),
                ElementsAre("Reloaded: authorization users"));
    EXPECT_THAT(lines("", "authorization {timeout: 0.5}"),
                ElementsAre("Reloaded: authorization timeout = 0.5"));
}

TEST(DiffTest, AuthorizationChangesAreMarked) {
    for (const Change& change : changes("", "authorization {user: a, password: b}")) {
        EXPECT_TRUE(change.authorization) << change.text;
    }
    for (const Change& change : changes("", "debug: true, max_payload: 5")) {
        EXPECT_FALSE(change.authorization) << change.text;
    }
}

TEST(DiffTest, TlsAndItsTimeout) {
    constexpr const char* kTls = "tls {cert_file: c, key_file: k}";
    EXPECT_THAT(lines("", kTls),
                ElementsAre("Reloaded: tls = enabled", "Reloaded: authorization timeout = 3"));
    EXPECT_THAT(lines(kTls, ""),
                ElementsAre("Reloaded: tls = disabled", "Reloaded: authorization timeout = 2"));
    EXPECT_THAT(lines(kTls, "tls {cert_file: c, key_file: k, verify: true}"),
                ElementsAre("Reloaded: tls = enabled"));
    EXPECT_THAT(lines(kTls,
                      "tls {cert_file: c, key_file: k, timeout: 5}\n"
                      "authorization {timeout: 3}"),
                ElementsAre("Reloaded: tls timeout = 5"));
}

TEST(DiffTest, FilesAndAddresses) {
    EXPECT_THAT(lines("", "pid_file: p, ports_file_dir: d, client_advertise: 'h:1'"),
                ElementsAre("Reloaded: pid_file = p", "Reloaded: ports_file_dir = d",
                            "Reload: client_advertise = h:1"));
    EXPECT_THAT(lines("pid_file: p", ""), ElementsAre(""));
}

TEST(DiffTest, WhatIsFixedRefusesTheWholeReload) {
    EXPECT_EQ(refusal("", "port: 5222"),
              "config reload not supported for Port: old=4222, new=5222");
    EXPECT_EQ(refusal("host: a, http: 'a:1'", "host: b, http: 'a:1'"),
              "config reload not supported for Host: old=a, new=b");
    EXPECT_EQ(refusal("", "max_subscriptions: 5"),
              "config reload not supported for MaxSubs: old=0, new=5");
    EXPECT_EQ(refusal("", "max_pending: 128mb"),
              "config reload not supported for MaxPending: old=67108864, new=134217728");
    EXPECT_EQ(refusal("http_port: 1", "http_port: 2"),
              "config reload not supported for HTTPPort: old=1, new=2");
    EXPECT_EQ(refusal("", "uring {workers: 2}"),
              "config reload not supported for uring workers: old=0, new=2");
    EXPECT_EQ(refusal("", "uring {busy_poll: 5us}"),
              "config reload not supported for uring busy_poll: old=0s, new=5\xc2\xb5s");
    EXPECT_EQ(refusal("", "debug: true"), "");
    EXPECT_EQ(refusal("", "debug: true, port: 1"),
              "config reload not supported for Port: old=4222, new=1");
}

TEST(DiffTest, ARefusalNamesEveryFixedOption) {
    EXPECT_EQ(refusal("", "port: 1, debug: true, max_subs: 2"),
              "config reload not supported for Port: old=4222, new=1; "
              "config reload not supported for MaxSubs: old=0, new=2");
}

TEST(DiffTest, FixedOptionsAreThoseThatAreNotAtTheirDefault) {
    const auto fixed = [](std::string_view text) {
        Options options = options_of(text);
        complete(&options);
        return fixed_options(options);
    };
    EXPECT_THAT(fixed(""), IsEmpty());
    EXPECT_THAT(fixed("port: 4222, debug: true, max_payload: 5"), IsEmpty());
    EXPECT_THAT(fixed("listen: 'a:1'"), ElementsAre("host", "port"));
    EXPECT_THAT(fixed("host: a, http_port: 1"), ElementsAre("host", "http", "http_port"));
    EXPECT_THAT(fixed("max_subs: 1, uring {pin: false, locality: true}"),
                ElementsAre("max_subscriptions", "uring.pin", "uring.locality"));
    EXPECT_THAT(fixed("leafnodes {listen: 'a:1', advertise: 'b:1', min_version: 2.9.0}"),
                ElementsAre("leafnodes.host", "leafnodes.port", "leafnodes.advertise",
                            "leafnodes.min_version"));
    EXPECT_THAT(fixed("leafnodes {remotes: [{url: 'nats://a:1', hub: true}], compression: off}"), IsEmpty())
        << "remotes come and go by reload";
    EXPECT_THAT(fixed("leafnodes {port: 1, authorization {user: a, password: b}}"),
                ElementsAre("leafnodes.host", "leafnodes.port", "leafnodes.authorization"))
        << "once, for all keys in it";
    EXPECT_THAT(fixed("cluster {name: C, port: 1, accounts: [A, B]}, accounts {A {}}"),
                ElementsAre("cluster.host", "cluster.port"));
    EXPECT_THAT(fixed("gateway {name: A, port: 1, gateways: [{name: B, url: 'nats://b:1'}]}"),
                ElementsAre("gateway.name", "gateway.host", "gateway.port", "gateway.gateways"));
}

TEST(DiffTest, RandomPortMeansTheOneInUse) {
    EXPECT_THAT(lines("port: 5222, http_port: 8222", "port: -1, http_port: -1"), IsEmpty());
    EXPECT_THAT(lines("port: -1", "port: -1"), IsEmpty());
}

TEST(DiffTest, ClusterKeepsHostAndPort) {
    EXPECT_EQ(refusal("cluster {listen: 'a:1'}", "cluster {listen: 'b:1'}"),
              "config reload not supported for cluster host: old=a, new=b");
    EXPECT_EQ(refusal("cluster {listen: 'a:1'}", "cluster {listen: 'a:2'}"),
              "config reload not supported for cluster port: old=1, new=2");
    EXPECT_THAT(lines("cluster {port: 1}", "cluster {port: 1, routes: [\"nats://a:1\"]}"),
                ElementsAre("Reloaded: cluster routes"));
    EXPECT_THAT(lines("cluster {port: 1}", "cluster {port: 1, no_advertise: true}"),
                ElementsAre("Reloaded: cluster"));
}

TEST(DiffTest, OfGatewaysOnlyTlsCanChange) {
    constexpr std::string_view kBefore =
        "gateway {name: A, listen: 'a:1', gateways: [{name: B, url: 'nats://b:1'}]}";
    EXPECT_EQ(
        refusal(kBefore,
                "gateway {name: A, listen: 'a:1', gateways: [{name: B, url: 'nats://b:1'}, "
                "{name: C, url: 'nats://c:1'}]}"),
        "config reload not supported for Gateway: old={}, new={remote gateway \"C\"}");
    EXPECT_EQ(
        refusal(
            kBefore,
            "gateway {name: A, listen: 'a:1', gateways: [{name: B, url: 'nats://u:secret@b:1'}]}"),
        "config reload not supported for Gateway: old={remote gateway \"B\": URLs:[nats://b:1]}, "
        "new={remote gateway \"B\": URLs:[nats://u:xxxxx@b:1]}");
    EXPECT_THAT(lines("gateway {name: A, port: 1, gateways: [{name: B, url: 'nats://b:1'}, {name: "
                      "C, url: 'nats://c:1'}]}",
                      "gateway {name: A, port: 1, gateways: [{name: C, url: 'nats://c:1'}, {name: "
                      "B, url: 'nats://b:1'}]}"),
                IsEmpty());
    constexpr std::string_view kSecure =
        "gateway {name: A, port: 1, tls {cert_file: c, key_file: k}}";
    EXPECT_THAT(lines(kSecure, "gateway {name: A, port: 1, tls {cert_file: d, key_file: k}}"),
                ElementsAre("Reloaded: gateway tls"));
    // It changes the time to log in.
    EXPECT_EQ(refusal("gateway {name: A, port: 1}", kSecure),
              "config reload not supported for Gateway: old={TLS:none}, new={TLS:given}");
    // Those that are there have come in by the rule of before.
    EXPECT_EQ(refusal(kSecure,
                      "gateway {name: A, port: 1, tls {cert_file: c, key_file: k, ca_file: a, verify_and_map: true}}"),
              "config reload not supported for Gateway: old={TLSMap:false}, new={TLSMap:true}");
    EXPECT_EQ(refusal(kSecure,
                      "gateway {name: A, port: 1, tls {cert_file: c, key_file: k, ca_file: a, "
                      "verify_cert_and_check_known_urls: true}}"),
              "config reload not supported for Gateway: old={TLSCheckKnownURLs:false}, "
              "new={TLSCheckKnownURLs:true}");
    EXPECT_NE(refusal("", kBefore), "");
    EXPECT_NE(refusal(kBefore, ""), "");
}

TEST(DiffTest, ARefusalNamesEachFieldOfAGateway) {
    const std::string name = "config reload not supported for Gateway: ";
    const auto check = [&](const std::string& before, const std::string& after, const std::string& why) {
        EXPECT_EQ(refusal("gateway {name: A, port: 1, " + before + "}", "gateway {name: A, port: 1, " + after + "}"),
                  name + why);
    };
    check("", "connect_retries: 3", "old={ConnectRetries:0}, new={ConnectRetries:3}");
    check("", "connect_backoff: true", "old={ConnectBackoff:false}, new={ConnectBackoff:true}");
    check("", "reject_unknown: true", "old={RejectUnknown:false}, new={RejectUnknown:true}");
    check("", "advertise: 'h:1'", "old={Advertise:}, new={Advertise:h:1}");
    check("", "ping_interval: 3", "old={PingInterval:0s}, new={PingInterval:3s}");
    check("", "ping_max: 3", "old={MaxPingsOut:0}, new={MaxPingsOut:3}");
    check("", "write_deadline: '3s'", "old={WriteDeadline:0s}, new={WriteDeadline:3s}");
    check("", "write_timeout: close", "old={WriteTimeout:default}, new={WriteTimeout:close}");
    check("authorization {user: a, password: b}", "authorization {user: c, password: b}",
          "old={Username:a}, new={Username:c}");
    check("authorization {user: a, password: b}", "authorization {user: a, password: c, timeout: 3}",
          "old={Password:[REDACTED]}, new={Password:[REDACTED]}; " + name + "old={AuthTimeout:2s}, new={AuthTimeout:3s}");
    check("gateways: [{name: B, url: 'nats://u:p@b:1'}]", "gateways: [{name: B, url: 'nats://u:q@b:1'}]",
          "old={remote gateway \"B\": URLs:[nats://u:xxxxx@b:1]}, "
          "new={remote gateway \"B\": URLs:the same with another password}");
    check("gateways: [{name: B, url: 'nats://b:1'}]", "gateways: [{name: C, url: 'nats://b:1'}]",
          "old={remote gateway \"B\"}, new={}; " + name + "old={}, new={remote gateway \"C\"}");
    EXPECT_EQ(refusal("gateway {name: A, listen: 'a:1'}", "gateway {name: B, listen: 'b:2'}"),
              name + "old={Name:A}, new={Name:B}; " + name + "old={Host:a}, new={Host:b}; " + name +
                  "old={Port:1}, new={Port:2}");
}

TEST(DiffTest, LeafnodesComeOnlyToAServerThatLinksOthers) {
    const auto check = [](std::string_view at_start, std::string_view fresh) {
        return check_links(options_of(at_start).links_servers(), options_of(fresh)).ok();
    };
    constexpr std::string_view kRemote = "leafnodes {remotes: [{url: 'nats://a:1'}]}";
    EXPECT_FALSE(check("", kRemote));
    EXPECT_FALSE(check("", "leafnodes {port: 1}"));
    EXPECT_TRUE(check("", "debug: true"));
    for (const std::string_view start : {"cluster {port: 1}", "gateway {name: A, port: 1}", "leafnodes {port: 1}"}) {
        EXPECT_TRUE(check(start, kRemote)) << start;
    }
}

TEST(DiffTest, ARefusalNamesEachFieldOfAWebsocket) {
    const std::string name = "config reload not supported for Websocket: ";
    const auto check = [&](const std::string& before, const std::string& after, const std::string& why) {
        EXPECT_EQ(refusal("websocket {port: 1, no_tls: true, " + before + "}",
                          "websocket {port: 1, no_tls: true, " + after + "}"),
                  name + why);
    };
    check("", "compression: true", "old={Compression:false}, new={Compression:true}");
    check("", "same_origin: true", "old={SameOrigin:false}, new={SameOrigin:true}");
    check("", "allowed_origins: ['http://a']", "old={AllowedOrigins:[]}, new={AllowedOrigins:[http://a]}");
    check("", "handshake_timeout: '3s'", "old={HandshakeTimeout:0s}, new={HandshakeTimeout:3s}");
    check("", "jwt_cookie: c", "old={JWTCookie:}, new={JWTCookie:c}");
    check("", "headers: {X: secret}", "old={Headers:[]}, new={Headers:[X]}");
    check("authorization {token: a}", "authorization {token: b}",
          "old={Token:[REDACTED]}, new={Token:[REDACTED]}");
    check("", "tls {cert_file: c, key_file: k}", "old={TLS:none}, new={TLS:given}");
    check("tls {cert_file: c, key_file: k}", "tls {cert_file: c, key_file: k, ca_file: a, verify_and_map: true}",
          "old={TLSMap:false}, new={TLSMap:true}");
}

TEST(DiffTest, AnAccountThatGetsARouteOfItsOwnHasToBeThere) {
    EXPECT_EQ(refusal("cluster {port: 1}", "cluster {port: 1, accounts: [A]}"),
              "unable to add account \"A\" to the list of dedicated routes: account missing");
    EXPECT_THAT(
        lines("cluster {port: 1}", "cluster {port: 1, accounts: [A, \"$G\"]}, accounts {A {}}"),
        testing::Contains("Reloaded: cluster"));
    EXPECT_THAT(lines("cluster {port: 1, accounts: [A]}",
                      "cluster {port: 1, accounts: [A], no_advertise: true}"),
                ElementsAre("Reloaded: cluster"));
}

TEST(DiffTest, InactivePartsDoNotStandInTheWay) {
    ASSERT_FALSE(is_active(Part::kMqtt));
    EXPECT_THAT(lines("mqtt {listen: 'a:1'}", "mqtt {listen: 'b:2'}"), IsEmpty());
}

}  // namespace
}  // namespace nuring::config
