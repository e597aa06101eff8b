// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/ring/ring.h"

namespace nuring::ring {

// Makes a ring on io_uring (Linux 6.1 or newer).
// Threads: any; the ring itself belongs to the thread that calls start().
// Errors:  Unavailable when the kernel has or allows no io_uring (ENOSYS, EPERM: seccomp, sysctl),
//          ResourceExhausted when a memory-lock limit is too small; the message names the remedy.
absl::StatusOr<std::unique_ptr<Ring>> create_uring_ring(const RingOptions& options);

}  // namespace nuring::ring
