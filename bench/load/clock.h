// SPDX-License-Identifier: Apache-2.0
// The load generator's clock. The generator stands outside the server, so it reads the kernel's
// clock itself.
#pragma once

#include <cstdint>
#include <ctime>

namespace nuring::bench {

inline constexpr uint64_t kNsPerSecond = 1'000'000'000;
inline constexpr uint64_t kNsPerMs = 1'000'000;

inline uint64_t read_clock_ns(clockid_t clock) {
    timespec time{};
    if (clock_gettime(clock, &time) != 0) return 0;
    return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

inline uint64_t now_ns() {
    return read_clock_ns(CLOCK_MONOTONIC);
}

}  // namespace nuring::bench
