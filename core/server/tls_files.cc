// SPDX-License-Identifier: Apache-2.0
#include "core/server/tls_files.h"

#include "core/base/status.h"

namespace nuring::server {
namespace {

using Block = std::optional<config::TlsOptions>;
using Loaded = absl::StatusOr<std::shared_ptr<const tls::Profile>>;

tls::PeerCheck listener_check(const config::TlsOptions& tls) {
    if (tls.verify) return tls::PeerCheck::kRequired;
    return tls.verify_optional ? tls::PeerCheck::kIfGiven : tls::PeerCheck::kNone;
}

tls::PeerCheck dialer_check(const config::TlsOptions& tls) {
    return tls.insecure ? tls::PeerCheck::kNone : tls::PeerCheck::kRequired;
}

Loaded load(const config::TlsOptions& tls, tls::Role role, tls::PeerCheck check) {
    return tls::Profile::create(
        {.role = role,
         .cert_file = tls.cert_file,
         .key_file = tls.key_file,
         .ca_file = tls.ca_file,
         .peer_check = check,
         .min_version = tls.min_version,
         .cipher_suites =
             tls.cipher_suites.empty() ? config::default_cipher_suites() : tls.cipher_suites,
         .curves =
             tls.curve_preferences.empty() ? config::default_curves() : tls.curve_preferences});
}

// Reports why a block could not be loaded, at its position. True: it was loaded.
template <typename Result>
bool report(const absl::StatusOr<Result>& loaded, const Block& block, config::Diagnostics* diagnostics) {
    if (loaded.ok()) return true;
    diagnostics->error(block->position, base::message_of(loaded.status()));
    return false;
}

}  // namespace

Loaded load_listener_tls(const Block& block) {
    if (!block.has_value()) return std::shared_ptr<const tls::Profile>();
    return load(*block, tls::Role::kServer, listener_check(*block));
}

Loaded load_dialer_tls(const Block& block) {
    if (!block.has_value()) return std::shared_ptr<const tls::Profile>();
    return load(*block, tls::Role::kClient, dialer_check(*block));
}

Loaded load_monitor_tls(const config::Options& options) {
    if (!options.tls.has_value()) return std::shared_ptr<const tls::Profile>();
    return load(*options.tls, tls::Role::kServer, tls::PeerCheck::kNone);
}

absl::StatusOr<LinkProfiles> load_link_tls(const Block& block) {
    if (!block.has_value()) return LinkProfiles{};
    Loaded acceptor = load(*block, tls::Role::kServer, tls::PeerCheck::kRequired);
    if (!acceptor.ok()) return acceptor.status();
    Loaded dialer = load_dialer_tls(block);
    if (!dialer.ok()) return dialer.status();
    return LinkProfiles{.acceptor = *std::move(acceptor), .dialer = *std::move(dialer)};
}

bool check_tls_files(const config::Options& options, config::Diagnostics* diagnostics) {
    bool good = report(load_listener_tls(options.tls), options.tls, diagnostics);
    const auto links = [&good, diagnostics](const Block& block) {
        good = report(load_link_tls(block), block, diagnostics) && good;
    };
    const auto listener = [&good, diagnostics](const Block& block) {
        good = report(load_listener_tls(block), block, diagnostics) && good;
    };
    const auto dialer = [&good, diagnostics](const Block& block) {
        good = report(load_dialer_tls(block), block, diagnostics) && good;
    };
    links(options.cluster.tls);
    links(options.gateway.tls);
    for (const config::RemoteGateway& remote : options.gateway.gateways) links(remote.tls);
    listener(options.leafnodes.tls);
    for (const config::RemoteLeafnode& remote : options.leafnodes.remotes) {
        dialer(remote.tls);
        dialer(remote.proxy.tls);
    }
    listener(options.websocket.tls);
    dialer(options.trust.resolver_tls);
    return good;
}

}  // namespace nuring::server
