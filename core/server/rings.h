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
    std::string fallback_reason;  // why epoll was taken although io_uring was wished for; or empty
};

// Makes the workers' rings: io_uring, or epoll where it is denied (io: auto) or asked for.
absl::StatusOr<Rings> create_rings(const config::UringOptions& options, uint32_t count);

}  // namespace nuring::server
