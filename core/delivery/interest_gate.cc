// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/interest_gate.h"

#include <algorithm>
#include <utility>

#include "core/link/link.h"

namespace nuring::delivery {

void InterestGate::rest(link::Link& link) {
    resting_.push_back(link.handle());
    link.pause(link::PauseReason::kTurn);
}

bool InterestGate::begin_turn() {
    cost_ = 0;
    has_worked_ = false;
    if (resting_.empty() || host_.holding()) return false;
    const std::vector<base::LinkHandle> rested = std::exchange(resting_, {});
    const auto share =
        static_cast<uint32_t>(std::max<size_t>(kCostPerTurn / rested.size(), kShareMin));
    size_t resumed = 0;
    for (; resumed < rested.size() && cost_ < kCostPerTurn; ++resumed) {
        link::Link* link = host_.table.find(rested[resumed]);
        cost_max_ = std::min(cost_ + share, kCostPerTurn);
        if (link != nullptr) link->resume(link::PauseReason::kTurn);
    }
    cost_max_ = kCostPerTurn;
    // Links that got no share of this turn come before those that rest again.
    resting_.insert(resting_.begin(), rested.begin() + static_cast<ptrdiff_t>(resumed),
                    rested.end());
    return true;
}

}  // namespace nuring::delivery
