// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "cluster/route_set.h"
#include "cluster/route_settings.h"
#include "cluster/route_target.h"
#include "core/server/server.h"

namespace nuring::cluster {

class Route;
class RouteDialer;

// Routes is what the routes of one server have in common: who is registered, what they go by, what is
// dialed, what clients are told of the cluster.
//
// Threads: the routes call it on their workers; it takes a mutex for moments, when a connection comes, ends
//          or is told of, never per message. reload() and stop() on the control thread.
// Lifetime: outlives the workers' links.
class Routes {
  public:
    Routes(server::Server& server, std::shared_ptr<const RouteSettings> settings);
    ~Routes();
    Routes(const Routes&) = delete;
    Routes& operator=(const Routes&) = delete;

    server::Server& server() { return server_; }
    std::shared_ptr<const RouteSettings> settings() const;
    RouteSet& set() { return set_; }

    // --- control thread
    void dial_configured();
    void reload(std::shared_ptr<const RouteSettings> settings);
    // Dials nobody from now on; returns when no dialer is left on any worker.
    void stop();

    // --- any worker
    // An accepted connection: goes to the worker with the fewest routes.
    void accept(int fd);
    // A connection to `target` stands, on that worker.
    void dialed(link::WorkerLinks& links, int fd, const RouteTarget& target);
    // May, or must, that target still be dialed?
    bool is_wanted(const RouteTarget& target) const;
    // Registers, passes the news on to all other routes, and tells clients.
    Registration add(RouteEntry entry);
    // The route has left the open state. Dials again where that is due.
    void closed(Route& route);
    // A registered server has sent another INFO of itself.
    void updated(Route& route, const proto::ServerInfo& info);
    // A route has told of a third server.
    void heard_of(const proto::ServerInfo& info);
    // The others have another name for this cluster, and ours was made up: goes by theirs from now on. All
    // routes but that one are closed, and dialed again.
    void take_name(Route& route, const std::string& name);

  private:
    friend class RouteDialer;

    struct PerWorker {
        std::vector<std::unique_ptr<RouteDialer>> dialers;  // of that worker's thread
        std::atomic<int64_t> route_count{0};
    };

    void dial(RouteTarget target, uint64_t delay_ns, bool is_reconnect);
    void ended(RouteDialer& dialer);
    uint32_t least_loaded() const;
    void tell_routes(const RouteEntry& newcomer);
    void with_route(base::LinkHandle link, std::function<void(Route&)> function);
    void add_urls(const proto::ServerInfo& info);
    void remove_urls(const proto::ServerInfo& info);
    // With `is_news` the URLs have changed; else the cluster's name alone, which is no reason for an INFO.
    void tell_clients(bool is_news);

    server::Server& server_;
    RouteSet set_;
    std::vector<std::unique_ptr<PerWorker>> workers_;
    std::atomic<bool> stopping_{false};

    mutable std::mutex mutex_;
    std::shared_ptr<const RouteSettings> settings_;         // guarded by mutex_
    absl::flat_hash_set<std::string> dialing_ids_;          // guarded by mutex_: servers we were told of
    std::vector<std::pair<std::string, int>> urls_;         // guarded by mutex_: of others, with a count
    uint64_t last_view_ = 0;                                // guarded by mutex_
};

}  // namespace nuring::cluster
