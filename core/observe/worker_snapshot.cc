// SPDX-License-Identifier: Apache-2.0
#include "core/observe/worker_snapshot.h"

#include <algorithm>

#include "core/client/client.h"
#include "core/client/client_host.h"
#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "proto/subject.h"

namespace nuring::observe {

WorkerCounters counters_of(const WorkerView& worker) {
    const link::LinkCounters& links = worker.host.counters();
    WorkerCounters counters;
    static_cast<link::LinkTraffic&>(counters) = worker.host.total_traffic();
    for (size_t kind = 0; kind < proto::kKindCount; ++kind) {
        if (proto::is_server(static_cast<proto::Kind>(kind)))
            counters.of_servers += links.traffic[kind];
    }
    counters.faults_by_kind = links.faults;
    for (const link::LinkFaults& faults : links.faults) counters.faults += faults;
    counters.sends_in_flight = links.sends_in_flight;
    counters.pauses = worker.delivery.outlets.pause_count();
    counters.stalls = worker.delivery.stall_gate.stall_count();
    counters.spilled_records = worker.delivery.outlets.spilled_count();
    counters.shared_blocks = worker.host.input.shared_count();
    counters.replaced_members = worker.delivery.counters().replaced_members;
    counters.lost_group_messages = worker.delivery.counters().lost_group_messages;
    counters.departed_clients = worker.clients.movers.departed();
    counters.arrived_clients = worker.clients.movers.arrived();
    counters.tls_handshakes = links.tls_handshakes;
    counters.tls_handshake_failures = links.tls_handshake_failures;
    return counters;
}

bool WorkerSurvey::step(const WorkerView& worker) {
    snapshot_.id = index_of(worker.host.id);
    snapshot_.connections = worker.host.table.count();
    for (const delivery::RemoteServer* server : worker.delivery.servers.list()) {
        ++snapshot_.server_links[index_of(server->kind())];
    }
    snapshot_.counters = counters_of(worker);
    snapshot_.ring_name = worker.host.ring.name();
    snapshot_.ring = worker.host.ring.stats();
    snapshot_.worker = worker.host.worker.stats();
    snapshot_.busy_share = worker.host.worker.busy_share();
    snapshot_.cache =
        with_fanout_ ? worker.delivery.cache.stats() : worker.delivery.cache.counters();
    for (uint32_t i = 0; i < worker.host.worker.mesh().worker_count(); ++i) {
        const auto from = static_cast<base::WorkerId>(i);
        if (from == worker.host.id) continue;
        const runtime::Mailbox& box = worker.host.worker.mesh().mailbox(from, worker.host.id);
        snapshot_.mailbox_depth_bytes += box.depth_bytes();
        snapshot_.mailbox_capacity_bytes += box.capacity();
    }
    return true;
}

bool AccountSurvey::step(const WorkerView& worker) {
    const link::LinkTable& table = worker.host.table;
    const size_t end = std::min(table.slot_count(), position_ + kSliceLinks);
    for (; position_ < end; ++position_) {
        const client::Client* client = client::as_client(table.at(position_));
        if (client == nullptr || !client->open()) continue;
        AccountSnapshot& account = accounts_[&client->account()];
        ++account.connections;
        account.traffic += client->traffic();
    }
    if (position_ < table.slot_count()) return false;
    for (const auto& [account, totals] : worker.clients.closed_totals()) {
        accounts_[account] += {.traffic = totals.traffic, .slow_consumers = totals.slow_consumers};
    }
    return true;
}

bool SubscriptionSurvey::step(const WorkerView& worker) {
    const link::LinkTable& table = worker.host.table;
    size_t budget = kSliceSubscriptions;
    for (size_t seen_links = 0; seen_links < kSliceLinks; ++seen_links) {
        if (position_ >= table.slot_count()) return true;
        const client::Client* found = client::as_client(table.at(position_));
        if (found == nullptr || !found->open()) {
            ++position_;
            continue;
        }
        const client::Client& client = *found;
        if (client.handle() != walked_) subscription_position_ = 0;  // another one had this place before
        walked_ = client.handle();
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
                ++total_;
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

}  // namespace nuring::observe
