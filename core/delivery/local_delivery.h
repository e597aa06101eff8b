// SPDX-License-Identifier: Apache-2.0
// Brings messages to the plain subscriptions of one worker.
// Threads: that worker. Errors: none.
#pragma once

#include <span>

#include "core/base/ids.h"
#include "core/delivery/delivery.h"
#include "core/delivery/message_run.h"
#include "core/delivery/subscriber.h"
#include "core/interest/subscription.h"

namespace nuring::delivery {

using LocalSubscriptions = std::span<interest::Subscription* const>;

// A long run for many subscribers, in parts whose frames they can share.
bool deliver_in_blocks(Delivery& delivery, base::LinkHandle origin, bool echo,
                       LocalSubscriptions subscriptions, const MessageRun& run);

// The same run for each. False: nobody took any of it.
inline bool deliver_to_each(base::LinkHandle origin, bool echo, LocalSubscriptions subscriptions,
                            const MessageRun& run) {
    bool taken = false;
    for (interest::Subscription* subscription : subscriptions) {
        if (!echo && subscription->link() == origin) continue;
        taken |=
            static_cast<Subscriber*>(subscription->owner)->deliver(*subscription, run, origin) != 0;
    }
    return taken;
}

// `echo`: to the publisher, too.
inline bool deliver_to_local(Delivery& delivery, base::LinkHandle origin, bool echo,
                             LocalSubscriptions subscriptions, const MessageRun& run) {
    // Below that, building frames once more costs more than it saves.
    constexpr size_t kSubscribersMin = 4;
    constexpr uint32_t kMessagesMin = 4;
    if (subscriptions.size() >= kSubscribersMin && run.count >= kMessagesMin) {
        return deliver_in_blocks(delivery, origin, echo, subscriptions, run);
    }
    return deliver_to_each(origin, echo, subscriptions, run);
}

}  // namespace nuring::delivery
