// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "cluster/cluster_urls.h"
#include "cluster/route_set.h"
#include "cluster/route_settings.h"
#include "core/delivery/remote_server.h"
#include "core/server/link_workers.h"
#include "core/server/server.h"
#include "core/server_link/link_target.h"
#include "core/server_link/retry_dialer.h"

namespace nuring::cluster {

class Route;

enum class [[nodiscard]] NameAgreement : uint8_t{kAgreed, kConflict};

// Routes is the common part of the routes of one server: the register, the settings, the dialed addresses,
// and the cluster's addresses for the INFO of clients.
//
// Threads:  the routes call it on their workers; it takes a mutex for moments, when a connection comes,
//           ends or is announced, never per message. reload() and stop() on the control thread.
// Limits:   few servers: lists are searched one by one. Errors: logged; failed attempts are repeated.
// Lifetime: outlives the workers' links.
class Routes final : private server_link::RetryDialer::User {
  public:
    Routes(server::Server& server, std::shared_ptr<const RouteSettings> settings);
    ~Routes();
    Routes(const Routes&) = delete;
    Routes& operator=(const Routes&) = delete;

    server::Server& server() { return workers_.server(); }
    std::shared_ptr<const RouteSettings> settings() const;
    RouteSet& set() { return set_; }
    // Of that worker's thread.
    link::StrangerList& strangers(base::WorkerId worker) { return workers_.strangers(worker); }

    // --- control thread
    void dial_configured();
    void reload(std::shared_ptr<const RouteSettings> settings, bool is_renamed);
    // Dials nobody from now on; returns when no dialer is left on any worker.
    void stop();

    // --- any worker
    // An accepted connection: goes to the worker with the fewest routes.
    void accept(int fd);
    // Registers; announces the first one of a server to all other servers, and to clients.
    Registered add(Route& route, RouteEntry entry);
    // The server of that route has room for more in its pool.
    void grow_pool(Route& route);
    // The route has left the open state. Dials again where that is due.
    void closed(Route& route);
    // A registered server has sent another INFO about itself.
    void updated(Route& route, const proto::ServerInfo& info);
    // Gossip from a route: a third server, or the other server's route for one account.
    // False: that one is known.
    [[nodiscard]] bool on_gossip(const proto::ServerInfo& info);
    // The server at the other end of `route` calls the cluster `name`. A name that was made up here gives way
    // to a configured one, for good, and to a greater made-up one: all routes but that one are closed then,
    // and dialed again.
    NameAgreement agree_on_name(Route& route, const std::string& name, bool is_dynamic);

    // --- accounts that have a route of their own: any worker (routes_accounts.cc)
    // Both ends have that route, which carries `account` alone.
    void settle_account(const Route& route, const std::string& account);
    // The server at the other end has no routes for single accounts: that one is not dialed again.
    void give_up_account(Route& route);
    // An account gets its own route to the server of that one.
    void dial_account(Route& route, const std::string& account);
    // The other server has pinned an account: its other connections withdraw it, too. Where that server
    // cannot dial, this one does.
    void expect_account(Route& route, account::Account& account);
    bool is_expected(const std::string& remote_id, const std::string& account) const;
    // Withdraws the account from all other connections to the server of `dedicated`, its new route. Returns
    // from how many: Route::on_detached() comes once for each of them.
    size_t detach_account(const Route& dedicated, account::Account& account);
    // Nothing happens if that route has ended, or the handle is empty.
    void report_detached(base::LinkHandle dedicated);

  private:
    // So many servers may be being dialed before further reports of others are ignored.
    static constexpr size_t kLanesMax = 4096;

    // One URL of the configuration. It is always being dialed, or connected without being registered yet, or
    // served by a registered server, or leads to this very server.
    //
    // To each server there is at most one attempt at a time for its pool, and one for each account with a
    // route of its own (lane_of()). The connections of a pool come one after the other. Each of them has the
    // accounts dialed that have no route yet.
    struct Configured {
        server_link::LinkTarget target;
        std::string served_by = {};  // id of the registered server found there; empty: none
        bool is_self = false;
    };

    struct Dialing;

    // server_link::RetryDialer::User, on the dialer's worker
    std::optional<server_link::LinkTarget> next_target(server_link::RetryDialer& dialer) override;
    void on_attempt(server_link::RetryDialer& dialer) override;
    void on_connected(server_link::RetryDialer& dialer, int fd) override;
    bool on_failed(server_link::RetryDialer& dialer, const absl::Status& error) override;
    void on_ended(server_link::RetryDialer& dialer) override;

    void dial(server_link::LinkTarget target, uint64_t delay_ns, bool is_reconnect);
    // At the address of a connection of the pool; later, if that server may dial, too.
    void dial_accounts(const std::string& remote_id, const server_link::LinkTarget& pooled, bool has_rival);
    void dial_accounts_instead(const server_link::LinkTarget& pooled);
    void dial_account(const std::string& remote_id, server_link::LinkTarget pooled,
                      const std::string& account, uint64_t delay_ns);
    // Runs on the worker of each connection to that server that carries more than one account.
    void with_pool(const std::string& remote_id, const std::function<void(Route&)>& function);
    static std::string expectation(const std::string& remote_id, const std::string& account);
    static std::string lane_of(const server_link::LinkTarget& target);
    void end_lane(const server_link::LinkTarget& target);
    std::vector<server_link::LinkTarget> targets_after(const RouteSet::Removed& removed);
    void apply_pools(const RouteSettings& before,
                     const std::shared_ptr<const RouteSettings>& settings);
    void add_configured(const config::Url& url);
    Configured* find_configured(const server_link::LinkTarget& target);
    void attach_account(const RouteEntry& ended);
    void forget_expected(base::LinkHandle announced_by);
    void redial(Route& route, server_link::LinkTarget target, bool was_registered);
    void close_others(const Route& route);
    // May, or must, that target still be dialed?
    bool is_wanted(const server_link::LinkTarget& target) const;
    // Where the server of that connection is dialed; nothing: it dials.
    std::optional<server_link::LinkTarget> target_of(const std::optional<RouteEntry>& pooled) const;
    // The id of the server there; empty: it is not known.
    std::string remote_of(const server_link::LinkTarget& target) const;
    static bool is_old_news(const RouteEntry& newcomer);
    void introduce(const RouteEntry& other, const RouteEntry& newcomer);
    void announce_to_routes(const RouteEntry& newcomer);
    void announce_to_routes_of_account(const RouteEntry& newcomer);
    void announce_urls(const ClusterUrls::News& news);
    void announce_view(void (delivery::RemoteServer::*hook)());
    void announce_name();
    // With `is_news` the URLs have changed, with `is_ws_news` those for WebSocket; else the cluster's
    // name alone, which is no reason for an INFO.
    void announce_to_clients(bool is_news, bool is_ws_news);

    server::LinkWorkers<Dialing> workers_;
    RouteSet set_;

    mutable std::mutex mutex_;
    std::shared_ptr<const RouteSettings> settings_;  // guarded by mutex_
    std::vector<Configured> configured_;             // guarded by mutex_
    absl::flat_hash_set<std::string> lanes_;  // guarded by mutex_: dialed, not registered yet
    // Guarded by mutex_: "<remote id> <account>" of accounts that others have pinned and that are dialed for
    // that reason, until their route stands; and the connection that announced it. Not more than this server
    // has accounts, for each server.
    absl::flat_hash_map<std::string, base::LinkHandle> expected_;
    // The addresses of the registered servers, and the serials of their last changes; all guarded by mutex_.
    ClusterUrls urls_;
    uint64_t last_view_ = 0;     // of those for clients
    uint64_t last_ws_view_ = 0;  // of those for clients with WebSocket
};

}  // namespace nuring::cluster
