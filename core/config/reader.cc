// SPDX-License-Identifier: Apache-2.0
#include "core/config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/config/duration.h"
#include "core/config/text.h"
#include "core/config/url.h"

namespace nuring::config {
namespace {

using std::chrono::nanoseconds;

constexpr int kPortMax = 65535;
constexpr int64_t kNsPerSecond = 1000 * 1000 * 1000;

// Calls use(name) for each name of a row until it returns true.
template <typename Use>
bool any_name(std::string_view names, Use use) {
    while (!names.empty()) {
        const size_t space = names.find(' ');
        if (use(names.substr(0, space))) return true;
        names.remove_prefix(space == std::string_view::npos ? names.size() : space + 1);
    }
    return false;
}

// Edits between two words, a swap of neighbours counting as one (optimal string alignment).
size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
    for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            cost[i][j] =
                std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[a.size()][b.size()];
}

// The known name next to the key, if it is near enough to be what was meant.
std::string_view nearest(std::string_view key, const std::vector<std::string_view>& known) {
    constexpr size_t kKeyMax = 64;  // nobody mistypes longer ones
    if (key.size() > kKeyMax) return {};
    std::string_view best;
    size_t best_distance = key.size() < 4 ? 2 : key.size() < 8 ? 3 : 4;  // must be below
    for (const std::string_view names : known) {
        any_name(names, [&](std::string_view name) {
            const size_t edits = distance(key, name);
            if (edits < best_distance) {
                best = name;
                best_distance = edits;
            }
            return false;
        });
    }
    return best;
}

// Go's net.SplitHostPort.
bool split_host_port(std::string_view text, std::string* host, std::string_view* port) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    std::string_view front = text.substr(0, colon);
    if (front.starts_with('[')) {
        if (!front.ends_with(']')) return false;
        front = front.substr(1, front.size() - 2);
    } else if (front.find(':') != std::string_view::npos) {
        return false;  // IPv6 without brackets
    }
    if (front.find_first_of("[]") != std::string_view::npos) return false;
    *host = front;
    *port = text.substr(colon + 1);
    return true;
}

bool is_port(int64_t number) {
    return number >= kPortRandom && number <= kPortMax;
}

}  // namespace

size_t find_row(const std::vector<std::string_view>& names, std::string_view key) {
    const std::string wanted = to_lower(key);
    const auto found = std::find_if(names.begin(), names.end(), [&](std::string_view row) {
        return any_name(row, [&](std::string_view name) { return name == wanted; });
    });
    return static_cast<size_t>(found - names.begin());
}

std::string redacted_address(std::string_view text) {
    const size_t scheme_end = text.find("://");
    const size_t colon = text.find(':', scheme_end == std::string_view::npos ? 0 : scheme_end + 1);
    const size_t at = text.rfind('@');
    if (at == std::string_view::npos || colon >= at) return std::string(text);
    return std::string(text.substr(0, colon + 1)) + "xxxxx" + std::string(text.substr(at));
}

// ---------------------------------------------------------------------------- messages

void Reader::error(const Value& at, std::string_view text) {
    diagnostics_->error(at.position(), text);
}

void Reader::warning(const Value& at, std::string_view field, std::string_view reason) {
    diagnostics_->warning(at.position(),
                          fmt::format("invalid use of field \"{}\": {}", field, reason));
}

void Reader::note(const Value& at, Part part) {
    if (is_active(part)) return;
    if (std::find(noted_.begin(), noted_.end(), part) != noted_.end()) return;
    noted_.push_back(part);
    if (part_state(part) == PartState::kRefused) return error(at, inactive_text(part));
    diagnostics_->notice(at.position(), inactive_text(part));
}

void Reader::notice(const Value& at, std::string_view text) {
    diagnostics_->notice(at.position(), text);
}

void Reader::plain_warning(const Value& at, std::string_view text) {
    diagnostics_->warning(at.position(), text);
}

void Reader::unknown(const Member& member, const UnknownKey& style,
                     const std::vector<std::string_view>& known) {
    if (style.variables_exempt && member.value.used_as_variable) return;
    std::string text = fmt::format("{}{}{}", style.before, member.key, style.after);
    // A guess costs more than everything else here: none for what will not be shown.
    const bool shown = diagnostics_->dropped() == 0;
    const std::string_view meant =
        shown ? nearest(to_lower(member.key), known) : std::string_view();
    if (!meant.empty()) {
        text += fmt::format(" (did you mean \"{}\"?)", meant);
    } else if (shown) {
        text += " (not known up to nats-server 2.15: remove it)";
    }
    error(member.value, text);
}

void Reader::wrong_type(const Value& value, std::string_view wanted) {
    error(value, fmt::format("interface conversion: interface {{}} is {}, not {}", value.go_type(),
                             wanted));
}

// ---------------------------------------------------------------------------- types

bool Reader::text(const Value& value, std::string* out) {
    if (value.type != ValueType::kString) {
        wrong_type(value, "string");
        return false;
    }
    *out = value.text;
    return true;
}

bool Reader::boolean(const Value& value, bool* out) {
    if (value.type != ValueType::kBool) {
        wrong_type(value, "bool");
        return false;
    }
    *out = value.boolean;
    return true;
}

bool Reader::integer(const Value& value, int64_t* out) {
    if (value.type != ValueType::kInteger) {
        wrong_type(value, "int64");
        return false;
    }
    *out = value.integer;
    return true;
}

bool Reader::number(const Value& value, int* out) {
    int64_t wide = 0;
    if (!integer(value, &wide)) return false;
    if (wide > std::numeric_limits<int>::max() || wide < std::numeric_limits<int>::min()) {
        error(value, fmt::format("{} is out of range", wide));
        return false;
    }
    *out = static_cast<int>(wide);
    return true;
}

bool Reader::port(const Value& value, int* out) {
    int64_t wide = 0;
    if (!integer(value, &wide)) return false;
    if (!is_port(wide)) {
        error(value, fmt::format("port {} is out of range, expected -1 to {}", wide, kPortMax));
        return false;
    }
    *out = static_cast<int>(wide);
    return true;
}

bool Reader::map(const Value& value) {
    if (value.type == ValueType::kMap) return true;
    wrong_type(value, "map[string]interface {}");
    return false;
}

bool Reader::array(const Value& value) {
    if (value.type == ValueType::kArray) return true;
    wrong_type(value, "[]interface {}");
    return false;
}

bool Reader::texts(const Value& value, std::vector<std::string>* out) {
    out->clear();
    if (value.type == ValueType::kString) {
        out->push_back(value.text);
        return true;
    }
    if (!array(value)) return false;
    for (const Value& element : value.elements) {
        std::string item;
        if (!text(element, &item)) return false;
        out->push_back(std::move(item));
    }
    return true;
}

bool Reader::names(const Value& value, std::string_view field, std::vector<std::string>* out) {
    std::vector<std::string> found;
    if (value.type == ValueType::kString) {
        found.push_back(value.text);
    } else if (value.type != ValueType::kArray) {
        error(value, fmt::format("error parsing {}: unsupported type {}", field, value.go_type()));
        return false;
    }
    for (const Value& element : value.elements) {
        if (element.type != ValueType::kString) {
            error(element, fmt::format("error parsing {}: unsupported type in array {}", field,
                                       element.go_type()));
            return false;
        }
        found.push_back(element.text);
    }
    *out = std::move(found);
    return true;
}

// ---------------------------------------------------------------------------- durations

bool Reader::duration(const Value& value, std::string_view field, nanoseconds* out) {
    const bool letters = value.type == ValueType::kInteger && !is_digit(value.text.back());
    if (value.type != ValueType::kString && !letters) {
        wrong_type(value, "string");
        return false;
    }
    const absl::StatusOr<nanoseconds> parsed = parse_duration(value.text);
    if (!parsed.ok()) {
        error(value,
              fmt::format("error parsing {}: {}", field, std::string(parsed.status().message())));
        return false;
    }
    *out = *parsed;
    return true;
}

bool Reader::timeout(const Value& value, nanoseconds* out) {
    if (value.type == ValueType::kString) return duration(value, "timeout", out);
    double seconds = 0;
    if (value.type == ValueType::kInteger) {
        seconds = static_cast<double>(value.integer);
    } else if (value.type == ValueType::kFloat) {
        seconds = value.number;
    } else {
        wrong_type(value, "float64");
        return false;
    }
    constexpr double kSecondsMax = 1e9;  // 30 years
    if (!(std::abs(seconds) <= kSecondsMax)) {
        error(value, fmt::format("timeout of {} seconds is out of range", seconds));
        return false;
    }
    *out = nanoseconds{std::llround(seconds * static_cast<double>(kNsPerSecond))};
    return true;
}

bool Reader::login_timeout(const Member& member, std::string_view where, nanoseconds* out) {
    constexpr nanoseconds kHigh = std::chrono::seconds(60);
    const Value& value = member.value;
    if (value.type == ValueType::kString) {
        const absl::StatusOr<nanoseconds> parsed = parse_duration(value.text);
        if (!parsed.ok()) {
            error(value, fmt::format("error parsing {} config, 'timeout' {}", where,
                                     std::string(parsed.status().message())));
            return false;
        }
        *out = *parsed;
    } else if (value.type != ValueType::kInteger && value.type != ValueType::kFloat) {
        error(value, fmt::format("error parsing {} config, 'timeout' wrong type", where));
        return false;
    } else if (!timeout(value, out)) {
        return false;
    }
    if (*out > kHigh) {
        warning(value, member.key,
                fmt::format("timeout of {} ({:.6f} seconds) is high, consider keeping it under 60 "
                            "seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for "
                            "example",
                            value.go_text(), std::chrono::duration<double>(*out).count()));
    }
    return true;
}

bool Reader::seconds_or_duration(const Value& value, std::string_view field, bool warn,
                                 nanoseconds* out) {
    if (value.type == ValueType::kInteger && !is_digit(value.text.back()) &&
        parse_duration(value.text).ok()) {
        return duration(value, field, out);
    }
    if (value.type == ValueType::kString) return duration(value, field, out);
    int64_t seconds = 0;
    if (!integer(value, &seconds)) return false;
    int64_t count = 0;
    if (__builtin_mul_overflow(seconds, kNsPerSecond, &count)) {
        error(value, fmt::format("{} value is too big", field));
        return false;
    }
    if (warn) {
        warning(value, field, fmt::format("{} should be converted to a duration", field));
    }
    *out = nanoseconds{count};
    return true;
}

// ---------------------------------------------------------------------------- addresses

bool Reader::listen(const Value& value, std::string* host, int* port_out) {
    if (value.type == ValueType::kInteger) {
        if (!port(value, port_out)) return false;
        host->clear();
        return true;
    }
    if (value.type != ValueType::kString) {
        error(value, fmt::format("expected port or host:port, got {}", value.go_type()));
        return false;
    }
    std::string name;
    std::string_view port_text;
    if (!split_host_port(value.text, &name, &port_text)) {
        error(value, fmt::format("could not parse address string \"{}\"", value.text));
        return false;
    }
    const std::optional<int64_t> number = to_integer(port_text);
    if (!number || !is_port(*number)) {
        error(value, fmt::format("could not parse port \"{}\"", port_text));
        return false;
    }
    *host = name;
    *port_out = static_cast<int>(*number);
    return true;
}

bool Reader::urls(const Value& value, std::string_view kind, std::vector<Url>* out) {
    if (!array(value)) return false;
    std::vector<Url> found;
    absl::flat_hash_set<std::string> seen;
    const size_t errors_before = error_count();
    for (const Value& element : value.elements) {
        Url one;
        if (!url(element, kind, &one)) continue;
        if (!seen.insert(element.text).second) {
            warning(element, one.redacted(), fmt::format("Duplicate {} entry detected", kind));
            continue;
        }
        found.push_back(std::move(one));
    }
    if (error_count() != errors_before) return false;
    *out = std::move(found);
    return true;
}

bool Reader::url(const Value& value, std::string_view kind, Url* out) {
    std::string address;
    if (!text(value, &address)) return false;
    const absl::StatusOr<Url> parsed = parse_url(address);
    if (!parsed.ok()) {
        error(value, fmt::format("error parsing {} url [\"{}\"]", kind, redacted_address(strip(address))));
        return false;
    }
    *out = *parsed;
    return true;
}

}  // namespace nuring::config
