// SPDX-License-Identifier: Apache-2.0
#include "core/base/rfc3339.h"

#include <ctime>

#include "core/base/time_units.h"
#include "fmt/format.h"

namespace nuring::base {

std::string format_rfc3339(uint64_t wall_ns) {
    const auto seconds = static_cast<time_t>(wall_ns / kSecond_ns);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900,
                                   parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                                   parts.tm_sec);
    if (const uint64_t fraction = wall_ns % kSecond_ns; fraction != 0) {
        text += fmt::format(".{:09}", fraction);
        text.erase(text.find_last_not_of('0') + 1);
    }
    text += 'Z';
    return text;
}

}  // namespace nuring::base
