// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/interest/subscription.h"
#include "core/interest/subscription_pool.h"

namespace nuring::delivery {

class Shadow;

// SubscriptionIndex owns the memory of one worker's subscriptions, and finds members of queue groups again.
//
// A subscription that ends is retired: it takes no message any more, but a match in use may still point at
// it, so its memory is freed at the end of the turn.
//
// Threads: its worker. Limits: memory. Errors: create() returns null if a text is too long.
class SubscriptionIndex {
  public:
    SubscriptionIndex();
    ~SubscriptionIndex();
    SubscriptionIndex(const SubscriptionIndex&) = delete;
    SubscriptionIndex& operator=(const SubscriptionIndex&) = delete;

    uint64_t take_serial() { return ++last_serial_; }
    [[nodiscard]] interest::Subscription* create(const interest::SubscriptionSpec& spec) {
        return pool_.create(spec);
    }

    // Members of queue groups are found by serial when a message for which another worker has chosen them
    // arrives.
    void add_member(interest::Subscription* subscription);
    interest::Subscription* find_member(uint64_t serial) const;

    // Taking it out of its sublist is the caller's.
    void retire(interest::Subscription* subscription);
    void retire(std::unique_ptr<Shadow> shadow);
    // At once: nothing can point at it.
    void destroy(interest::Subscription* subscription);
    // At the end of a turn: no match is in use.
    void free_retired();

  private:
    interest::SubscriptionPool pool_;
    uint64_t last_serial_ = 0;
    absl::flat_hash_map<uint64_t, interest::Subscription*> members_;
    std::vector<interest::Subscription*> retired_;
    std::vector<std::unique_ptr<Shadow>> retired_shadows_;
};

}  // namespace nuring::delivery
