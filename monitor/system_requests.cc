// SPDX-License-Identifier: Apache-2.0
#include "monitor/system_requests.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/status.h"
#include "core/config/text.h"
#include "monitor/client_actions.h"

namespace nuring::monitor {
namespace {

using proto::JsonType;

constexpr int kRequestRefused = 400;
constexpr int kInternalError = 500;

// Whom a request is meant for; every request has them.
constexpr std::array kFilters = {
    RequestOption{{"exact_match", JsonType::kBool}, {}, {}},  // first: says how the others are compared
    RequestOption{{"server_name", JsonType::kString}, {}, {}},
    RequestOption{{"cluster", JsonType::kString}, {}, {}},
    RequestOption{{"host", JsonType::kString}, {}, {}},
    RequestOption{{"tags", JsonType::kStrings}, {}, {}},
    RequestOption{{"domain", JsonType::kString}, {}, {}},
};
enum Filter : size_t { kExactMatch, kServerName, kCluster, kHost, kTags, kDomain };

constexpr std::array kConnzOptions = {
    RequestOption{{"sort", JsonType::kString}, "sort", {}},
    RequestOption{{"auth", JsonType::kBool}, "auth", "1"},
    // The detail wins, whatever the order: the first value of a parameter counts.
    RequestOption{{"subscriptions_detail", JsonType::kBool}, "subs", "detail"},
    RequestOption{{"subscriptions", JsonType::kBool}, "subs", "1"},
    RequestOption{{"offset", JsonType::kInt}, "offset", {}},
    RequestOption{{"limit", JsonType::kInt}, "limit", {}},
    RequestOption{{"cid", JsonType::kUint64}, "cid", {}},
    RequestOption{{"mqtt_client", JsonType::kString}, "mqtt_client", {}},
    RequestOption{{"state", JsonType::kInt}, "state", {}},
    RequestOption{{"user", JsonType::kString}, "user", {}},
    RequestOption{{"acc", JsonType::kString}, "acc", {}},
    RequestOption{{"filter_subject", JsonType::kString}, "filter_subject", {}},
};
constexpr std::array kSubszOptions = {
    RequestOption{{"offset", JsonType::kInt}, "offset", {}},
    RequestOption{{"limit", JsonType::kInt}, "limit", {}},
    RequestOption{{"subscriptions", JsonType::kBool}, "subs", "1"},
    RequestOption{{"account", JsonType::kString}, "acc", {}},
    RequestOption{{"test", JsonType::kString}, "test", {}},
};
constexpr std::array kRoutezOptions = {
    RequestOption{{"subscriptions_detail", JsonType::kBool}, "subs", "detail"},
    RequestOption{{"subscriptions", JsonType::kBool}, "subs", "1"},
};
constexpr std::array kGatewayzOptions = {
    RequestOption{{"name", JsonType::kString}, "gw_name", {}},
    RequestOption{{"accounts", JsonType::kBool}, "accs", "1"},
    RequestOption{{"account_name", JsonType::kString}, "acc_name", {}},
    RequestOption{{"subscriptions_detail", JsonType::kBool}, "subs", "detail"},
    RequestOption{{"subscriptions", JsonType::kBool}, "subs", "1"},
};
constexpr std::array kLeafzOptions = {
    RequestOption{{"subscriptions", JsonType::kBool}, "subs", "1"},
    RequestOption{{"account", JsonType::kString}, "acc", {}},
};
constexpr std::array kAccountzOptions = {
    RequestOption{{"account", JsonType::kString}, "acc", {}},
};
constexpr std::array kAccstatzOptions = {
    RequestOption{{"accounts", JsonType::kStrings}, "accounts", {}},
    RequestOption{{"include_unused", JsonType::kBool}, "unused", "1"},
};
constexpr std::array kJszOptions = {
    RequestOption{{"account", JsonType::kString}, "acc", {}},
    RequestOption{{"accounts", JsonType::kBool}, "accounts", "1"},
    RequestOption{{"streams", JsonType::kBool}, "streams", "1"},
    RequestOption{{"consumer", JsonType::kBool}, "consumers", "1"},
    RequestOption{{"direct_consumer", JsonType::kBool}, "direct-consumers", "1"},
    RequestOption{{"config", JsonType::kBool}, "config", "1"},
    RequestOption{{"leader_only", JsonType::kBool}, "leader-only", "1"},
    RequestOption{{"offset", JsonType::kInt}, "offset", {}},
    RequestOption{{"limit", JsonType::kInt}, "limit", {}},
    RequestOption{{"raft", JsonType::kBool}, "raft", "1"},
    RequestOption{{"stream_leader_only", JsonType::kBool}, "stream-leader-only", "1"},
};
constexpr std::array kHealthzOptions = {
    RequestOption{{"js-enabled", JsonType::kBool}, "js-enabled", "1"},
    RequestOption{{"js-enabled-only", JsonType::kBool}, "js-enabled-only", "1"},
    RequestOption{{"js-server-only", JsonType::kBool}, "js-server-only", "1"},
    RequestOption{{"js-meta-only", JsonType::kBool}, "js-meta-only", "1"},
    RequestOption{{"account", JsonType::kString}, "account", {}},
    RequestOption{{"stream", JsonType::kString}, "stream", {}},
    RequestOption{{"consumer", JsonType::kString}, "consumer", {}},
    RequestOption{{"details", JsonType::kBool}, "details", "1"},
};

constexpr std::array kConnectionOptions = {
    RequestOption{{"cid", JsonType::kUint64}, "cid", {}},
};

constexpr std::array kServerRequests = {
    SystemRequest{"STATSZ", nullptr, "StatszEventOptions", {}},
    SystemRequest{"IDZ", nullptr, "ServerID", {}},
    SystemRequest{"VARZ", &make_varz, "VarzEventOptions", {}},
    SystemRequest{"SUBSZ", &make_subsz, "SubszEventOptions", kSubszOptions},
    SystemRequest{"CONNZ", &make_connz, "ConnzEventOptions", kConnzOptions},
    SystemRequest{"ROUTEZ", &make_routez, "RoutezEventOptions", kRoutezOptions},
    SystemRequest{"GATEWAYZ", &make_gatewayz, "GatewayzEventOptions", kGatewayzOptions},
    SystemRequest{"LEAFZ", &make_leafz, "LeafzEventOptions", kLeafzOptions},
    SystemRequest{"ACCOUNTZ", &make_accountz, "AccountzEventOptions", kAccountzOptions},
    SystemRequest{"JSZ", &make_jsz, "JszEventOptions", kJszOptions},
    SystemRequest{"HEALTHZ", &make_health_reply, "HealthzEventOptions", kHealthzOptions},
};
constexpr std::array kServerActions = {
    SystemRequest{"RELOAD", &reload_server, "EventFilterOptions", {}},
    SystemRequest{"KICK", &kick_connection, "KickClientReq", kConnectionOptions},
    SystemRequest{"LDM", &announce_lame_duck, "LDMClientReq", kConnectionOptions},
};
constexpr std::array kAccountRequests = {
    SystemRequest{"SUBSZ", &make_subsz, "SubszEventOptions", kSubszOptions},
    SystemRequest{"CONNZ", &make_connz, "ConnzEventOptions", kConnzOptions},
    SystemRequest{"LEAFZ", &make_leafz, "LeafzEventOptions", kLeafzOptions},
    SystemRequest{"INFO", &make_account_info, "AccInfoEventOptions", {}},
    SystemRequest{"STATZ", &make_accstatz, "AccountStatzEventOptions", kAccstatzOptions},
    SystemRequest{"CONNS", nullptr, "accNumConnsReq", {}},
};

// The states of connections, which are numbers in JSON and words in a query.
std::string state_word(std::string_view number) {
    constexpr std::array<std::string_view, 3> kWords = {"open", "closed", "any"};
    if (number.size() == 1 && number[0] >= '0' && number[0] <= '2') {
        return std::string(kWords[static_cast<size_t>(number[0] - '0')]);
    }
    return std::string(number);
}

bool is_meant_for(const Sources& sources, size_t filter, const std::string& wanted, bool exact) {
    if (wanted.empty()) return true;
    const config::Options& options = *sources.options;
    const proto::ServerInfo& info = sources.server.facts().info;
    const auto fits = [&](std::string_view text) {
        return exact ? text == wanted : text.find(wanted) != std::string_view::npos;
    };
    switch (filter) {
        case kServerName: return fits(info.server_name);
        case kCluster: return fits(sources.server.cluster_name(options));
        case kHost: return fits(info.host);
        case kTags:
            return std::find(options.server_tags.begin(), options.server_tags.end(),
                             config::to_lower(wanted)) !=
                   options.server_tags.end();
        case kDomain: return false;  // of JetStream
        default: return true;
    }
}

void write_error(proto::JsonWriter* json, int code, std::string_view description) {
    json->begin_object("error");
    json->field("code", code);
    json->field("description", description);
    json->end_object();
}

}  // namespace

std::span<const SystemRequest> server_requests() { return kServerRequests; }
std::span<const SystemRequest> server_actions() { return kServerActions; }
std::span<const SystemRequest> account_requests() { return kAccountRequests; }

std::string compact_json(std::string_view json) {
    std::string result;
    result.reserve(json.size());
    bool in_string = false;
    for (size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string && c == '\\' && i + 1 < json.size()) {
            result += c;
            result += json[++i];
            continue;
        }
        if (c == '"') in_string = !in_string;
        if (in_string || (c != ' ' && c != '\n')) result += c;
    }
    return result;
}

Answered answer_request(const SystemRequest& request, std::string_view json_text,
                         const std::vector<std::pair<std::string, std::string>>& fixed,
                         const Sources& sources, EventWriter* writer, proto::JsonParser* parser,
                         std::string* text) {
    std::vector<proto::JsonFieldType> fields;
    for (const RequestOption& option : kFilters) fields.push_back(option.field);
    for (const RequestOption& option : request.options) fields.push_back(option.field);
    std::vector<proto::JsonMember> members;
    std::string error;
    int code = 200;
    if (!proto::parse_json_members(json_text, parser, request.struct_name, fields, &members, &error)) {
        code = kRequestRefused;
    }
    // In the order of the table, whatever that of the JSON.
    std::stable_sort(members.begin(), members.end(),
                     [](const auto& a, const auto& b) { return a.field < b.field; });
    Query query = Query::of_request();
    bool exact = false;
    for (const auto& [name, value] : fixed) query.add(name, value);
    for (proto::JsonMember& member : members) {
        if (code != 200) break;
        if (member.field < kFilters.size()) {
            if (member.field == kExactMatch) {
                exact = member.text == "true";
            } else if (!is_meant_for(sources, member.field, member.text, exact)) {
                return Answered::kNotForUs;
            }
            continue;
        }
        const RequestOption& option = request.options[member.field - kFilters.size()];
        if (option.field.type == JsonType::kBool) {
            if (member.text == "true") query.add(option.parameter, option.if_true);
        } else {
            query.add(option.parameter,
                      option.parameter == "state" ? state_word(member.text) : member.text);
        }
    }
    HttpAnswer page;
    if (code == 200 && request.make != nullptr) {
        if (const absl::Status status = request.make(sources, query, &page); !status.ok()) {
            code = kInternalError;
            error = base::message_of(status);
        }
        if (page.empty) return Answered::kNotForUs;
    }
    text->clear();
    proto::JsonWriter json(text, /*indent=*/0);
    json.begin_object();
    json.begin_object("server");
    writer->write_server(&json, *sources.options);
    json.end_object();
    if (code == 200) {
        if (!page.body.empty()) json.raw_field("data", compact_json(page.body));
    } else {
        if (code == kInternalError) json.key("data").null();
        write_error(&json, code, error);
    }
    json.end_object();
    return code == 200 ? Answered::kWithPage : Answered::kWithError;
}

}  // namespace nuring::monitor
