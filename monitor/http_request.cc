// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_request.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "fmt/format.h"

namespace nuring::monitor {
namespace {

constexpr std::string_view kBadRequest = "400 Bad Request";
constexpr int kOk = 200;
constexpr int kBadRequestStatus = 400;
constexpr int kExpectationFailed = 417;

struct Field {
    std::string_view name;
    std::string value;
};

std::string refuse(std::string_view status, std::string_view body) {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{}",
        status, body);
}
std::string refuse(std::string_view text) {
    return refuse(text, text);
}

std::string_view stripped(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return absl::ascii_tolower(static_cast<unsigned char>(x)) ==
               absl::ascii_tolower(static_cast<unsigned char>(y));
    });
}

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool is_host(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
               std::string_view("!$%&'()*+,-.:;=[]_~").find(c) != std::string_view::npos;
    });
}

bool is_field_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return (absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t');
    });
}

std::string_view next_line(std::string_view* rest) {
    const size_t end = std::min(rest->find('\n'), rest->size());
    std::string_view line = rest->substr(0, end);
    rest->remove_prefix(std::min(end + 1, rest->size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// The lines after the first; a line that begins with a blank continues the one before.
std::optional<std::vector<Field>> read_fields(std::string_view rest) {
    std::vector<Field> fields;
    while (!rest.empty()) {
        const std::string_view line = next_line(&rest);
        if (line.empty()) break;
        if (line.front() == ' ' || line.front() == '\t') {
            if (fields.empty()) return std::nullopt;
            fields.back().value += ' ';
            fields.back().value += stripped(line);
            continue;
        }
        const size_t colon = line.find(':');
        const std::string_view name = line.substr(0, colon);
        // Blanks in a name are refused later, in other words.
        const bool readable = std::all_of(name.begin(), name.end(), [](const char& c) {
            return c == ' ' || is_token({&c, 1});
        });
        if (colon == std::string_view::npos || name.empty() || !readable) return std::nullopt;
        fields.push_back({.name = name, .value = {}});
        fields.back().value = stripped(line.substr(colon + 1));
    }
    return fields;
}

std::vector<std::string_view> values_of(const std::vector<Field>& fields, std::string_view name) {
    std::vector<std::string_view> values;
    for (const Field& field : fields) {
        if (same(field.name, name)) values.emplace_back(field.value);
    }
    return values;
}

bool has_word(const std::vector<Field>& fields, std::string_view name, std::string_view word) {
    for (const std::string_view value : values_of(fields, name)) {
        for (size_t at = 0; at <= value.size();) {
            const size_t end = std::min(value.find(',', at), value.size());
            if (same(stripped(value.substr(at, end - at)), word)) return true;
            at = end + 1;
        }
    }
    return false;
}

// Path and query of a target in any of its forms; nothing if it has none of them.
std::optional<std::string_view> origin_form(std::string_view target) {
    if (target.starts_with('/')) return target;
    const size_t scheme = target.find("://");
    if (scheme == 0 || scheme == std::string_view::npos) return std::nullopt;
    const size_t path = target.find_first_of("/?", scheme + 3);
    if (path == std::string_view::npos || target[path] == '?') return "/";
    return target.substr(path);
}

// Whether a body follows; a refusal if that cannot be told.
std::string read_transfer(const std::vector<Field>& fields, bool old, bool* has_body) {
    const auto encodings = values_of(fields, "Transfer-Encoding");
    if (!old && !encodings.empty()) {
        if (encodings.size() > 1 || !same(encodings.front(), "chunked")) {
            return refuse("501 Not Implemented", "Unsupported transfer encoding");
        }
        *has_body = true;
        return {};
    }
    const auto lengths = values_of(fields, "Content-Length");
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

std::string check_fields(const std::vector<Field>& fields, bool host_needed) {
    const auto hosts = values_of(fields, "Host");
    if (hosts.empty() && host_needed)
        return refuse("400 Bad Request: missing required Host header");
    if (!hosts.empty() && !is_host(hosts.front())) {
        return refuse("400 Bad Request: malformed Host header");
    }
    for (const Field& field : fields) {
        if (!is_token(field.name)) return refuse("400 Bad Request: invalid header name");
        if (!is_field_value(field.value)) return refuse("400 Bad Request: invalid header value");
    }
    return {};
}

// "HTTP/1.1": its major and minor version; nothing if it is none.
struct Version {
    char major;
    char minor;
};
std::optional<Version> read_version(std::string_view text) {
    const auto digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
    if (text.size() != 8 || !text.starts_with("HTTP/") || !digit(text[5]) || text[6] != '.' ||
        !digit(text[7])) {
        return std::nullopt;
    }
    return Version{.major = text[5], .minor = text[7]};
}

}  // namespace

HttpRequest read_http_request(std::string_view head) {
    HttpRequest request;
    const auto refused = [&request](std::string refusal) {
        request.refusal = std::move(refusal);
        request.goes_on = false;
        return request;
    };
    const std::string_view line = next_line(&head);
    const size_t first = line.find(' ');
    const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) return refused(refuse(kBadRequest));
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, second - first - 1);
    const std::optional<Version> version = read_version(line.substr(second + 1));
    const std::optional<std::string_view> origin = origin_form(target);
    const std::optional<std::vector<Field>> fields = read_fields(head);
    if (!is_token(method) || !version || (!origin && target != "*") || !is_field_value(target) ||
        !fields || values_of(*fields, "Host").size() > 1) {
        return refused(refuse(kBadRequest));
    }
    request.old = version->major == '1' && version->minor == '0';
    if (auto why = read_transfer(*fields, request.old, &request.has_body); !why.empty()) {
        return refused(std::move(why));
    }
    const bool preface =
        method == "PRI" && target == "*" && version->major == '2' && version->minor == '0';
    if (version->major != '1' && !preface) {
        return refused(refuse("505 HTTP Version Not Supported: unsupported protocol version"));
    }
    const bool host_needed = !request.old && method != "CONNECT" && !(preface && fields->empty());
    if (auto why = check_fields(*fields, host_needed); !why.empty()) {
        return refused(std::move(why));
    }
    request.goes_on = !request.has_body && !has_word(*fields, "Connection", "close") &&
                      (!request.old || has_word(*fields, "Connection", "keep-alive"));
    request.head = method == "HEAD";
    if (!values_of(*fields, "Expect").empty() && !has_word(*fields, "Expect", "100-continue")) {
        request.empty_status = kExpectationFailed;
        request.goes_on = false;
    } else if (target == "*") {
        request.empty_status = method == "OPTIONS" ? kOk : kBadRequestStatus;
        request.goes_on = request.goes_on && method == "OPTIONS";
    } else {
        request.target = *origin;
    }
    return request;
}

}  // namespace nuring::monitor
