// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_snapshot.h"

#include <cassert>
#include <string>

#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "gateway/leaf_link.h"
#include "proto/kind_facts.h"

namespace nuring::gateway {

// One slice: leafnode connections are few beside clients, and their subscriptions are bounded.
bool LeafSurvey::step(const observe::WorkerView& worker) {
    for (const delivery::RemoteServer* server : worker.delivery.servers.list()) {
        if (!proto::facts_of(server->kind()).is_leafnode) continue;
        const auto& link =
            static_cast<const LeafLink&>(*server);  // only leafnode links are of these kinds
        assert(link.account() != nullptr);
        if (!query_.account.empty() && link.account()->name() != query_.account) continue;
        link.copy_leaf(query_.subscriptions ? kSubscriptionsMax : 0, &leafs_.emplace_back());
    }
    return true;
}

void LeafLink::copy_leaf(size_t subscriptions, LeafSnapshot* out) const {
    out->is_spoke = !is_hub_side();
    out->is_isolated = is_isolated_;
    out->compression = std::string(to_text(compression()));
    client::ConnectionSnapshot& connection = out->connection;
    connection.cid = cid();
    connection.kind = proto::Kind::kLeafnode;
    connection.host = peer_host();
    connection.port = peer_port();
    connection.worker = index_of(host_.id);
    connection.name = remote_name();
    if (account_ != nullptr) connection.account = account_->name();
    if (identity_ != nullptr) connection.user = identity_->name;
    connection.start_ns = start_wall_ns();
    connection.rtt_ns = rtt_ns();
    connection.pending_bytes = pending_bytes();
    connection.traffic = traffic();
    connection.subscription_count = static_cast<uint32_t>(remote_interest().count());
    if (subscriptions == 0) return;
    remote_interest().for_each([&](const account::Account&, const interest::Subscription& each) {
        connection.subscriptions.push_back(
            {.subject = std::string(each.subject()), .queue = std::string(each.queue())});
        return connection.subscriptions.size() < subscriptions;
    });
}

}  // namespace nuring::gateway
