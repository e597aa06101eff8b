// SPDX-License-Identifier: Apache-2.0
// From a `tls` block of the configuration to a context: reads the files that it names.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/config/diagnostics.h"
#include "core/config/options.h"
#include "core/tls/tls_profile.h"

namespace nuring::server {

// Of the client port; null: it has no TLS.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_client_tls(const config::Options& options);
// The same for the monitoring port, which asks nobody for a certificate.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_monitor_tls(
    const config::Options& options);

// Loads all blocks for the check alone: says what is wrong, and where the block stands.
bool check_tls_files(const config::Options& options, config::Diagnostics* diagnostics);

}  // namespace nuring::server
