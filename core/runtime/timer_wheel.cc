// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/timer_wheel.h"

#include <algorithm>
#include <bit>

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
    note_slot(tick % kSlotCount);
    ++armed_count_;
}

void TimerWheel::disarm(Timer& timer) {
    if (!timer.armed()) return;
    unlink(timer);
    note_slot(timer.deadline_ns / kTick_ns % kSlotCount);
    --armed_count_;
}

void TimerWheel::note_slot(uint64_t index) {
    const uint64_t bit = uint64_t{1} << (index % 64);
    if (slots_[index].next != &slots_[index]) {
        occupied_[index / 64] |= bit;
    } else {
        occupied_[index / 64] &= ~bit;
    }
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
        note_slot(tick_ % kSlotCount);
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
    for (uint64_t ahead = 0; ahead < kSlotCount;) {
        const uint64_t index = (tick_ + ahead) % kSlotCount;
        const uint64_t from_here = occupied_[index / 64] >> (index % 64);
        if (from_here != 0) {
            return (tick_ + ahead + static_cast<uint64_t>(std::countr_zero(from_here))) * kTick_ns;
        }
        ahead += 64 - index % 64;
    }
    return ring::kForever;
}

}  // namespace nuring::runtime
