// SPDX-License-Identifier: Apache-2.0
#include "core/link/flow_limits.h"

#include <algorithm>
#include <cassert>

namespace nuring::link {
namespace {

// Enough to share its fixed costs, little enough to stay in the first cache level while it is copied.
constexpr uint64_t kRunBytesMax = 32 * 1024;
constexpr uint64_t kCountedBytesMax = 2 * 1024 * 1024;
// In the turn in which a link falls behind, and in the next one, after which its publishers know. Mailboxes
// are drained at the begin of a turn and before its first input.
constexpr uint64_t kTurnsUntilRest = 2;
constexpr uint64_t kDrainsUntilRest = 3;
// Less than the batch that a channel makes in a turn.
constexpr uint64_t kThrottledBytes = 64 * 1024;
// For some larger messages, whatever max_pending is.
constexpr uint64_t kSpareBytesMin = 128 * 1024;

}  // namespace

FlowLimits flow_limits(uint64_t max_pending_bytes, uint32_t worker_count, size_t mailbox_capacity) {
    assert(worker_count > 0);
    const uint64_t others = worker_count - 1;
    // For what is on its way; the rest is for what waits already.
    const uint64_t budget = max_pending_bytes / 2;
    FlowLimits limits;
    // More input waits for the next turn. Else the input of one turn, up to 1 MiB, times the number of
    // subscribers would flood the caches and the memory.
    limits.turn_bytes = std::min(kTurnBytesMax, budget / 8);
    const uint64_t drained = budget - kTurnsUntilRest * limits.turn_bytes;
    const uint64_t part = drained / kDrainsUntilRest / std::max<uint64_t>(others, 1) / 4;
    limits.run_bytes = std::min(kRunBytesMax, part);
    limits.mailbox_bytes = std::min<uint64_t>(mailbox_capacity, part);
    limits.counted_bytes = std::min(kCountedBytesMax, part);
    const uint64_t of_each = limits.run_bytes + limits.mailbox_bytes + 2 * limits.counted_bytes;
    const uint64_t on_its_way =
        kTurnsUntilRest * limits.turn_bytes + kDrainsUntilRest * others * of_each;
    assert(on_its_way <= budget);
    const uint64_t spare = std::max(max_pending_bytes / 4, std::min(budget, kSpareBytesMin));
    limits.stall_from_bytes = max_pending_bytes - std::max(on_its_way, spare);
    limits.throttled_turn_bytes = std::min(limits.turn_bytes, kThrottledBytes);
    const uint64_t of_each_other = kThrottledBytes / std::max<uint64_t>(others, 1);
    limits.throttled_mailbox_bytes = std::min(limits.mailbox_bytes, std::max(of_each_other, kRunBytesMax));
    // A block counts whatever its size: with none on its way, no worker is behind.
    limits.counted_bytes = std::max<uint64_t>(limits.counted_bytes, 1);
    limits.throttled_counted_bytes = std::min(limits.counted_bytes, kThrottledBytes);
    return limits;
}

}  // namespace nuring::link
