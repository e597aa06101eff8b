// SPDX-License-Identifier: Apache-2.0
#include "monitor/account_exchange.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/jwt.h"
#include "fmt/format.h"
#include "monitor/write_link.h"

namespace nuring::monitor {
namespace {

constexpr int kWhole = 100;  // percent

std::string_view type_name(config::ExchangeKind kind) {
    return kind == config::ExchangeKind::kStream ? "stream" : "service";
}

std::string_view response_name(config::ResponseType type) {
    switch (type) {
        case config::ResponseType::kSingleton: return "Singleton";
        case config::ResponseType::kStream: return "Streamed";
        case config::ResponseType::kChunked: return "Chunked";
    }
    return "";
}

// Weights add up from target to target, as the reference draws among them: the lightest come first, and
// what is left over keeps its subject, unless that was named. Each cluster has its own.
void write_targets(proto::JsonWriter* json, const config::SubjectMapping& mapping) {
    std::map<std::string, std::vector<config::MappingTarget>> by_cluster;
    bool names_source = false;
    for (const config::MappingTarget& target : mapping.targets) {
        by_cluster[target.cluster].push_back(target);
        names_source |= target.subject == mapping.source;
    }
    for (auto& [cluster, targets] : by_cluster) {
        int total = 0;
        for (const config::MappingTarget& target : targets) total += target.weight;
        if (total < kWhole && !names_source) {
            targets.push_back({.subject = mapping.source, .weight = kWhole - total});
        }
        std::stable_sort(targets.begin(), targets.end(),
                         [](const auto& a, const auto& b) { return a.weight < b.weight; });
        int below = 0;
        for (const config::MappingTarget& target : targets) {
            below += target.weight;
            json->begin_object();
            json->field("subject", target.subject);
            json->field("weight", below);
            json->optional_field("cluster", cluster);
            json->end_object();
        }
    }
}

void write_mappings(proto::JsonWriter* json, const config::AccountOptions& account) {
    if (account.mappings.empty()) return;
    std::map<std::string, const config::SubjectMapping*> by_source;
    for (const config::SubjectMapping& each : account.mappings) by_source[each.source] = &each;
    json->begin_object("mappings");
    for (const auto& [source, mapping] : by_source) {
        json->begin_array(source);
        write_targets(json, *mapping);
        json->end_array();
    }
    json->end_object();
}

void write_exports(proto::JsonWriter* json, const config::AccountOptions& account) {
    if (account.exports.empty()) return;
    json->begin_array("exports");
    for (const config::AccountExport& each : account.exports) {
        const bool is_service = each.kind == config::ExchangeKind::kService;
        json->begin_object();
        json->field("subject", each.subject);
        json->field("type", type_name(each.kind));
        json->optional_field("token_req", each.token_required);
        if (is_service) json->field("response_type", response_name(each.response_type));
        json->optional_field("account_token_position", each.account_token_position);
        write_texts(json, "approved_accounts", each.accounts);
        json->end_object();
    }
    json->end_array();
}

// As the newest servers have it: `subject` is the exporter's name of it, `to` and `local_subject` that of
// the importer. (2.9 turned the two of a service round.)
void write_imports(proto::JsonWriter* json, const config::AccountOptions& account) {
    if (account.imports.empty()) return;
    json->begin_array("imports");
    for (const config::AccountImport& each : account.imports) {
        std::string local = each.to.empty() ? each.subject : each.to;
        if (!each.prefix.empty()) local = fmt::format("{}.{}", each.prefix, each.subject);
        json->begin_object();
        json->field("subject", each.subject);
        json->field("account", each.account);
        if (each.kind == config::ExchangeKind::kService) json->field("to", local);
        json->field("local_subject", local);
        json->field("type", type_name(each.kind));
        json->field("invalid", false);
        json->field("share", each.share);
        json->field("tracking", false);
        json->end_object();
    }
    json->end_array();
}

}  // namespace

void write_exchange(proto::JsonWriter* json, const config::AccountOptions& account) {
    write_mappings(json, account);
    write_exports(json, account);
    write_imports(json, account);
}

void write_claims(proto::JsonWriter* json, const auth::TrustedAccountPtr& account) {
    if (account == nullptr) return;
    const auth::ClaimsHead& head = account->claims.head;
    json->field("jwt", account->token);
    json->field("issuer_key", head.issuer);
    json->optional_field("name_tag", head.name);
    write_texts(json, "tags", head.tags);
    // It was good when it was loaded, so it is JSON.
    if (const auto token = auth::decode_jwt(account->token); token.ok()) {
        json->raw_field("decoded_jwt", token->claims);
    }
}

}  // namespace nuring::monitor
