// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/timer_wheel.h"

#include <algorithm>

namespace nuring::runtime {
namespace {

void unlink(Timer& timer) {
    timer.previous->next = timer.next;
    timer.next->previous = timer.previous;
    timer.next = timer.previous = nullptr;
}

void append(Timer& head, Timer& timer) {
    timer.previous = head.previous;
    timer.next = &head;
    head.previous->next = &timer;
    head.previous = &timer;
}

}  // namespace

TimerWheel::TimerWheel() = default;

void TimerWheel::arm(Timer& timer, uint64_t deadline_ns) {
    disarm(timer);
    // Rounded up, so that it never fires early; never into a tick that was run already.
    const uint64_t tick = std::max((deadline_ns + kTick_ns - 1) / kTick_ns, tick_);
    timer.deadline_ns = tick * kTick_ns;
    append(slots_[tick % kSlotCount], timer);
    ++armed_count_;
}

void TimerWheel::disarm(Timer& timer) {
    if (!timer.armed()) return;
    unlink(timer);
    --armed_count_;
}

void TimerWheel::run(uint64_t now_ns) {
    const uint64_t now_tick = now_ns / kTick_ns;
    if (armed_count_ == 0) {
        tick_ = std::max(tick_, now_tick + 1);
        return;
    }
    // After a long sleep one round of the wheel meets every slot.
    if (now_tick >= tick_ + kSlotCount) tick_ = now_tick - kSlotCount + 1;
    while (tick_ <= now_tick) {
        Slot due;
        Slot& slot = slots_[tick_ % kSlotCount];
        for (Timer* timer = slot.next; timer != &slot;) {
            Timer* next = timer->next;
            if (timer->deadline_ns <= now_ns) {
                unlink(*timer);
                append(due, *timer);
            }
            timer = next;
        }
        ++tick_;  // before firing: what a timer arms goes to a later tick
        while (due.next != &due) {  // a timer may disarm another one that is due, too
            Timer& timer = *due.next;
            unlink(timer);
            --armed_count_;
            timer.fire(timer);
        }
    }
}

uint64_t TimerWheel::next_deadline_ns() const {
    if (armed_count_ == 0) return ring::kForever;
    // The first occupied slot; its timers may be of a later round, then the wheel just looks again.
    for (uint64_t tick = tick_; tick < tick_ + kSlotCount; ++tick) {
        const Slot& slot = slots_[tick % kSlotCount];
        if (slot.next != &slot) return tick * kTick_ns;
    }
    return ring::kForever;
}

}  // namespace nuring::runtime
