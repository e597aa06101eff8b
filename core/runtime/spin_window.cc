// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/spin_window.h"

#include <algorithm>
#include <cassert>

namespace nuring::runtime {

void SpinWindow::on_work(uint64_t now_ns) {
    assert(now_ns >= worked_ns_);
    const uint64_t gap_ns = now_ns - worked_ns_;
    worked_ns_ = now_ns;
    spins_ = false;
    if (longest_ns_ == 0 || now_ns < rests_until_ns_) return;
    if (gap_ns <= longest_ns_) {
        width_ns_ = std::min(std::max(width_ns_ * 2, kFirst_ns), longest_ns_);
    } else {
        width_ns_ = width_ns_ / 2 < kFirst_ns ? 0 : width_ns_ / 2;
    }
    assert(width_ns_ <= longest_ns_);
}

bool SpinWindow::lasts(uint64_t now_ns) {
    const bool was_taken = spins_ && now_ns - looked_ns_ > kTaken_ns;
    if (was_taken) {
        width_ns_ = 0;
        rests_until_ns_ = now_ns + kRest_ns;
    }
    looked_ns_ = now_ns;
    spins_ = now_ns - worked_ns_ < width_ns_;
    return spins_;
}

}  // namespace nuring::runtime
