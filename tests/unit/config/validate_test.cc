// SPDX-License-Identifier: Apache-2.0
#include "core/config/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config/names.h"
#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

// What validate() says about a text that reads well.
std::string verdict(std::string_view text) {
    const ReadResult result = read(text);  // a part that is not built may be refused
    EXPECT_TRUE(result.good || result.messages.find("is not active in this version") != std::string::npos)
        << result.messages;
    Options options = result.options;
    complete(&options);
    Diagnostics diagnostics;
    validate(options, &diagnostics);
    std::string out = diagnostics.to_string();
    if (!out.empty()) out.pop_back();
    return out;
}

TEST(ValidateTest, DefaultsAreFine) {
    EXPECT_EQ(verdict(""), "");
}

TEST(ValidateTest, Limits) {
    EXPECT_EQ(verdict("max_control_line: -1"), "max_control_line must be positive, not -1");
    EXPECT_EQ(verdict("ping_max: -1"), "ping_max must be positive, not -1");
    EXPECT_EQ(verdict("write_deadline: '-1s'"), "write_deadline must not be negative, not -1s");
    EXPECT_EQ(verdict("cluster { port: -1, ping_interval: '-5s' }"),
              "cluster ping_interval must not be negative, not -5s");
    EXPECT_EQ(verdict("cluster { port: -1, ping_max: -2 }"), "cluster ping_max must not be negative, not -2");
    EXPECT_EQ(verdict("leafnodes { port: -1, reconnect: '-5s', dial_timeout: '-1s' }"),
              "leafnodes reconnect must not be negative, not -5s\n"
              "leafnodes dial_timeout must not be negative, not -1s");
    EXPECT_EQ(verdict("max_payload: 2mb, max_pending: 1mb"),
              "max_payload (2097152) cannot be higher than max_pending (1048576)");
    EXPECT_EQ(verdict("max_payload: -1"), "");
    EXPECT_EQ(
        verdict("lame_duck_duration: 30s, lame_duck_grace_period: 30s"),
        "lame duck grace period (30s) should be strictly lower than lame duck duration (30s)");
    EXPECT_EQ(verdict("server_name: 'a b'"), "server name cannot contain spaces");
}

TEST(ValidateTest, PortsOfTheCommandLine) {
    Options options;
    options.port = 65536;
    options.http.port = -2;
    Diagnostics diagnostics;
    validate(options, &diagnostics);
    EXPECT_EQ(diagnostics.to_string(),
              "port 65536 is out of range, expected -1 to 65535\n"
              "http_port -2 is out of range, expected -1 to 65535\n");
}

TEST(ValidateTest, Monitoring) {
    EXPECT_EQ(verdict("http_port: 1, https_port: 2\ntls {cert_file: c, key_file: k}"),
              "Can't start monitoring: can't specify both HTTP (1) and HTTPs (2) ports");
    EXPECT_EQ(verdict("http_port: 1, https_port: 2"),
              "Can't start monitoring: can't specify both HTTP (1) and HTTPs (2) ports");
    EXPECT_EQ(verdict("https_port: 2"),
              "Can't start monitoring: TLS cert and key required for HTTPS");
}

TEST(ValidateTest, Clients) {
    EXPECT_EQ(verdict("tls {cert_file: c, key_file: k, insecure: true}"), "");  // RC19 refuses it
    EXPECT_EQ(verdict("no_auth_user: x"),
              "no_auth_user: \"x\" present, but users/nkeys are not defined");
    EXPECT_EQ(verdict("no_auth_user: x\nauthorization {users: [{user: y}]}"),
              "no_auth_user: \"x\" not present as user or nkey in authorization block or account "
              "configuration");
    EXPECT_EQ(verdict("no_auth_user: y\nauthorization {users: [{user: y}]}"), "");
}

TEST(ValidateTest, OperatorMode) {
    EXPECT_EQ(verdict("operator: x"), "operators require an account resolver to be configured");
    EXPECT_EQ(verdict("operator: x, resolver: MEM\naccounts: [A]"),
              "operators do not allow Accounts to be configured directly");
    EXPECT_EQ(verdict("operator: x, resolver: MEM\nmappings {a: b}"),
              "operators do not allow Accounts to be configured directly");
    EXPECT_EQ(verdict("operator: x, resolver: MEM\nauthorization {users: [{user: y}]}"),
              "operators do not allow users to be configured directly");
    EXPECT_EQ(verdict("resolver_preload {A: b}"),
              "resolver preloads only available for MemAccResolver");
    EXPECT_EQ(verdict("system_account: S"), "error resolving system account: account missing");
    EXPECT_EQ(verdict("system_account: S\naccounts: [S]"), "");
}

TEST(ValidateTest, Gateways) {
    EXPECT_EQ(verdict("gateway {port: 1}"), "gateway has no name");
    EXPECT_EQ(verdict("gateway {name: A}"),
              "gateway \"A\" has no port specified (select -1 for random port)");
    EXPECT_EQ(verdict("gateway {name: A, port: 1, gateways: [{url: \"nats://x\"}]}"),
              "gateway in the list 0 has no name");
    EXPECT_EQ(verdict("gateway {name: A, port: 1, gateways: [{name: B}]}"),
              "gateway \"B\" has no URL");
}

TEST(ValidateTest, Clusters) {
    EXPECT_EQ(verdict("cluster {port: 1, name: A}\ngateway {name: B, port: 2}"),
              "cluster name conflicts between cluster and gateway definitions");
    EXPECT_EQ(verdict("cluster {port: 1}\ngateway {name: B, port: 2}"), "");
    EXPECT_EQ(verdict("cluster {port: 1, pool_size: -1, accounts: [A]}"),
              "pool_size cannot be negative if pinned accounts are specified");
    EXPECT_THAT(verdict("cluster {port: 1, accounts: [A, A]}"),
                testing::HasSubstr("found duplicate account name \"A\" in pinned accounts list"));
}

TEST(ValidateTest, Compression) {
    EXPECT_EQ(verdict("cluster {port: 1, compression: zip}"), "unsupported compression mode \"zip\"");
    EXPECT_EQ(verdict("leafnodes {remotes: [{url: \"nats://a:1\", compression: zip}]}"),
              "unsupported compression mode \"zip\"");
    EXPECT_EQ(verdict("cluster {compression {mode: auto, rtts: [\"9ms\", \"5ms\"]}}"),
              "RTT threshold values [9ms 5ms] should be in ascending order");
    EXPECT_EQ(verdict("cluster {compression {mode: auto, rtts: [\"1ms\", \"2ms\", \"3ms\", \"4ms\", "
                      "\"5ms\"]}}"),
              "compression mode \"auto\" should have no more than 4 RTT thresholds: [1ms 2ms 3ms 4ms "
              "5ms]");
    EXPECT_EQ(verdict("cluster {compression {mode: auto, rtts: [\"0s\"]}}"),
              "compression mode \"auto\" requires at least one RTT threshold");
}

TEST(ValidateTest, Leafnodes) {
    EXPECT_EQ(verdict("leafnodes {remotes: [{url: \"nats://a:1\", account: X}]}"),
              "cannot find local account \"X\" specified in leafnode remote");
    EXPECT_EQ(verdict("leafnodes {remotes: [{url: \"nats://a:1\", account: \"$SYS\"}]}"), "");
    EXPECT_EQ(verdict("leafnodes {port: 1, authorization {user: a, account: X}}"),
              "cannot find local account \"X\" specified in leafnode authorization");
    EXPECT_EQ(verdict("leafnodes {remotes: [{urls: [\"ws://u:p@a:1\", \"nats://b:1\"]}]}"),
              "remote leaf node configuration cannot have a mix of websocket and non-websocket urls: "
              "[\"ws://u:xxxxx@a:1\" \"nats://b:1\"]");
    EXPECT_EQ(verdict("leafnodes {port: 1}\ngateway {name: A, port: 2}\nno_system_account: true"),
              "leaf nodes and gateways (both being defined) require a system account to also be "
              "configured");
}

TEST(ValidateTest, Websockets) {
    EXPECT_EQ(verdict("ws {same_origin: true}"), "");  // no port: nothing is looked at
    EXPECT_EQ(verdict("ws {port: 1}"), "websocket requires TLS configuration");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, origins: \"ftp://a\"}"),
              "unable to parse allowed origin \"ftp://a\": allowed origins must be absolute URLs with "
              "http or https scheme");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, origins: \"http://\"}"),
              "unable to parse allowed origin \"http://\": host is required");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, no_auth_user: x}"),
              "no_auth_user: \"x\" present, but users/nkeys are not defined");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, authorization {token: x}}\n"
                      "authorization {users: [{user: y}]}"),
              "websocket authentication token not compatible with presence of users/nkeys");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, jwt_cookie: c}"),
              "trusted operators or trusted keys configuration is required for JWT authentication via "
              "cookie \"c\"");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, headers {Host: x}}"),
              "websocket: invalid header \"Host\" not allowed");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, headers {Sec-WebSocket-Key: x}}"),
              "websocket: invalid header \"Sec-WebSocket-Key\", \"Sec-WebSocket-\" prefix not allowed");
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, headers {X: \"a\\r\\nb\"}}"),
              "websocket: invalid header \"X\"");
    // Bytes above 127 are no control characters, whether char is signed or not.
    EXPECT_EQ(verdict("ws {port: 1, no_tls: true, headers {X: \"\303\274\"}}"), "");
}

TEST(ValidateTest, Uring) {
    EXPECT_EQ(verdict("uring {workers: 1000}"), "uring workers must be from 0 to 128, not 1000");
    EXPECT_EQ(verdict("uring {workers: 129}"), "uring workers must be from 0 to 128, not 129");
    EXPECT_EQ(verdict("uring {workers: 128}"), "");
    EXPECT_EQ(verdict("uring {receive_buffer_count: 100}"),
              "uring receive_buffer_count must be a power of two, not 100");
    EXPECT_EQ(verdict("uring {busy_poll: 2s}"), "uring busy_poll must be from 0s to 1s, not 2s");
    EXPECT_EQ(verdict("uring {receive_buffer_size: 1}"),
              "uring receive_buffer_size must be from 1024 to 1048576, not 1");
}

TEST(NamesTest, PublicKeysCarryKindAndChecksum) {
    constexpr std::string_view kKey = "UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR";
    EXPECT_TRUE(is_public_key(kKey, KeyKind::kUser));
    EXPECT_TRUE(
        is_public_key("UDPGQVFIWZ7Q5UH4I5E6DBCZULQS6VTVBG6CYBD7JV3G3N2GMQOMNAUH", KeyKind::kUser));
    EXPECT_FALSE(is_public_key(kKey, KeyKind::kAccount));
    std::string wrong(kKey);
    wrong[20] = 'Q';
    EXPECT_FALSE(is_public_key(wrong, KeyKind::kUser));
    EXPECT_FALSE(is_public_key("", KeyKind::kUser));
    EXPECT_FALSE(is_public_key(std::string(56, '1'), KeyKind::kUser));
    EXPECT_FALSE(is_public_key("SUAPM67TC4RHQLKBX55NIQXSMATZDOZK6FNEOSS36CAYA7F7TY66LP4BOM",
                               KeyKind::kUser));
}

}  // namespace
}  // namespace nuring::config
