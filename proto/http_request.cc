// SPDX-License-Identifier: Apache-2.0
#include "proto/http_request.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "proto/http_head.h"

namespace nuring::proto {
namespace {

constexpr std::string_view kBadRequest = "400 Bad Request";
constexpr int kOk = 200;
constexpr int kBadRequestStatus = 400;
constexpr int kExpectationFailed = 417;

std::string refuse(std::string_view status, std::string_view body) {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{}",
        status, body);
}
std::string refuse(std::string_view text) {
    return refuse(text, text);
}

// Whether a body follows; a refusal if that is not clear.
std::string read_transfer(const HttpFields& fields, bool old, bool* has_body) {
    const auto encodings = fields.values("Transfer-Encoding");
    if (!old && !encodings.empty()) {
        if (encodings.size() > 1 || !same_http_word(encodings.front(), "chunked")) {
            return refuse("501 Not Implemented", "Unsupported transfer encoding");
        }
        *has_body = true;
        return {};
    }
    const auto lengths = fields.values("Content-Length");
    if (lengths.empty()) return {};
    const std::string_view digits = lengths.front();
    uint64_t length = 0;
    const bool equal = std::all_of(lengths.begin(), lengths.end(),
                                   [digits](std::string_view other) { return other == digits; });
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    const bool number = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size() &&
                        length <= INT64_MAX;
    if (!equal || !number) return refuse(kBadRequest);
    *has_body = length != 0;
    return {};
}

std::string check_fields(const HttpFields& fields, bool host_needed) {
    const auto hosts = fields.values("Host");
    if (hosts.empty() && host_needed)
        return refuse("400 Bad Request: missing required Host header");
    if (!hosts.empty() && !is_http_host(hosts.front())) {
        return refuse("400 Bad Request: malformed Host header");
    }
    if (fields.has_faulty_name()) return refuse("400 Bad Request: invalid header name");
    if (fields.has_faulty_value()) return refuse("400 Bad Request: invalid header value");
    return {};
}

}  // namespace

HttpRequest read_http_request(std::string_view head) {
    HttpRequest request;
    const auto refused = [&request](std::string refusal) {
        request.refusal = std::move(refusal);
        request.goes_on = false;
        return request;
    };
    const auto line = read_http_request_line(take_http_line(&head));
    if (!line) return refused(refuse(kBadRequest));
    const auto [method, target, version] = *line;
    const std::optional<std::string_view> origin = http_origin_form(target);
    std::optional<HttpFields> fields = HttpFields::read(head);
    if ((!origin && target != "*") || !fields || fields->values("Host").size() > 1) {
        return refused(refuse(kBadRequest));
    }
    request.old = version.is('1', '0');
    if (auto why = read_transfer(*fields, request.old, &request.has_body); !why.empty()) {
        return refused(std::move(why));
    }
    const bool preface = method == "PRI" && target == "*" && version.is('2', '0');
    if (version.major != '1' && !preface) {
        return refused(refuse("505 HTTP Version Not Supported: unsupported protocol version"));
    }
    const bool host_needed = !request.old && method != "CONNECT" && !(preface && fields->empty());
    if (auto why = check_fields(*fields, host_needed); !why.empty()) {
        return refused(std::move(why));
    }
    request.goes_on = !request.has_body && !fields->has_word("Connection", "close") &&
                      (!request.old || fields->has_word("Connection", "keep-alive"));
    request.head = method == "HEAD";
    if (fields->has("Expect") && !fields->has_word("Expect", "100-continue")) {
        request.empty_status = kExpectationFailed;
        request.goes_on = false;
    } else if (target == "*") {
        request.empty_status = method == "OPTIONS" ? kOk : kBadRequestStatus;
        request.goes_on = request.goes_on && method == "OPTIONS";
    } else {
        request.target = *origin;
    }
    request.method = method;
    request.fields = *std::move(fields);
    return request;
}

}  // namespace nuring::proto
