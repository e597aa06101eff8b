// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ids.h"

namespace nuring::link {

// The connection of a pool that carries an account: the same one at both servers if their pools are equally
// large.
// Source: server/route.go, computeRoutePoolIdx 2.10 (FNV-1a).
inline int pool_slot_of(std::string_view account, int pool_size) {
    if (pool_size <= 1) return 0;
    uint32_t hash = 2166136261U;
    for (const char each : account) hash = (hash ^ static_cast<unsigned char>(each)) * 16777619U;
    return static_cast<int>(hash % static_cast<uint32_t>(pool_size));
}

// RouteDirectory is what gateways know of the other servers of this cluster: their names, and the route to
// each of them by the hash that names the server in mapped replies (proto/gateway_reply.h).
// Threads:  any; it takes a mutex for a moment when a route or gateway comes or goes, and for each answer
//           from another cluster that must go on to another server of this one.
// Limits:   few routes, searched one by one. Errors: none. Lifetime: handles may be stale.
class RouteDirectory {
  public:
    struct Entry {
        std::string hash;
        std::string server_name;
        base::LinkHandle link;
        std::string account;  // the only one that it carries; empty: it is one of a pool
        int slot = 0;
        int pool_size = 0;  // up to 1: it carries all accounts without a route of their own
    };

    void add(Entry entry) {
        const std::lock_guard lock(mutex_);
        routes_.push_back(std::move(entry));
    }
    void remove(base::LinkHandle link) {
        const std::lock_guard lock(mutex_);
        std::erase_if(routes_, [link](const Entry& each) { return each.link == link; });
    }
    // Has a server of this cluster that name? (Names are unique over all clusters.)
    bool has_name(std::string_view server_name) const {
        if (server_name.empty()) return false;
        const std::lock_guard lock(mutex_);
        return std::any_of(routes_.begin(), routes_.end(),
                           [server_name](const Entry& each) { return each.server_name == server_name; });
    }
    // The route that carries that account. Empty: there is none.
    base::LinkHandle find(std::string_view hash, std::string_view account) const {
        const std::lock_guard lock(mutex_);
        base::LinkHandle pooled;
        for (const Entry& each : routes_) {
            if (each.hash != hash) continue;
            if (each.account == account) return each.link;
            if (!each.account.empty()) continue;
            if (each.slot == pool_slot_of(account, each.pool_size)) pooled = each.link;
        }
        return pooled;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<Entry> routes_;  // guarded by mutex_
};

}  // namespace nuring::link
