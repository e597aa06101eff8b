// SPDX-License-Identifier: Apache-2.0
#include "proto/websocket_upgrade.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kUpgradeKey = "dGhlIHNhbXBsZSBub25jZQ==";

struct Request {
    std::string line = "GET / HTTP/1.1";
    std::vector<std::pair<std::string, std::string>> fields = {
        {"Host", "example.com:9222"},
        {"Upgrade", "websocket"},
        {"Connection", "Upgrade"},
        {"Sec-WebSocket-Key", std::string(kUpgradeKey)},
        {"Sec-WebSocket-Version", "13"}};

    Request with(const std::string& name, const std::string& value) const {
        Request changed = *this;
        for (auto& [each, old] : changed.fields) {
            if (each == name) {
                old = value;
                return changed;
            }
        }
        changed.fields.emplace_back(name, value);
        return changed;
    }
    Request without(const std::string& name) const {
        Request changed = *this;
        std::erase_if(changed.fields, [&name](const auto& field) { return field.first == name; });
        return changed;
    }
    Request on(const std::string& path) const {
        Request changed = *this;
        changed.line = "GET " + path + " HTTP/1.1";
        return changed;
    }
    std::string text() const {
        std::string head = line + "\r\n";
        for (const auto& [name, value] : fields)
            head.append(name).append(": ").append(value).append("\r\n");
        return head + "\r\n";
    }
};

WebsocketUpgrade read(const Request& request, const WebsocketUpgradeRules& rules = {}) {
    return read_websocket_upgrade(request.text(), rules);
}

void expect_refusal(const Request& request, const std::string& status, const std::string& reason) {
    const WebsocketUpgrade upgrade = read(request);
    const std::string text = status.substr(4);
    EXPECT_EQ(upgrade.refusal,
              "HTTP/1.1 " + status +
                  "\r\nContent-Type: text/plain; charset=utf-8\r\nSec-Websocket-Version: 13\r\n"
                  "X-Content-Type-Options: nosniff\r\nContent-Length: " +
                  std::to_string(text.size() + 1) + "\r\n\r\n" + text + "\n");
    EXPECT_EQ(upgrade.reason, reason);
    EXPECT_TRUE(upgrade.goes_on);
}

TEST(WebsocketUpgradeTest, TheAnswerIsThatOfNatsServer) {
    EXPECT_EQ(make_websocket_answer(read(Request()), ""),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    const Request full =
        Request()
            .with("Sec-WebSocket-Extensions", "x-y, Permessage-Deflate; client_max_window_bits")
            .with("Nats-No-Masking", "true");
    EXPECT_EQ(make_websocket_answer(read(full, {.compression = true}), "X-A: b\r\n"),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
              "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
              "client_no_context_takeover\r\n"
              "Nats-No-Masking: true\r\nX-A: b\r\n\r\n");
    EXPECT_FALSE(read(full).compression);
    EXPECT_FALSE(read(Request().with("Nats-No-Masking", "True")).masks_optional);
}

TEST(WebsocketUpgradeTest, RefusalsHaveTheStatusAndReasonOfNatsServer) {
    const Request good;
    expect_refusal(good.on("/mqtt"), "404 Not Found", "mqtt websocket endpoint not enabled");
    Request posted = good;
    posted.line = "POST / HTTP/1.1";
    expect_refusal(posted, "405 Method Not Allowed", "request method must be GET");
    Request asked = good;
    asked.line = "HEAD / HTTP/1.1";
    EXPECT_TRUE(read(asked).refusal.ends_with("\r\nContent-Length: 19\r\n\r\n"));  // no body
    expect_refusal(good.with("Host", ""), "400 Bad Request", "'Host' missing in request");
    expect_refusal(good.with("Upgrade", "websockets"), "400 Bad Request",
                   "invalid value for header 'Upgrade'");
    expect_refusal(good.without("Upgrade"), "400 Bad Request",
                   "invalid value for header 'Upgrade'");
    expect_refusal(good.with("Connection", "keep-alive"), "400 Bad Request",
                   "invalid value for header 'Connection'");
    expect_refusal(good.without("Sec-WebSocket-Key"), "400 Bad Request", "key missing");
    for (const char* key :
         {"x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==A",
          "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25!ZQ==", "dGhl IHNh bXBs ZSBu bw=="}) {
        expect_refusal(good.with("Sec-WebSocket-Key", key), "400 Bad Request",
                       "invalid websocket key");
    }
    expect_refusal(good.with("Sec-WebSocket-Version", "8"), "400 Bad Request", "invalid version");
    expect_refusal(good.without("Sec-WebSocket-Version"), "400 Bad Request", "invalid version");
}

TEST(WebsocketUpgradeTest, WordsAreFoundInListsAndInAnyCase) {
    Request request =
        Request().with("Upgrade", "h2c,\tWebSocket ").with("Connection", "keep-alive, upgrade");
    request = request.with("Sec-WebSocket-Version", "8, 13");
    EXPECT_EQ(read(request).refusal, "");
    Request lower;
    for (auto& [name, value] : lower.fields) {
        for (char& c : name) c = static_cast<char>(tolower(c));
    }
    EXPECT_EQ(read(lower).refusal, "");
    Request old = Request();
    old.line = "GET / HTTP/1.0";
    EXPECT_EQ(read(old).refusal, "");
}

TEST(WebsocketUpgradeTest, WhatIsNoHttpIsRefusedWithoutALogLine) {
    const WebsocketUpgrade no_http = read_websocket_upgrade("hello\r\n\r\n", {});
    EXPECT_TRUE(no_http.refusal.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    EXPECT_EQ(no_http.reason, "");
    EXPECT_FALSE(no_http.goes_on);
    const WebsocketUpgrade no_host = read(Request().without("Host"));
    EXPECT_TRUE(
        no_host.refusal.starts_with("HTTP/1.1 400 Bad Request: missing required Host header\r\n"));
    EXPECT_EQ(no_host.reason, "");
    EXPECT_TRUE(refuse_long_websocket_head().starts_with("HTTP/1.1 431 "));
}

TEST(WebsocketUpgradeTest, TheEndOfThePathDecides) {
    EXPECT_EQ(read(Request().on("/a/leafnode?x=/mqtt")).endpoint, WebsocketEndpoint::kLeafnode);
    EXPECT_EQ(read(Request().on("/leafnode/a")).endpoint, WebsocketEndpoint::kClient);
    EXPECT_EQ(read(Request().on("/leafnode#a")).endpoint, WebsocketEndpoint::kClient);
    EXPECT_EQ(read(Request().on("http://h/leafnode")).endpoint, WebsocketEndpoint::kLeafnode);
    const WebsocketUpgrade mqtt = read(Request().on("/x/mqtt"), {.mqtt = true});
    EXPECT_EQ(mqtt.endpoint, WebsocketEndpoint::kMqtt);
    EXPECT_NE(make_websocket_answer(mqtt, "").find("Sec-Websocket-Protocol: mqtt\r\n"),
              std::string::npos);
}

TEST(WebsocketUpgradeTest, OneForwardedAddressIsTaken) {
    EXPECT_EQ(read(Request().with("X-Forwarded-For", "10.1.2.3")).forwarded_for, "10.1.2.3");
    EXPECT_EQ(read(Request().with("X-Forwarded-For", "2001:db8::1")).forwarded_for, "2001:db8::1");
    for (const char* bad :
         {"", "10.1.2.3, 10.1.2.4", "10.1.2", "host", "[::1]", "10.1.2.3:80", "fe80::1%eth0"}) {
        EXPECT_EQ(read(Request().with("X-Forwarded-For", bad)).forwarded_for, "") << bad;
    }
}

TEST(WebsocketUpgradeTest, CookiesAreReadAsInGo) {
    const WebsocketUpgrade upgrade =
        read(Request().with("Cookie", "a=1; b=\"two words\"; bad name=x; c=\\; a=3;d;e=f=g; =h"));
    EXPECT_EQ(upgrade.cookie("a"), "3");
    EXPECT_EQ(upgrade.cookie("b"), "two words");
    EXPECT_EQ(upgrade.cookie("c"), "");
    EXPECT_EQ(upgrade.cookie("d"), "");
    EXPECT_EQ(upgrade.cookie("e"), "f=g");
    EXPECT_EQ(upgrade.cookie("A"), "");
}

TEST(WebsocketUpgradeTest, BrowsersAreKnownByTheirAgent) {
    EXPECT_FALSE(read(Request()).browser);
    const WebsocketUpgrade chrome =
        read(Request().with("User-Agent", "Mozilla/5.0 Chrome/1 Safari/537"));
    EXPECT_TRUE(chrome.browser);
    EXPECT_FALSE(chrome.whole_messages);
    EXPECT_TRUE(
        read(Request().with("User-Agent", "Mozilla/5.0 Version/17 Safari/605")).whole_messages);
}

std::string refuse_origin(const std::string& origin, bool same,
                          const std::vector<std::string>& allowed, const std::string& host = "h:80",
                          bool tls = false) {
    WebsocketOriginRules rules;
    rules.same_origin = same;
    for (const std::string& text : allowed) {
        WebOrigin read;
        EXPECT_EQ(read_web_origin(text, &read), "");
        rules.allowed.push_back(read);
    }
    const WebsocketUpgrade upgrade =
        read(Request().with("Origin", origin).with("Host", host), {.tls = tls, .origins = &rules});
    if (!upgrade.refusal.empty()) {
        EXPECT_TRUE(upgrade.refusal.starts_with("HTTP/1.1 403 Forbidden\r\n"));
    }
    return upgrade.reason;
}

TEST(WebsocketUpgradeTest, OriginsAreComparedByHostPortAndScheme) {
    const std::string not_same = "origin not allowed: not same origin";
    const std::string not_allowed = "origin not allowed: not in the allowed list";
    EXPECT_EQ(refuse_origin("http://H", true, {}), "");
    EXPECT_EQ(refuse_origin("", true, {}), "");
    EXPECT_EQ(refuse_origin("https://h", true, {}, "h", true), "");
    EXPECT_EQ(refuse_origin("http://h:81", true, {}), not_same);
    EXPECT_EQ(refuse_origin("http://other", true, {}), not_same);
    EXPECT_EQ(refuse_origin("https://h:80", true, {}), not_same);  // the scheme counts
    EXPECT_EQ(refuse_origin("https://h:443", true, {}, "h:443", false), not_same);
    EXPECT_EQ(refuse_origin("http://[::1]:80", true, {}, "[::1]"), "");

    const std::vector<std::string> list = {"https://a.com", "http://a.com:8080", "http://b.com"};
    EXPECT_EQ(refuse_origin("https://A.com:443", false, list), "");
    EXPECT_EQ(refuse_origin("http://a.com:8080", false, list),
              "");  // not only the last of one host
    EXPECT_EQ(refuse_origin("http://a.com", false, list), not_allowed);
    EXPECT_EQ(refuse_origin("https://b.com:80", false, list), not_allowed);
    EXPECT_EQ(refuse_origin("http://b.com", true, list), not_same);  // both must hold
    EXPECT_EQ(refuse_origin("anything", false, {}), "");
}

TEST(WebsocketUpgradeTest, WhatIsNoOriginIsRefusedInTheWordsOfGo) {
    EXPECT_EQ(refuse_origin("null", true, {}),
              "origin not allowed: parse \"null\": invalid URI for request");
    EXPECT_EQ(refuse_origin("localhost", true, {}),
              "origin not allowed: parse \"localhost\": invalid URI for request");
    EXPECT_EQ(refuse_origin("http://a:b", true, {}),
              "origin not allowed: parse \"http://a:b\": invalid port \":b\" after host");
    EXPECT_EQ(refuse_origin("http://a:1:2", true, {}),
              "origin not allowed: address a:1:2: too many colons in address");
}

TEST(WebsocketDialTest, RequestAndAnswerFitTogether) {
    for (const bool compression : {false, true}) {
        for (const bool no_masking : {false, true}) {
            WebsocketDial dial;
            dial.path = "/x/leafnode";
            dial.host = "h:443";
            dial.key = make_websocket_key("0123456789abcdef");
            dial.compression = compression;
            dial.no_masking = no_masking;
            const std::string request = make_websocket_request(dial);
            const WebsocketUpgrade upgrade = read_websocket_upgrade(request, {.compression = true});
            ASSERT_EQ(upgrade.refusal, "");
            EXPECT_EQ(upgrade.endpoint, WebsocketEndpoint::kLeafnode);
            const WebsocketAnswer answer =
                read_websocket_answer(make_websocket_answer(upgrade, ""), dial);
            EXPECT_EQ(answer.error, "");
            EXPECT_EQ(answer.compression, compression);
            EXPECT_EQ(answer.no_masking, no_masking);
        }
    }
}

TEST(WebsocketDialTest, WrongAnswersAreRefused) {
    WebsocketDial dial;
    dial.path = "/leafnode";
    dial.host = "h";
    dial.key = kUpgradeKey;
    dial.compression = true;
    const std::string good =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    EXPECT_EQ(read_websocket_answer(good + "\r\n", dial).error, "");
    const auto changed = [&good](std::string_view from, std::string_view to) {
        std::string text = good;
        return text.replace(text.find(from), from.size(), to) + "\r\n";
    };
    for (const std::string& bad : {std::string(), std::string("\r\n\r\n"), changed("101", "200"),
                                   changed("101 ", "1011 "), changed("HTTP/1.1", "HTTP/2.0"),
                                   changed("websocket", "h2c"), changed("n: Upgrade", "n: close"),
                                   changed("s3p", "S3p"), changed("Upgrade:", "Up grade:")}) {
        EXPECT_EQ(read_websocket_answer(bad, dial).error, "invalid websocket connection") << bad;
    }
    const std::string half =
        "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n";
    EXPECT_EQ(read_websocket_answer(good + half, dial).error, "compression negotiation error");
    dial.compression = false;
    EXPECT_EQ(
        read_websocket_answer(good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", dial)
            .error,
        "compression negotiation error");
}

}  // namespace
}  // namespace nuring::proto
