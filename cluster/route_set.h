// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/server_link/link_target.h"
#include "proto/info.h"

namespace nuring::cluster {

// One registered route.
struct RouteEntry {
    std::string remote_id;
    base::LinkHandle link;
    proto::ServerInfo info;  // as received; `ip` completed, so that it can be passed on
    std::optional<server_link::LinkTarget> target;  // where it was dialed, or is to be dialed again
    bool is_solicited = false;
    std::string account;  // the only one that it carries; empty: it is one of the pool
    // Connections that the pool has when it is complete; 0: the one connection carries everything.
    int pool_size = 0;
    int slot = 0;  // place in the pool: in the INFO of the server that dialed, or chosen by add() here
};

enum class Registration : uint8_t {
    kAdded,
    kSelf,       // it leads to this very server
    kDuplicate,  // another connection has its place, and stays
    kFull,       // the pool of a dialed server is complete
};

struct Registered {
    Registration result = Registration::kDuplicate;
    int slot = 0;
    bool is_first = false;     // of its server, not counting routes of single accounts
    bool is_complete = false;  // the pool has all its connections
};

// RouteSet knows the routes to the other servers of the cluster. A server has a pool of connections, or one
// that carries everything, and beside it one for each account that has a route of its own. Whichever
// registers first keeps its place.
//
//   server   slot 0   slot 1   slot 2   account SYS   account A
//   NAB..    link     link     -        link          -
//
// Threads: any. Limits, errors: none.
// Source:  server/route.go, addRoute, 2.9.10 and 2.15.
class RouteSet {
  public:
    explicit RouteSet(std::string own_id) : own_id_(std::move(own_id)) {}

    Registered add(RouteEntry entry);
    struct Removed {
        RouteEntry entry;
        bool was_last_of_pool = false;
        bool was_last = false;  // no connection to that server is left
    };
    // Removes the entry of that connection and returns it; nothing: it was not registered.
    std::optional<Removed> remove(base::LinkHandle link);

    bool contains(std::string_view remote_id) const;
    // Is it registered by a connection that is not for one account alone?
    bool has_pool(std::string_view remote_id) const;
    // Do both servers have pools?
    bool pools_with(std::string_view remote_id) const;
    // Is there nothing left to dial at that server: for that account, or (empty) of its pool?
    bool is_complete(std::string_view remote_id, std::string_view account) const;
    // The accounts that have a connection of their own to that server.
    std::vector<std::string> accounts_of(std::string_view remote_id) const;
    // Is this the connection that carries what its server needs once (gossip, addresses)?
    bool speaks_for_remote(base::LinkHandle link) const;
    std::vector<RouteEntry> list() const;
    // Nothing: that connection is not registered.
    std::optional<RouteEntry> find(base::LinkHandle link) const;
    // A new INFO of a registered server; returns the one before, or nothing if it is not registered.
    std::optional<proto::ServerInfo> replace_info(std::string_view remote_id, const proto::ServerInfo& info);
    // The connections that were dialed at that address.
    std::vector<base::LinkHandle> dialed_to(const server_link::LinkTarget& target) const;

  private:
    Registered add_pooled(RouteEntry entry);

    const std::string own_id_;
    mutable std::mutex mutex_;
    std::vector<RouteEntry> entries_;  // guarded by mutex_; few, in order of arrival
};

}  // namespace nuring::cluster
