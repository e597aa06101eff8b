// SPDX-License-Identifier: Apache-2.0
#include "proto/http_head.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace nuring::proto {
namespace {

bool is_alphanumeric(char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c));
}

// Each % of the path must begin two hexadecimal digits; of the query nobody asks.
bool has_good_escapes(std::string_view path) {
    path = path.substr(0, path.find('?'));
    for (size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
        const auto digit = [path](size_t i) {
            return i < path.size() && absl::ascii_isxdigit(static_cast<unsigned char>(path[i]));
        };
        if (!digit(at + 1) || !digit(at + 2)) return false;
    }
    return true;
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

bool same_http_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return absl::ascii_tolower(static_cast<unsigned char>(x)) ==
               absl::ascii_tolower(static_cast<unsigned char>(y));
    });
}

bool is_http_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) ||
               std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

bool is_http_host(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) ||
               std::string_view("!$%&'()*+,-.:;=[]_~").find(c) != std::string_view::npos;
    });
}

bool is_http_field_value(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t';
    });
}

std::string_view take_http_line(std::string_view* rest) {
    const size_t end = std::min(rest->find('\n'), rest->size());
    std::string_view line = rest->substr(0, end);
    rest->remove_prefix(std::min(end + 1, rest->size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::optional<HttpFields> HttpFields::read(std::string_view lines) {
    HttpFields fields;
    while (!lines.empty()) {
        const std::string_view line = take_http_line(&lines);
        if (line.empty()) break;
        if (line.front() == ' ' || line.front() == '\t') {
            if (fields.fields_.empty()) return std::nullopt;
            fields.fields_.back().value += ' ';
            fields.fields_.back().value += without_blanks(line);
            continue;
        }
        const size_t colon = line.find(':');
        const std::string_view name = line.substr(0, colon);
        const bool readable = std::all_of(name.begin(), name.end(), [](const char& c) {
            return c == ' ' || is_http_token({&c, 1});
        });
        if (colon == std::string_view::npos || name.empty() || !readable) return std::nullopt;
        fields.fields_.push_back({.name = name, .value = {}});
        fields.fields_.back().value = without_blanks(line.substr(colon + 1));
    }
    return fields;
}

std::vector<std::string_view> HttpFields::values(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const HttpField& field : fields_) {
        if (same_http_word(field.name, name)) values.emplace_back(field.value);
    }
    return values;
}

std::string_view HttpFields::value(std::string_view name) const {
    for (const HttpField& field : fields_) {
        if (same_http_word(field.name, name)) return field.value;
    }
    return {};
}

bool HttpFields::has_word(std::string_view name, std::string_view word) const {
    for (const std::string_view value : values(name)) {
        for (size_t at = 0; at <= value.size();) {
            const size_t end = std::min(value.find(',', at), value.size());
            if (same_http_word(without_blanks(value.substr(at, end - at)), word)) return true;
            at = end + 1;
        }
    }
    return false;
}

bool HttpFields::has_faulty_name() const {
    return std::any_of(fields_.begin(), fields_.end(),
                       [](const HttpField& field) { return !is_http_token(field.name); });
}

bool HttpFields::has_faulty_value() const {
    return std::any_of(fields_.begin(), fields_.end(),
                       [](const HttpField& field) { return !is_http_field_value(field.value); });
}

std::optional<HttpVersion> read_http_version(std::string_view text) {
    const auto digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
    if (text.size() != 8 || !text.starts_with("HTTP/") || !digit(text[5]) || text[6] != '.' ||
        !digit(text[7])) {
        return std::nullopt;
    }
    return HttpVersion{.major = text[5], .minor = text[7]};
}

std::optional<HttpRequestLine> read_http_request_line(std::string_view line) {
    const size_t first = line.find(' ');
    const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    const std::optional<HttpVersion> version = read_http_version(line.substr(second + 1));
    HttpRequestLine read;
    read.method = line.substr(0, first);
    read.target = line.substr(first + 1, second - first - 1);
    if (!version || !is_http_token(read.method) || !is_http_field_value(read.target))
        return std::nullopt;
    read.version = *version;
    return read;
}

std::optional<std::string_view> http_origin_form(std::string_view target) {
    if (!has_good_escapes(target)) return std::nullopt;
    if (target.starts_with('/')) return target;
    const size_t scheme = target.find("://");
    if (scheme == 0 || scheme == std::string_view::npos) return std::nullopt;
    const size_t path = target.find_first_of("/?", scheme + 3);
    if (path == std::string_view::npos || target[path] == '?') return "/";
    return target.substr(path);
}

size_t find_http_head_end(std::string_view input, size_t scanned) {
    const size_t from = scanned < 3 ? 0 : scanned - 3;
    size_t size = 0;
    for (const std::string_view end : {"\n\r\n", "\n\n"}) {
        const size_t at = input.find(end, from);
        if (at == std::string_view::npos) continue;
        if (size == 0 || at + end.size() < size) size = at + end.size();
    }
    return size;
}

}  // namespace nuring::proto
