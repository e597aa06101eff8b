// SPDX-License-Identifier: Apache-2.0
// What the server is put together from, beyond core/: the list of subsystems.
#pragma once

#include "core/config/options.h"
#include "core/server/subsystem.h"

namespace nuring::tools {

// In the order in which they start; they stop in the same order. Those that the options leave off are
// not made.
server::Subsystems assemble(const config::Options& options);

}  // namespace nuring::tools
