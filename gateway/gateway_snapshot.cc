// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_snapshot.h"

#include <algorithm>

#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "core/delivery/server_link_snapshot.h"
#include "core/tls/tls_engine.h"
#include "gateway/gateway_inbound.h"
#include "gateway/gateway_outbound.h"
#include "proto/kind_facts.h"

namespace nuring::gateway {
namespace {

void copy_connection(const server_link::ServerLink& link, uint64_t now_ns, client::ConnectionSnapshot* out) {
    delivery::ServerLinkSnapshot facts;
    link.copy(now_ns, 0, &facts);
    out->kind = link.kind();
    out->cid = link.cid();
    out->host = link.peer_host();
    out->port = link.peer_port();
    out->name = facts.remote_id;
    out->start_ns = link.start_wall_ns();
    out->last_activity_ns = facts.last_activity_wall_ns;
    out->rtt_ns = facts.rtt_ns;
    out->pending_bytes = link.pending_bytes();
    out->traffic = link.traffic();
    out->subscription_count = static_cast<uint32_t>(std::min<uint64_t>(facts.subscription_count, UINT32_MAX));
    if (const tls::Engine* engine = link.tls_engine()) {
        out->tls_version = engine->version();
        out->tls_cipher = engine->cipher_suite();
    }
}

}  // namespace

bool GatewaySurvey::step(const observe::WorkerView& worker) {
    const auto links = worker.delivery.servers.list();
    for (; position_ < links.size(); ++position_) {
        if (!proto::facts_of(links[position_]->kind()).is_gateway) continue;
        const auto& link = *static_cast<const server_link::ServerLink*>(links[position_]);
        GatewaySnapshot snapshot;
        snapshot.is_outbound = link.is_solicited();
        snapshot.is_configured = link.is_solicited() && link.target()->is_explicit;
        const auto* outbound = link.is_solicited() ? static_cast<const GatewayOutbound*>(&link) : nullptr;
        const auto* inbound = link.is_solicited() ? nullptr : static_cast<const GatewayInbound*>(&link);
        snapshot.cluster_name = outbound != nullptr ? outbound->cluster() : inbound->cluster();
        if (!query_.cluster_name.empty() && snapshot.cluster_name != query_.cluster_name) continue;
        copy_connection(link, query_.now_ns, &snapshot.connection);
        if (query_.accounts && outbound != nullptr) outbound->copy_accounts(query_, &snapshot.accounts);
        if (query_.accounts && inbound != nullptr) inbound->copy_accounts(query_, &snapshot.accounts);
        gateways_.push_back(std::move(snapshot));
        ++position_;
        break;
    }
    return position_ >= links.size();
}

}  // namespace nuring::gateway
