// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/base/prng.h"
#include "core/base/time_units.h"

namespace nuring::link {

// LameDuckPace says when the next client of a lame duck is closed: one after the other over all workers,
// since all of them dial the same other servers.
// Threads: any worker; times are those of the rings' clocks, which agree.
// Limits:  kIntervalMax_ns between two clients. Errors: none.
// Source:  server/server.go, lameDuckMode 2.15.3.
class LameDuckPace {
  public:
    // A worker has so many clients, and closes none before that time.
    void add(uint64_t clients, uint64_t begin_ns) {
        clients_.fetch_add(clients, std::memory_order_relaxed);
        uint64_t none = 0;
        // relaxed, as all here: no other memory depends on it
        (void)next_ns_.compare_exchange_strong(none, begin_ns, std::memory_order_relaxed);
    }
    // When the next client is due, of whichever worker asks first.
    uint64_t next_ns() const { return next_ns_.load(std::memory_order_relaxed); }

    // True: the caller closes a client, which was due before `until_ns`, and the next one is due later. All
    // are closed within `spread_ns`; what should have been closed before `oldest_ns` is not made up for.
    [[nodiscard]] bool take(uint64_t oldest_ns, uint64_t until_ns, uint64_t spread_ns, base::Prng* prng) {
        const uint64_t pause_ns = pause(spread_ns, prng);
        uint64_t due_ns = next_ns();
        do {
            if (due_ns >= until_ns) return false;
        } while (!next_ns_.compare_exchange_weak(due_ns, std::max(due_ns, oldest_ns) + pause_ns,
                                                 std::memory_order_relaxed));
        return true;
    }

  private:
    static constexpr uint64_t kIntervalMax_ns = base::kSecond_ns;

    // Half of an interval at least, and not the same for all.
    uint64_t pause(uint64_t spread_ns, base::Prng* prng) const {
        const uint64_t clients = std::max<uint64_t>(clients_.load(std::memory_order_relaxed), 1);
        const uint64_t interval_ns = std::clamp<uint64_t>(spread_ns / clients, 1, kIntervalMax_ns);
        return std::max<uint64_t>({prng->next() % interval_ns, interval_ns / 2, 1});
    }

    std::atomic<uint64_t> clients_{0};
    std::atomic<uint64_t> next_ns_{0};  // 0: no worker has come
};

}  // namespace nuring::link
