// SPDX-License-Identifier: Apache-2.0
// From a `tls` block of the configuration to a context: reads the files that it names.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "core/config/diagnostics.h"
#include "core/config/options.h"
#include "core/tls/tls_profile.h"

namespace nuring::server {

// Of a port whose `verify` says whether a certificate is required: clients, leafnodes, websocket. Null: no
// TLS.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_listener_tls(
    const std::optional<config::TlsOptions>& block);
// Of the monitoring port, which asks nobody for a certificate.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_monitor_tls(
    const config::Options& options);
// Of a dialler that is a client there: a leafnode's remote, its proxy.
absl::StatusOr<std::shared_ptr<const tls::Profile>> load_dialer_tls(
    const std::optional<config::TlsOptions>& block);

// Both ends of the links to other servers, from one block: the certificate is shown either way, the
// authorities are the same, and a peer has to have a certificate whether the block says `verify` or not.
// `insecure` makes the dialer accept any certificate; the acceptor verifies all the same. The rest of the
// block (timeout, pinned_certs) is the user's. Both null: there is no TLS.
// A reload loads again; fingerprints show the changes, and open links keep their profiles.
// Source: server/opts.go, parseCluster 2.0.0-RC19.
struct LinkProfiles {
    std::shared_ptr<const tls::Profile> acceptor;
    std::shared_ptr<const tls::Profile> dialer;
};
absl::StatusOr<LinkProfiles> load_link_tls(const std::optional<config::TlsOptions>& block);

// Loads all blocks for the check alone: says what is wrong, and where the block stands.
bool check_tls_files(const config::Options& options, config::Diagnostics* diagnostics);

}  // namespace nuring::server
