// SPDX-License-Identifier: Apache-2.0
// /accountz and /accstatz: accounts, what is in them and what they do.
#include <algorithm>

#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
#include "fmt/format.h"
#include "monitor/account_exchange.h"
#include "monitor/account_sums.h"
#include "monitor/pages.h"
#include "proto/json_writer.h"

namespace nuring::monitor {
namespace {

// Those that are configured are there before anybody logs in.
account::AccountList all_accounts(const Sources& sources) {
    for (const config::AccountOptions& account : sources.options->accounts) {
        (void)sources.server.accounts().find_or_create(account.name);
    }
    return sources.server.accounts().list();
}

std::string system_account(const config::Options& options) {
    if (options.no_system_account) return "";
    return options.system_account.empty() ? "$SYS" : options.system_account;
}

void write_counts(proto::JsonWriter* json, std::string_view key, uint64_t messages, uint64_t bytes) {
    json->begin_object(key);
    json->field("msgs", messages);
    json->field("bytes", bytes);
    json->end_object();
}

void write_detail(proto::JsonWriter* json, const Sources& sources, account::Account& account) {
    const AccountSums sums = ask_accounts(sources.server, sources.runner);
    const auto found = sums.find(&account);
    const interest::SublistStats stats = account.sublist().stats();
    json->field("account_name", account.name());
    json->field("update_time", base::format_rfc3339(sources.config_load_ns));
    json->optional_field("is_system", account.name() == system_account(*sources.options));
    json->field("expired", false);
    json->field("complete", true);
    json->field("jetstream_enabled", false);
    json->field("leafnode_connections", found == sums.end() ? 0 : found->second.leafnodes);
    json->field("client_connections", found == sums.end() ? 0 : found->second.connections);
    json->field("subscriptions", stats.num_subscriptions);
    write_exchange(json, sources.server.accounts().options_of(account.name()));
    if (const auto& trust = sources.server.trust()) write_claims(json, trust->find(account.name()));
    json->begin_object("sublist_stats");
    json->field("num_subscriptions", stats.num_subscriptions);
    json->field("num_cache", 0);
    json->field("num_inserts", stats.num_inserts);
    json->field("num_removes", stats.num_removes);
    json->field("num_matches", stats.num_matches);
    json->field("cache_hit_rate", 0.0);
    json->field("max_fanout", 0);
    json->field("avg_fanout", 0.0);
    json->end_object();
}

absl::Status find_account(const Sources& sources, std::string_view name, account::Account** found) {
    *found = sources.server.accounts().find(name);
    if (*found != nullptr) return absl::OkStatus();
    return absl::InvalidArgumentError(fmt::format("Account {} does not exist", name));
}

}  // namespace

absl::Status make_accountz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    const std::string_view name = query.text("acc");
    account::Account* account = nullptr;
    if (!name.empty()) {
        if (absl::Status status = find_account(sources, name, &account); !status.ok()) return status;
    }
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    json.optional_field("system_account", system_account(*sources.options));
    if (account != nullptr) {
        json.begin_object("account_detail");
        write_detail(&json, sources, *account);
        json.end_object();
    } else {
        json.begin_array("accounts");
        for (const account::Account* each : all_accounts(sources)) {
            json.value(each->name());
        }
        json.end_array();
    }
    json.end_object();
    return absl::OkStatus();
}

absl::Status make_account_info(const Sources& sources, const Query& query, HttpAnswer* answer) {
    account::Account* account = nullptr;
    if (absl::Status status = find_account(sources, query.text("acc"), &account); !status.ok()) {
        return status;
    }
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    write_detail(&json, sources, *account);
    json.end_object();
    return absl::OkStatus();
}

absl::Status make_accstatz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    const auto unused = query.boolean("unused");
    if (!unused.ok()) return unused.status();
    const AccountSums sums = ask_accounts(sources.server, sources.runner);
    std::vector<std::string_view> names = query.texts("acc");
    if (!query.is_request()) std::erase(names, std::string_view());  // `acc=`
    if (names.empty() && query.is_request()) names = query.texts("accounts");
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    json.field("server_id", sources.server.facts().info.server_id);
    json.field("now", base::format_rfc3339(ring::realtime_ns()));
    json.begin_array("account_statz");
    answer->empty = !*unused;
    for (account::Account* account : all_accounts(sources)) {
        const bool is_named = std::find(names.begin(), names.end(), account->name()) != names.end();
        if (!names.empty() && !is_named) continue;
        const auto found = sums.find(account);
        const observe::AccountSnapshot sum =
            found == sums.end() ? observe::AccountSnapshot{} : found->second;
        if (sum.connections + sum.leafnodes == 0 && !*unused) continue;
        answer->empty = false;
        json.begin_object();
        json.field("acc", account->name());
        json.field("name", account->name());
        json.field("conns", sum.connections);
        json.field("leafnodes", sum.leafnodes);
        json.field("total_conns", sum.connections + sum.leafnodes);
        json.field("num_subscriptions", account->sublist().count());
        write_counts(&json, "sent", sum.traffic.out_messages, sum.traffic.out_bytes);
        write_counts(&json, "received", sum.traffic.in_messages, sum.traffic.in_bytes);
        json.field("slow_consumers", sum.slow_consumers);
        json.end_object();
    }
    json.end_array();
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
