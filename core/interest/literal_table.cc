// SPDX-License-Identifier: Apache-2.0
#include "core/interest/literal_table.h"

#include <cassert>
#include <cstdlib>
#include <cstring>

namespace nuring::interest {

LiteralTable::~LiteralTable() {
    uint64_t* all = slots();
    if (all == nullptr) return;
    for (uint64_t i = 0; i < slot_count(); ++i) {
        if (is_taken(all[i])) Subscribers::from_bits(all[i]).clear();
    }
    std::free(all);
}

InterestChange LiteralTable::insert(Subscription* subscription, uint64_t hash, uint64_t hash_seed) {
    subscription->subject_hash_ = static_cast<uint32_t>(hash);
    if (uint64_t* slot = find_slot(subscription->subject(), hash); slot != nullptr) {
        Subscribers subscribers = Subscribers::from_bits(*slot);
        const InterestChange change = subscribers.add(subscription, hash_seed);
        *slot = tag_of(hash) | subscribers.bits();
        return change;
    }
    if (slots() == nullptr) {
        rehash(1);
    } else if ((uint64_t{used_} + 1) * 8 > slot_count() * 7) {
        // Mostly removed slots: clean up; else grow.
        rehash(uint64_t{live_} * 16 > slot_count() * 7 ? (bucket_mask() + 1) * 2
                                                       : bucket_mask() + 1);
    }
    Subscribers subscribers;
    const InterestChange change = subscribers.add(subscription, hash_seed);
    uint64_t* slot = find_room(hash, slots(), bucket_mask());
    if (*slot == kFree) ++used_;
    ++live_;
    *slot = tag_of(hash) | subscribers.bits();
    return change;
}

InterestChange LiteralTable::remove(Subscription* subscription, uint64_t hash, uint64_t hash_seed) {
    uint64_t* slot = find_slot(subscription->subject(), hash);
    if (slot == nullptr) return InterestChange::kAbsent;
    Subscribers subscribers = Subscribers::from_bits(*slot);
    const InterestChange change = subscribers.remove(subscription, hash_seed);
    if (change == InterestChange::kAbsent) return change;
    if (!subscribers.empty()) {
        *slot = tag_of(hash) | subscribers.bits();
        return change;
    }
    free_slot(slot);
    const uint64_t buckets = bucket_mask() + 1;
    if (buckets > 1 && uint64_t{live_} * 16 < slot_count()) rehash(buckets / 4 + (buckets < 4));
    return change;
}

Subscribers LiteralTable::find(std::string_view subject, uint64_t hash) const {
    const uint64_t* slot = find_slot(subject, hash);
    return slot == nullptr ? Subscribers() : Subscribers::from_bits(*slot);
}

void LiteralTable::prefetch_subscribers(uint64_t hash) const {
    const uint64_t* all = slots();
    if (all == nullptr) return;
    const uint64_t tag = tag_of(hash);
    const uint64_t* bucket = all + home_of(static_cast<uint32_t>(hash), bucket_mask()) * kBucketSlots;
    for (uint32_t i = 0; i < kBucketSlots; ++i) {
        if ((bucket[i] & ~Subscribers::kPointerMask) == tag && is_taken(bucket[i])) {
            const char* address =
                static_cast<const char*>(Subscribers::from_bits(bucket[i]).address());
            __builtin_prefetch(address);
            __builtin_prefetch(address + 64);
        }
    }
}

uint64_t* LiteralTable::find_slot(std::string_view subject, uint64_t hash) const {
    uint64_t* all = slots();
    if (all == nullptr) return nullptr;
    const uint64_t mask = bucket_mask();
    const uint64_t tag = tag_of(hash);
    for (uint64_t home = home_of(static_cast<uint32_t>(hash), mask);; home = (home + 1) & mask) {
        uint64_t* bucket = all + home * kBucketSlots;
        bool has_free = false;
        for (uint32_t i = 0; i < kBucketSlots; ++i) {
            const uint64_t slot = bucket[i];
            has_free |= slot == kFree;
            if ((slot & ~Subscribers::kPointerMask) != tag || !is_taken(slot)) continue;
            if (Subscribers::from_bits(slot).front()->subject() == subject) return bucket + i;
        }
        if (has_free) return nullptr;
    }
}

uint64_t* LiteralTable::find_room(uint64_t hash, uint64_t* slots, uint64_t bucket_mask) const {
    for (uint64_t home = home_of(static_cast<uint32_t>(hash), bucket_mask);;
         home = (home + 1) & bucket_mask) {
        uint64_t* bucket = slots + home * kBucketSlots;
        for (uint32_t i = 0; i < kBucketSlots; ++i) {
            if (!is_taken(bucket[i])) return bucket + i;
        }
    }
}

void LiteralTable::rehash(uint64_t bucket_count) {
    constexpr uint64_t kAhead = 16;
    uint64_t* old = slots();
    const uint64_t old_count = old == nullptr ? 0 : slot_count();
    auto* fresh = static_cast<uint64_t*>(std::aligned_alloc(kLineSize, bucket_count * kLineSize));
    assert(fresh != nullptr);
    std::memset(fresh, 0, bucket_count * kLineSize);
    for (uint64_t i = 0; i < old_count; ++i) {
        if (i + kAhead < old_count && is_taken(old[i + kAhead])) {
            const auto* next = Subscribers::from_bits(old[i + kAhead]).address();
            __builtin_prefetch(static_cast<const char*>(next) + sizeof(Subscription) / 2);
        }
        if (!is_taken(old[i])) continue;
        const uint32_t hash = Subscribers::from_bits(old[i]).front()->subject_hash_;
        *find_room(hash, fresh, bucket_count - 1) = old[i];
    }
    used_ = live_;
    slots_.store(fresh, std::memory_order_relaxed);
    bucket_mask_.store(bucket_count - 1, std::memory_order_relaxed);
    std::free(old);
}

void LiteralTable::free_slot(uint64_t* slot) {
    uint64_t* bucket = slots() + (static_cast<uint64_t>(slot - slots()) & ~uint64_t{kBucketSlots - 1});
    bool has_free = false;
    for (uint32_t i = 0; i < kBucketSlots; ++i) has_free |= bucket[i] == kFree;
    *slot = has_free ? kFree : kRemoved;
    if (has_free) --used_;
    --live_;
}

}  // namespace nuring::interest
