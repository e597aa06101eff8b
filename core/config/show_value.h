// SPDX-License-Identifier: Apache-2.0
// Values of Options as the lines of a reload show them, which is how Go prints them.
// Threads: any. Errors: none.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/config/duration.h"
#include "core/config/options.h"

namespace nuring::config {

inline std::string show(bool value) {
    return value ? "true" : "false";
}
inline std::string show(int64_t value) {
    return fmt::format("{}", value);
}
inline std::string show(int value) {
    return fmt::format("{}", value);
}
inline std::string show(const std::string& value) {
    return value;
}
inline std::string show(std::chrono::nanoseconds value) {
    return format_duration(value);
}
inline std::string show(WriteTimeout value) {
    switch (value) {
        case WriteTimeout::kDefault:
            return "default";
        case WriteTimeout::kClose:
            return "close";
        case WriteTimeout::kRetry:
            return "retry";
    }
    return "";
}
template <typename Value>
std::string show(const std::vector<Value>& values) {
    std::string out = "[";
    for (const Value& value : values) out += (out.size() > 1 ? " " : "") + show(value);
    return out + "]";
}

}  // namespace nuring::config
