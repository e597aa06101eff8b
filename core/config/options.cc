// SPDX-License-Identifier: Apache-2.0
#include "core/config/options.h"

#include <tuple>

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
        return std::tie(tls.cert_file, tls.key_file, tls.ca_file, tls.verify, tls.map,
                        tls.check_known_urls, tls.insecure, tls.timeout, tls.cipher_suites,
                        tls.curve_preferences, tls.pinned_certs, tls.connection_rate_limit,
                        tls.min_version, tls.handshake_first, tls.hello_wait);
    };
    return fields(a) == fields(b);
}

bool operator==(const AccountOptions& a, const AccountOptions& b) {
    const auto fields = [](const AccountOptions& account) {
        return std::tie(account.name, account.nkey, account.exports, account.imports,
                        account.mappings, account.limits, account.default_permissions);
    };
    return fields(a) == fields(b);
}

bool operator==(const OperatorOptions& a, const OperatorOptions& b) {
    const auto fields = [](const OperatorOptions& trust) {
        return std::tie(trust.files, trust.trusted_keys, trust.resolver, trust.resolver_url,
                        trust.resolver_tls, trust.directory, trust.preload, trust.pinned_accounts);
    };
    return fields(a) == fields(b);
}

const std::vector<std::string>& known_cipher_suites() {
    static const std::vector<std::string> names = {
        "TLS_RSA_WITH_RC4_128_SHA",
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_RSA_WITH_AES_128_CBC_SHA256",
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
        "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
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

void complete(Options* options) {
    const Options defaults;
    default_if_zero(&options->host, defaults.host);
    default_if_zero(&options->port, defaults.port);
    default_if_zero(&options->http.host, options->host);
    default_if_zero(&options->http.base_path, std::string("/"));
    default_if_zero(&options->max_connections, defaults.max_connections);
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
    complete_listener(&options->gateway);
    for (RemoteGateway& remote : options->gateway.gateways) complete_tls(&remote.tls);
    complete_listener(&options->leafnodes);
    default_if_zero(&options->leafnodes.reconnect_interval, LeafnodeOptions{}.reconnect_interval);
    for (RemoteLeafnode& remote : options->leafnodes.remotes) {
        complete_tls(&remote.tls);
        for (Url& url : remote.urls) default_if_zero(&url.port, kLeafnodePort);
    }

    const UringOptions uring;
    default_if_zero(&options->uring.receive_buffer_size, uring.receive_buffer_size);
    default_if_zero(&options->uring.receive_buffer_count, uring.receive_buffer_count);
    default_if_zero(&options->uring.send_buffer_size, uring.send_buffer_size);
    default_if_zero(&options->uring.cache_entries, uring.cache_entries);
}

}  // namespace nuring::config
