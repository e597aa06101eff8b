// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/base/ids.h"

namespace nuring::interest {
class Subscription;
}

namespace nuring::link {

struct MessageRun;

// Subscriber is whatever owns subscriptions: a link, or the server itself (internal_link.h). It is
// what Subscription::owner points at.
// Threads: the worker of its subscriptions.
class Subscriber {
  public:
    // Takes the run's messages for one of its subscriptions; returns how many it took. Fewer than
    // all: the subscription has reached its maximum, or it may not have them, or has just ended.
    virtual uint32_t deliver(interest::Subscription& subscription, const MessageRun& run) = 0;
    // Would it take a message of that publisher now?
    virtual bool accepts(const interest::Subscription& subscription,
                         base::LinkHandle origin) const = 0;

  protected:
    ~Subscriber() = default;
};

}  // namespace nuring::link
