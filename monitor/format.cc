// SPDX-License-Identifier: Apache-2.0
#include "monitor/format.h"

#include <chrono>

#include "core/base/time_units.h"
#include "core/config/duration.h"
#include "fmt/format.h"

namespace nuring::monitor {
namespace {

}  // namespace

std::string format_uptime(uint64_t ns) {
    const uint64_t seconds = ns / base::kSecond_ns;
    const uint64_t minutes = seconds / 60;
    const uint64_t hours = minutes / 60;
    const uint64_t days = hours / 24;
    const uint64_t years = days / 365;
    if (years > 0) {
        return fmt::format("{}y{}d{}h{}m{}s", years, days % 365, hours % 24, minutes % 60,
                           seconds % 60);
    }
    if (days > 0) return fmt::format("{}d{}h{}m{}s", days, hours % 24, minutes % 60, seconds % 60);
    if (hours > 0) return fmt::format("{}h{}m{}s", hours, minutes % 60, seconds % 60);
    if (minutes > 0) return fmt::format("{}m{}s", minutes, seconds % 60);
    return fmt::format("{}s", seconds);
}

std::string format_rtt(uint64_t ns) {
    const bool micro = ns > base::kMicrosecond_ns && ns < base::kMillisecond_ns;
    const uint64_t unit = micro ? base::kMicrosecond_ns : base::kMillisecond_ns;
    return config::format_duration(std::chrono::nanoseconds(ns - ns % unit));
}

}  // namespace nuring::monitor
