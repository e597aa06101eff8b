// SPDX-License-Identifier: Apache-2.0
// /subsz: interest, and the subscriptions themselves.
#include <algorithm>

#include "core/base/rfc3339.h"
#include "core/ring/kernel_sockets.h"
#include "fmt/format.h"
#include "monitor/pages.h"
#include "monitor/write_link.h"
#include "proto/json_writer.h"
#include "proto/subject.h"

namespace nuring::monitor {
namespace {

constexpr int64_t kSubszLimitDefault = 1024;

// Matches that a connection remembers of its last subject are hits, too, but are counted nowhere.
void write_statistics(proto::JsonWriter* json, const Sources& sources, std::string_view account_name) {
    interest::SublistStats sublists;
    for (account::Account* account : sources.server.accounts().list()) {
        if (!account_name.empty() && account->name() != account_name) continue;
        const interest::SublistStats each = account->sublist().stats();
        sublists.num_subscriptions += each.num_subscriptions - (account->reply_pattern().empty() ? 0 : 1);
        sublists.num_inserts += each.num_inserts;
        sublists.num_removes += each.num_removes;
    }
    interest::MatchCacheStats caches;
    for (const observe::WorkerSnapshot& worker : ask_workers(sources, /*with_fanout=*/true)) {
        caches.hits += worker.cache.hits;
        caches.rebuilds += worker.cache.rebuilds;
        caches.misses += worker.cache.misses;
        caches.entries += worker.cache.entries;
        caches.fanout_max = std::max(caches.fanout_max, worker.cache.fanout_max);
        caches.fanout_sum += worker.cache.fanout_sum;
    }
    const auto ratio = [](uint64_t part, uint64_t whole) {
        return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
    };
    json->field("num_subscriptions", sublists.num_subscriptions);
    json->field("num_cache", caches.entries);
    json->field("num_inserts", sublists.num_inserts);
    json->field("num_removes", sublists.num_removes);
    json->field("num_matches", caches.lookups());
    json->field("cache_hit_rate", ratio(caches.hits, caches.lookups()));
    json->field("max_fanout", caches.fanout_max);
    json->field("avg_fanout", ratio(caches.fanout_sum, caches.entries));
}

// Those of the configuration or of claims; not the services that every account has of the system account.
// They belong to no connection, so their cid is 0.
std::vector<client::SubscriptionSnapshot> service_imports(const Sources& sources,
                                                          std::string_view account_name,
                                                          std::string_view subject) {
    std::vector<client::SubscriptionSnapshot> found;
    account::AccountRegistry& accounts = sources.server.accounts();
    for (const account::Account* account : accounts.list()) {
        if (!account_name.empty() && account->name() != account_name) continue;
        int sid = 0;
        for (const config::AccountImport& each : accounts.options_of(account->name()).imports) {
            if (each.kind != config::ExchangeKind::kService) continue;
            ++sid;
            const std::string& local = each.to.empty() ? each.subject : each.to;
            if (!subject.empty() && !proto::subjects_collide(subject, local)) continue;
            found.push_back({.subject = local, .sid = std::to_string(sid), .account = account->name()});
        }
    }
    return found;
}

}  // namespace

// Over HTTP, server_id and now are left out where there is no list, as the reference has it.
absl::Status make_subsz(const Sources& sources, const Query& query, HttpAnswer* answer) {
    const auto wants_list = query.boolean("subs");
    if (!wants_list.ok()) return wants_list.status();
    const auto given_offset = query.integer("offset");
    if (!given_offset.ok()) return given_offset.status();
    const auto given_limit = query.integer("limit");
    if (!given_limit.ok()) return given_limit.status();
    const std::string_view subject = query.text("test");
    if (!subject.empty() && !proto::is_valid_literal_subject(subject)) {
        return absl::InvalidArgumentError(
            fmt::format("invalid test subject, must be valid publish subject: {}", subject));
    }
    const std::string account(query.text("acc"));
    const auto offset = static_cast<size_t>(std::max<int64_t>(*given_offset, 0));
    const auto limit = static_cast<size_t>(*given_limit > 0 ? *given_limit : kSubszLimitDefault);
    const size_t end = offset + limit;

    std::vector<client::SubscriptionSnapshot> subscriptions;
    uint64_t total = 0;  // also of those before and behind the page
    if (*wants_list) {
        subscriptions = service_imports(sources, account, subject);
        total = subscriptions.size();
        for (const auto& survey : sources.runner.run<observe::SubscriptionSurvey>([&] {
                 return std::make_shared<observe::SubscriptionSurvey>(account, std::string(subject),
                                                                      end);
             })) {
            total += survey->total();
            for (auto& each : survey->subscriptions()) subscriptions.push_back(std::move(each));
        }
    }
    const size_t first = std::min(offset, subscriptions.size());
    const size_t last = std::min(end, subscriptions.size());
    const bool is_whole = total > 0 || query.is_request();
    proto::JsonWriter json(&answer->body);
    json.begin_object();
    if (is_whole) {
        json.field("server_id", sources.server.facts().info.server_id);
        json.field("now", base::format_rfc3339(ring::realtime_ns()));
    }
    write_statistics(&json, sources, account);
    if (is_whole) {
        json.field("total", total);
        json.field("offset", offset);
        json.field("limit", limit);
    }
    if (first < last) {
        json.begin_array("subscriptions_list");
        for (size_t i = first; i < last; ++i) write_subscription(&json, subscriptions[i]);
        json.end_array();
    }
    json.end_object();
    return absl::OkStatus();
}

}  // namespace nuring::monitor
