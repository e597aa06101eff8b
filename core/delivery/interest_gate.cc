// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/interest_gate.h"

#include <utility>

#include "core/link/link.h"

namespace nuring::delivery {

void InterestGate::rest(link::Link& link) {
    resting_.push_back(link.handle());
    link.pause(link::PauseReason::kTurn);
}

bool InterestGate::begin_turn() {
    cost_ = 0;
    if (resting_.empty() || host_.holding()) return false;
    const std::vector<base::LinkHandle> rested = std::exchange(resting_, {});
    size_t resumed = 0;
    for (; resumed < rested.size() && cost_ < kCostPerTurn; ++resumed) {
        link::Link* link = host_.table.find(rested[resumed]);
        if (link != nullptr) link->resume(link::PauseReason::kTurn);
    }
    // Those for which nothing was left come before those that rest again.
    resting_.insert(resting_.begin(), rested.begin() + static_cast<ptrdiff_t>(resumed), rested.end());
    return true;
}

}  // namespace nuring::delivery
