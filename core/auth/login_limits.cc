// SPDX-License-Identifier: Apache-2.0
#include "core/auth/login_limits.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "fmt/format.h"

namespace nuring::auth {
namespace {

struct Address {
    std::array<unsigned char, 16> bytes{};
    unsigned bits = 0;  // 32 or 128
};

std::optional<Address> parse_address(const std::string& text) {
    Address address;
    if (::inet_pton(AF_INET, text.c_str(), address.bytes.data()) == 1) {
        address.bits = 32;
        return address;
    }
    if (::inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return std::nullopt;
    address.bits = 128;
    constexpr std::array<unsigned char, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
        std::copy(address.bytes.begin() + 12, address.bytes.end(), address.bytes.begin());
        address.bits = 32;
    }
    return address;
}

struct Network {
    Address address;
    unsigned prefix = 0;  // bits
};

std::optional<Network> parse_network(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = parse_address(std::string(text.substr(0, slash)));
    const std::string_view digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), prefix);
    if (!address || error != std::errc() || end != digits.end() || prefix > address->bits) {
        return std::nullopt;
    }
    return Network{*address, prefix};
}

bool contains(const Network& network, const Address& address) {
    if (network.address.bits != address.bits) return false;
    for (unsigned bit = 0; bit < network.prefix; ++bit) {
        const unsigned differing = network.address.bytes[bit / 8] ^ address.bytes[bit / 8];
        if ((differing >> (7 - bit % 8) & 1) != 0) return false;
    }
    return true;
}

std::optional<absl::Duration> parse_time_of_day(std::string_view text) {
    const auto number = [text](size_t at, int max) {
        if (text[at] < '0' || text[at] > '9' || text[at + 1] < '0' || text[at + 1] > '9') return -1;
        const int value = (text[at] - '0') * 10 + text[at + 1] - '0';
        return value <= max ? value : -1;
    };
    if (text.size() != 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
    const int hours = number(0, 23);
    const int minutes = number(3, 59);
    const int seconds = number(6, 59);
    if (hours < 0 || minutes < 0 || seconds < 0) return std::nullopt;
    return absl::Hours(hours) + absl::Minutes(minutes) + absl::Seconds(seconds);
}

// Parts of letters, digits, `_`, `+` and `-`, with slashes between them.
bool has_zone_form(std::string_view name) {
    bool begins_part = true;
    for (const char c : name) {
        if (c == '/' ? begins_part : !absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' &&
                                         c != '+' && c != '-') {
            return false;
        }
        begins_part = c == '/';
    }
    return !begins_part;
}

// The database is asked only for files that it has: it opens whatever path a name is, waits for a pipe as
// for a file, and keeps each name for ever, also those that it does not know.
bool load_zone(const std::string& name, absl::TimeZone* zone) {
    if (!has_zone_form(name)) return false;
    const char* const chosen = std::getenv("TZDIR");
    const bool has_chosen = chosen != nullptr && *chosen != '\0';
    struct stat status = {};
    const std::string path = fmt::format("{}/{}", has_chosen ? chosen : "/usr/share/zoneinfo", name);
    const bool is_file = ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
    return (is_file || name == "UTC") && absl::LoadTimeZone(name, zone);
}

absl::Time on_day(absl::CivilDay day, absl::Duration time, const absl::TimeZone& zone) {
    return absl::FromCivil(absl::CivilSecond(day) + absl::ToInt64Seconds(time), zone);
}

}  // namespace

bool is_network(std::string_view text) {
    return parse_network(text).has_value();
}

bool is_within(const std::string& host, const std::vector<std::string>& networks) {
    if (networks.empty()) return true;
    const auto address = parse_address(host);
    return address.has_value() &&
           std::any_of(networks.begin(), networks.end(), [&](const std::string& text) {
               const auto network = parse_network(text);
               return network.has_value() && contains(*network, *address);
           });
}

bool is_time_of_day(std::string_view text) {
    return parse_time_of_day(text).has_value();
}

bool is_time_zone(const std::string& name) {
    absl::TimeZone zone;
    return load_zone(name, &zone);
}

AllowedTime allowed_time(const UserRights& rights, int64_t now_s) {
    if (rights.times.empty()) return {.now = true};
    absl::TimeZone zone = absl::LocalTimeZone();
    if (!rights.times_location.empty() && !load_zone(rights.times_location, &zone)) {
        return {};
    }
    const absl::Time now = absl::FromUnixSeconds(now_s);
    const absl::CivilDay today(absl::ToCivilSecond(now, zone));
    AllowedTime longest;
    for (const TimeRange& range : rights.times) {
        const auto start = parse_time_of_day(range.start);
        const auto end = parse_time_of_day(range.end);
        if (!start || !end) return {};
        const int wraps = *start > *end ? 1 : 0;
        for (int back = 0; back <= wraps; ++back) {  // the range that begins today, or began yesterday
            const absl::CivilDay day = today - back;
            const absl::Time until = on_day(day + wraps, *end, zone);
            if (on_day(day, *start, zone) < now && now < until) {
                longest = {.now = true, .until_s = std::max(longest.until_s, absl::ToUnixSeconds(until))};
            }
        }
    }
    return longest;
}

}  // namespace nuring::auth
