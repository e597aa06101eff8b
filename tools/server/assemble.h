// SPDX-License-Identifier: Apache-2.0
// The subsystems of the server above core/.
#pragma once

#include "core/config/options.h"
#include "core/server/subsystem.h"

namespace nuring::tools {

// In the order in which they start; they stop in the same order. Those that the options leave off are
// not made.
server::Subsystems assemble(const config::Options& options);

}  // namespace nuring::tools
