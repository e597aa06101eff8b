// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "proto/gateway_reply.h"

namespace nuring::delivery {

// GatewayTable is what the delivery of one worker knows of gateways: which connections lead to other
// clusters, the nearest first, and by which hash a mapped reply (proto/gateway_reply.h) names each.
// Threads:  its worker; replaced as a whole by a control task. Limits: few clusters, searched one by one.
// Errors:   none. Lifetime: handles may be stale.
struct GatewayTable {
    struct Outbound {
        base::LinkHandle link;
        std::string hash;      // of the cluster's name
        std::string old_hash;  // likewise, in replies with $GR
    };

    bool enabled() const { return !own.empty(); }
    // The connection that a mapped reply has to leave by; empty: there is none.
    base::LinkHandle find(const proto::GatewayReply& reply) const {
        for (const Outbound& each : outbound) {
            if (reply.cluster == (reply.is_old() ? each.old_hash : each.hash)) return each.link;
        }
        return {};
    }
    // Does a mapped reply lead to this server's cluster?
    bool is_own_cluster(const proto::GatewayReply& reply) const {
        return reply.cluster == (reply.is_old() ? std::string_view(old_hash) : own.cluster());
    }

    proto::ReplyOrigin own;  // of this server; empty: it has no gateways
    std::string old_hash;    // of its cluster
    std::vector<Outbound> outbound;
};

}  // namespace nuring::delivery
