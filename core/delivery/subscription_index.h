// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/interest/subscription.h"
#include "core/interest/subscription_pool.h"

namespace nuring::delivery {

class Shadow;

// SubscriptionIndex owns the memory of one worker's subscriptions, and finds them by serial: a record from
// another worker names the one that it is for.
//
//   serial: | count of creations (32) | slot (32) |
//
// A subscription that ends is retired: it is found and takes a message no more, but a match in use may still
// point at it, so its memory is freed at the end of the turn.
//
// Threads: its worker.
// Limits:  memory; 8 bytes for each besides its own. A serial comes again when its slot is used for another
//          one exactly 2^32 creations later; records live for a few turns.
// Errors:  create() returns null if a text is too long.
class SubscriptionIndex {
  public:
    SubscriptionIndex();
    ~SubscriptionIndex();
    SubscriptionIndex(const SubscriptionIndex&) = delete;
    SubscriptionIndex& operator=(const SubscriptionIndex&) = delete;

    // Gives it a serial, which is never 0.
    [[nodiscard]] interest::Subscription* create(interest::SubscriptionSpec spec);
    // Null: it has gone, or is of another worker.
    interest::Subscription* find(uint64_t serial) const {
        const uint32_t slot = slot_of(serial);
        if (slot >= slot_count_) return nullptr;
        const uintptr_t bits = entry(slot);
        if ((bits & kFree) != 0) return nullptr;
        auto* subscription = reinterpret_cast<interest::Subscription*>(bits);
        return subscription->serial() == serial ? subscription : nullptr;
    }
    // Load what find() touches; the second some time after the first.
    void prefetch_slot(uint64_t serial) const {
        const uint32_t slot = slot_of(serial);
        if (slot < slot_count_) __builtin_prefetch(&entry(slot));
    }
    void prefetch(uint64_t serial) const {
        const uint32_t slot = slot_of(serial);
        if (slot >= slot_count_) return;
        __builtin_prefetch(reinterpret_cast<const void*>(entry(slot)));
    }

    // Taking it out of its sublist is the caller's.
    void retire(interest::Subscription* subscription);
    void retire(std::unique_ptr<Shadow> shadow);
    // At once: nothing can point at it.
    void destroy(interest::Subscription* subscription);
    // At the end of a turn: no match is in use.
    void free_retired();

  private:
    // In chunks: a million slots that move to a larger array would be a long step.
    static constexpr uint32_t kChunkSlots = 4096;
    using Chunk = std::array<uintptr_t, kChunkSlots>;
    // Of a slot: it is free, and the other bits are twice the next free one.
    static constexpr uintptr_t kFree = 1;
    static constexpr uint32_t kNoSlot = UINT32_MAX;

    static uint32_t slot_of(uint64_t serial) { return static_cast<uint32_t>(serial); }

    const uintptr_t& entry(uint32_t slot) const { return (*slots_[slot / kChunkSlots])[slot % kChunkSlots]; }
    uintptr_t& entry(uint32_t slot) { return (*slots_[slot / kChunkSlots])[slot % kChunkSlots]; }
    uint32_t take_slot();
    void free_slot(uint32_t slot);

    interest::SubscriptionPool pool_;
    std::vector<std::unique_ptr<Chunk>> slots_;
    uint32_t slot_count_ = 0;
    uint32_t first_free_ = kNoSlot;
    uint32_t creations_ = 0;
    std::vector<interest::Subscription*> retired_;
    std::vector<std::unique_ptr<Shadow>> retired_shadows_;
};

}  // namespace nuring::delivery
