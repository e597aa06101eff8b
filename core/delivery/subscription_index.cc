// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/subscription_index.h"

#include <cassert>
#include <utility>

#include "core/delivery/shadow.h"

namespace nuring::delivery {

SubscriptionIndex::SubscriptionIndex() = default;

SubscriptionIndex::~SubscriptionIndex() {
    free_retired();
}

void SubscriptionIndex::add_member(interest::Subscription* subscription) {
    assert(subscription->is_queue());
    assert(!subscription->closed());
    members_.emplace(subscription->serial(), subscription);
}

interest::Subscription* SubscriptionIndex::find_member(uint64_t serial) const {
    const auto found = members_.find(serial);
    return found == members_.end() ? nullptr : found->second;
}

void SubscriptionIndex::retire(interest::Subscription* subscription) {
    assert(!subscription->closed());
    subscription->flags |= interest::Subscription::kClosed;
    if (subscription->is_queue()) members_.erase(subscription->serial());
    retired_.push_back(subscription);
}

void SubscriptionIndex::retire(std::unique_ptr<Shadow> shadow) {
    retired_shadows_.push_back(std::move(shadow));
}

void SubscriptionIndex::destroy(interest::Subscription* subscription) {
    if (subscription->is_queue()) members_.erase(subscription->serial());
    pool_.destroy(subscription);
}

void SubscriptionIndex::free_retired() {
    for (interest::Subscription* subscription : retired_) pool_.destroy(subscription);
    retired_.clear();
    retired_shadows_.clear();
}

}  // namespace nuring::delivery
