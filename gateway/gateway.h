// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "core/config/options.h"
#include "core/server/subsystem.h"

namespace nuring::gateway {

// The gateways of this server as a subsystem: its listener, what it dials, what a reload changes. Null: the
// configuration has no gateway.
std::unique_ptr<server::Subsystem> create_gateway(const config::Options& options);

}  // namespace nuring::gateway
