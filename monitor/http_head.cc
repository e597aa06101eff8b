// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_head.h"

#include <algorithm>

namespace nuring::monitor {
namespace {

constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // in a token: RFC 9110, 5.6.2

bool is_method(std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kMarks.find(c) != std::string_view::npos;
    });
}

// "http://host:port/varz?a" -> "/varz?a"
std::string_view path_of(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        target.remove_prefix(scheme.size());
        const size_t path = target.find('/');
        return path == std::string_view::npos ? "/" : target.substr(path);
    }
    return target;
}

}  // namespace

std::string plain_head(std::string_view head) {
    std::string plain;
    plain.reserve(head.size() + 64);
    const std::string_view line = head.substr(0, head.find('\n'));
    const size_t method_end = line.find(' ');
    const size_t target_end =
        method_end == std::string_view::npos ? method_end : line.find(' ', method_end + 1);
    if (target_end != std::string_view::npos && is_method(line.substr(0, method_end))) {
        plain += line.substr(0, method_end) == "HEAD" ? "HEAD " : "GET ";
        plain += path_of(line.substr(method_end + 1, target_end - method_end - 1));
        head.remove_prefix(target_end);
    }
    for (const char c : head) {
        if (c == '\n' && (plain.empty() || plain.back() != '\r')) plain += '\r';
        plain += c;
    }
    return plain;
}

}  // namespace nuring::monitor
