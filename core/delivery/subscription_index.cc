// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/subscription_index.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/delivery/shadow.h"

namespace nuring::delivery {

SubscriptionIndex::SubscriptionIndex() = default;

SubscriptionIndex::~SubscriptionIndex() {
    free_retired();
}

interest::Subscription* SubscriptionIndex::create(interest::SubscriptionSpec spec) {
    const uint32_t slot = take_slot();
    creations_ = std::max(creations_ + 1, 1U);
    spec.serial = uint64_t{creations_} << 32 | slot;
    interest::Subscription* subscription = pool_.create(spec);
    if (subscription == nullptr) {
        free_slot(slot);
        return nullptr;
    }
    const auto bits = reinterpret_cast<uintptr_t>(subscription);
    assert((bits & kFree) == 0);
    entry(slot) = bits;
    return subscription;
}

uint32_t SubscriptionIndex::take_slot() {
    if (first_free_ != kNoSlot) {
        const uint32_t slot = first_free_;
        assert((entry(slot) & kFree) != 0);
        first_free_ = static_cast<uint32_t>(entry(slot) >> 1);
        return slot;
    }
    assert(slot_count_ < kNoSlot);
    if (slot_count_ % kChunkSlots == 0) slots_.push_back(std::make_unique<Chunk>());
    return slot_count_++;
}

void SubscriptionIndex::free_slot(uint32_t slot) {
    assert(slot < slot_count_);
    entry(slot) = uintptr_t{first_free_} << 1 | kFree;
    first_free_ = slot;
}

void SubscriptionIndex::retire(interest::Subscription* subscription) {
    assert(!subscription->closed());
    assert(find(subscription->serial()) == subscription);
    subscription->flags |= interest::Subscription::kClosed;
    free_slot(slot_of(subscription->serial()));
    retired_.push_back(subscription);
}

void SubscriptionIndex::retire(std::unique_ptr<Shadow> shadow) {
    retired_shadows_.push_back(std::move(shadow));
}

void SubscriptionIndex::destroy(interest::Subscription* subscription) {
    assert(find(subscription->serial()) == subscription);
    free_slot(slot_of(subscription->serial()));
    pool_.destroy(subscription);
}

void SubscriptionIndex::free_retired() {
    for (interest::Subscription* subscription : retired_) pool_.destroy(subscription);
    retired_.clear();
    retired_shadows_.clear();
}

}  // namespace nuring::delivery
