// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/base/ids.h"

namespace nuring::interest {
class Subscription;
}

namespace nuring::delivery {

struct MessageRun;

// Subscriber is whatever owns subscriptions: a link, or the server itself (client/internal_client.h). It is
// what Subscription::owner points at.
// Threads: the worker of its subscriptions.
class Subscriber {
  public:
    // Takes the run's messages for one of its subscriptions; returns how many it took. Fewer than
    // all: the subscription has reached its maximum, or it may not have them, or has just ended.
    // origin: the link that has published them.
    virtual uint32_t deliver(interest::Subscription& subscription, const MessageRun& run,
                             base::LinkHandle origin) = 0;
    // Would it take a message of that publisher now?
    virtual bool accepts(const interest::Subscription& subscription,
                         base::LinkHandle origin) const = 0;

  protected:
    ~Subscriber() = default;
};

}  // namespace nuring::delivery
