// SPDX-License-Identifier: Apache-2.0
// The parts of validate() that have files of their own. Private to core/config.
#pragma once

#include "core/config/diagnostics.h"
#include "core/config/options.h"

namespace nuring::config {

// cluster, gateway, leafnodes.
void validate_links(const Options& options, Diagnostics* out);
void validate_websocket(const Options& options, Diagnostics* out);

// no_auth_user, be it of all clients or of the ones by websocket.
void check_no_auth_user(const Options& options, const std::string& name, Diagnostics* out);

}  // namespace nuring::config
