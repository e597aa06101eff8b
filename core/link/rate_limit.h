// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/time_units.h"

namespace nuring::link {

// RateLimit says no to more than so many things in one second, all workers together.
// Threads: any; asked once per connection, never per message.
// Limits:  2^32 per second. Errors: none.
// Source:  server/rate_counter.go 2.9.10, with a window that begins at a whole second.
class RateLimit {
  public:
    bool allows(uint64_t now_ns, int64_t per_second) {
        const uint64_t second = now_ns / base::kSecond_ns;
        bool allowed = false;
        // relaxed: the counters guard no other memory
        uint64_t seen = window_.load(std::memory_order_relaxed);
        uint64_t next = 0;
        do {
            const bool same = seen >> kCountBits == second % kSecondsMax;
            const uint64_t count = same ? seen & kCountMax : 0;
            allowed = count < static_cast<uint64_t>(per_second) && count < kCountMax;
            next = (second % kSecondsMax) << kCountBits | (count + (allowed ? 1 : 0));
        } while (!window_.compare_exchange_weak(seen, next, std::memory_order_relaxed));
        if (!allowed) refused_.fetch_add(1, std::memory_order_relaxed);
        return allowed;
    }

    // How many were refused since the last call.
    uint32_t take_refused() { return refused_.exchange(0, std::memory_order_relaxed); }

  private:
    static constexpr unsigned kCountBits = 32;
    static constexpr uint64_t kCountMax = UINT32_MAX;
    static constexpr uint64_t kSecondsMax = 1ULL << 32;

    std::atomic<uint64_t> window_{0};  // the second, and how many were allowed in it
    std::atomic<uint32_t> refused_{0};
};

}  // namespace nuring::link
