// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "core/ring/ring.h"

namespace nuring::runtime {

// Timer is a member of what it belongs to. It fires once, on its worker, at or up to one tick after
// its deadline, never early.
struct Timer {
    using FireFunction = void (*)(Timer&);
    explicit Timer(FireFunction function) : fire(function) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    bool armed() const { return previous != nullptr; }

    FireFunction fire;
    uint64_t deadline_ns = 0;
    Timer* next = nullptr;
    Timer* previous = nullptr;
};

// TimerWheel holds the coarse timers of one worker: a hashed wheel of kSlotCount ticks; a timer that is
// further away stays in its slot for several rounds.
// Threads: one worker. Limits: none on the count; tick 16.8 ms. Errors: none.
// Lifetime: a timer must be disarmed before it goes away.
// Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 6.
class TimerWheel {
  public:
    static constexpr uint64_t kTick_ns = 1ULL << 24;
    static constexpr uint32_t kSlotCount = 256;

    TimerWheel();
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;

    // (Re)arms the timer for deadline_ns on the ring's clock.
    void arm(Timer& timer, uint64_t deadline_ns);
    void disarm(Timer& timer);
    // Fires all that is due.
    void run(uint64_t now_ns);
    // When run() must be called next; ring::kForever when no timer is armed.
    uint64_t next_deadline_ns() const;

  private:
    struct Slot : Timer {
        Slot() : Timer(nullptr) { next = previous = this; }
    };

    void note_slot(uint64_t index);

    std::array<Slot, kSlotCount> slots_;
    std::array<uint64_t, kSlotCount / 64> occupied_{};  // a bit per slot: it holds a timer
    uint64_t tick_ = 0;  // all ticks before this one have been run
    uint64_t armed_count_ = 0;
};

}  // namespace nuring::runtime
