// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace nuring::link {

// Of any FlowLimits.
inline constexpr uint64_t kTurnBytesMax = 2 * 1024 * 1024;

// FlowLimits is how much of what others publish may be on its way to one link. When the link falls behind its
// peer, its publishers rest (delivery/stall_gate.h), but what is on its way still comes: all of it must fit
// into max_pending, else a receiver that reads as fast as it can would be closed. (A larger message passes
// alone.)
// Units: bytes.
struct FlowLimits {
    uint64_t turn_bytes = 0;     // delivered in a turn, after which the worker sends
    uint64_t run_bytes = 0;      // of a run of messages
    uint64_t mailbox_bytes = 0;  // in a mailbox, which then takes no more
    uint64_t counted_bytes = 0;  // in counted blocks for a worker; twice as much may be on its way
    uint64_t stall_from_bytes = 0;  // a link that has more waiting makes its publishers rest
    // The same while the receiving worker is throttled (LinkHost::throttle()).
    uint64_t throttled_turn_bytes = 0;
    uint64_t throttled_mailbox_bytes = 0;
    uint64_t throttled_counted_bytes = 0;
};

// For that many workers, whose mailboxes have that capacity.
FlowLimits flow_limits(uint64_t max_pending_bytes, uint32_t worker_count, size_t mailbox_capacity);

}  // namespace nuring::link
