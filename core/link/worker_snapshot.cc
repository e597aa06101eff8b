// SPDX-License-Identifier: Apache-2.0
#include "core/link/worker_snapshot.h"

#include <algorithm>

#include "core/link/client.h"
#include "core/link/peer.h"
#include "proto/subject.h"

namespace nuring::link {

bool WorkerSurvey::step(WorkerLinks& links) {
    snapshot_.id = index_of(links.id);
    snapshot_.connections = links.table.count();
    for (const Peer* peer : links.peers()) snapshot_.routes += peer->kind() == proto::Kind::kRoute;
    snapshot_.counters = links.counters;
    snapshot_.ring_name = links.ring.name();
    snapshot_.ring = links.ring.stats();
    snapshot_.worker = links.worker.stats();
    snapshot_.busy_share = links.worker.busy_share();
    snapshot_.cache = with_fanout_ ? links.cache.stats() : links.cache.counters();
    for (uint32_t i = 0; i < links.mesh.worker_count(); ++i) {
        const auto from = static_cast<base::WorkerId>(i);
        if (from == links.id) continue;
        const runtime::Mailbox& box = links.mesh.mailbox(from, links.id);
        snapshot_.mailbox_depth_bytes += box.depth_bytes();
        snapshot_.mailbox_capacity_bytes += box.capacity();
    }
    return true;
}

bool AccountSurvey::step(WorkerLinks& links) {
    const LinkTable& table = links.table;
    const size_t end = std::min(table.slot_count(), position_ + kSliceLinks);
    for (; position_ < end; ++position_) {
        const Link* link = table.at(position_);
        if (link == nullptr || !link->open() || link->kind() != proto::Kind::kClient) continue;
        AccountSnapshot& account = accounts_[&static_cast<const Client*>(link)->account()];
        ++account.connections;
        account.traffic += link->traffic();
    }
    if (position_ < table.slot_count()) return false;
    for (const auto& [account, past] : links.account_pasts) {
        accounts_[account] += {.traffic = past.traffic, .slow_consumers = past.slow_consumers};
    }
    return true;
}

bool SubscriptionSurvey::step(WorkerLinks& links) {
    const LinkTable& table = links.table;
    size_t budget = kSliceSubscriptions;
    for (size_t seen_links = 0; seen_links < kSliceLinks; ++seen_links) {
        if (position_ >= table.slot_count() || subscriptions_.size() >= count_max_) return true;
        const Link* link = table.at(position_);
        if (link == nullptr || !link->open() || link->kind() != proto::Kind::kClient) {
            subscription_position_ = 0;
            ++position_;
            continue;
        }
        const auto& client = static_cast<const Client&>(*link);
        const std::string& account = client.account().name();
        if (!account_.empty() && account != account_) {
            ++position_;
            continue;
        }
        if (budget == 0) return false;
        size_t seen = 0;
        subscription_position_ = client.subscriptions().visit_some(
            subscription_position_, budget, [&](const interest::Subscription& each) {
                ++seen;
                if (!subject_.empty() && !proto::matches_literal(subject_, each.subject())) return;
                if (subscriptions_.size() >= count_max_) return;
                subscriptions_.push_back({.subject = std::string(each.subject()),
                                          .queue = std::string(each.queue()),
                                          .sid = std::string(each.sid()),
                                          .delivered = each.delivered,
                                          .max = each.max,
                                          .cid = client.cid(),
                                          .account = account});
            });
        budget -= std::min(budget, seen);
        if (subscription_position_ == 0) ++position_;
    }
    return false;
}

}  // namespace nuring::link
