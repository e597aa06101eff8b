// SPDX-License-Identifier: Apache-2.0
#include "monitor/query.h"

#include <algorithm>
#include <charconv>

#include "core/config/url.h"
#include "fmt/format.h"
#include "proto/quote.h"

namespace nuring::monitor {
namespace {

// In a query a plus is a blank.
std::optional<std::string> decode(std::string_view text) {
    std::string blanks(text);
    std::replace(blanks.begin(), blanks.end(), '+', ' ');
    return config::percent_decode(blanks);
}

template <class Number>
absl::StatusOr<Number> parse_number(std::string_view name, std::string_view text,
                                    std::string_view kind, std::string_view function) {
    if (text.empty()) return Number{0};
    std::string_view digits = text;
    // Go takes a plus sign before signed numbers, from_chars does not.
    if (std::is_signed_v<Number> && digits.size() > 1 && digits[0] == '+' && digits[1] != '-') {
        digits.remove_prefix(1);
    }
    Number number = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool whole = result.ptr == digits.data() + digits.size();
    if (result.ec == std::errc() && whole) return number;
    return absl::InvalidArgumentError(
        fmt::format("Error decoding {} for '{}': strconv.{}: parsing {}: {}", kind, name, function,
                    proto::quote(text),
                    whole && result.ec == std::errc::result_out_of_range ? "value out of range"
                                                                         : "invalid syntax"));
}

}  // namespace

std::string clean_path(std::string_view path) {
    std::vector<std::string_view> parts;
    for (size_t at = 0; at <= path.size();) {
        const size_t end = std::min(path.find('/', at), path.size());
        const std::string_view part = path.substr(at, end - at);
        at = end + 1;
        if (part.empty() || part == ".") continue;
        if (part != "..") {
            parts.push_back(part);
        } else if (!parts.empty()) {
            parts.pop_back();
        }
    }
    std::string clean;
    for (const std::string_view part : parts) clean += fmt::format("/{}", part);
    if (clean.empty() || path.ends_with('/')) clean += '/';
    return clean;
}

Query::Query(std::string_view text) {
    while (!text.empty()) {
        const size_t end = std::min(text.find('&'), text.size());
        const std::string_view pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty() || pair.find(';') != std::string_view::npos) continue;
        const size_t equals = std::min(pair.find('='), pair.size());
        auto name = decode(pair.substr(0, equals));
        auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
        if (name.has_value() && value.has_value()) {
            pairs_.emplace_back(*std::move(name), *std::move(value));
        }
    }
}

std::string_view Query::text(std::string_view name) const {
    const auto found = std::find_if(pairs_.begin(), pairs_.end(),
                                    [name](const auto& pair) { return pair.first == name; });
    return found == pairs_.end() ? std::string_view() : found->second;
}

std::vector<std::string_view> Query::texts(std::string_view name) const {
    std::vector<std::string_view> found;
    for (const auto& pair : pairs_) {
        if (pair.first == name) found.emplace_back(pair.second);
    }
    return found;
}

absl::StatusOr<bool> Query::boolean(std::string_view name) const {
    const std::string_view given = text(name);
    if (given.empty()) return false;
    for (const std::string_view word : {"1", "t", "T", "TRUE", "true", "True"}) {
        if (given == word) return true;
    }
    for (const std::string_view word : {"0", "f", "F", "FALSE", "false", "False"}) {
        if (given == word) return false;
    }
    return absl::InvalidArgumentError(
        fmt::format("Error decoding boolean for '{}': strconv.ParseBool: parsing {}: invalid syntax",
                    name, proto::quote(given)));
}

absl::StatusOr<int64_t> Query::integer(std::string_view name) const {
    return parse_number<int64_t>(name, text(name), "int", "Atoi");
}

absl::StatusOr<uint64_t> Query::number(std::string_view name) const {
    return parse_number<uint64_t>(name, text(name), "uint64", "ParseUint");
}

}  // namespace nuring::monitor
