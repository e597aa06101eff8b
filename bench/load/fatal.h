// SPDX-License-Identifier: Apache-2.0
// One way out for faults that make a measurement pointless (no server, bad flag, broken frame).
#pragma once

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace nuring::bench {

inline constexpr int kExitInvalid = 1;  // ran, but messages were lost, doubled or reordered
inline constexpr int kExitFatal = 2;    // could not run

template <class... Args>
[[noreturn]] void fatal(fmt::format_string<Args...> format, Args&&... args) {
    fmt::print(stderr, "nuring-load: {}\n", fmt::format(format, std::forward<Args>(args)...));
    std::exit(kExitFatal);
}

}  // namespace nuring::bench
