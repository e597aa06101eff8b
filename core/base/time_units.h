// SPDX-License-Identifier: Apache-2.0
// Units of time in nanoseconds, for conversions. A limit or a pause has a constant of its own.
#pragma once

#include <cstdint>

namespace nuring::base {

inline constexpr uint64_t kMicrosecond_ns = 1'000;
inline constexpr uint64_t kMillisecond_ns = 1'000'000;
inline constexpr uint64_t kSecond_ns = 1'000'000'000;

}  // namespace nuring::base
