// SPDX-License-Identifier: Apache-2.0
#include "core/config/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/config/diff_leafnodes.h"
#include "core/config/diff_ports.h"
#include "core/config/duration.h"
#include "core/config/inactive.h"
#include "core/config/show_value.h"

namespace nuring::config {
namespace {

// How a row speaks once it differs.
enum class Wording : uint8_t {
    kValue,   // Reloaded: <label> = <new value>
    kPlain,   // Reloaded: <label>
    kRefuse,  // config reload not supported for <label>: old=<v>, new=<v>
};

struct DiffRow {
    OptionId id;
    std::string_view label;
    Wording wording;
    // The value as text; two options differ if their texts do. Secrets stay inside this file.
    std::string (*show)(const Options&);
    bool authorization = false;
    std::string_view key = {};  // of kRefuse: as the file names it
};

// Go keeps these as floating-point seconds.
std::string show_seconds(nanoseconds value) {
    return fmt::format("{}", std::chrono::duration<double>(value).count());
}

std::string show_pin(Pinning pin) {
    switch (pin) {
        case Pinning::kAuto:
            return "auto";
        case Pinning::kAlways:
            return "true";
        case Pinning::kNever:
            return "false";
    }
    return "";
}
std::string show_io(IoKind io) {
    switch (io) {
        case IoKind::kAuto:
            return "auto";
        case IoKind::kUring:
            return "uring";
        case IoKind::kEpoll:
            return "epoll";
    }
    return "";
}

using O = const Options&;

// The options that are one value each. Those that are compared as a whole come below.
constexpr DiffRow kRows[] = {
    {OptionId::kDebug, "debug", Wording::kValue, [](O o) { return show(o.log.debug); }},
    {OptionId::kTrace, "trace", Wording::kValue, [](O o) { return show(o.log.trace); }},
    {OptionId::kTraceVerbose, "trace_verbose", Wording::kValue,
     [](O o) { return show(o.log.trace_verbose); }},
    {OptionId::kLogtime, "logtime", Wording::kValue, [](O o) { return show(o.log.logtime); }},
    {OptionId::kLogtimeUtc, "logtime_utc", Wording::kValue,
     [](O o) { return show(o.log.logtime_utc); }},
    {OptionId::kLogFile, "log_file", Wording::kValue, [](O o) { return show(o.log.file); }},
    {OptionId::kLogSizeLimit, "logfile_size_limit", Wording::kValue,
     [](O o) { return show(o.log.file_size_limit); }},
    {OptionId::kLogMaxNum, "logfile_max_num", Wording::kValue,
     [](O o) { return show(o.log.file_max_num); }},
    {OptionId::kLogFormat, "log_format", Wording::kValue,
     [](O o) { return std::string(o.log.format == LogFormat::kJson ? "json" : "text"); }},
    {OptionId::kSyslog, "syslog", Wording::kValue, [](O o) { return show(o.log.syslog); }},
    {OptionId::kRemoteSyslog, "remote_syslog", Wording::kValue,
     [](O o) { return show(o.log.remote_syslog); }},
    {OptionId::kMaxTracedMsgLen, "max_traced_msg_len", Wording::kValue,
     [](O o) { return show(o.log.max_traced_msg_len); }},
    {OptionId::kTraceHeaders, "trace_headers", Wording::kValue,
     [](O o) { return show(o.log.trace_headers); }},

    {OptionId::kTlsTimeout, "tls timeout", Wording::kValue,
     [](O o) { return show_seconds(o.tls ? o.tls->timeout : TlsOptions{}.timeout); }},
    {OptionId::kUser, "authorization username", Wording::kPlain,
     [](O o) { return show(o.authorization.user); }, true},
    {OptionId::kPassword, "authorization password", Wording::kPlain,
     [](O o) { return show(o.authorization.password); }, true},
    {OptionId::kToken, "authorization token", Wording::kPlain,
     [](O o) { return show(o.authorization.token); }, true},
    {OptionId::kAuthTimeout, "authorization timeout", Wording::kValue,
     [](O o) { return show_seconds(o.authorization.timeout); }},
    {OptionId::kNoAuthUser, "no_auth_user", Wording::kValue,
     [](O o) { return show(o.no_auth_user); }, true},
    {OptionId::kDefaultSentinel, "default_sentinel", Wording::kValue,
     [](O o) { return show(o.trust.default_sentinel); }},

    {OptionId::kMaxConnections, "max_connections", Wording::kValue,
     [](O o) { return show(o.max_connections); }},
    {OptionId::kMaxControlLine, "max_control_line", Wording::kValue,
     [](O o) { return show(o.max_control_line); }},
    {OptionId::kMaxPayload, "max_payload", Wording::kValue,
     [](O o) { return show(o.max_payload); }},
    {OptionId::kPingInterval, "ping_interval", Wording::kValue,
     [](O o) { return show(o.ping_interval); }},
    {OptionId::kPingMax, "ping_max", Wording::kValue, [](O o) { return show(o.ping_max); }},
    {OptionId::kWriteDeadline, "write_deadline", Wording::kValue,
     [](O o) { return show(o.write_deadline); }},
    {OptionId::kWriteTimeout, "write_timeout", Wording::kValue,
     [](O o) { return show(o.write_timeout); }},
    {OptionId::kLameDuckDuration, "lame_duck_duration", Wording::kValue,
     [](O o) { return show(o.lame_duck_duration); }},
    {OptionId::kLameDuckGracePeriod, "lame_duck_grace_period", Wording::kValue,
     [](O o) { return show(o.lame_duck_grace_period); }},
    {OptionId::kConnectErrorReports, "connect_error_reports", Wording::kValue,
     [](O o) { return show(o.connect_error_reports); }},
    {OptionId::kReconnectErrorReports, "reconnect_error_reports", Wording::kValue,
     [](O o) { return show(o.reconnect_error_reports); }},

    {OptionId::kPortsFileDir, "ports_file_dir", Wording::kValue,
     [](O o) { return show(o.ports_file_dir); }},
    {OptionId::kServerTags, "tags", Wording::kPlain, [](O o) { return show(o.server_tags); }},

    // Names of the fields as the reference prints them; ours last.
    {OptionId::kFixed, "Host", Wording::kRefuse, [](O o) { return show(o.host); }, false, "host"},
    {OptionId::kFixed, "Port", Wording::kRefuse, [](O o) { return show(o.port); }, false, "port"},
    {OptionId::kFixed, "ServerName", Wording::kRefuse, [](O o) { return show(o.server_name); }, false, "server_name"},
    {OptionId::kFixed, "MaxSubs", Wording::kRefuse, [](O o) { return show(o.max_subscriptions); }, false, "max_subscriptions"},
    {OptionId::kFixed, "MaxSubTokens", Wording::kRefuse,
     [](O o) { return show(o.max_sub_tokens); }, false, "max_sub_tokens"},
    {OptionId::kFixed, "MaxPending", Wording::kRefuse, [](O o) { return show(o.max_pending); }, false, "max_pending"},
    {OptionId::kFixed, "MaxClosedClients", Wording::kRefuse,
     [](O o) { return show(o.max_closed_clients); }, false, "max_closed_clients"},
    {OptionId::kFixed, "HTTPHost", Wording::kRefuse, [](O o) { return show(o.http.host); }, false, "http"},
    {OptionId::kFixed, "HTTPPort", Wording::kRefuse, [](O o) { return show(o.http.port); }, false, "http_port"},
    {OptionId::kFixed, "HTTPSPort", Wording::kRefuse, [](O o) { return show(o.http.https_port); }, false, "https_port"},
    {OptionId::kFixed, "HTTPBasePath", Wording::kRefuse,
     [](O o) { return show(o.http.base_path); }, false, "http_base_path"},
    {OptionId::kFixed, "ProfPort", Wording::kRefuse, [](O o) { return show(o.prof_port); }, false, "prof_port"},
    {OptionId::kFixed, "NoHeaderSupport", Wording::kRefuse,
     [](O o) { return show(o.no_header_support); }, false, "no_header_support"},
    {OptionId::kFixed, "NoSublistCache", Wording::kRefuse,
     [](O o) { return show(o.disable_sublist_cache); }, false, "disable_sublist_cache"},
    {OptionId::kFixed, "AllowNonTLS", Wording::kRefuse, [](O o) { return show(o.allow_non_tls); }, false, "allow_non_tls"},
    {OptionId::kFixed, "SystemAccount", Wording::kRefuse,
     [](O o) { return show(o.system_account); }, false, "system_account"},
    {OptionId::kFixed, "NoSystemAccount", Wording::kRefuse,
     [](O o) { return show(o.no_system_account); }, false, "no_system_account"},
    {OptionId::kFixed, "TrustedKeys", Wording::kRefuse,
     [](O o) { return show(o.trust.trusted_keys); }, false, "trusted_keys"},
    {OptionId::kFixed, "TrustedOperators", Wording::kRefuse,
     [](O o) { return show(o.trust.files); }, false, "operator"},
    {OptionId::kFixed, "uring workers", Wording::kRefuse,
     [](O o) { return show(o.uring.workers); }, false, "uring.workers"},
    {OptionId::kFixed, "uring pin", Wording::kRefuse, [](O o) { return show_pin(o.uring.pin); }, false, "uring.pin"},
    {OptionId::kFixed, "uring busy_poll", Wording::kRefuse,
     [](O o) { return show(o.uring.busy_poll); }, false, "uring.busy_poll"},
    {OptionId::kFixed, "uring io", Wording::kRefuse, [](O o) { return show_io(o.uring.io); }, false, "uring.io"},
    {OptionId::kFixed, "uring receive_buffer_size", Wording::kRefuse,
     [](O o) { return show(o.uring.receive_buffer_size); }, false, "uring.receive_buffer_size"},
    {OptionId::kFixed, "uring receive_buffer_count", Wording::kRefuse,
     [](O o) { return show(o.uring.receive_buffer_count); }, false, "uring.receive_buffer_count"},
    {OptionId::kFixed, "uring send_buffer_size", Wording::kRefuse,
     [](O o) { return show(o.uring.send_buffer_size); }, false, "uring.send_buffer_size"},
    {OptionId::kFixed, "uring zero_copy_threshold", Wording::kRefuse,
     [](O o) { return show(o.uring.zero_copy_threshold); }, false, "uring.zero_copy_threshold"},
    {OptionId::kFixed, "uring cache_entries", Wording::kRefuse,
     [](O o) { return show(o.uring.cache_entries); }, false, "uring.cache_entries"},
    {OptionId::kFixed, "uring heavy_hitters", Wording::kRefuse,
     [](O o) { return show(o.uring.heavy_hitters); }, false, "uring.heavy_hitters"},
    {OptionId::kFixed, "uring locality", Wording::kRefuse,
     [](O o) { return show(o.uring.locality); }, false, "uring.locality"},
};

std::string refusal(std::string_view label, std::string_view before, std::string_view after) {
    return fmt::format("config reload not supported for {}: old={}, new={}", label, before, after);
}

// Differ collects the changes.
class Differ {
  public:
    Differ(const Options& active, const Options& fresh) : active_(active), fresh_(fresh) {}

    std::vector<Change> run() {
        for (const DiffRow& row : kRows) compare(row);
        if (fresh_.no_fast_producer_stall != active_.no_fast_producer_stall) {
            add(OptionId::kNoFastProducerStall, fmt::format("Reloaded: fast producers will {}be stalled",
                                                            fresh_.no_fast_producer_stall ? "not " : ""));
        }
        compare_tls();
        compare_users();
        compare_files();
        if (is_active(Part::kOperator)) compare_resolver();
        if (is_active(Part::kCluster)) compare_cluster();
        if (is_active(Part::kGateway)) compare_gateway(active_.gateway, fresh_.gateway, &changes_);
        if (is_active(Part::kLeafnodes)) compare_leafnodes(active_.leafnodes, fresh_.leafnodes, &changes_);
        if (is_active(Part::kWebsocket)) compare_websocket(active_.websocket, fresh_.websocket, &changes_);
        std::stable_sort(changes_.begin(), changes_.end(),
                         [](const Change& a, const Change& b) { return a.id < b.id; });
        return std::move(changes_);
    }

  private:
    void add(OptionId id, std::string text, bool authorization = false) {
        changes_.push_back({id, true, authorization, std::move(text)});
    }
    void refuse(std::string_view key, std::string text) {
        changes_.push_back({OptionId::kFixed, false, false, std::move(text), key});
    }

    void compare(const DiffRow& row) {
        const std::string before = row.show(active_);
        const std::string after = row.show(fresh_);
        if (before == after) return;
        switch (row.wording) {
            case Wording::kValue:
                return add(row.id, fmt::format("Reloaded: {} = {}", row.label, after),
                           row.authorization);
            case Wording::kPlain:
                return add(row.id, fmt::format("Reloaded: {}", row.label), row.authorization);
            case Wording::kRefuse:
                return refuse(row.key, refusal(row.label, before, after));
        }
    }

    // Settings and file names; the timeout has a line of its own.
    void compare_tls() {
        const auto without_timeout = [](std::optional<TlsOptions> tls) {
            if (tls) tls->timeout = nanoseconds{0};
            return tls;
        };
        if (without_timeout(active_.tls) == without_timeout(fresh_.tls)) return;
        // A mapped certificate decides which user its connections belong to.
        const bool map_changed =
            (active_.tls && active_.tls->map) != (fresh_.tls && fresh_.tls->map);
        add(OptionId::kTls, fmt::format("Reloaded: tls = {}", fresh_.tls ? "enabled" : "disabled"),
            map_changed);
    }

    void compare_users() {
        if (active_.authorization.users != fresh_.authorization.users ||
            active_.has_only_system_account() != fresh_.has_only_system_account()) {
            add(OptionId::kUsers, "Reloaded: authorization users", true);
        }
        if (active_.authorization.nkeys != fresh_.authorization.nkeys) {
            add(OptionId::kNkeys, "Reloaded: authorization nkey users", true);
        }
        const bool preload_changed = active_.trust.preload != fresh_.trust.preload;
        if (active_.accounts != fresh_.accounts || preload_changed) {
            add(OptionId::kAccounts, "Reloaded: accounts", true);
        }
        if (active_.mappings != fresh_.mappings) {
            add(OptionId::kMappings, "Reloaded: mappings", true);
        }
    }

    void compare_files() {
        if (active_.pid_file != fresh_.pid_file) {  // nothing is written for an empty name
            add(OptionId::kPidFile, fresh_.pid_file.empty()
                                        ? ""
                                        : fmt::format("Reloaded: pid_file = {}", fresh_.pid_file));
        }
        if (active_.client_advertise != fresh_.client_advertise) {
            // "Reload", as the reference has it.
            add(OptionId::kClientAdvertise,
                fmt::format("Reload: client_advertise = {}", fresh_.client_advertise));
        }
    }

    void compare_resolver() {
        const bool before = active_.trust.resolver != ResolverKind::kNone;
        const bool after = fresh_.trust.resolver != ResolverKind::kNone;
        if (before != after) {
            return refuse("resolver", "config reload does not support moving to or from an account resolver");
        }
        const bool same = active_.trust.resolver == fresh_.trust.resolver &&
                          active_.trust.resolver_url == fresh_.trust.resolver_url &&
                          active_.trust.resolver_tls == fresh_.trust.resolver_tls &&
                          active_.trust.directory == fresh_.trust.directory;
        if (!same) add(OptionId::kResolver, "");
    }

    void compare_cluster() {
        const ClusterOptions& before = active_.cluster;
        const ClusterOptions& after = fresh_.cluster;
        if (before.host != after.host) {
            refuse("cluster.host", refusal("cluster host", before.host, after.host));
        }
        if (before.port != after.port) {
            refuse("cluster.port", refusal("cluster port", show(before.port), show(after.port)));
        }
        const std::string& name = fresh_.configured_cluster_name();
        if (!name.empty() && name != active_.configured_cluster_name()) {
            add(OptionId::kCluster, fmt::format("Cluster name updated to {}", name));
        }
        for (const std::string& account : after.pinned_accounts) {
            const std::vector<std::string>& known = before.pinned_accounts;
            if (std::find(known.begin(), known.end(), account) != known.end()) continue;
            // In operator mode accounts come by themselves.
            if (fresh_.trust.active() || defines_account(fresh_, account)) continue;
            refuse("",
                   fmt::format("unable to add account \"{}\" to the list of dedicated routes: account missing",
                               account));
        }
        ClusterOptions rest = after;
        rest.routes = before.routes;
        rest.host = before.host;
        rest.port = before.port;
        if (rest != before) add(OptionId::kCluster, "Reloaded: cluster", true);
        if (before.routes != after.routes) add(OptionId::kRoutes, "Reloaded: cluster routes");
    }

    const Options& active_;
    const Options& fresh_;
    std::vector<Change> changes_;
};

}  // namespace

std::vector<Change> diff(const Options& active, const Options& fresh) {
    return Differ(active, fresh).run();
}

absl::Status check_reload(const std::vector<Change>& changes) {
    std::string text;
    for (const Change& change : changes) {
        if (change.reloadable) continue;
        if (!text.empty()) text += "; ";
        text += change.text;
    }
    return text.empty() ? absl::OkStatus() : absl::FailedPreconditionError(text);
}

absl::Status check_links(bool linked_at_start, const Options& fresh) {
    if (linked_at_start || !fresh.leafnodes.configured()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "config reload not supported for LeafNode: the server was started without cluster, gateway and "
        "leafnodes: restart it");
}

std::vector<std::string_view> fixed_options(const Options& options) {
    Options defaults;
    complete(&defaults);
    // Its default is the host of the clients, which is on the list then.
    if (options.http.port == 0 && options.http.https_port == 0) {
        defaults.http.host = options.http.host;
    }
    std::vector<std::string_view> keys;
    for (const Change& change : diff(defaults, options)) {
        const bool is_new = std::find(keys.begin(), keys.end(), change.key) == keys.end();
        if (!change.reloadable && !change.key.empty() && is_new) keys.push_back(change.key);
    }
    return keys;
}

void keep_ports(const Options& active, Options* fresh) {
    const auto keep = [](int before, int* after) {
        if (*after == kPortRandom) *after = before;
    };
    keep(active.port, &fresh->port);
    keep(active.http.port, &fresh->http.port);
    keep(active.http.https_port, &fresh->http.https_port);
    keep(active.cluster.port, &fresh->cluster.port);
    keep(active.gateway.port, &fresh->gateway.port);
    keep(active.leafnodes.port, &fresh->leafnodes.port);
    keep(active.websocket.port, &fresh->websocket.port);
}

}  // namespace nuring::config
