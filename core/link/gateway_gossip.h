// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "proto/info.h"

namespace nuring::link {

// GatewayGossip is what routes tell the gateways of this server, and are told by them: the two know nothing
// else of each other.
// Threads: any. Lifetime: outlives the links.
class GatewayGossip {
  public:
    // A server of this cluster has reported another cluster.
    virtual void learn(const proto::ServerInfo& info) = 0;
    // What a server that has come into this cluster is told of other clusters.
    virtual std::vector<proto::ServerInfo> gossip_for_routes() const = 0;
    // A server with that gateway address has come into this cluster, or has left it.
    virtual void add_cluster_url(const std::string& url) = 0;
    virtual void remove_cluster_url(const std::string& url) = 0;

  protected:
    ~GatewayGossip() = default;
};

}  // namespace nuring::link
