// SPDX-License-Identifier: Apache-2.0
#include "core/config/duration.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "core/config/text.h"

namespace nuring::config {
namespace {

using std::chrono::nanoseconds;

constexpr int64_t kMicrosecond = 1000;
constexpr int64_t kMillisecond = 1000 * kMicrosecond;
constexpr int64_t kSecond = 1000 * kMillisecond;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr uint64_t kDurationMax = std::numeric_limits<int64_t>::max();

struct Unit {
    std::string_view name;
    int64_t ns;
};

// Both spellings of "micro": the micro sign and the Greek letter mu.
constexpr std::array<Unit, 8> kUnits{{{"ns", 1},
                                      {"us", kMicrosecond},
                                      {"\xc2\xb5s", kMicrosecond},
                                      {"\xce\xbcs", kMicrosecond},
                                      {"ms", kMillisecond},
                                      {"s", kSecond},
                                      {"m", kMinute},
                                      {"h", kHour}}};

std::optional<int64_t> unit_ns(std::string_view name) {
    for (const Unit& unit : kUnits) {
        if (unit.name == name) return unit.ns;
    }
    return std::nullopt;
}

// Takes leading digits off text and adds them to *value; false on overflow.
bool take_digits(std::string_view* text, uint64_t* value) {
    while (!text->empty() && is_digit(text->front())) {
        if (*value > kDurationMax / 10) return false;
        *value = *value * 10 + static_cast<uint64_t>(text->front() - '0');
        if (*value > kDurationMax) return false;
        text->remove_prefix(1);
    }
    return true;
}

// Takes ".digits" off text; digits beyond what the unit can show do not count.
double take_fraction(std::string_view* text) {
    text->remove_prefix(1);
    double fraction = 0;
    double scale = 0.1;
    while (!text->empty() && is_digit(text->front())) {
        fraction += scale * (text->front() - '0');
        scale /= 10;
        text->remove_prefix(1);
    }
    return fraction;
}

absl::Status invalid(std::string_view text) {
    return absl::InvalidArgumentError(fmt::format("time: invalid duration \"{}\"", text));
}

// One "number unit" pair off the front of rest, in nanoseconds.
absl::StatusOr<uint64_t> take_pair(std::string_view whole, std::string_view* rest) {
    const size_t before = rest->size();
    uint64_t integer = 0;
    if (!take_digits(rest, &integer)) return invalid(whole);
    size_t digits = before - rest->size();
    double fraction = 0;
    if (!rest->empty() && rest->front() == '.') {
        const size_t at = rest->size();
        fraction = take_fraction(rest);
        digits += at - rest->size() - 1;
    }
    if (digits == 0) return invalid(whole);

    size_t length = 0;
    while (length < rest->size() && (*rest)[length] != '.' && !is_digit((*rest)[length])) ++length;
    if (length == 0) {
        return absl::InvalidArgumentError(
            fmt::format("time: missing unit in duration \"{}\"", whole));
    }
    const std::optional<int64_t> unit = unit_ns(rest->substr(0, length));
    if (!unit) {
        return absl::InvalidArgumentError(fmt::format(
            "time: unknown unit \"{}\" in duration \"{}\"", rest->substr(0, length), whole));
    }
    rest->remove_prefix(length);
    if (integer > kDurationMax / static_cast<uint64_t>(*unit)) return invalid(whole);
    // The small addend turns 0.3 * 10^9 = 299999999.99... into what the user wrote.
    return integer * static_cast<uint64_t>(*unit) +
           static_cast<uint64_t>(fraction * static_cast<double>(*unit) + 0.0001);
}

// "1.5" out of 1500 and 1000: the fraction without trailing zeros.
std::string with_fraction(uint64_t value, uint64_t unit) {
    std::string out = fmt::format("{}", value / unit);
    uint64_t rest = value % unit;
    if (rest == 0) return out;
    out += '.';
    while (rest != 0) {
        rest *= 10;
        out += static_cast<char>('0' + rest / unit);
        rest %= unit;
    }
    return out;
}

}  // namespace

absl::StatusOr<nanoseconds> parse_duration(std::string_view text) {
    std::string_view rest = text;
    bool negative = false;
    if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
        negative = rest.front() == '-';
        rest.remove_prefix(1);
    }
    if (rest == "0") return nanoseconds{0};
    if (rest.empty()) return invalid(text);
    uint64_t total = 0;
    while (!rest.empty()) {
        const absl::StatusOr<uint64_t> pair = take_pair(text, &rest);
        if (!pair.ok()) return pair.status();
        if (*pair > kDurationMax - total) return invalid(text);
        total += *pair;
    }
    const auto value = static_cast<int64_t>(total);
    return nanoseconds{negative ? -value : value};
}

std::string format_duration(nanoseconds duration) {
    const bool negative = duration.count() < 0;
    const auto bits = static_cast<uint64_t>(duration.count());
    const uint64_t ns = negative ? ~bits + 1 : bits;
    const std::string sign = negative ? "-" : "";
    if (ns == 0) return "0s";
    if (ns < kMicrosecond) return fmt::format("{}{}ns", sign, ns);
    if (ns < kMillisecond) return sign + with_fraction(ns, kMicrosecond) + "\xc2\xb5s";
    if (ns < kSecond) return sign + with_fraction(ns, kMillisecond) + "ms";

    std::string out = sign;
    const uint64_t hours = ns / kHour;
    const uint64_t minutes = ns % kHour / kMinute;
    if (hours > 0) out += fmt::format("{}h", hours);
    if (ns >= kMinute) out += fmt::format("{}m", minutes);
    return out + with_fraction(ns % kMinute, kSecond) + "s";
}

}  // namespace nuring::config
