// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace nuring::interest {
class Subscription;
}

namespace nuring::account {

class Account;

// InterestFeed hears, over all accounts, of the changes that other servers must be told of
// (interest/interest_observer.h has what a change is, and why it does not say which).
// Threads: that of the change: the worker of the subscription; for those of no worker (replies to services)
//          the control thread.
// Lifetime: outlives the accounts.
class InterestFeed {
  public:
    virtual void on_interest_changed(Account& account, const interest::Subscription& subscription) = 0;

  protected:
    ~InterestFeed() = default;
};

}  // namespace nuring::account
