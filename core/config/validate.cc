// SPDX-License-Identifier: Apache-2.0
#include "core/config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>

#include "core/config/duration.h"
#include "core/config/names.h"
#include "core/config/validate_parts.h"
#include "proto/limits.h"

namespace nuring::config {
namespace {

using std::chrono::nanoseconds;

constexpr int64_t kReceiveBufferSizeMin = 1024;
constexpr int64_t kReceiveBufferSizeMax = 1 << 20;
constexpr int64_t kReceiveBufferCountMax = 32768;  // of one io_uring buffer ring
constexpr int64_t kSendBufferSizeMin = 4096;
constexpr int64_t kSendBufferSizeMax = 16 << 20;
constexpr nanoseconds kBusyPollMax = seconds(1);
static_assert(std::has_single_bit(static_cast<uint64_t>(kReceiveBufferCountMax)));
static_assert(kReceiveBufferSizeMin < kReceiveBufferSizeMax);
static_assert(kSendBufferSizeMin < kSendBufferSizeMax);

void say(Diagnostics* out, std::string_view text) {
    out->error({}, text);
}

void check_not_negative(std::string_view name, nanoseconds value, Diagnostics* out) {
    if (value >= nanoseconds{0}) return;
    say(out, fmt::format("{} must not be negative, not {}", name, format_duration(value)));
}

void check_link_times(std::string_view block, const LinkTimes& times, Diagnostics* out) {
    check_not_negative(fmt::format("{} ping_interval", block), times.ping_interval, out);
    check_not_negative(fmt::format("{} write_deadline", block), times.write_deadline, out);
    if (times.ping_max < 0)
        say(out, fmt::format("{} ping_max must not be negative, not {}", block, times.ping_max));
}

// 0 is the default of each.
void check_links_to_servers(const Options& options, Diagnostics* out) {
    check_link_times("cluster", options.cluster.times, out);
    check_link_times("gateway", options.gateway.times, out);
    check_link_times("leafnodes", options.leafnodes.times, out);
    check_not_negative("leafnodes reconnect", options.leafnodes.reconnect_interval, out);
    check_not_negative("leafnodes dial_timeout", options.leafnodes.dial_timeout, out);
    for (const RemoteLeafnode& remote : options.leafnodes.remotes) {
        check_not_negative("remote dial_timeout", remote.dial_timeout, out);
        check_not_negative("remote first_info_timeout", remote.first_info_timeout, out);
    }
}

void check_limits(const Options& options, Diagnostics* out) {
    const auto positive = [&](std::string_view name, int64_t value) {
        if (value <= 0) say(out, fmt::format("{} must be positive, not {}", name, value));
    };
    const auto not_negative = [&](std::string_view name, nanoseconds value) {
        check_not_negative(name, value, out);
    };
    positive("max_control_line", options.max_control_line);
    positive("max_pending", options.max_pending);
    positive("ping_max", options.ping_max);
    not_negative("ping_interval", options.ping_interval);
    not_negative("write_deadline", options.write_deadline);
    not_negative("authorization timeout", options.authorization.timeout);
    if (options.max_payload > 0 && options.max_payload > options.max_pending) {
        say(out, fmt::format("max_payload ({}) cannot be higher than max_pending ({})",
                             options.max_payload, options.max_pending));
    }
    if (options.lame_duck_grace_period >= options.lame_duck_duration) {
        say(out, fmt::format("lame duck grace period ({}) should be strictly lower than lame duck "
                             "duration ({})",
                             format_duration(options.lame_duck_grace_period),
                             format_duration(options.lame_duck_duration)));
    }
    for (const auto& [name, value] : {std::pair{"server name", &options.server_name},
                                      {"cluster name", &options.cluster.name},
                                      {"gateway name", &options.gateway.name}}) {
        if (value->size() <= proto::kNameSizeMax) continue;
        say(out, fmt::format("{} of {} bytes is too long, at most {} are allowed", name, value->size(),
                             proto::kNameSizeMax));
    }
    if (options.server_name.find(' ') != std::string::npos) {
        say(out, "server name cannot contain spaces");
    }
}

// Ports of the command line; the file's are refused where they stand.
void check_ports(const Options& options, Diagnostics* out) {
    constexpr int kPortMax = 65535;
    for (const auto& [name, port] : {std::pair{"port", options.port},
                                     {"http_port", options.http.port},
                                     {"https_port", options.http.https_port}}) {
        if (port >= -1 && port <= kPortMax) continue;
        say(out, fmt::format("{} {} is out of range, expected -1 to {}", name, port, kPortMax));
    }
}

void check_http(const Options& options, Diagnostics* out) {
    if (options.http.port != 0 && options.http.https_port != 0) {
        say(out, fmt::format("Can't start monitoring: can't specify both HTTP ({}) and HTTPs ({}) "
                             "ports",
                             options.http.port, options.http.https_port));
    } else if (options.http.https_port != 0 && !options.tls) {
        say(out, "Can't start monitoring: TLS cert and key required for HTTPS");
    }
}

void check_clients(const Options& options, Diagnostics* out) {
    check_no_auth_user(options, options.no_auth_user, out);
}

void check_latency(const Options& options, Diagnostics* out) {
    if (!options.no_system_account) return;
    for (const AccountOptions& account : options.accounts) {
        for (const AccountExport& each : account.exports) {
            if (!each.latency.has_value()) continue;
            say(out, fmt::format("Error adding service latency sampling for \"{}\": system account not "
                                 "setup",
                                 each.subject));
        }
    }
}

void check_trust(const Options& options, Diagnostics* out) {
    const OperatorOptions& trust = options.trust;
    // Directories take preloads as well, since they exist (2.2.0).
    const bool takes_preload = trust.resolver == ResolverKind::kMemory ||
                               trust.resolver == ResolverKind::kFullDirectory ||
                               trust.resolver == ResolverKind::kCacheDirectory;
    if (!trust.preload.empty() && !takes_preload) {
        say(out, "resolver preloads only available for MemAccResolver");
    }
    if (!trust.active()) {
        if (!trust.default_sentinel.empty()) say(out, "default sentinel requires operators and accounts");
        return;
    }
    if (trust.resolver == ResolverKind::kNone) {
        say(out, "operators require an account resolver to be configured");
    }
    if (!options.accounts.empty() || !options.mappings.empty()) {
        say(out, "operators do not allow Accounts to be configured directly");
    }
    if (!options.authorization.users.empty() || !options.authorization.nkeys.empty()) {
        say(out, "operators do not allow users to be configured directly");
    }
    if (!trust.files.empty() && !trust.trusted_keys.empty()) {
        say(out, "conflicting options for 'TrustedKeys' and 'TrustedOperators'");
    }
    for (const std::string& key : trust.trusted_keys) {
        if (is_public_key(key, KeyKind::kOperator)) continue;
        say(out, fmt::format("trusted Keys \"{}\" are required to be a valid public operator nkey",
                             key));
    }
}

void check_system_account(const Options& options, Diagnostics* out) {
    if (options.system_account.empty() || options.trust.active()) return;
    const bool known = options.system_account == "$SYS" ||
                       std::any_of(options.accounts.begin(), options.accounts.end(),
                                   [&](const AccountOptions& account) {
                                       return account.name == options.system_account;
                                   });
    if (!known) say(out, "error resolving system account: account missing");
}

void check_uring(const UringOptions& uring, Diagnostics* out) {
    const auto within = [&](std::string_view name, int64_t value, int64_t low, int64_t high) {
        if (value >= low && value <= high) return;
        say(out, fmt::format("uring {} must be from {} to {}, not {}", name, low, high, value));
    };
    within("workers", uring.workers, 0, kWorkersMax);
    within("receive_buffer_size", uring.receive_buffer_size, kReceiveBufferSizeMin,
           kReceiveBufferSizeMax);
    within("receive_buffer_count", uring.receive_buffer_count, 1, kReceiveBufferCountMax);
    within("send_buffer_size", uring.send_buffer_size, kSendBufferSizeMin, kSendBufferSizeMax);
    within("zero_copy_threshold", uring.zero_copy_threshold, 0, INT32_MAX);
    within("cache_entries", uring.cache_entries, 0, INT32_MAX);
    if (uring.receive_buffer_count > 0 &&
        !std::has_single_bit(static_cast<uint64_t>(uring.receive_buffer_count))) {
        say(out, fmt::format("uring receive_buffer_count must be a power of two, not {}",
                             uring.receive_buffer_count));
    }
    if (uring.busy_poll < nanoseconds{0} || uring.busy_poll > kBusyPollMax) {
        say(out, fmt::format("uring busy_poll must be from 0s to {}, not {}",
                             format_duration(kBusyPollMax), format_duration(uring.busy_poll)));
    }
}

}  // namespace

void check_no_auth_user(const Options& options, const std::string& name, Diagnostics* out) {
    if (name.empty()) return;
    const auto& users = options.authorization.users;
    const auto& nkeys = options.authorization.nkeys;
    const bool known = std::any_of(users.begin(), users.end(),
                                   [&](const User& user) { return user.name == name; }) ||
                       std::any_of(nkeys.begin(), nkeys.end(),
                                   [&](const NkeyUser& user) { return user.nkey == name; });
    if (options.trust.active()) {
        say(out, "no_auth_user not compatible with Trusted Operator");
    } else if (users.empty() && nkeys.empty()) {
        say(out,
            fmt::format("no_auth_user: \"{}\" present, but users/nkeys are not defined", name));
    } else if (!known) {
        say(out, fmt::format("no_auth_user: \"{}\" not present as user or nkey in authorization "
                             "block or account configuration",
                             name));
    }
}

void validate(const Options& options, Diagnostics* diagnostics) {
    check_limits(options, diagnostics);
    check_links_to_servers(options, diagnostics);
    check_ports(options, diagnostics);
    check_http(options, diagnostics);
    check_clients(options, diagnostics);
    check_latency(options, diagnostics);
    check_trust(options, diagnostics);
    check_system_account(options, diagnostics);
    validate_links(options, diagnostics);
    validate_websocket(options, diagnostics);
    check_uring(options.uring, diagnostics);
}

}  // namespace nuring::config
