// SPDX-License-Identifier: Apache-2.0
// /connz: connections, open and closed.
#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "core/base/rfc3339.h"
#include "core/base/status.h"
#include "core/observe/connection_survey.h"
#include "core/ring/kernel_sockets.h"
#include "fmt/format.h"
#include "monitor/leafz.h"
#include "monitor/pages.h"
#include "monitor/write_link.h"
#include "proto/json_writer.h"
#include "proto/subject.h"

namespace nuring::monitor {
namespace {

using observe::ConnectionQuery;
using observe::ConnectionSort;
using observe::ConnectionState;

constexpr int64_t kLimitDefault = 1024;

struct SortName {
    std::string_view name;
    ConnectionSort sort;
};
constexpr std::array kSorts = {
    SortName{"", ConnectionSort::kCid},
    SortName{"cid", ConnectionSort::kCid},
    SortName{"start", ConnectionSort::kCid},
    SortName{"subs", ConnectionSort::kSubscriptions},
    SortName{"pending", ConnectionSort::kPending},
    SortName{"msgs_to", ConnectionSort::kMessagesTo},
    SortName{"msgs_from", ConnectionSort::kMessagesFrom},
    SortName{"bytes_to", ConnectionSort::kBytesTo},
    SortName{"bytes_from", ConnectionSort::kBytesFrom},
    SortName{"last", ConnectionSort::kLast},
    SortName{"idle", ConnectionSort::kIdle},
    SortName{"uptime", ConnectionSort::kUptime},
    SortName{"stop", ConnectionSort::kStop},
    SortName{"reason", ConnectionSort::kReason},
    SortName{"rtt", ConnectionSort::kRtt},
};

// A request for connections, decoded.
struct Request {
    observe::ConnectionQuery query;
    LinkDetail detail;
    int64_t offset = 0;
    int64_t limit = kLimitDefault;
};

absl::Status decode_state(std::string_view given, ConnectionState* state) {
    const std::string lower = absl::AsciiStrToLower(base::absl_view(given));
    if (lower.empty() || lower == "open") {
        *state = ConnectionState::kOpen;
    } else if (lower == "closed") {
        *state = ConnectionState::kClosed;
    } else if (lower == "any" || lower == "all") {
        *state = ConnectionState::kAll;
    } else {
        return absl::InvalidArgumentError(fmt::format("Error decoding state for {}", given));
    }
    return absl::OkStatus();
}

absl::Status decode_sort(const Query& query, ConnectionState state, ConnectionSort* sort) {
    const std::string_view given = query.text("sort");
    const auto* found = std::find_if(kSorts.begin(), kSorts.end(),
                                     [given](const SortName& entry) { return entry.name == given; });
    if (found == kSorts.end()) {
        return absl::InvalidArgumentError(fmt::format("invalid sorting option: {}", given));
    }
    *sort = found->sort;
    const bool of_closed = *sort == ConnectionSort::kStop || *sort == ConnectionSort::kReason;
    if (of_closed && state != ConnectionState::kClosed) {
        return absl::InvalidArgumentError(
            fmt::format("sort by {} only valid on closed connections", given));
    }
    return absl::OkStatus();
}

// In the order in which the reference finds mistakes.
absl::Status decode(const Query& query, Request* request) {
    const auto auth = query.boolean("auth");
    if (!auth.ok()) return auth.status();
    request->detail.auth = *auth;
    if (absl::Status status = decode_subscriptions(query, &request->detail); !status.ok()) {
        return status;
    }
    const auto offset = query.integer("offset");
    if (!offset.ok()) return offset.status();
    const auto limit = query.integer("limit");
    if (!limit.ok()) return limit.status();
    const auto cid = query.number("cid");
    if (!cid.ok()) return cid.status();
    observe::ConnectionQuery& wanted = request->query;
    if (absl::Status status = decode_state(query.text("state"), &wanted.state); !status.ok()) {
        return status;
    }
    if (absl::Status status = decode_sort(query, wanted.state, &wanted.sort); !status.ok()) {
        return status;
    }
    request->offset = std::max<int64_t>(*offset, 0);
    request->limit = *limit > 0 ? *limit : kLimitDefault;
    if (*cid != 0) request->limit = 1;
    wanted.cid = *cid;
    wanted.account = query.text("acc");
    wanted.user = query.text("user");
    if (const auto filter = query.text("filter_subject"); !filter.empty() && filter != ">") {
        // The reference has no such parameter over HTTP.
        if (wanted.account.empty() && query.is_request()) {
            return absl::InvalidArgumentError(
                "filter by subject only valid with account filtering");
        }
        if (!wanted.account.empty()) wanted.subject_filter = filter;
    }
    wanted.subscriptions = request->detail.lists_subscriptions();
    wanted.certificates = request->detail.auth;
    // No overflow: nobody has 2^62 connections.
    wanted.count_max = static_cast<size_t>(std::min(request->offset, int64_t{1} << 62)) +
                       static_cast<size_t>(std::min(request->limit, int64_t{1} << 62));
    return absl::OkStatus();
}

struct Found {
    uint64_t total = 0;
    std::vector<client::ConnectionSnapshot> connections;  // offset and limit applied
};

// Open leafnodes are listed among the clients, as of 2.11.5.
std::vector<client::ConnectionSnapshot> find_leafs(const Sources& sources, const ConnectionQuery& query) {
    std::vector<client::ConnectionSnapshot> found;
    if (query.state == ConnectionState::kClosed) return found;
    const bool filters_subject = !query.subject_filter.empty();
    for (gateway::LeafSnapshot& leaf :
         ask_leafs(sources, {.account = query.account,
                             .subscriptions = query.subscriptions || filters_subject,
                             .now_ns = query.now_ns})) {
        client::ConnectionSnapshot& connection = leaf.connection;
        if (!query.user.empty() && connection.user != query.user) continue;
        if (query.cid != 0 && connection.cid != query.cid) continue;
        if (filters_subject &&
            std::none_of(connection.subscriptions.begin(), connection.subscriptions.end(),
                         [&](const client::SubscriptionSnapshot& each) {
                             return proto::subjects_collide(query.subject_filter, each.subject);
                         })) {
            continue;
        }
        found.push_back(std::move(connection));
    }
    return found;
}

// The first ones of each worker, put into one order.
Found find_connections(const Sources& sources, const Request& request) {
    const auto surveys = sources.runner.run<observe::ConnectionSurvey>(
        [&] { return std::make_shared<observe::ConnectionSurvey>(request.query); });
    struct Place {
        uint64_t key;
        client::ConnectionSnapshot* connection;
    };
    std::vector<Place> places;
    Found found;
    for (const auto& survey : surveys) {
        found.total += survey->total();
        for (client::ConnectionSnapshot& each : survey->connections()) {
            places.push_back({sort_key(request.query.sort, each, request.query.now_ns), &each});
        }
    }
    std::vector<client::ConnectionSnapshot> leafs = find_leafs(sources, request.query);
    found.total += leafs.size();
    for (client::ConnectionSnapshot& each : leafs) {
        places.push_back({sort_key(request.query.sort, each, request.query.now_ns), &each});
    }
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
        return a.key != b.key ? a.key < b.key : a.connection->cid < b.connection->cid;
    });
    const size_t begin = std::min(places.size(), static_cast<size_t>(request.offset));
    const size_t end = std::min(places.size(), request.query.count_max);
    for (size_t i = begin; i < end; ++i) {
        found.connections.push_back(std::move(*places[i].connection));
    }
    return found;
}

}  // namespace

absl::Status make_connz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    Request request;
    if (absl::Status status = decode(query, &request); !status.ok()) return status;
    request.query.now_ns = ring::realtime_ns();
    const std::string& account = request.query.account;
    const auto& configured = sources.options->accounts;
    const bool is_unknown = !account.empty() && sources.server.accounts().find(account) == nullptr &&
                            std::none_of(configured.begin(), configured.end(),
                                         [&](const auto& each) { return each.name == account; });
    Found found = is_unknown ? Found{} : find_connections(sources, request);
    if (!query.text("mqtt_client").empty()) found = {};  // nobody here speaks MQTT
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    // As in nats-server, whose page of an unknown account is blank.
    json.field("server_id", is_unknown ? std::string_view() : sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(request.query.now_ns));
    json.field("num_connections", found.connections.size());
    json.field("total", found.total);
    json.field("offset", request.offset);
    json.field("limit", request.limit);
    if (is_unknown) {
        json.raw_field("connections", "null");
    } else {
        json.begin_array("connections");
        for (const client::ConnectionSnapshot& each : found.connections) {
            write_connection(&json, each, request.detail, request.query.now_ns);
        }
        json.end_array();
    }
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
