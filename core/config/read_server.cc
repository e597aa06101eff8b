// SPDX-License-Identifier: Apache-2.0
// The top level of a configuration and the `uring` block.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/config/duration.h"
#include "core/config/parser.h"
#include "core/config/read.h"
#include "core/config/reader.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLameDuckMin = seconds(30);
constexpr int64_t kSubTokensMax = std::numeric_limits<uint8_t>::max();

void report_below_unlimited(Reader& reader, const Member& member) {
    reader.error(member.value, fmt::format("{} value {} is out of range, -1 means unlimited", member.key,
                                           member.value.integer));
}

// Limits that INFO announces as 32-bit numbers.
void read_limit(Reader& reader, const Member& member, int64_t* out) {
    int64_t limit = 0;
    if (!reader.integer(member.value, &limit)) return;
    if (limit > std::numeric_limits<int32_t>::max()) {
        return reader.error(member.value, fmt::format("{} value is too big", member.key));
    }
    if (limit < kUnlimited) return report_below_unlimited(reader, member);
    *out = limit;
}

void read_lame_duck_duration(Reader& reader, const Member& member, Options* options) {
    nanoseconds duration{0};
    if (!reader.duration(member.value, "lame_duck_duration", &duration)) return;
    if (duration < kLameDuckMin) {
        return reader.error(member.value,
                            fmt::format("invalid lame_duck_duration of {}, minimum is 30 seconds",
                                        format_duration(duration)));
    }
    options->lame_duck_duration = duration;
}

void read_lame_duck_grace(Reader& reader, const Member& member, Options* options) {
    nanoseconds duration{0};
    if (!reader.duration(member.value, "lame_duck_grace_period", &duration)) return;
    if (duration < nanoseconds{0}) {
        return reader.error(member.value, "invalid lame_duck_grace_period, needs to be positive");
    }
    options->lame_duck_grace_period = duration;
}

void read_sub_tokens(Reader& reader, const Member& member, Options* options) {
    int64_t count = 0;
    if (!reader.integer(member.value, &count)) return;
    if (count > kSubTokensMax) {
        return reader.error(member.value, fmt::format("{} value is too big", member.key));
    }
    if (count <= 0) {
        return reader.error(member.value, fmt::format("{} value can not be negative", member.key));
    }
    options->max_sub_tokens = count;
}

void read_log_format(Reader& reader, const Member& member, Options* options) {
    std::string format;
    if (!reader.text(member.value, &format)) return;
    format = to_lower(format);
    if (format == "text") {
        options->log.format = LogFormat::kText;
    } else if (format == "json") {
        options->log.format = LogFormat::kJson;
    } else {
        reader.error(member.value,
                     fmt::format("log_format \"{}\" is unknown, expected text or json", format));
    }
}

// A tag is a word without case, said once. Source: jwt.TagList.
void read_server_tags(Reader& reader, const Member& member, Options* options) {
    std::vector<std::string> tags;
    if (!reader.texts(member.value, &tags)) return;
    options->server_tags.clear();
    for (const std::string& text : tags) {
        std::string tag = to_lower(strip(text));
        auto& known = options->server_tags;
        const bool is_new = std::find(known.begin(), known.end(), tag) == known.end();
        if (!tag.empty() && is_new) known.push_back(std::move(tag));
    }
}

void read_system_account(Reader& reader, const Member& member, Options* options) {
    if (member.value.type != ValueType::kString) {
        return reader.error(member.value, "system account name must be a string");
    }
    options->system_account = member.value.text;
}

// A part that is off by default and not active: worth a word only when it is switched on.
template <Part kPart>
void read_inactive_flag(Reader& reader, const Member& member, Options*) {
    bool on = false;
    if (reader.boolean(member.value, &on) && on) reader.note(member.value, kPart);
}

// `never` is what a server without OCSP does.
void read_ocsp(Reader& reader, const Member& member, Options*) {
    const Value& value = member.value;
    if (value.type == ValueType::kBool) {
        if (value.boolean) reader.note(value, Part::kOcsp);
        return;
    }
    if (value.type != ValueType::kMap) {
        return reader.error(value, fmt::format("error parsing ocsp config: unsupported type {}",
                                               value.go_type()));
    }
    bool never = false;
    for (const Member& each : value.members) {  // here, keys have one spelling
        if (each.key == "mode") {
            std::string mode;
            if (!reader.text(each.value, &mode)) return;
            never = to_lower(mode) == "never";
        } else if (each.key != "url" && each.key != "urls") {
            return reader.error(each.value, fmt::format("error parsing ocsp config: unsupported field {}",
                                                        each.key));
        }
    }
    if (!never) reader.note(value, Part::kOcsp);
}

void read_trusted_proxies(Reader& reader, const Member& member, bool* any) {
    if (member.value.type != ValueType::kArray) {
        return reader.error(member.value,
                            fmt::format("expected proxies' trusted field to be an array, got {}",
                                        member.value.go_type()));
    }
    *any = !member.value.elements.empty();
}

constexpr Row<bool> kProxiesRows[] = {{"trusted", read_trusted_proxies}};

void read_proxies(Reader& reader, const Member& member, Options*) {
    if (member.value.type != ValueType::kMap) {
        return reader.error(member.value, fmt::format("expected proxies to be a map/struct, got {}",
                                                      member.value.go_type()));
    }
    bool any = false;
    read_block(reader, member.value, kProxiesRows, &any);
    if (any) reader.note(member.value, Part::kProxies);
}

constexpr Row<Options> kServerRows[] = {
    {"listen",
     [](Reader& r, const Member& m, Options* o) { r.listen(m.value, &o->host, &o->port); }},
    {"port", [](Reader& r, const Member& m, Options* o) { r.port(m.value, &o->port); }},
    {"host net", [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->host); }},
    {"client_advertise",
     [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->client_advertise); }},
    {"server_name", [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->server_name); }},
    {"server_tags", &read_server_tags},

    // Logging.
    {"debug", [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->log.debug); }},
    {"trace", [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->log.trace); }},
    {"trace_verbose",
     [](Reader& r, const Member& m, Options* o) {
         if (r.boolean(m.value, &o->log.trace_verbose)) o->log.trace = o->log.trace_verbose;
     }},
    {"logtime", [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->log.logtime); }},
    {"logtime_utc",
     [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->log.logtime_utc); }},
    {"log_file logfile",
     [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->log.file); }},
    {"logfile_size_limit log_size_limit",
     [](Reader& r, const Member& m, Options* o) { r.integer(m.value, &o->log.file_size_limit); }},
    {"logfile_max_num log_max_num",
     [](Reader& r, const Member& m, Options* o) { r.integer(m.value, &o->log.file_max_num); }},
    {"syslog", [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->log.syslog); }},
    {"remote_syslog",
     [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->log.remote_syslog); }},
    {"max_traced_msg_len",
     [](Reader& r, const Member& m, Options* o) { r.integer(m.value, &o->log.max_traced_msg_len); }},
    {"log_format", read_log_format},
    {"trace_headers",
     [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->log.trace_headers); }},

    // Files and monitoring.
    {"pid_file pidfile", [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->pid_file); }},
    {"ports_file_dir",
     [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->ports_file_dir); }},
    {"http",
     [](Reader& r, const Member& m, Options* o) {
         if (r.listen(m.value, &o->http.host, &o->http.port) && o->http.port != 0) {
             r.note(m.value, Part::kMonitoring);
         }
     }},
    {"https",
     [](Reader& r, const Member& m, Options* o) {
         if (r.listen(m.value, &o->http.host, &o->http.https_port) && o->http.https_port != 0) {
             r.note(m.value, Part::kMonitoring);
         }
     }},
    {"http_port monitor_port",
     [](Reader& r, const Member& m, Options* o) {
         if (r.port(m.value, &o->http.port) && o->http.port != 0) {
             r.note(m.value, Part::kMonitoring);
         }
     }},
    {"https_port",
     [](Reader& r, const Member& m, Options* o) {
         if (r.port(m.value, &o->http.https_port) && o->http.https_port != 0) {
             r.note(m.value, Part::kMonitoring);
         }
     }},
    {"http_base_path",
     [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->http.base_path); }},
    {"prof_port",
     [](Reader& r, const Member& m, Options* o) {
         if (r.port(m.value, &o->prof_port) && o->prof_port != 0) r.note(m.value, Part::kProfiling);
     }},
    {"prof_block_rate",
     [](Reader& r, const Member& m, Options*) {
         int64_t rate = 0;
         if (r.integer(m.value, &rate)) r.note(m.value, Part::kProfiling);
     }},

    // Limits and times.
    {"max_control_line",
     [](Reader& r, const Member& m, Options* o) { read_limit(r, m, &o->max_control_line); }},
    {"max_payload", [](Reader& r, const Member& m, Options* o) { read_limit(r, m, &o->max_payload); }},
    {"max_pending",
     [](Reader& r, const Member& m, Options* o) { r.integer(m.value, &o->max_pending); }},
    {"max_connections max_conn",
     [](Reader& r, const Member& m, Options* o) { r.integer(m.value, &o->max_connections); }},
    {"max_subscriptions max_subs",
     [](Reader& r, const Member& m, Options* o) {
         if (!r.integer(m.value, &o->max_subscriptions)) return;
         if (o->max_subscriptions < kUnlimited) report_below_unlimited(r, m);
     }},
    {"max_sub_tokens max_subscription_tokens", read_sub_tokens},
    {"max_closed_clients",
     [](Reader& r, const Member& m, Options* o) { r.integer(m.value, &o->max_closed_clients); }},
    {"ping_interval",
     [](Reader& r, const Member& m, Options* o) {
         r.seconds_or_duration(m.value, "ping_interval", true, &o->ping_interval);
     }},
    {"ping_max", [](Reader& r, const Member& m, Options* o) { r.number(m.value, &o->ping_max); }},
    {"write_deadline",
     [](Reader& r, const Member& m, Options* o) {
         r.seconds_or_duration(m.value, "write_deadline", true, &o->write_deadline);
     }},
    {"write_timeout",
     [](Reader& r, const Member& m, Options* o) { read_write_timeout(r, m, &o->write_timeout); }},
    {"lame_duck_duration", read_lame_duck_duration},
    {"lame_duck_grace_period", read_lame_duck_grace},
    {"connect_error_reports",
     [](Reader& r, const Member& m, Options* o) { r.integer(m.value, &o->connect_error_reports); }},
    {"reconnect_error_reports",
     [](Reader& r, const Member& m, Options* o) {
         r.integer(m.value, &o->reconnect_error_reports);
     }},

    // Behaviour towards clients.
    {"no_header_support",
     [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->no_header_support); }},
    {"disable_sublist_cache no_sublist_cache",
     [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->disable_sublist_cache); }},
    {"allow_non_tls",
     [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->allow_non_tls); }},
    {"no_fast_producer_stall",
     [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->no_fast_producer_stall); }},

    // Security.
    {"authorization",
     [](Reader& r, const Member& m, Options*) { read_client_authorization(r, m.value); }},
    {"no_auth_user",
     [](Reader& r, const Member& m, Options* o) { r.text(m.value, &o->no_auth_user); }},
    {"tls",
     [](Reader& r, const Member& m, Options* o) {
         read_tls(r, m.value, TlsSide::kClients, &o->tls);
     }},
    {"ocsp", read_ocsp},
    {"ocsp_cache", [](Reader& r, const Member& m, Options*) { read_ocsp_cache(r, m.value); }},
    {"accounts",
     [](Reader& r, const Member& m, Options*) { read_accounts(r, m.value); }},
    {"mappings maps",
     [](Reader& r, const Member& m, Options* o) {
         r.note(m.value, Part::kMappings);
         read_mappings(r, m.value, &o->mappings);
     }},
    {"system_account system", read_system_account},
    {"no_system_account no_system no_sys_acc",
     [](Reader& r, const Member& m, Options* o) { r.boolean(m.value, &o->no_system_account); }},
    {"operator operators root roots root_operator root_operators",
     [](Reader& r, const Member& m, Options*) {
         r.note(m.value, Part::kOperator);
         read_operator_files(r, m.value);
     }},
    {"trusted_keys trusted",
     [](Reader& r, const Member& m, Options*) {
         r.note(m.value, Part::kOperator);
         read_trusted_keys(r, m.value);
     }},
    {"resolver account_resolver accounts_resolver",
     [](Reader& r, const Member& m, Options*) {
         r.note(m.value, Part::kOperator);
         read_resolver(r, m.value);
     }},
    {"resolver_preload",
     [](Reader& r, const Member& m, Options*) {
         r.note(m.value, Part::kOperator);
         read_resolver_preload(r, m.value);
     }},
    {"resolver_pinned_accounts",
     [](Reader& r, const Member& m, Options*) { read_pinned_accounts(r, m.value); }},
    {"resolver_tls",
     [](Reader& r, const Member& m, Options* o) {
         read_tls(r, m.value, TlsSide::kResolver, &o->trust.resolver_tls);
     }},
    {"default_sentinel",
     [](Reader& r, const Member& m, Options* o) { (void)r.text(m.value, &o->trust.default_sentinel); }},
    {"proxies", read_proxies},
    {"proxy_protocol", read_inactive_flag<Part::kProxyProtocol>},
    {"server_metadata",
     [](Reader& r, const Member& m, Options*) {
         read_named_values(r, m.value, Part::kServerMetadata);
     }},
    {"feature_flags",
     [](Reader& r, const Member& m, Options*) {
         read_named_values(r, m.value, Part::kFeatureFlags);
     }},

    // Other servers.
    {"cluster", [](Reader& r, const Member& m, Options*) { read_cluster(r, m.value); }},
    {"gateway", [](Reader& r, const Member& m, Options*) { read_gateway(r, m.value); }},
    {"leafnodes leaf", [](Reader& r, const Member& m, Options*) { read_leafnodes(r, m.value); }},

    {"jetstream", [](Reader& r, const Member& m, Options*) { read_jetstream(r, m.value); }},
    {"store_dir storedir",
     [](Reader& r, const Member& m, Options*) {
         std::string folder;
         if (r.text(m.value, &folder)) r.note(m.value, Part::kJetStream);
     }},
    {"default_js_domain",
     [](Reader& r, const Member& m, Options*) {
         if (!r.map(m.value)) return;
         for (const Member& each : m.value.members) {
             std::string domain;
             if (!r.text(each.value, &domain)) return;
         }
         r.note(m.value, Part::kJetStream);
     }},
    {"websocket ws", [](Reader& r, const Member& m, Options*) { read_websocket(r, m.value); }},
    {"mqtt", [](Reader& r, const Member& m, Options*) { read_mqtt(r, m.value); }},
    {"uring", [](Reader& r, const Member& m, Options*) { read_uring(r, m.value); }},
};

// ---------------------------------------------------------------------------- uring

void read_io(Reader& reader, const Member& member, UringOptions* out) {
    std::string name;
    if (!reader.text(member.value, &name)) return;
    name = to_lower(name);
    if (name == "auto") {
        out->io = IoKind::kAuto;
    } else if (name == "uring" || name == "io_uring") {
        out->io = IoKind::kUring;
    } else if (name == "epoll") {
        out->io = IoKind::kEpoll;
    } else {
        reader.error(member.value,
                     fmt::format("io \"{}\" is unknown, expected auto, uring or epoll", name));
    }
}

void read_pin(Reader& reader, const Member& member, UringOptions* out) {
    if (member.value.type == ValueType::kString && to_lower(member.value.text) == "auto") {
        out->pin = Pinning::kAuto;
        return;
    }
    bool pins = false;
    if (reader.boolean(member.value, &pins)) out->pin = pins ? Pinning::kAlways : Pinning::kNever;
}

constexpr Row<UringOptions> kUringRows[] = {
    {"workers",
     [](Reader& r, const Member& m, UringOptions* o) { r.number(m.value, &o->workers); }},
    {"pin", read_pin},
    {"busy_poll", [](Reader& r, const Member& m,
                     UringOptions* o) { r.duration(m.value, "busy_poll", &o->busy_poll); }},
    {"io", read_io},
    {"receive_buffer_size", [](Reader& r, const Member& m,
                               UringOptions* o) { r.integer(m.value, &o->receive_buffer_size); }},
    {"receive_buffer_count", [](Reader& r, const Member& m,
                                UringOptions* o) { r.integer(m.value, &o->receive_buffer_count); }},
    {"send_buffer_size",
     [](Reader& r, const Member& m, UringOptions* o) { r.integer(m.value, &o->send_buffer_size); }},
    {"zero_copy_threshold", [](Reader& r, const Member& m,
                               UringOptions* o) { r.integer(m.value, &o->zero_copy_threshold); }},
    {"cache_entries",
     [](Reader& r, const Member& m, UringOptions* o) { r.integer(m.value, &o->cache_entries); }},
    {"heavy_hitters",
     [](Reader& r, const Member& m, UringOptions* o) { r.boolean(m.value, &o->heavy_hitters); }},
    {"locality",
     [](Reader& r, const Member& m, UringOptions* o) { r.boolean(m.value, &o->locality); }},
};

}  // namespace

void read_uring(Reader& reader, const Value& value) {
    if (!reader.map(value)) return;
    UringOptions uring;
    read_block(reader, value, kUringRows, &uring);
    reader.options()->uring = uring;
}

void read_options(const Value& root, Options* options, Diagnostics* diagnostics) {
    Reader reader(options, diagnostics);
    read_block(reader, root, kServerRows, options);
    check_users(reader, root);
}

namespace {

// $NAME, ${NAME}, and ~ at the front, in the file names that nobody quotes for a shell.
// Source: expandPath in server/opts.go 2.15.3.
std::string expand_path(std::string_view text, const Sources& sources) {
    std::string out;
    const auto value_of = [&sources](std::string_view name) {
        if (!sources.environment) return std::string();
        return sources.environment(std::string(name)).value_or("");
    };
    for (size_t at = 0; at < text.size();) {
        const std::string_view rest = text.substr(at + 1);
        const bool braces = rest.starts_with('{');
        const auto is_name = [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; };
        const size_t first = braces ? 1 : 0;
        size_t size = first;
        while (size < rest.size() && (braces ? rest[size] != '}' : is_name(rest[size]))) ++size;
        const bool closed = !braces || size < rest.size();
        if (text[at] != '$' || size == first || !closed) {
            out += text[at++];
            continue;
        }
        out += value_of(rest.substr(first, size - first));
        at += 1 + size + (braces ? 1 : 0);
    }
    if (!out.starts_with('~')) return out;
    const std::string home = value_of("HOME");
    return home.empty() ? out : home + (out.starts_with("~/") ? "" : "/") + out.substr(1);
}

void expand_credentials(const Sources& sources, Options* options) {
    for (RemoteLeafnode& remote : options->leafnodes.remotes) {
        remote.credentials = expand_path(remote.credentials, sources);
    }
}

}  // namespace

bool load_file(const std::string& path, const Sources& sources, Options* options,
               Diagnostics* diagnostics) {
    options->config_file = path;
    const std::optional<Value> root = parse_file(path, sources, diagnostics);
    if (!root) return false;
    read_options(*root, options, diagnostics);
    expand_credentials(sources, options);
    return !diagnostics->has_errors();
}

}  // namespace nuring::config
