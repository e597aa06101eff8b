// SPDX-License-Identifier: Apache-2.0
// The blocks of parts that this server has not: jetstream, mqtt and smaller ones. They are read key by
// key, so that a file which the reference refuses is refused here, too; the values go nowhere.
// Source: server/opts.go 2.15.3.
#include <fmt/format.h>

#include "core/config/reader.h"
#include "core/config/text.h"

namespace nuring::config {
namespace {

struct Nothing {};

void a_flag(Reader& r, const Member& m, Nothing*) {
    bool ignored = false;
    r.boolean(m.value, &ignored);
}
void a_text(Reader& r, const Member& m, Nothing*) {
    std::string ignored;
    r.text(m.value, &ignored);
}
void a_number(Reader& r, const Member& m, Nothing*) {
    int64_t ignored = 0;
    r.integer(m.value, &ignored);
}
void a_port(Reader& r, const Member& m, Nothing*) {
    int ignored = 0;
    r.port(m.value, &ignored);
}
void a_time(Reader& r, const Member& m, Nothing*) {
    nanoseconds ignored{0};
    r.seconds_or_duration(m.value, m.key, true, &ignored);
}
void a_duration(Reader& r, const Member& m, Nothing*) {
    nanoseconds ignored{0};
    r.duration(m.value, m.key, &ignored);
}
void an_address(Reader& r, const Member& m, Nothing*) {
    std::string host;
    int port = 0;
    r.listen(m.value, &host, &port);
}
void a_tls_block(Reader& r, const Member& m, Nothing*) {
    std::optional<TlsOptions> ignored;
    read_tls(r, m.value, TlsSide::kClients, &ignored);
}

// A number, or a text such as "10G".
void a_size(Reader& r, const Member& m, Nothing*) {
    if (m.value.type == ValueType::kInteger) return;
    if (m.value.type != ValueType::kString) {
        return r.error(m.value, fmt::format("{} must be int64 or string", m.key));
    }
    std::string_view text = m.value.text;
    if (text.empty()) return;
    const char unit = text.back();
    text.remove_suffix(1);
    if (!to_integer(text)) {
        return r.error(m.value, fmt::format("{} strconv.ParseInt: parsing \"{}\": invalid syntax", m.key, text));
    }
    if (std::string_view("KMGT").find(unit) == std::string_view::npos) {
        r.error(m.value, fmt::format("{} sizes defined as strings must end in K, M, G, T", m.key));
    }
}

void a_count(Reader& r, const Member& m, Nothing*) {
    if (m.value.type == ValueType::kInteger) return;
    r.error(m.value, fmt::format("Expected a parseable size for \"{}\", got {}", m.key, m.value.go_text()));
}

void a_cipher(Reader& r, const Member& m, Nothing*) {
    std::string name;
    if (!r.text(m.value, &name)) return;
    const std::string folded = to_lower(name);
    if (folded == "chacha" || folded == "chachapoly" || folded == "aes") return;
    r.error(m.value, fmt::format("Unknown cipher type: \"{}\"", name));
}

template <size_t kCount>
void a_block(Reader& r, const Member& m, const Row<Nothing> (&rows)[kCount], std::string_view what) {
    if (m.value.type != ValueType::kMap) {
        return r.error(m.value, fmt::format("Expected a map to define {}, got {}", what, m.value.go_type()));
    }
    Nothing nothing;
    read_block(r, m.value, rows, &nothing);
}

// ---------------------------------------------------------------------------- jetstream

constexpr Row<Nothing> kBatchRows[] = {
    {"max_inflight_per_stream max_inflight_total max_msgs", a_number},
    {"timeout", a_duration},
};

constexpr Row<Nothing> kJetStreamLimitRows[] = {
    {"max_ack_pending max_ha_assets max_request_batch default_max_consumers", a_number},
    {"duplicate_window", a_duration},
    {"batch", [](Reader& r, const Member& m, Nothing*) { a_block(r, m, kBatchRows, "batch limits"); }},
};

constexpr Row<Nothing> kTpmRows[] = {
    {"keys_file encryption_password srk_password", a_text},
    {"pcr", a_number},
    {"cipher", a_cipher},
};

constexpr Row<Nothing> kJetStreamRows[] = {
    {"strict enable enabled meta_compact_sync", a_flag},
    {"sync sync_interval",
     [](Reader& r, const Member& m, Nothing* n) {
         if (m.value.type != ValueType::kString || to_lower(m.value.text) != "always") a_time(r, m, n);
     }},
    {"max_memory_store max_mem_store max_mem max_file_store max_file max_outstanding_catchup "
     "max_buffered_size meta_compact_size",
     a_size},
    {"domain",
     [](Reader& r, const Member& m, Nothing*) {
         std::string name;
         if (!r.text(m.value, &name) || name.find_first_of(".*>") == std::string::npos) return;
         r.error(m.value, "invalid domain name: may not contain ., * or >");
     }},
    {"store store_dir storedir key ek encryption_key prev_key prev_ek prev_encryption_key extension_hint unique_tag", a_text},
    {"cipher", a_cipher},
    {"limits",
     [](Reader& r, const Member& m, Nothing*) { a_block(r, m, kJetStreamLimitRows, "JetStreamLimits"); }},
    {"tpm", [](Reader& r, const Member& m, Nothing*) { a_block(r, m, kTpmRows, "JetStreamLimits"); }},
    {"max_buffered_msgs request_queue_limit info_queue_limit", a_count},
    {"meta_compact max_concurrent_io",
     [](Reader& r, const Member& m, Nothing*) {
         if (m.value.type == ValueType::kInteger && m.value.integer >= 0) return;
         r.error(m.value, fmt::format("Expected an absolute size for \"{}\", got {}", m.key, m.value.go_text()));
     }},
};

// "enabled" and its like; false: it is neither that nor a flag.
bool is_switched_on(Reader& reader, const Value& value, bool* on) {
    if (value.type == ValueType::kBool) {
        *on = value.boolean;
        return true;
    }
    const std::string word = to_lower(value.text);
    if (word == "enabled" || word == "enable") {
        *on = true;
    } else if (word == "disabled" || word == "disable") {
        *on = false;
    } else {
        reader.error(value, fmt::format("Expected 'enabled' or 'disabled' for string value, got '{}'",
                                        value.text));
        return false;
    }
    return true;
}

constexpr Row<Nothing> kAccountJetStreamRows[] = {
    {"max_memory max_mem mem memory max_store max_file max_disk store disk max_streams streams "
     "max_consumers consumers mem_max_stream_bytes memory_max_stream_bytes disk_max_stream_bytes "
     "store_max_stream_bytes max_ack_pending",
     a_count},
    {"max_bytes_required max_stream_bytes max_bytes",
     [](Reader& r, const Member& m, Nothing*) {
         if (m.value.type == ValueType::kBool) return;
         r.error(m.value, fmt::format("Expected a parseable bool for \"{}\", got {}", m.key, m.value.go_text()));
     }},
    {"cluster_traffic",
     [](Reader& r, const Member& m, Nothing*) {
         const bool is_text = m.value.type == ValueType::kString;
         const std::string& text = m.value.text;
         if (is_text && (text == "system" || text == "owner" || text.empty())) return;
         r.error(m.value, fmt::format("Expected {}'system' or 'owner' string value for \"{}\", got {}",
                                      is_text ? "" : "either ", m.key, m.value.go_text()));
     }},
};

// ---------------------------------------------------------------------------- mqtt

constexpr Row<Nothing> kSimpleAuthorizationRows[] = {
    {"user username password pass token", a_text},
    {"timeout", [](Reader&, const Member&, Nothing*) {}},
};

constexpr Row<Nothing> kMqttRows[] = {
    {"listen", an_address},
    {"port", a_port},
    {"host net no_auth_user js_domain", a_text},
    {"tls", a_tls_block},
    {"authorization authentication",
     [](Reader& r, const Member& m, Nothing* n) {
         if (r.map(m.value)) read_block(r, m.value, kSimpleAuthorizationRows, n);
     }},
    {"ack_wait ackwait js_api_timeout api_timeout consumer_inactive_threshold consumer_auto_cleanup", a_time},
    {"max_ack_pending max_pending max_inflight",
     [](Reader& r, const Member& m, Nothing*) {
         constexpr int64_t kMost = 0xFFFF;
         int64_t count = 0;
         if (!r.integer(m.value, &count) || (count >= 0 && count <= kMost)) return;
         r.error(m.value, fmt::format("invalid value {}, should in [0..{}] range", count, kMost));
     }},
    {"stream_replicas", a_number},
    {"consumer_replicas",
     [](Reader& r, const Member& m, Nothing*) {
         r.warning(m.value, m.key, "consumer replicas setting ignored in this server version");
     }},
    {"consumer_memory_storage reject_qos2_publish downgrade_qos2_subscribe", a_flag},
};

// ---------------------------------------------------------------------------- small ones

constexpr Row<Nothing> kMessageTraceRows[] = {
    {"dest", a_text},
    {"sampling",
     [](Reader& r, const Member& m, Nothing*) {
         std::string_view digits = m.value.text;
         if (m.value.type == ValueType::kString && digits.ends_with('%')) digits.remove_suffix(1);
         const auto percent = to_integer(digits);
         if (percent && *percent > 0 && *percent <= 100) return;
         r.error(m.value, percent ? fmt::format("Ttrace destination sampling value {} is invalid, needs to be "
                                                "[1..100]",
                                                *percent)
                                  : fmt::format("Invalid trace destination sampling value \"{}\"",
                                                m.value.text));
     }},
};

constexpr Row<Nothing> kOcspCacheRows[] = {
    {"type local_store", a_text},
    {"preserve_revoked", a_flag},
    {"save_interval", [](Reader&, const Member&, Nothing*) {}},
};

// A `jetstream` block, of the server or of an account: a map, or a switch.
template <size_t kCount>
void note_jetstream(Reader& reader, const Value& value, const Row<Nothing> (&rows)[kCount]) {
    bool on = true;
    if (value.type == ValueType::kMap) {
        Nothing nothing;
        read_block(reader, value, rows, &nothing);
    } else if (value.type != ValueType::kBool && value.type != ValueType::kString) {
        return reader.error(value, fmt::format("Expected map, bool or string to define JetStream, got {}",
                                               value.go_type()));
    } else if (!is_switched_on(reader, value, &on)) {
        return;
    }
    if (on) reader.note(value, Part::kJetStream);
}

}  // namespace

void read_jetstream(Reader& reader, const Value& value) { note_jetstream(reader, value, kJetStreamRows); }

void read_account_jetstream(Reader& reader, const Value& value) {
    note_jetstream(reader, value, kAccountJetStreamRows);
}

void read_mqtt(Reader& reader, const Value& value) {
    if (value.type != ValueType::kMap) {
        return reader.error(value, fmt::format("Expected mqtt to be a map, got {}", value.go_type()));
    }
    Nothing nothing;
    read_block(reader, value, kMqttRows, &nothing);
    reader.note(value, Part::kMqtt);
}

void read_message_trace(Reader& reader, const Member& member) {
    const Value& value = member.value;
    if (value.type == ValueType::kMap) {
        Nothing nothing;
        read_block(reader, value, kMessageTraceRows, &nothing);
    } else if (value.type != ValueType::kString) {
        return reader.error(value,
                            fmt::format("Expected account message trace \"{}\" to be a string or a map/struct, "
                                        "got {}",
                                        member.key, value.go_type()));
    }
    reader.note(value, Part::kMessageTrace);
}

void read_ocsp_cache(Reader& reader, const Value& value) {
    if (value.type == ValueType::kMap) {
        Nothing nothing;
        read_block(reader, value, kOcspCacheRows, &nothing);
    } else if (value.type != ValueType::kBool) {
        return reader.error(value, fmt::format("error parsing tags: unsupported type {}", value.go_type()));
    }
    reader.note(value, Part::kOcspCache);
}

// Names with texts behind them, or with flags.
void read_named_values(Reader& reader, const Value& value, Part part) {
    const bool flags = part == Part::kFeatureFlags;
    if (value.type != ValueType::kMap) {
        return reader.error(value, fmt::format("error parsing {}: unsupported type {}",
                                               flags ? "feature flags" : "metadata", value.go_type()));
    }
    for (const Member& member : value.members) {
        std::string ignored;
        if (!flags) {
            reader.text(member.value, &ignored);
        } else if (member.value.type != ValueType::kBool) {
            reader.error(member.value, fmt::format("error parsing feature flag \"{}\": expected bool, got {}",
                                                   member.key, member.value.go_type()));
        }
    }
    if (!value.members.empty()) reader.note(value, part);
}

}  // namespace nuring::config
