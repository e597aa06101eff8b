// SPDX-License-Identifier: Apache-2.0
// Makes TLS profiles from `tls` blocks of the configuration: reads the files that they name.
// Threads: the control thread. Errors: a file that cannot be read, or does not fit, with its name.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "core/config/diagnostics.h"
#include "core/config/options.h"
#include "core/tls/tls_profile.h"

namespace nuring::server {

// For a port of clients, leafnodes or WebSocket: `verify` says whether the peer must have a certificate.
// Null: no TLS.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_listener_tls(
    const std::optional<config::TlsOptions>& block);
// For the monitoring port, which asks for no certificate. Null: no TLS.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_monitor_tls(
    const config::Options& options);
// For the side that dials: a leafnode's remote, its proxy, the account resolver. Null: no TLS.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_dialer_tls(
    const std::optional<config::TlsOptions>& block);

// Both ends of the links to other servers, from one block: both show the same certificate and know the same
// authorities, and the peer must have a certificate whether the block says `verify` or not. `insecure` makes
// the dialer accept any certificate; the acceptor verifies all the same. The caller applies the rest of the
// block (timeout, pinned_certs). Both null: there is no TLS.
// A reload loads again; fingerprints show the changes, and open links keep their profiles.
// Source: server/opts.go, parseCluster 2.0.0-RC19.
struct LinkProfiles {
    std::shared_ptr<const tls::Profile> acceptor;
    std::shared_ptr<const tls::Profile> dialer;
};
absl::StatusOr<LinkProfiles> load_link_tls(const std::optional<config::TlsOptions>& block);

// Loads all blocks of the configuration, only to report what is wrong with each. False: something is.
bool check_tls_files(const config::Options& options, config::Diagnostics* diagnostics);

}  // namespace nuring::server
