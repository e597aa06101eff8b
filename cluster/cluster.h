// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/options.h"
#include "core/server/subsystem.h"

namespace nuring::cluster {

// The routes of this server as a subsystem: its listener, what it dials, what a reload changes. Null: the
// configuration has no cluster port.
std::unique_ptr<server::Subsystem> create_cluster(const config::Options& options);

}  // namespace nuring::cluster
