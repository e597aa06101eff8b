// SPDX-License-Identifier: Apache-2.0
// Route: interest and messages of leafnodes are marked with their cluster, so that the cluster does
// not get them back over another server. Interest is marked only for servers that understand the
// mark in withdrawals, too (2.10.23, lnocu): for others a client and a leafnode with one pattern
// would be the same. For servers that send `ln` (2.15) leafnodes without a cluster are marked, too:
// their members of a queue group come after all others, and isolated leafnodes do not learn of
// their interest.
// Source: server/route.go, processRemoteSub and sendRouteSubProtos 2.10.23 and 2.15.
#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "cluster/route.h"
#include "core/config/names.h"
#include "core/interest/sublist.h"
#include "core/interest/subscriber_set.h"
#include "fmt/format.h"
#include "proto/kind_facts.h"

namespace nuring::cluster {

void Route::add_wanted(std::span<interest::Subscription* const> subscriptions, Wanted* wanted) const {
    if (!subscriptions.empty() && subscriptions.front()->is_queue()) {
        const size_t count = interest::count_everywhere(subscriptions);
        wanted->own += count;
        subscriptions = subscriptions.subspan(count);
    }
    for (const interest::Subscription* each : subscriptions) {
        if (!each->is_own()) continue;
        const size_t count = each->is_queue() ? each->weight() : 1;
        std::string_view origin = each->origin();
        if (origin.empty() && remote_info_.ln && proto::facts_of(each->kind()).is_spoke) {
            origin = config::kReservedClusterName;
        }
        if (origin.empty()) {
            wanted->own += count;
            continue;
        }
        const auto known = std::find_if(wanted->clusters.begin(), wanted->clusters.end(),
                                        [origin](const auto& other) { return other.first == origin; });
        if (known != wanted->clusters.end()) {
            known->second += count;
        } else {
            wanted->clusters.emplace_back(origin, count);
        }
    }
}

// New interest is announced before old is withdrawn, so that no message is lost between two lines.
void Route::announce_wanted(account::Account& account, std::string_view pattern, std::string_view queue,
                            const Wanted& wanted) {
    if (wanted.own != 0) send_interest(account, pattern, queue, wanted.own);
    for (const auto& [cluster, count] : wanted.clusters) {
        write_interest(account, pattern, queue, count, cluster);
    }
    const std::string key = fmt::format("{} {} {}", account.name(), pattern, queue);
    const auto announced = announced_clusters_.find(key);
    if (announced != announced_clusters_.end()) {
        for (const std::string& cluster : announced->second) {
            const bool is_wanted =
                std::any_of(wanted.clusters.begin(), wanted.clusters.end(),
                            [&cluster](const auto& each) { return each.first == cluster; });
            if (!is_wanted) write_interest(account, pattern, queue, 0, cluster);
        }
    }
    if (wanted.clusters.empty()) {
        if (announced != announced_clusters_.end()) announced_clusters_.erase(announced);
    } else {
        std::vector<std::string>& names = announced_clusters_[key];
        names.clear();
        for (const auto& each : wanted.clusters) names.push_back(each.first);
    }
}

void Route::announce(account::Account& account, std::string_view pattern, std::string_view queue) {
    // The sync that withdraws what is denied finds no more what has gone before its slice came.
    if (withdraws_denied_ && open() && carries(account) && !may_import(account, pattern)) {
        return withdraw(account, pattern, queue);
    }
    if (!names_unsubscribe_origin()) return ServerLink::announce(account, pattern, queue);
    if (!open() || !carries(account) || !may_import(account, pattern)) return;
    Wanted wanted;
    account.sublist().inspect(host_.id, pattern, queue,
                              [&](std::span<interest::Subscription* const> subscriptions) {
                                  add_wanted(subscriptions, &wanted);
                              });
    announce_wanted(account, pattern, queue, wanted);
    if (wanted.own == 0) send_interest(account, pattern, queue, 0);
}

size_t Route::announce_slice(account::Account& account, uint32_t slice) {
    const size_t withdrawn = withdraws_denied_ ? withdraw_denied(account, slice) : 0;
    return withdrawn + announce_allowed(account, slice);
}

size_t Route::withdraw_denied(account::Account& account, uint32_t slice) {
    size_t withdrawn = 0;
    account.sublist().for_each_own(
        host_.id, slice, [&](std::string_view pattern, std::string_view queue, size_t /*count*/) {
            if (may_import(account, pattern)) return;
            withdraw(account, pattern, queue);
            ++withdrawn;
        });
    return withdrawn;
}

void Route::withdraw(account::Account& account, std::string_view pattern, std::string_view queue) {
    announce_wanted(account, pattern, queue, {});
    send_interest(account, pattern, queue, 0);
}

size_t Route::announce_allowed(account::Account& account, uint32_t slice) {
    if (!names_unsubscribe_origin()) return ServerLink::announce_slice(account, slice);
    size_t announced = 0;
    account.sublist().for_each_interest(
        host_.id, slice,
        [&](std::string_view pattern, std::string_view queue,
            std::span<interest::Subscription* const> subscriptions) {
            if (!may_import(account, pattern)) return;
            Wanted wanted;
            add_wanted(subscriptions, &wanted);
            if (wanted.own == 0 && wanted.clusters.empty()) return;
            if (wanted.clusters.empty()) {
                send_interest(account, pattern, queue, wanted.own);
            } else {
                announce_wanted(account, pattern, queue, wanted);
            }
            ++announced;
        });
    return announced;
}

uint32_t Route::origin_id(std::string_view origin) {
    if (origin != last_origin_) {
        link::OriginClusters& clusters = host_.facts.origin_clusters;
        last_origin_ = std::string(origin);
        clusters.release(std::exchange(last_origin_id_, clusters.acquire(origin)));
    }
    return last_origin_id_;
}

void Route::deliver_of_leafnodes(account::Account& account, const delivery::MessageRun& run,
                                 std::string_view queues, uint32_t origin_cluster) {
    if (!remote_info_.lnoc) return deliver_to_server(account, run, queues);
    if (!open() || !may_leave(account, run.subject)) return;
    const auto origin = host_.facts.origin_clusters.name_of(origin_cluster);
    send_message({.account = account,
                  .run = run,
                  .subject = run.subject,
                  .queues = queues,
                  .origin = origin == nullptr ? std::string_view() : *origin});
}

}  // namespace nuring::cluster
