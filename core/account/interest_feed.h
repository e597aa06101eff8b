// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nuring::interest {
class Subscription;
}

namespace nuring::account {

class Account;

// InterestFeed gets, over all accounts, the changes that are announced to other servers
// (interest/interest_observer.h says what counts as a change, and why a call does not say which one).
// Threads: that of the change: the worker of the subscription; for those of no worker (service imports and
//          their replies) the caller of AccountRegistry::apply() or update().
// Lifetime: outlives the accounts.
class InterestFeed {
  public:
    virtual void on_interest_changed(Account& account, const interest::Subscription& subscription) = 0;
    // The change concerns leafnode links only.
    virtual void on_leaf_interest_changed(Account& /*account*/,
                                          const interest::Subscription& /*subscription*/) {}

  protected:
    ~InterestFeed() = default;
};

}  // namespace nuring::account
