// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/log_gate.h"

#include <utility>

#include "core/link/link.h"
#include "core/runtime/mesh.h"

namespace nuring::delivery {
namespace {

// While messages are traced, as much waits for another worker: some hundred lines.
constexpr size_t kTracedMailboxBytes = 32 * 1024;

}  // namespace

bool LogGate::is_crowded() const {
    if (host_.log.crowded()) return true;
    // Records that wait in a mailbox become log lines all at once, when their worker drains it.
    runtime::Mesh& mesh = host_.worker.mesh();
    for (uint32_t i = 0; i < mesh.worker_count(); ++i) {
        const auto to = static_cast<base::WorkerId>(i);
        if (to == host_.id) continue;
        if (mesh.mailbox(host_.id, to).unconsumed_bytes() > kTracedMailboxBytes) return true;
    }
    return false;
}

bool LogGate::pause_until_logged(link::Link& link) {
    if (!is_crowded()) return false;
    waiting_.push_back(link.handle());
    link.pause(link::PauseReason::kLog);
    if (!timer_.armed()) host_.timers.arm(timer_, host_.ring.now_ns() + 1);  // the next tick
    return true;
}

void LogGate::on_timer() {
    if (is_crowded()) return host_.timers.arm(timer_, host_.ring.now_ns() + 1);
    for (const base::LinkHandle handle : std::exchange(waiting_, {})) {
        if (link::Link* link = host_.table.find(handle)) link->resume(link::PauseReason::kLog);
    }
}

}  // namespace nuring::delivery
