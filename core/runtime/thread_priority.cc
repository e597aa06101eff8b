// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace nuring::runtime {

void leave_realtime() {
    const int inherited = ::sched_getscheduler(0);
    if (inherited < 0) return;
    const int policy = inherited & ~SCHED_RESET_ON_FORK;
    if (policy != SCHED_FIFO && policy != SCHED_RR) return;
    const sched_param parameters{};
    // To drop SCHED_RESET_ON_FORK takes a right of its own.
    (void)::sched_setscheduler(0, SCHED_OTHER | (inherited & SCHED_RESET_ON_FORK), &parameters);
}

void give_way_to_workers(int nice) {
    leave_realtime();
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice);
}

}  // namespace nuring::runtime
