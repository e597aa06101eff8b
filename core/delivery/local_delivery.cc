// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/local_delivery.h"

#include <algorithm>

namespace nuring::delivery {

bool deliver_in_blocks(Delivery& delivery, base::LinkHandle origin, bool echo,
                       LocalSubscriptions subscriptions, const MessageRun& run) {
    const uint32_t most = FrameBlock::messages_max(run);
    // Subscribers note a reply once for each run.
    if (most < 2 || !run.reply.empty()) return deliver_to_each(origin, echo, subscriptions, run);
    bool taken = false;
    for (uint32_t first = 0; first < run.count; first += most) {
        MessageRun part = part_of(run, first, std::min(most, run.count - first));
        delivery.frame_block.begin_run(&part);
        taken |= deliver_to_each(origin, echo, subscriptions, part);
    }
    return taken;
}

}  // namespace nuring::delivery
