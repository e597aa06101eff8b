// SPDX-License-Identifier: Apache-2.0
#include "core/server/tls_files.h"

#include "core/base/status.h"

namespace nuring::server {
namespace {

absl::StatusOr<std::shared_ptr<const tls::Profile>> load(const config::Options& options,
                                                         bool verify_peer) {
    if (!options.tls.has_value()) return std::shared_ptr<const tls::Profile>();
    const config::TlsOptions& tls = *options.tls;
    return tls::Profile::create(
        {.role = tls::Role::kServer,
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

absl::StatusOr<std::shared_ptr<const tls::Profile>> load_client_tls(const config::Options& options) {
    return load(options, options.tls.has_value() && options.tls->verify);
}

absl::StatusOr<std::shared_ptr<const tls::Profile>> load_monitor_tls(
    const config::Options& options) {
    return load(options, /*verify_peer=*/false);
}

bool check_tls_files(const config::Options& options, config::Diagnostics* diagnostics) {
    const auto context = load_client_tls(options);
    if (context.ok()) return true;
    diagnostics->error(options.tls->position, base::message_of(context.status()));
    return false;
}

}  // namespace nuring::server
