// SPDX-License-Identifier: Apache-2.0
// The head of a request to the WebSocket port, of anybody, and of an answer to a server that dials.
// Input: a byte that chooses rules, then the head.
#include "proto/http_head.h"
#include "proto/websocket_upgrade.h"

#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    using namespace nuring::proto;
    using nuring::test::require;
    if (size == 0) return 0;
    const std::string_view head = nuring::test::view_of(bytes + 1, size - 1);
    WebsocketOriginRules origins;
    origins.same_origin = (bytes[0] & 1) != 0;
    if ((bytes[0] & 2) != 0)
        origins.allowed.push_back({.scheme = "https", .host = "a.com", .port = "443"});
    WebsocketUpgradeRules rules;
    rules.tls = (bytes[0] & 4) != 0;
    rules.compression = (bytes[0] & 8) != 0;
    rules.origins = &origins;

    const WebsocketUpgrade upgrade = read_websocket_upgrade(head, rules);
    if (upgrade.refusal.empty()) {
        require(upgrade.reason.empty(), "what is granted has no fault");
        require(upgrade.accept.size() == 28, "the accept value is a hash");
        require(upgrade.endpoint != WebsocketEndpoint::kMqtt, "what is off is refused");
        require(make_websocket_answer(upgrade, "").ends_with("\r\n\r\n"), "an answer has an end");
    } else {
        require(upgrade.refusal.starts_with("HTTP/1.1 "), "a refusal is an answer");
        require(upgrade.refusal.size() < 512, "a refusal repeats nothing");
        require(upgrade.refusal.find("\r\n\r\n") != std::string::npos, "and has an end");
    }
    const size_t end = find_http_head_end(head, 0);
    require(end <= head.size(), "a head ends inside of the input");
    require(find_http_head_end(head, end == 0 ? head.size() : end - 1) == end || end == 0,
            "wherever the search begins");

    WebsocketDial dial;
    dial.path = "/leafnode";
    dial.host = "h";
    dial.key = "dGhlIHNhbXBsZSBub25jZQ==";
    dial.compression = rules.compression;
    const WebsocketAnswer answer = read_websocket_answer(head, dial);
    require(!answer.compression || dial.compression, "only what was asked for is agreed");
    return 0;
}
