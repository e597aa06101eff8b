// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/ring/ring.h"

namespace nuring::ring {

// Makes a ring on epoll, for machines that refuse io_uring (containers, old kernels). Same
// contract. Errors: Unavailable when a descriptor or the address space for receive buffers is
// refused.
absl::StatusOr<std::unique_ptr<Ring>> create_epoll_ring(const RingOptions& options);

}  // namespace nuring::ring
