// SPDX-License-Identifier: Apache-2.0
#include "core/config/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <tuple>
#include <utility>

#include "core/config/inactive.h"

namespace nuring::config {
namespace {

constexpr std::string_view kAnyHost = "0.0.0.0";
constexpr int kLeafnodePort = 7422;  // of a remote without a port; server/const.go 2.9.10

// 0 stands for "the default" in the file as well as on the command line.
template <typename T>
void default_if_zero(T* value, T fallback) {
    if (*value == T{}) *value = fallback;
}

// Source: getDefaultAuthTimeout in server/opts.go 2.9.10.
template <typename Authorization>
void complete_authorization(Authorization* authorization, const std::optional<TlsOptions>& tls) {
    if (authorization->timeout_given && authorization->timeout != nanoseconds{0}) return;
    authorization->timeout = tls ? tls->timeout + seconds(1) : Authorization{}.timeout;
}

void complete_tls(std::optional<TlsOptions>* tls) {
    if (*tls) default_if_zero(&(*tls)->timeout, TlsOptions{}.timeout);
}

// Of s2_auto: to 10 ms nothing is compressed, to 50 ms fast, to 100 ms better.
// Source: server/server.go 2.15.3.
constexpr std::chrono::milliseconds kAutoThresholds[] = {
    std::chrono::milliseconds(10), std::chrono::milliseconds(50), std::chrono::milliseconds(100)};

void complete_compression(bool in_use, CompressionMode fallback, CompressionOptions* compression) {
    if (in_use) default_if_zero(&compression->mode, fallback);
    std::vector<nanoseconds>& limits = compression->rtt_thresholds;
    if (compression->mode != CompressionMode::kAuto) return limits.clear();
    if (limits.empty()) return limits.assign(std::begin(kAutoThresholds), std::end(kAutoThresholds));
    for (nanoseconds& limit : limits) limit = std::max(limit, nanoseconds{0});
    while (limits.size() > 1 && limits.back() == nanoseconds{0}) limits.pop_back();
}

// The system account has a route of its own, unless there are no pools.
void complete_routes(Options* options) {
    ClusterOptions& cluster = options->cluster;
    if (cluster.port == 0) return;
    default_if_zero(&cluster.pool_size, kRoutePoolSizeDefault);
    if (cluster.pool_size < 0) return;
    std::string system = options->system_account;
    if (system.empty() && !options->no_system_account) system = "$SYS";
    std::vector<std::string>& pinned = cluster.pinned_accounts;
    if (system.empty() || std::find(pinned.begin(), pinned.end(), system) != pinned.end()) return;
    pinned.push_back(std::move(system));
}

// A listener of other servers has a host only if it has a port.
template <typename Listener>
void complete_listener(Listener* listener) {
    complete_tls(&listener->tls);
    if (listener->port == 0) return;
    default_if_zero(&listener->host, std::string(kAnyHost));
    complete_authorization(&listener->authorization, listener->tls);
}

}  // namespace

bool operator==(const TlsOptions& a, const TlsOptions& b) {
    const auto fields = [](const TlsOptions& tls) {
        return std::tie(tls.cert_file, tls.key_file, tls.certificates, tls.ca_file, tls.verify,
                        tls.verify_optional, tls.map, tls.check_known_urls, tls.insecure,
                        tls.timeout, tls.cipher_suites, tls.curve_preferences, tls.pinned_certs,
                        tls.connection_rate_limit, tls.min_version, tls.handshake_first,
                        tls.hello_wait);
    };
    return fields(a) == fields(b);
}

bool operator==(const AccountOptions& a, const AccountOptions& b) {
    const auto fields = [](const AccountOptions& account) {
        return std::tie(account.name, account.nkey, account.exports, account.imports,
                        account.mappings, account.limits, account.jetstream,
                        account.default_permissions);
    };
    return fields(a) == fields(b);
}

bool operator==(const OperatorOptions& a, const OperatorOptions& b) {
    const auto fields = [](const OperatorOptions& trust) {
        return std::tie(trust.files, trust.trusted_keys, trust.resolver, trust.resolver_url,
                        trust.resolver_tls, trust.directory, trust.preload, trust.pinned_accounts,
                        trust.default_sentinel);
    };
    return fields(a) == fields(b);
}

bool operator==(const RemoteLeafnode& a, const RemoteLeafnode& b) {
    const auto fields = [](const RemoteLeafnode& remote) {
        return std::tie(remote.urls, remote.account, remote.credentials, remote.nkey, remote.hub,
                        remote.deny_imports, remote.deny_exports, remote.no_randomize, remote.tls,
                        remote.compression, remote.first_info_timeout, remote.dial_timeout,
                        remote.isolate_interest, remote.request_isolation, remote.disabled,
                        remote.ignore_discovered_servers, remote.websocket_compression,
                        remote.websocket_no_masking, remote.proxy);
    };
    return fields(a) == fields(b);
}

// Source: generateRemoteLeafOptsName in server/opts.go 2.15.3.
std::string RemoteLeafnode::name() const {
    std::string text = "urls=[";
    for (const Url& url : urls) {
        text += fmt::format("{}\"{}\"", &url == urls.data() ? "" : " ", url.redacted());
    }
    text += fmt::format("], account=\"{}\"", account.empty() ? "$G" : account);
    if (!credentials.empty()) {
        text += fmt::format(", credentials=\"{}\"", credentials);
    } else if (!nkey.empty()) {
        text += ", nkey=\"[REDACTED]\"";
    }
    return text;
}

std::string_view compression_name(CompressionMode mode) {
    switch (mode) {
        case CompressionMode::kUnset:
        case CompressionMode::kUnknown:
            return "";
        case CompressionMode::kNotSupported:
            return "not supported";
        case CompressionMode::kOff:
            return "off";
        case CompressionMode::kAccept:
            return "accept";
        case CompressionMode::kFast:
            return "s2_fast";
        case CompressionMode::kBetter:
            return "s2_better";
        case CompressionMode::kBest:
            return "s2_best";
        case CompressionMode::kAuto:
            return "s2_auto";
    }
    return "";
}

const std::vector<std::string>& known_cipher_suites() {
    static const std::vector<std::string> names = {
        "TLS_AES_128_GCM_SHA256",  // these three are of TLS 1.3
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_RSA_WITH_RC4_128_SHA",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    };
    return names;
}

const std::vector<std::string>& default_cipher_suites() {
    static const std::vector<std::string> names = {
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",  "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    };
    return names;
}

const std::vector<std::string>& default_curves() {
    static const std::vector<std::string> names = {"X25519", "CurveP256", "CurveP384", "CurveP521"};
    return names;
}

bool defines_account(const Options& options, std::string_view account) {
    if (account == "$G") return true;
    const bool is_default_system = options.system_account.empty() || options.system_account == "$SYS";
    if (account == "$SYS" && is_default_system && !options.no_system_account) return true;
    return std::any_of(options.accounts.begin(), options.accounts.end(),
                       [account](const AccountOptions& each) { return each.name == account; });
}

void complete(Options* options) {
    const Options defaults;
    default_if_zero(&options->host, defaults.host);
    default_if_zero(&options->port, defaults.port);
    default_if_zero(&options->http.host, options->host);
    default_if_zero(&options->http.base_path, std::string("/"));
    default_if_zero(&options->max_control_line, defaults.max_control_line);
    default_if_zero(&options->max_payload, defaults.max_payload);
    default_if_zero(&options->max_pending, defaults.max_pending);
    default_if_zero(&options->max_closed_clients, defaults.max_closed_clients);
    default_if_zero(&options->ping_interval, defaults.ping_interval);
    default_if_zero(&options->ping_max, defaults.ping_max);
    default_if_zero(&options->write_deadline, defaults.write_deadline);
    default_if_zero(&options->lame_duck_duration, defaults.lame_duck_duration);
    default_if_zero(&options->lame_duck_grace_period, defaults.lame_duck_grace_period);
    default_if_zero(&options->connect_error_reports, defaults.connect_error_reports);
    default_if_zero(&options->reconnect_error_reports, defaults.reconnect_error_reports);
    complete_tls(&options->tls);
    complete_authorization(&options->authorization, options->tls);

    complete_listener(&options->cluster);
    complete_compression(options->cluster.port != 0, CompressionMode::kAccept,
                         &options->cluster.compression);
    complete_routes(options);
    complete_listener(&options->gateway);
    for (RemoteGateway& remote : options->gateway.gateways) complete_tls(&remote.tls);
    // All servers of a cluster have the name of the gateway.
    if (!options->gateway.name.empty()) {
        default_if_zero(&options->cluster.name, options->gateway.name);
    }
    complete_listener(&options->leafnodes);
    complete_compression(options->leafnodes.port != 0, CompressionMode::kAuto,
                         &options->leafnodes.compression);
    default_if_zero(&options->leafnodes.reconnect_interval, LeafnodeOptions{}.reconnect_interval);
    for (RemoteLeafnode& remote : options->leafnodes.remotes) {
        complete_tls(&remote.tls);
        complete_compression(true, CompressionMode::kAuto, &remote.compression);
        default_if_zero(&remote.account, std::string("$G"));
        if (remote.first_info_timeout <= nanoseconds{0}) {
            remote.first_info_timeout = RemoteLeafnode{}.first_info_timeout;
        }
        for (Url& url : remote.urls) default_if_zero(&url.port, kLeafnodePort);
    }

    complete_tls(&options->websocket.tls);
    if (options->websocket.port != 0) {
        default_if_zero(&options->websocket.host, std::string(kAnyHost));
    }

    const UringOptions uring;
    default_if_zero(&options->uring.receive_buffer_size, uring.receive_buffer_size);
    default_if_zero(&options->uring.receive_buffer_count, uring.receive_buffer_count);
    default_if_zero(&options->uring.send_buffer_size, uring.send_buffer_size);
    default_if_zero(&options->uring.cache_entries, uring.cache_entries);
}

// Source: configureAccounts in server/server.go 2.15.3 (since 2.12 an authorization block, be it empty,
// means that the file says who may enter).
bool Options::has_only_system_account() const {
    if (accounts.size() != 1 || !no_auth_user.empty() || authorization.defined) return false;
    if (!authorization.user.empty() || !authorization.token.empty()) return false;  // of the command line
    return accounts[0].name == (system_account.empty() ? "$SYS" : system_account);
}

}  // namespace nuring::config
