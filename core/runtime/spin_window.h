// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nuring::runtime {

// SpinWindow decides how long a worker looks for work before it sleeps. It learns from the gaps between work:
// one that the longest window would have covered makes the window wider, a longer one makes it narrower. So a
// worker spins only while traffic comes closely enough for that to pay. It does not spin for a while when
// another program takes its processor meanwhile.
// Threads: one. Limits: see the constants. Errors: none.
// Source:  the rule of the kernel's halt polling (Documentation/virt/kvm/halt-polling.rst).
class SpinWindow {
  public:
    static constexpr uint64_t kFirst_ns = 4'000;  // the narrowest that is not zero
    // A turn without work takes a few microseconds.
    static constexpr uint64_t kTaken_ns = 200'000;
    static constexpr uint64_t kRest_ns = 1'000'000'000;

    // 0: never spins.
    explicit SpinWindow(uint64_t longest_ns) : longest_ns_(longest_ns) {}

    // A turn found work.
    void on_work(uint64_t now_ns);
    // A turn found none. True: look again.
    bool lasts(uint64_t now_ns);
    uint64_t width_ns() const { return width_ns_; }

  private:
    const uint64_t longest_ns_;
    uint64_t width_ns_ = 0;
    uint64_t worked_ns_ = 0;
    uint64_t looked_ns_ = 0;
    uint64_t rests_until_ns_ = 0;
    bool spins_ = false;  // the turn before this one found no work, and was followed at once
};

}  // namespace nuring::runtime
