// SPDX-License-Identifier: Apache-2.0
#include "core/interest/sid_table.h"

#include <algorithm>
#include <cassert>

#include "core/interest/subject_hash.h"

namespace nuring::interest {

uint32_t SidTable::hash(std::string_view sid) const {
    constexpr size_t kDigitsMax = 18;  // fit into 64 bits
    constexpr uint64_t kNeighbours = 16;
    constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ULL;
    uint64_t number = 0;
    bool is_number = sid.size() <= kDigitsMax;
    for (const char c : sid) {
        const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
        is_number &= digit <= 9;
        number = number * 10 + digit;
    }
    if (!is_number) return static_cast<uint32_t>(subject_hash(sid, hash_seed_));
    const uint64_t spread = multiply_fold((number / kNeighbours) ^ hash_seed_, kOdd);
    return static_cast<uint32_t>((spread & ~(kNeighbours - 1)) | number % kNeighbours);
}

Subscription* SidTable::find(std::string_view sid, uint32_t hash) const {
    if (count_ == 0) return nullptr;
    for (uint32_t i = hash & mask_; subscriptions_[i] != nullptr; i = (i + 1) & mask_) {
        if (hashes_[i] == hash && subscriptions_[i]->sid() == sid) return subscriptions_[i];
    }
    return nullptr;
}

void SidTable::insert(Subscription* subscription, uint32_t hash) {
    if ((uint64_t{count_} + 1) * 8 > slot_count() * 7) rehash(slot_count() * 2);
    put(subscription, hash);
    ++count_;
}

void SidTable::erase(Subscription* subscription) {
    uint32_t hole = hash(subscription->sid()) & mask_;
    while (subscriptions_[hole] != subscription) {
        assert(subscriptions_[hole] != nullptr);
        hole = (hole + 1) & mask_;
    }
    // Whoever would be cut off from its home by the hole moves into it.
    for (uint32_t i = (hole + 1) & mask_; subscriptions_[i] != nullptr; i = (i + 1) & mask_) {
        if (((i - hashes_[i]) & mask_) < ((i - hole) & mask_)) continue;
        subscriptions_[hole] = subscriptions_[i];
        hashes_[hole] = hashes_[i];
        hole = i;
    }
    subscriptions_[hole] = nullptr;
    --count_;
    if (slot_count() > kSlotsMin && uint64_t{count_} * 8 < slot_count()) rehash(slot_count() / 4);
}

void SidTable::clear() {
    subscriptions_.reset();
    hashes_.reset();
    mask_ = 0;
    count_ = 0;
}

void SidTable::put(Subscription* subscription, uint32_t hash) {
    uint32_t i = hash & mask_;
    while (subscriptions_[i] != nullptr) i = (i + 1) & mask_;
    subscriptions_[i] = subscription;
    hashes_[i] = hash;
}

void SidTable::rehash(uint64_t wanted) {
    const uint64_t old_count = slot_count();
    const auto old_subscriptions = std::move(subscriptions_);
    const auto old_hashes = std::move(hashes_);
    const uint64_t slots = std::max(wanted, kSlotsMin);
    subscriptions_ = std::make_unique<Subscription*[]>(slots);
    hashes_ = std::make_unique_for_overwrite<uint32_t[]>(slots);
    mask_ = static_cast<uint32_t>(slots - 1);
    for (uint64_t i = 0; i < old_count; ++i) {
        if (old_subscriptions[i] != nullptr) put(old_subscriptions[i], old_hashes[i]);
    }
}

}  // namespace nuring::interest
