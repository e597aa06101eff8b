// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/interest/subscription.h"

namespace nuring::interest {

// SidTable finds the subscriptions of one link by sid. Clients count their sids up, so the table keeps
// neighbours together: sixteen consecutive numbers share a line, and a million SUBs in a row walk
// through memory instead of missing it a million times. Hashes lie beside the pointers, so growth
// touches no subscription.
//
//   hash of a number   | 28 bits: spread of number / 16 | number % 16 |     other sids: spread as a whole
//
// Threads: one worker.
// Limits:  2^31 subscriptions; 12 bytes per slot, load up to 7/8. An empty table has no memory.
// Errors:  none.
// Lifetime: borrows the subscriptions. for_each() goes in an order that depends on the sids, on what
//           was removed, and on the seed alone.
// Source:  ours (linear probing, removal by shifting back).
class SidTable {
  public:
    // A seed that peers do not know keeps them from choosing sids that collide.
    explicit SidTable(uint64_t hash_seed) : hash_seed_(hash_seed) {}
    SidTable(const SidTable&) = delete;
    SidTable& operator=(const SidTable&) = delete;

    uint32_t hash(std::string_view sid) const;

    // Null if there is none; `hash` is hash(sid).
    Subscription* find(std::string_view sid, uint32_t hash) const;
    Subscription* find(std::string_view sid) const { return find(sid, hash(sid)); }
    // No subscription with its sid is in the table; `hash` is that of its sid.
    void insert(Subscription* subscription, uint32_t hash);
    void insert(Subscription* subscription) { insert(subscription, hash(subscription->sid())); }
    // The subscription is in the table.
    void erase(Subscription* subscription);
    void clear();

    uint32_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    size_t heap_bytes() const { return slot_count() * (sizeof(Subscription*) + sizeof(uint32_t)); }

    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (uint64_t i = 0; i < slot_count(); ++i) {
            if (subscriptions_[i] != nullptr) visit(subscriptions_[i]);
        }
    }

  private:
    static constexpr uint64_t kSlotsMin = 8;

    uint64_t slot_count() const { return subscriptions_ == nullptr ? 0 : uint64_t{mask_} + 1; }
    void put(Subscription* subscription, uint32_t hash);
    void rehash(uint64_t slot_count);

    const uint64_t hash_seed_;
    std::unique_ptr<Subscription*[]> subscriptions_;  // null: free
    std::unique_ptr<uint32_t[]> hashes_;
    uint32_t mask_ = 0;
    uint32_t count_ = 0;
};

}  // namespace nuring::interest
