// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "proto/info.h"

namespace nuring::link {

// GatewayGossip passes gossip between the routes and the gateways of this server, which know nothing
// else of each other.
// Threads: any. Lifetime: outlives the links.
class GatewayGossip {
  public:
    // A server of this cluster has reported another cluster.
    virtual void learn(const proto::ServerInfo& info) = 0;
    // The INFO about other clusters for a server that has joined this cluster.
    virtual std::vector<proto::ServerInfo> gossip_for_routes() const = 0;
    // A server with that gateway address has come into this cluster, or has left it.
    virtual void add_cluster_url(const std::string& url) = 0;
    virtual void remove_cluster_url(const std::string& url) = 0;

  protected:
    ~GatewayGossip() = default;
};

}  // namespace nuring::link
