// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/runtime/timer_wheel.h"

namespace nuring::runtime {

// OwnedTimer is a timer that is a member of its owner, and calls one of its functions when it fires.
// Threads: the worker of its timer wheel. Errors: none. Lifetime: the owner disarms it before it goes.
template <class Owner, void (Owner::*kFunction)()>
class OwnedTimer final : public Timer {
  public:
    explicit OwnedTimer(Owner& owner) : Timer(&fired), owner_(owner) {}

  private:
    static void fired(Timer& timer) { (static_cast<OwnedTimer&>(timer).owner_.*kFunction)(); }

    Owner& owner_;
};

}  // namespace nuring::runtime
