// SPDX-License-Identifier: Apache-2.0
#include "core/server/tls_files.h"

#include "core/base/status.h"

namespace nuring::server {
namespace {

using Loaded = absl::StatusOr<std::shared_ptr<const tls::Profile>>;

Loaded load(const std::optional<config::TlsOptions>& block, tls::Role role, bool verify_peer) {
    if (!block.has_value()) return std::shared_ptr<const tls::Profile>();
    const config::TlsOptions& tls = *block;
    return tls::Profile::create(
        {.role = role,
         .cert_file = tls.cert_file,
         .key_file = tls.key_file,
         .ca_file = tls.ca_file,
         .verify_peer = verify_peer,
         .min_version = tls.min_version,
         .cipher_suites =
             tls.cipher_suites.empty() ? config::default_cipher_suites() : tls.cipher_suites,
         .curves =
             tls.curve_preferences.empty() ? config::default_curves() : tls.curve_preferences});
}

}  // namespace

Loaded load_client_tls(const config::Options& options) {
    return load(options.tls, tls::Role::kServer, options.tls.has_value() && options.tls->verify);
}

Loaded load_monitor_tls(const config::Options& options) {
    return load(options.tls, tls::Role::kServer, /*verify_peer=*/false);
}

absl::StatusOr<LinkProfiles> load_cluster_tls(const config::Options& options) {
    const std::optional<config::TlsOptions>& block = options.cluster.tls;
    Loaded acceptor = load(block, tls::Role::kServer, /*verify_peer=*/true);
    if (!acceptor.ok()) return acceptor.status();
    Loaded dialer = load(block, tls::Role::kClient, block.has_value() && !block->insecure);
    if (!dialer.ok()) return dialer.status();
    return LinkProfiles{.acceptor = *std::move(acceptor), .dialer = *std::move(dialer)};
}

bool check_tls_files(const config::Options& options, config::Diagnostics* diagnostics) {
    const auto check = [diagnostics](const absl::Status& status,
                                     const std::optional<config::TlsOptions>& block) {
        if (!status.ok()) diagnostics->error(block->position, base::message_of(status));
        return status.ok();
    };
    const std::optional<config::TlsOptions>& resolver = options.trust.resolver_tls;
    const bool clients_good = check(load_client_tls(options).status(), options.tls);
    const bool cluster_good = check(load_cluster_tls(options).status(), options.cluster.tls);
    return check(load(resolver, tls::Role::kClient, false).status(), resolver) && clients_good &&
           cluster_good;
}

}  // namespace nuring::server
