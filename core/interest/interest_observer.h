// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/interest/subscription.h"

namespace nuring::interest {

// InterestObserver is called when a change of the interest in one pattern has to be announced:
// the first plain subscription of this server came or its last one went, a queue group got or lost a
// member (InterestChange::kChanged). The call says that there is a change, not which: changes by several
// workers may reach it in another order than they happened in, so it asks Sublist::own_interest() for
// what holds by then.
// Threads: that of insert() or remove(), after the lock of the shard was given back.
// Errors:  none. Lifetime: outlives the sublist.
class InterestObserver {
  public:
    virtual void on_interest_changed(const Subscription& subscription) = 0;
    // The change concerns leafnode links only, to which the interest of other servers is announced, too
    // (InterestChange::kForLeafnodes).
    virtual void on_leaf_interest_changed(const Subscription& /*subscription*/) {}

  protected:
    ~InterestObserver() = default;
};

}  // namespace nuring::interest
