// SPDX-License-Identifier: Apache-2.0
#include "proto/websocket_upgrade.h"

#include <arpa/inet.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <string>

#include "absl/strings/escaping.h"
#include "fmt/format.h"
#include "proto/http_head.h"
#include "proto/http_request.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kAcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view kExtension = "permessage-deflate";
constexpr std::string_view kServerWindow = "server_no_context_takeover";
constexpr std::string_view kClientWindow = "client_no_context_takeover";
constexpr std::string_view kServerWindowBits = "server_max_window_bits";
constexpr std::string_view kNoMasking = "Nats-No-Masking";
constexpr std::string_view kVersion = "13";
constexpr size_t kKeySize = 24;  // of base64, for kWebsocketNonceSize bytes
constexpr int kSwitchingProtocols = 101;

// The words of a list, without blanks around them.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> words;
    for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find(separator, at), text.size());
        words.push_back(without_blanks(text.substr(at, end - at)));
        at = end + 1;
    }
    return words;
}

struct Extension {
    bool named = false;
    bool without_takeover = false;
};

// The first permessage-deflate of all values. Of offers: that leaves the server's window to the server. A
// smaller one is not made here, and RFC 7692, 7.1.2.1, has such an offer declined.
Extension find_extension(const HttpFields& fields, bool is_offer) {
    for (const std::string_view value : fields.values("Sec-WebSocket-Extensions")) {
        for (const std::string_view one : split(value, ',')) {
            const std::vector<std::string_view> words = split(one, ';');
            if (!same_http_word(words.front(), kExtension)) continue;
            const auto has = [&words](std::string_view name) {
                return std::any_of(words.begin() + 1, words.end(), [name](std::string_view word) {
                    return same_http_word(word, name);
                });
            };
            const bool asks_for_window =
                is_offer && std::any_of(words.begin() + 1, words.end(), [](std::string_view word) {
                    return same_http_word(word.substr(0, word.find('=')), kServerWindowBits);
                });
            if (asks_for_window) continue;
            return {.named = true, .without_takeover = has(kServerWindow) && has(kClientWindow)};
        }
    }
    return {};
}

// 16 bytes in base64, with its padding.
bool is_key(std::string_view text) {
    if (text.size() != kKeySize || !text.ends_with("==")) return false;
    std::string decoded;
    return absl::Base64Unescape({text.data(), text.size()}, &decoded) &&
           decoded.size() == kWebsocketNonceSize;
}

bool is_address(const std::string& text) {
    in6_addr address;
    return inet_pton(AF_INET, text.c_str(), &address) == 1 ||
           inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

bool is_cookie_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c >= 0x20 && c < 0x7f && c != '"' && c != ';' && c != '\\';
    });
}

std::vector<std::pair<std::string, std::string>> read_cookies(const HttpFields& fields) {
    std::vector<std::pair<std::string, std::string>> cookies;
    for (const std::string_view line : fields.values("Cookie")) {
        for (const std::string_view part : split(line, ';')) {
            const size_t equal = part.find('=');
            const std::string_view name = without_blanks(part.substr(0, equal));
            std::string_view value = equal == std::string_view::npos ? "" : part.substr(equal + 1);
            if (value.size() > 1 && value.starts_with('"') && value.ends_with('"')) {
                value = value.substr(1, value.size() - 2);
            }
            if (is_http_token(name) && is_cookie_value(value)) cookies.emplace_back(name, value);
        }
    }
    return cookies;
}

std::string_view status_text(int status) {
    switch (status) {
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        default:
            return "Bad Request";
    }
}

WebsocketUpgrade refuse(const HttpRequest& request, int status, std::string reason) {
    WebsocketUpgrade upgrade;
    const std::string_view text = status_text(status);
    upgrade.refusal = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nSec-Websocket-Version: 13\r\n"
        "X-Content-Type-Options: nosniff\r\nContent-Length: {}\r\n{}\r\n",
        status, text, text.size() + 1, request.goes_on ? "" : "Connection: close\r\n");
    // A body behind the answer to HEAD would be taken for the next answer.
    if (!request.head) upgrade.refusal.append(text).append("\n");
    upgrade.reason = std::move(reason);
    upgrade.goes_on = request.goes_on;
    return upgrade;
}

WebsocketEndpoint endpoint_of(std::string_view target) {
    const std::string_view path = target.substr(0, target.find('?'));
    if (path.ends_with("/leafnode")) return WebsocketEndpoint::kLeafnode;
    if (path.ends_with("/mqtt")) return WebsocketEndpoint::kMqtt;
    return WebsocketEndpoint::kClient;
}

// Status and reason of a refusal, in the order of nats-server's checks; 0: none.
std::pair<int, std::string> check(const HttpRequest& request, const WebsocketUpgradeRules& rules) {
    const HttpFields& fields = request.fields;
    const std::string_view host = fields.value("Host");
    if (endpoint_of(request.target) == WebsocketEndpoint::kMqtt && !rules.mqtt) {
        return {404, "mqtt websocket endpoint not enabled"};
    }
    if (request.method != "GET") return {405, "request method must be GET"};
    if (host.empty()) return {400, "'Host' missing in request"};
    if (!fields.has_word("Upgrade", "websocket")) {
        return {400, "invalid value for header 'Upgrade'"};
    }
    if (!fields.has_word("Connection", "Upgrade")) {
        return {400, "invalid value for header 'Connection'"};
    }
    const std::string_view key = fields.value("Sec-WebSocket-Key");
    if (key.empty()) return {400, "key missing"};
    if (!is_key(key)) return {400, "invalid websocket key"};
    if (!fields.has_word("Sec-WebSocket-Version", kVersion)) return {400, "invalid version"};
    if (rules.origins == nullptr) return {0, ""};
    std::string_view origin = fields.value("Origin");
    if (origin.empty()) origin = fields.value("Sec-WebSocket-Origin");
    const std::string why = refuse_web_origin(*rules.origins, origin, host, rules.tls);
    if (!why.empty()) return {403, "origin not allowed: " + why};
    return {0, ""};
}

}  // namespace

std::string_view WebsocketUpgrade::cookie(std::string_view name) const {
    for (auto each = cookies.rbegin(); each != cookies.rend(); ++each) {
        if (each->first == name) return each->second;
    }
    return {};
}

std::string websocket_accept(std::string_view key) {
    std::string text(key);
    text += kAcceptSuffix;
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return absl::Base64Escape({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

WebsocketUpgrade read_websocket_upgrade(std::string_view head, const WebsocketUpgradeRules& rules) {
    const HttpRequest request = read_http_request(head);
    WebsocketUpgrade upgrade;
    if (!request.refusal.empty()) {
        upgrade.refusal = request.refusal;
        return upgrade;
    }
    if (request.target.empty()) {  // "*", or an "Expect" of something else
        const bool failed = request.empty_status == 417;
        upgrade.refusal =
            fmt::format("HTTP/1.1 {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                        failed                        ? "417 Expectation Failed"
                        : request.empty_status == 200 ? "200 OK"
                                                      : "400 Bad Request");
        return upgrade;
    }
    auto [status, reason] = check(request, rules);
    if (status != 0) return refuse(request, status, std::move(reason));
    const HttpFields& fields = request.fields;
    upgrade.endpoint = endpoint_of(request.target);
    upgrade.accept = websocket_accept(fields.value("Sec-WebSocket-Key"));
    upgrade.compression = rules.compression && find_extension(fields, /*is_offer=*/true).named;
    upgrade.masks_optional = fields.value(kNoMasking) == "true";
    const std::string_view agent = fields.value("User-Agent");
    upgrade.browser = agent.starts_with("Mozilla/");
    upgrade.whole_messages = upgrade.browser && agent.find("Version/") != agent.npos &&
                             agent.find("Safari/") != agent.npos;
    const std::string forwarded(fields.value("X-Forwarded-For"));
    if (is_address(forwarded)) upgrade.forwarded_for = forwarded;
    upgrade.cookies = read_cookies(fields);
    return upgrade;
}

std::string refuse_long_websocket_head() {
    return "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; "
           "charset=utf-8\r\n"
           "Connection: close\r\n\r\n431 Request Header Fields Too Large";
}

std::string make_websocket_answer(const WebsocketUpgrade& upgrade,
                                  std::string_view further_fields) {
    assert(upgrade.refusal.empty());
    assert(further_fields.empty() || further_fields.ends_with("\r\n"));
    std::string answer = fmt::format(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: {}\r\n",
        upgrade.accept);
    if (upgrade.compression) {
        answer += fmt::format("Sec-WebSocket-Extensions: {}; {}; {}\r\n", kExtension, kServerWindow,
                              kClientWindow);
    }
    if (upgrade.masks_optional) answer += fmt::format("{}: true\r\n", kNoMasking);
    if (upgrade.endpoint == WebsocketEndpoint::kMqtt) answer += "Sec-Websocket-Protocol: mqtt\r\n";
    answer += further_fields;
    return answer += "\r\n";
}

std::string make_websocket_key(std::string_view nonce) {
    assert(nonce.size() == kWebsocketNonceSize);
    return absl::Base64Escape({nonce.data(), nonce.size()});
}

std::string make_websocket_request(const WebsocketDial& dial) {
    assert(dial.path.starts_with('/'));
    std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: {}\r\n",
        dial.path, dial.host, dial.key, kVersion);
    if (dial.compression) {
        request += fmt::format("Sec-WebSocket-Extensions: {}; {}; {}\r\n", kExtension,
                               kServerWindow, kClientWindow);
    }
    if (dial.no_masking) request += fmt::format("{}: true\r\n", kNoMasking);
    return request += "\r\n";
}

WebsocketAnswer read_websocket_answer(std::string_view head, const WebsocketDial& dial) {
    WebsocketAnswer answer;
    answer.error = "invalid websocket connection";
    const std::string_view line = take_http_line(&head);
    const std::optional<HttpVersion> version = read_http_version(line.substr(0, line.find(' ')));
    const std::string status = fmt::format(" {}", kSwitchingProtocols);
    if (!version || version->major != '1' || line.size() < 12 || line.substr(8, 4) != status ||
        (line.size() > 12 && line[12] != ' ')) {
        return answer;
    }
    const std::optional<HttpFields> fields = HttpFields::read(head);
    if (!fields || fields->has_faulty_name() || fields->has_faulty_value() ||
        !same_http_word(fields->value("Upgrade"), "websocket") ||
        !fields->has_word("Connection", "Upgrade") ||
        fields->value("Sec-WebSocket-Accept") != websocket_accept(dial.key)) {
        return answer;
    }
    const Extension extension = find_extension(*fields, /*is_offer=*/false);
    if (extension.named && (!dial.compression || !extension.without_takeover)) {
        answer.error = "compression negotiation error";
        return answer;
    }
    answer.error.clear();
    answer.compression = extension.named;
    answer.no_masking = dial.no_masking && fields->value(kNoMasking) == "true";
    return answer;
}

}  // namespace nuring::proto
