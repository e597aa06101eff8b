// SPDX-License-Identifier: Apache-2.0
// /healthz, the pages of parts that are not there (/jsz, /raftz, /ipqueuesz), and /stacksz.
#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
#include "fmt/format.h"
#include "monitor/pages.h"
#include "proto/json_writer.h"

namespace nuring::monitor {
namespace {

constexpr int kBadRequest = 400;
constexpr int kNotFound = 404;
constexpr int kInternalServerError = 500;
constexpr int kServiceUnavailable = 503;

struct Health {
    int status = 200;
    std::string_view type;  // of the error, in detailed answers
    std::string error;
};

// With a consumer asked for, a stream is needed; with a stream, an account; and there are no streams.
Health judge(const Sources& sources, const Query& query) {
    const std::string_view stream = query.text("stream");
    if (query.text("account").empty() && !stream.empty()) {
        return {kBadRequest, "BAD_REQUEST",
                "\"account\" must not be empty when checking stream health"};
    }
    if (stream.empty() && !query.text("consumer").empty()) {
        return {kBadRequest, "BAD_REQUEST",
                "\"stream\" must not be empty when checking consumer health"};
    }
    // relaxed: the page shows some moment
    if (sources.server.facts().lame_duck.load(std::memory_order_relaxed)) {
        return {kInternalServerError, "CONNECTION", "failed to be ready for connections after 1ms: server"};
    }
    if (!sources.ready) {
        return {kInternalServerError, "CONNECTION", "server is not ready for connections"};
    }
    return {};
}

absl::Status write_health(const Sources& sources, const Query& query, bool with_code,
                          HttpAnswer* answer) {
    for (const char* name : {"js-enabled", "js-enabled-only", "js-server-only", "js-meta-only"}) {
        if (const auto given = query.boolean(name); !given.ok()) return given.status();
    }
    const auto details = query.boolean("details");
    if (!details.ok()) return details.status();
    const Health health = judge(sources, query);
    answer->status = health.status;
    proto::JsonWriter json(&answer->body, /*indent=*/0);
    json.begin_object();
    if (health.error.empty()) {
        json.field("status", "ok");
    } else if (*details) {
        json.field("status", "error");
        json.begin_array("errors");
        json.begin_object();
        json.field("type", health.type);
        json.field("error", health.error);
        json.end_object();
        json.end_array();
    } else {
        json.field("status", health.status == kServiceUnavailable ? "unavailable" : "error");
        json.field("error", health.error);
    }
    if (with_code) json.field("status_code", health.status);
    json.end_object();
    return absl::OkStatus();
}

}  // namespace

absl::Status make_healthz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    return write_health(sources, query, /*with_code=*/false, answer);
}

absl::Status make_health_reply(const Sources& sources, const Query& query, HttpAnswer* answer) {
    return write_health(sources, query, /*with_code=*/true, answer);
}

absl::Status make_jsz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    for (const char* name : {"accounts", "streams", "consumers", "direct-consumers", "config",
                             "leader-only", "raft", "stream-leader-only"}) {
        if (const auto given = query.boolean(name); !given.ok()) return given.status();
    }
    for (const char* name : {"offset", "limit"}) {
        if (const auto given = query.integer(name); !given.ok()) return given.status();
    }
    if (*query.boolean("leader-only")) {
        answer->empty = true;
        if (query.is_request()) return absl::OkStatus();  // the leader answers
        return absl::InvalidArgumentError("filtered response: not leader");
    }
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    for (const char* key : {"memory", "storage", "reserved_memory", "reserved_storage", "accounts",
                            "ha_assets"}) {
        json.field(key, 0);
    }
    json.begin_object("api");
    json.field("total", 0);
    json.field("errors", 0);
    json.end_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    json.field("disabled", true);
    json.begin_object("config");
    json.field("max_memory", 0);
    json.field("max_storage", 0);
    json.end_object();
    for (const char* key : {"streams", "consumers", "messages", "bytes"}) json.field(key, 0);
    json.end_object();
    return absl::OkStatus();
}

absl::Status make_ipqueuesz(const Sources& /*sources*/, const Query& query, HttpAnswer* answer) {
    if (const auto all = query.boolean("all"); !all.ok()) return all.status();
    answer->body = "{}";
    return absl::OkStatus();
}

absl::Status make_raftz(const Sources& /*sources*/, const Query& /*query*/, HttpAnswer* answer) {
    answer->status = kNotFound;
    answer->content_type = kTextType;
    answer->body = "No Raft nodes registered";
    return absl::OkStatus();
}

// The type says JSON, the body is text: so it is in the reference, and tools know it.
absl::Status make_stacksz(const Sources& /*sources*/, const Query& /*query*/, HttpAnswer* answer) {
    answer->body = describe_threads();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
