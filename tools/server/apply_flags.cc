// SPDX-License-Identifier: Apache-2.0
// Flags over Options.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/auth/operators.h"
#include "core/config/inactive.h"
#include "core/config/read.h"
#include "core/config/text.h"
#include "core/config/url.h"
#include "core/config/validate.h"
#include "tools/server/flags.h"

namespace nuring::tools {
namespace {

using config::Options;
using config::Part;
using config::TlsOptions;
using std::chrono::nanoseconds;

// parse_flags() lets no other text through.
config::IoKind to_io(std::string_view text) {
    if (text == "uring") return config::IoKind::kUring;
    return text == "epoll" ? config::IoKind::kEpoll : config::IoKind::kAuto;
}

bool flag_on(const Override& entry) {
    return entry.number != 0;
}
int64_t integer_of(const Override& entry) {
    return entry.number;
}
const std::string& text_of(const Override& entry) {
    return entry.text;
}

// -cluster [scheme://][user:pass@]host:port; an empty text turns clustering off.
absl::Status override_cluster(const std::string& text, Options* options) {
    config::ClusterOptions& cluster = options->cluster;
    if (text.empty()) {
        cluster.port = 0;
        return absl::OkStatus();
    }
    const absl::StatusOr<config::Url> url = config::parse_url(text);
    if (!url.ok()) {
        return absl::InvalidArgumentError(
            fmt::format("parse \"{}\": {}", text, std::string(url.status().message())));
    }
    if (url->port == 0 && !text.ends_with(":0")) {
        return absl::InvalidArgumentError(
            fmt::format("address {}: missing port in address", url->host));
    }
    if (url->has_user && !url->has_password) {
        return absl::InvalidArgumentError("expected cluster password to be set");
    }
    cluster.host = url->host;
    cluster.port = url->port;
    cluster.authorization.user = url->user;
    cluster.authorization.password = url->password;
    return absl::OkStatus();
}

absl::Status override_routes(std::string_view text, Options* options) {
    std::vector<config::Url> routes;
    while (!text.empty()) {
        const size_t comma = text.find(',');
        const std::string_view part = config::strip(text.substr(0, comma));
        text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
        if (part.empty()) continue;
        const absl::StatusOr<config::Url> url = config::parse_url(part);
        if (!url.ok()) {
            return absl::InvalidArgumentError(
                fmt::format("error parsing route url [\"{}\"]", part));
        }
        routes.push_back(*url);
    }
    options->cluster.routes = std::move(routes);
    return absl::OkStatus();
}

void apply_log(const Override& entry, config::LogOptions* log) {
    switch (entry.id) {
        case FlagId::kLogFile:
            log->file = text_of(entry);
            break;
        case FlagId::kLogtime:
            log->logtime = flag_on(entry);
            break;
        case FlagId::kLogtimeUtc:
            log->logtime_utc = flag_on(entry);
            break;
        case FlagId::kSyslog:
            log->syslog = flag_on(entry);
            break;
        case FlagId::kRemoteSyslog:
            log->remote_syslog = text_of(entry);
            break;
        case FlagId::kLogSizeLimit:
            log->file_size_limit = integer_of(entry);
            break;
        case FlagId::kMaxTracedMsgLen:
            log->max_traced_msg_len = integer_of(entry);
            break;
        case FlagId::kDebug:
            log->debug = flag_on(entry);
            break;
        case FlagId::kTrace:
            log->trace = flag_on(entry);
            break;
        case FlagId::kTraceVerbose:
            log->trace = log->trace_verbose = flag_on(entry);
            break;
        case FlagId::kDebugTrace:
            log->debug = log->trace = flag_on(entry);
            break;
        case FlagId::kDebugTraceVerbose:
            log->debug = log->trace = log->trace_verbose = flag_on(entry);
            break;
        default:
            break;
    }
}

void apply_server(const Override& entry, Options* options) {
    switch (entry.id) {
        case FlagId::kHost:
            options->host = text_of(entry);
            break;
        case FlagId::kPort:
            options->port = static_cast<int>(integer_of(entry));
            break;
        case FlagId::kServerName:
            options->server_name = text_of(entry);
            break;
        case FlagId::kClientAdvertise:
            options->client_advertise = text_of(entry);
            break;
        case FlagId::kPidFile:
            options->pid_file = text_of(entry);
            break;
        case FlagId::kPortsFileDir:
            options->ports_file_dir = text_of(entry);
            break;
        case FlagId::kHttpPort:
            options->http.port = static_cast<int>(integer_of(entry));
            break;
        case FlagId::kHttpsPort:
            options->http.https_port = static_cast<int>(integer_of(entry));
            break;
        case FlagId::kUser:
            options->authorization.user = text_of(entry);
            break;
        case FlagId::kPass:
            options->authorization.password = text_of(entry);
            break;
        case FlagId::kAuth:
            options->authorization.token = text_of(entry);
            break;
        case FlagId::kProfile:
            options->prof_port = static_cast<int>(integer_of(entry));
            break;
        case FlagId::kWorkers:
            options->uring.workers = static_cast<int>(integer_of(entry));
            break;
        case FlagId::kBusyPoll:
            options->uring.busy_poll = nanoseconds{entry.number};
            break;
        case FlagId::kIo:
            options->uring.io = to_io(text_of(entry));
            break;
        default:
            break;
    }
}

absl::Status apply_cluster(const Override& entry, Options* options) {
    config::ClusterOptions& cluster = options->cluster;
    switch (entry.id) {
        case FlagId::kClusterName:
            cluster.name = text_of(entry);
            break;
        case FlagId::kClusterAdvertise:
            cluster.advertise = text_of(entry);
            break;
        case FlagId::kNoAdvertise:
            cluster.no_advertise = flag_on(entry);
            break;
        case FlagId::kConnectRetries:
            cluster.connect_retries = static_cast<int>(integer_of(entry));
            break;
        case FlagId::kCluster:
            return override_cluster(text_of(entry), options);
        case FlagId::kRoutes:
            return override_routes(text_of(entry), options);
        default:
            break;
    }
    return absl::OkStatus();
}

// TlsFlags gathers the -tls flags: any of them replaces the TLS block of the file as a whole,
// except for its handshake timeout; -tls=false removes it.
struct TlsFlags {
    bool given = false;
    bool disabled = false;
    TlsOptions tls;

    void take(const Override& entry) {
        switch (entry.id) {
            case FlagId::kTls:
                disabled = !flag_on(entry);
                break;
            case FlagId::kTlsVerify:
                tls.verify_optional = entry.number == Override::kOptional;
                tls.verify = flag_on(entry) && !tls.verify_optional;
                break;
            case FlagId::kTlsCert:
                tls.cert_file = text_of(entry);
                break;
            case FlagId::kTlsKey:
                tls.key_file = text_of(entry);
                break;
            case FlagId::kTlsCaCert:
                tls.ca_file = text_of(entry);
                break;
            default:
                return;
        }
        given = true;
    }

    absl::Status apply(Options* options) {
        if (!given) return absl::OkStatus();
        if (disabled) {
            options->tls.reset();
            return absl::OkStatus();
        }
        if (tls.cert_file.empty()) {
            return absl::InvalidArgumentError("TLS Server certificate must be present and valid");
        }
        if (tls.key_file.empty()) {
            return absl::InvalidArgumentError("TLS Server private key must be present and valid");
        }
        if (options->tls) tls.timeout = options->tls->timeout;
        options->tls = tls;
        return absl::OkStatus();
    }
};

// The part that a flag belongs to, if that part may be inactive.
std::optional<Part> part_of(const Override& entry) {
    switch (entry.id) {
        case FlagId::kRoutes:
        case FlagId::kCluster:
        case FlagId::kClusterName:
        case FlagId::kClusterAdvertise:
        case FlagId::kNoAdvertise:
        case FlagId::kConnectRetries:
            return Part::kCluster;
        case FlagId::kHttpPort:
        case FlagId::kHttpsPort:
            return Part::kMonitoring;
        case FlagId::kJetStream:
            return Part::kJetStream;
        case FlagId::kStoreDir:
            return Part::kJetStream;
        case FlagId::kProfile:
            return Part::kProfiling;
        default:
            return std::nullopt;
    }
}

void note_inactive(const Flags& flags, config::Diagnostics* diagnostics) {
    std::vector<Part> noted;
    for (const Override& entry : flags.overrides) {
        const std::optional<Part> part = part_of(entry);
        if (!part || config::is_active(*part)) continue;
        if (std::find(noted.begin(), noted.end(), *part) != noted.end()) continue;
        noted.push_back(*part);
        diagnostics->notice({}, "command line: " + config::inactive_text(*part));
    }
}

}  // namespace

absl::Status apply_flags(const Flags& flags, Options* options, config::Diagnostics* diagnostics) {
    TlsFlags tls;
    bool routes_given = false;
    for (const Override& entry : flags.overrides) {
        apply_server(entry, options);
        apply_log(entry, &options->log);
        tls.take(entry);
        if (absl::Status status = apply_cluster(entry, options); !status.ok()) return status;
        if (entry.id == FlagId::kRoutes) routes_given = !text_of(entry).empty();
    }
    if (absl::Status status = tls.apply(options); !status.ok()) return status;
    if (routes_given && options->cluster.host.empty() && options->cluster.port == 0) {
        return absl::InvalidArgumentError(
            "solicited routes require cluster capabilities, e.g. --cluster");
    }
    note_inactive(flags, diagnostics);
    return absl::OkStatus();
}

bool build_options(const Flags& flags, const config::Sources& sources, Options* options,
                   config::Diagnostics* diagnostics) {
    *options = Options{};
    if (!flags.config_file.empty() &&
        !config::load_file(flags.config_file, sources, options, diagnostics)) {
        return false;
    }
    if (const absl::Status status = apply_flags(flags, options, diagnostics); !status.ok()) {
        diagnostics->error({}, std::string(status.message()));
        return false;
    }
    config::complete(options);
    auth::complete_operators(sources, options, diagnostics);
    config::validate(*options, diagnostics);
    return !diagnostics->has_errors();
}

}  // namespace nuring::tools
