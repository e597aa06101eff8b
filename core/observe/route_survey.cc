// SPDX-License-Identifier: Apache-2.0
#include "core/observe/route_survey.h"

#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "proto/kind_facts.h"

namespace nuring::observe {

bool RouteSurvey::step(const WorkerView& worker) {
    const auto servers = worker.delivery.servers.list();
    if (position_ >= servers.size()) return true;
    const delivery::RemoteServer& link = *servers[position_++];
    if (proto::facts_of(link.kind()).is_route) {
        delivery::ServerLinkSnapshot& out = routes_.emplace_back();
        out.cid = link.cid();
        out.ip = link.peer_host();
        out.port = link.peer_port();
        out.start_wall_ns = link.start_wall_ns();
        out.pending_bytes = link.pending_bytes();
        out.traffic = link.traffic();
        link.copy(worker.host.ring.wall_ns(), with_subscriptions_ ? kSubscriptionsMax : 0, &out);
    }
    return position_ >= servers.size();
}

}  // namespace nuring::observe
