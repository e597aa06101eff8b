// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/interest/subscriber_set.h"

namespace nuring::interest {

// LiteralTable maps literal subjects to their subscriptions: one shard of a Sublist. Open addressing
// in buckets of one cache line; the key is not stored, it is the subject of the first subscription.
// A lookup costs one line of the table and, because of the tag, one subscription.
//
//   slot  | tag: 16 bits of the hash | Subscribers: 48 bits |     0 = never used, 1 = removed
//   line  | slot | slot | slot | slot | slot | slot | slot | slot |
//
// A search ends at the first bucket with a never used slot; hence a removal in a bucket that has one
// frees its slot, and any other removal leaves a mark that the next rehash drops.
//
// Threads: under the lock of its shard, except prefetch(), which any thread may call any time.
// Limits:  2^31 subjects; load 7/16 to 7/8, thus 9 to 18 bytes per subject.
// Errors:  none.
// Source:  ours.
class LiteralTable {
  public:
    LiteralTable() = default;
    ~LiteralTable();
    LiteralTable(const LiteralTable&) = delete;
    LiteralTable& operator=(const LiteralTable&) = delete;

    // `hash` is that of the subscription's subject; `hash_seed` the one that it was made with.
    InterestChange insert(Subscription* subscription, uint64_t hash, uint64_t hash_seed);
    InterestChange remove(Subscription* subscription, uint64_t hash, uint64_t hash_seed);
    // Those with exactly this subject; empty if there are none.
    Subscribers find(std::string_view subject, uint64_t hash) const;

    // Loads what find() touches first.
    void prefetch(uint64_t hash) const {
        const auto slots = reinterpret_cast<uintptr_t>(slots_.load(std::memory_order_relaxed));
        const uint64_t mask = bucket_mask_.load(std::memory_order_relaxed);
        const uint64_t home = home_of(static_cast<uint32_t>(hash), mask);
        __builtin_prefetch(reinterpret_cast<const void*>(slots + home * kLineSize));
    }
    // Loads the subscriptions that find() compares with.
    void prefetch_subscribers(uint64_t hash) const;

    // Calls visit(Subscribers) for each subject.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        const uint64_t* all = slots();
        if (all == nullptr) return;
        for (uint64_t i = 0; i < slot_count(); ++i) {
            if (is_taken(all[i])) visit(Subscribers::from_bits(all[i]));
        }
    }

    size_t heap_bytes() const { return slots() == nullptr ? 0 : slot_count() * sizeof(uint64_t); }

  private:
    static constexpr uint32_t kBucketSlots = 8;
    static constexpr uint32_t kLineSize = kBucketSlots * sizeof(uint64_t);
    static constexpr uint64_t kFree = 0;
    static constexpr uint64_t kRemoved = 1;
    static constexpr uint32_t kTagShift = 48;

    static uint64_t tag_of(uint64_t hash) { return (hash >> 32 & 0xffff) << kTagShift; }
    static uint64_t home_of(uint32_t hash, uint64_t bucket_mask) { return hash & bucket_mask; }
    static bool is_taken(uint64_t slot) { return (slot & Subscribers::kPointerMask) > kRemoved; }

    uint64_t* slots() const { return slots_.load(std::memory_order_relaxed); }
    uint64_t bucket_mask() const { return bucket_mask_.load(std::memory_order_relaxed); }
    uint64_t slot_count() const { return (bucket_mask() + 1) * kBucketSlots; }
    uint64_t* find_slot(std::string_view subject, uint64_t hash) const;
    uint64_t* find_room(uint64_t hash, uint64_t* slots, uint64_t bucket_mask) const;
    void rehash(uint64_t bucket_count);
    void free_slot(uint64_t* slot);

    // Atomic for prefetch() alone, which may see one of them old: it only guesses an address.
    std::atomic<uint64_t*> slots_{nullptr};
    std::atomic<uint64_t> bucket_mask_{0};
    uint32_t live_ = 0;  // taken slots
    uint32_t used_ = 0;  // taken and removed slots
};

}  // namespace nuring::interest
