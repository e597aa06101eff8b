// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/server_link/gossip_urls.h"
#include "proto/info.h"

namespace nuring::cluster {

// ClusterUrls are the addresses that the other servers of the cluster have announced: where clients and
// leafnodes find them. It remembers what each of them has announced, so that all of it goes with that server.
//
// Threads: one at a time; the owner's lock. Limits: GossipUrls'. Errors: none.
class ClusterUrls {
  public:
    // The sorts of which an address has come or gone.
    struct [[nodiscard]] News {
        bool clients = false;
        bool websockets = false;
        bool leafnodes = false;
    };

    // That server has come. A lame duck has no addresses for clients.
    News add(const std::string& server_id, const proto::ServerInfo& info);
    // It announces others now. A server that is not there is ignored.
    News update(const std::string& server_id, const proto::ServerInfo& info);
    News remove(const std::string& server_id);

    const server_link::GossipUrls& clients() const { return clients_; }
    const server_link::GossipUrls& websockets() const { return websockets_; }
    const server_link::GossipUrls& leafnodes() const { return leafnodes_; }

  private:
    using List = std::vector<std::string>;
    struct Announced {
        List clients;
        List websockets;
        List leafnodes;
    };

    static bool replace(server_link::GossipUrls* urls, List* before, const List& after);
    News change(Announced* before, const Announced& after);

    absl::flat_hash_map<std::string, Announced> servers_;
    server_link::GossipUrls clients_;
    server_link::GossipUrls websockets_;
    server_link::GossipUrls leafnodes_;
};

}  // namespace nuring::cluster
