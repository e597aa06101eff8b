// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/config/options.h"
#include "core/ring/ring.h"

namespace nuring::server {

struct Rings {
    std::vector<std::unique_ptr<ring::Ring>> rings;  // one per worker
    std::string fallback_reason;  // why `io: auto` has chosen epoll; else empty
};

// Makes the workers' rings: on io_uring, or on epoll where io_uring is denied (io: auto) or epoll is asked
// for. All workers get the same kind.
// Threads: the control thread, before the workers start.
// Errors:  those of the kind that was asked for; with io: auto those of epoll.
absl::StatusOr<Rings> create_rings(const config::UringOptions& options, uint32_t count);

}  // namespace nuring::server
