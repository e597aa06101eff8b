// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nuring::interest {
class Subscription;
}

namespace nuring::account {

class Account;

// InterestFeed gets, over all accounts, the changes that are announced to other servers
// (interest/interest_observer.h has what a change is, and why it does not say which).
// Threads: that of the change: the worker of the subscription; for those of no worker (replies to services)
//          the control thread.
// Lifetime: outlives the accounts.
class InterestFeed {
  public:
    virtual void on_interest_changed(Account& account, const interest::Subscription& subscription) = 0;
    // The change concerns nobody but leafnode links.
    virtual void on_leaf_interest_changed(Account& /*account*/,
                                          const interest::Subscription& /*subscription*/) {}

  protected:
    ~InterestFeed() = default;
};

}  // namespace nuring::account
