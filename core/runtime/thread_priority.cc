// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace nuring::runtime {

void leave_realtime() {
    const int policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    if (policy != SCHED_FIFO && policy != SCHED_RR) return;
    const sched_param parameters{};
    (void)::sched_setscheduler(0, SCHED_OTHER, &parameters);
}

void give_way_to_workers(int nice) {
    leave_realtime();
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice);
}

}  // namespace nuring::runtime
