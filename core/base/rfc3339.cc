// SPDX-License-Identifier: Apache-2.0
#include "core/base/rfc3339.h"

#include <ctime>

#include "core/base/time_units.h"
#include "fmt/format.h"

namespace nuring::base {

namespace {

std::string format_without_zone(int64_t unix_s) {
    const auto seconds = static_cast<time_t>(unix_s);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

std::string format_rfc3339(uint64_t wall_ns) {
    std::string text = format_without_zone(static_cast<int64_t>(wall_ns / kSecond_ns));
    if (const uint64_t fraction = wall_ns % kSecond_ns; fraction != 0) {
        text += fmt::format(".{:09}", fraction);
        text.erase(text.find_last_not_of('0') + 1);
    }
    text += 'Z';
    return text;
}

std::string format_rfc3339_seconds(int64_t unix_s) {
    return format_without_zone(unix_s) + 'Z';
}

}  // namespace nuring::base
