// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cluster/route_target.h"
#include "core/base/ids.h"
#include "proto/info.h"

namespace nuring::cluster {

// What is known of one registered route.
struct RouteEntry {
    std::string remote_id;
    base::LinkHandle link;
    proto::ServerInfo info;  // as it came; `ip` completed, so that it can be passed on
    std::optional<RouteTarget> target;  // where it was, or is to be, dialed
    bool is_solicited = false;
    bool retry = false;  // a duplicate was closed in its favour: dialed again, even if it was accepted
};

enum class Registration : uint8_t {
    kAdded,
    kSelf,       // it leads to this very server
    kDuplicate,  // the server is known by another connection, which stays
};

// RouteSet knows the other servers of the cluster, each by one connection: the first that registers wins.
// Threads: any. Limits, errors: none.
// Source:  server/route.go, addRoute, 2.9.10.
class RouteSet {
  public:
    explicit RouteSet(std::string own_id) : own_id_(std::move(own_id)) {}

    Registration add(RouteEntry entry);
    // The entry of that connection, which is taken out; nothing: it was not registered.
    std::optional<RouteEntry> remove(base::LinkHandle link);

    bool contains(const std::string& remote_id) const;
    std::vector<RouteEntry> list() const;
    size_t count() const;
    // A new INFO of a registered server.
    void update(const std::string& remote_id, const proto::ServerInfo& info);
    // It was dialed because of the configuration, which has it no more (or has it now).
    std::vector<base::LinkHandle> dialed_to(const RouteTarget& target) const;

  private:
    const std::string own_id_;
    mutable std::mutex mutex_;
    std::vector<RouteEntry> entries_;  // guarded by mutex_; few
};

}  // namespace nuring::cluster
