// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "cluster/awaited_answers.h"
#include "cluster/early_interest.h"
#include "cluster/route_settings.h"
#include "core/account/account.h"
#include "core/delivery/delivery.h"
#include "core/delivery/message_run.h"
#include "core/runtime/owned_timer.h"
#include "core/server_link/link_target.h"
#include "core/server_link/server_link.h"
#include "proto/route_connect.h"
#include "proto/route_parser.h"

namespace nuring::cluster {

class Routes;
struct RouteEntry;

// Route is a connection to another server of the cluster: what a server link does (ServerLink), and the
// rules of a cluster: its name, gossip about third servers, pools, permissions of the cluster.
//
//   dialed:    [TLS as client]  CONNECT ->    <- INFO   INFO ->    registered, interest, messages
//   accepted:  [TLS as server]  INFO ->    <- CONNECT INFO         registered, interest, messages
//
// With compression the dialing side sends one INFO more, ahead of its first one, to ask for it. Behind that
// INFO all bytes are compressed, both ways, and the accepting side begins with its INFO once more.
//
// The side that dials a server with a pool waits for the INFO of that server, chooses a place in the pool and
// names it in its own INFO. A connection carries this server's interest in the accounts whose names hash to
// its place, or in the one account that it is dedicated to, or, where one of the two has no pool, in all of
// them.
//
// A message that comes over a route goes to subscribers of this server only (one hop).
//
// Threads: its worker. Limits, errors: ServerLink's.
// Source:  server/route.go 2.0.0-RC19 to 2.15.
//          route.cc: set-up, end, reload; route_handshake.cc: CONNECT, INFO, gossip; route_pools.cc: which
//          accounts it carries; route_compression.cc; route_leafnodes.cc: what comes from leafnodes;
//          route_answers.cc: answers to requests of old servers.
class Route final : public server_link::ServerLink {
  public:
    // target: where it was dialed; none: accepted.
    Route(delivery::Delivery& delivery, int fd, Routes& routes,
          std::optional<server_link::LinkTarget> target);

    ~Route() override;

    // Begins the handshake: with TLS, if it is used; else with CONNECT or INFO.
    void greet();

    // --- ServerLink
    void deliver_to_server(account::Account& account, const delivery::MessageRun& run,
                           std::string_view queues) override;
    void copy(uint64_t wall_ns, size_t subscriptions,
              delivery::ServerLinkSnapshot* out) const override;
    void announce_lame_duck() override;
    void on_account_changed() override;
    void announce(account::Account& account, std::string_view pattern,
                  std::string_view queue) override;
    size_t announce_slice(account::Account& account, uint32_t slice) override;
    void on_synced() override;
    void deliver_of_leafnodes(account::Account& account, const delivery::MessageRun& run,
                              std::string_view queues, uint32_t origin_cluster) override;
    bool release(size_t most) override;

    // Another server has come; `info` is its INFO, with its address.
    void pass_on(const proto::ServerInfo& info);
    const std::string& peer_id() const { return peer_id_; }
    // The registry has accepted or refused it, or nothing must be dialed in its place: see Routes::closed().
    bool settled() const { return settled_; }
    // The other end has another cluster name.
    bool has_name_conflict() const { return has_name_conflict_; }
    void settle() { settled_ = true; }
    // The certificate must show RouteSettings::tls_name, and not the address.
    bool expects_tls_name() const;

    // --- reload of pinned accounts (route_pools.cc)
    // An account gets a route of its own. The connection that carried it announces that to the other server.
    // When that has answered, or the time for it is over, the route is dialed.
    void move_out(const std::string& account_name);
    // This server cannot dial the other one. If an account that it has pinned has no route after a moment, it
    // is moved out: the other server does not know that it must dial.
    void await_dedicated_routes();
    // The route of an account that has moved out stands at both ends.
    void settle_move(const std::string& account_name);
    // An account has no route of its own any more: its interest is announced here. If the other server has
    // not moved it, or has not finished that, one of the two lacks interest of the other: the connection is
    // closed and begins anew.
    void move_in(account::Account& account);

    // --- accounts that the other server has pinned, and this one has not (route_pools.cc)
    // From now on the account has a route of its own, `dedicated`, or will have one (an empty handle). Its
    // interest is withdrawn here, both ways. When the other server has read that, `dedicated` begins to
    // announce the account (on_detached()): so no message comes over both.
    void detach_account(account::Account& account, base::LinkHandle dedicated);
    // That route has ended: the account is announced here again, unless another one stands.
    void attach_account(account::Account& account);
    // One of the connections for which this one waits has withdrawn the account, or has ended.
    void on_detached();

    // Other settings hold from now on: permissions are announced and applied.
    void change(std::shared_ptr<const RouteSettings> settings);
    // The same for a route that may still be in its handshake: it takes the newest settings.
    void follow_reloads();

  private:
    // --- ServerLink
    void on_channel_ready() override;
    void on_connect(std::string_view json) override;
    void on_logged_in(std::shared_ptr<const auth::Identity> identity) override;
    void on_info(const proto::ServerInfo& info) override;
    void on_pong() override;
    void on_ended() override;
    std::string far_address() const override;
    bool speaks_for_remote() const override;
    account::Account* account_of(const proto::RouteOperation& operation) override;
    bool carries(account::Account& account) const override;
    void on_subscribe(const proto::RouteOperation& operation) override;
    void on_unsubscribe(const proto::RouteOperation& operation) override;
    void forget_early(const proto::RouteOperation& operation);
    proto::RouteOperation with_known_origin(proto::RouteOperation operation) const;
    bool may_export(account::Account& account, std::string_view pattern) override;
    bool may_import(account::Account& account, std::string_view pattern) override;
    bool may_leave(account::Account& account, std::string_view subject) override;
    // As in nats-server: messages may come before the first INFO.
    bool takes_traffic() const override { return serving() || logged_in(); }
    bool admit_message(const proto::RouteOperation& operation, Inbound* message) override;

    std::string_view origin_of(const proto::RouteOperation& operation) const override {
        return names_unsubscribe_origin() ? operation.origin : std::string_view();
    }

    // --- interest of leafnodes
    struct Wanted {
        // Of clients; and leafnodes of no cluster, where the other server cannot distinguish them.
        size_t own = 0;
        std::vector<std::pair<std::string, size_t>> clusters;  // of leafnodes of one cluster each
    };
    void add_wanted(std::span<interest::Subscription* const> subscriptions, Wanted* wanted) const;
    void announce_wanted(account::Account& account, std::string_view pattern,
                         std::string_view queue, const Wanted& wanted);
    size_t withdraw_denied(account::Account& account, uint32_t slice);
    void withdraw(account::Account& account, std::string_view pattern, std::string_view queue);
    size_t announce_allowed(account::Account& account, uint32_t slice);
    uint32_t origin_id(std::string_view origin);

    // --- set-up
    void announce_self();
    // The INFO about this server; the first one also names this connection.
    proto::ServerInfo own_info() const;
    proto::ServerInfo first_info();
    void send_first_info();
    // The side that dials a server with a pool does not know its place in it before it is registered; nor
    // does it know whether the other one compresses.
    bool delays_info() const {
        return is_solicited() &&
               (may_compress() || (account_name_.empty() && settings_->has_pools()));
    }
    bool may_compress() const {
        return server_link::may_compress(settings_->cluster().compression.mode);
    }
    bool may_ping() const override;
    bool agree_on_compression(const proto::ServerInfo& info);
    server_link::KeepAlive keep_alive_rule() const override;
    void on_first_info(const proto::ServerInfo& info);
    void on_gateway_gossip(const proto::ServerInfo& info);
    void take_gateway_url(const std::string& url);
    void on_own_info(const proto::ServerInfo& info);
    bool must_log_in_again(const RouteSettings& before) const;
    bool accepts_cluster_name(const std::string& name, bool is_dynamic, bool reports);
    void apply_permissions();
    bool keeps_interest(account::Account& account, interest::Subscription& subscription) override;
    bool enter_pool(const proto::ServerInfo& info);
    // Why the INFO fits no pool of this server; empty: it does. A size of 0: one of the two has no pools.
    std::string pool_fault(const proto::ServerInfo& info, int64_t pool_size) const;
    RouteEntry make_entry(const proto::ServerInfo& info, int pool_size) const;
    // Both close, and return false.
    bool refuse_pool(std::string_view text, link::CloseReason reason);
    bool drop_duplicate(std::string_view why, std::string_view what);

    // --- accounts that get a route of their own (route_pools.cc)
    // The route that waits until an account is withdrawn; an empty handle: none does yet.
    using Waiting = absl::flat_hash_map<const account::Account*, base::LinkHandle>;
    void on_account_move(const proto::ServerInfo& info);
    void confirm_move(proto::ServerInfo info);
    void end_move(const std::string& request_id);
    void move_out_undialed();
    void on_late_move();
    void hand_over_early();
    bool waits_already(const account::Account& account, base::LinkHandle dedicated);
    void report_detached(Waiting& waiting);
    void note_return(const proto::RouteOperation& operation);

    // --- answers to requests of old servers
    void await_answer(account::Account& account, std::string_view reply);

    Routes& routes_;
    std::shared_ptr<const RouteSettings> settings_;
    bool withdraws_denied_ = false;  // the sync that runs withdraws what may not be imported
    proto::RouteConnect connect_;    // of an accepted route
    std::string peer_id_;            // the other server's id, in its CONNECT or first INFO
    proto::ServerInfo remote_info_;
    std::string gateway_url_;  // where other clusters find the other server; reported to our gateways
    bool first_info_sent_ = false;
    int64_t announced_pool_size_ = 0;
    bool settled_ = false;
    bool has_name_conflict_ = false;
    bool has_connect_ = false;  // of an accepted route: its CONNECT has come

    std::string account_name_;            // of a route for one account
    account::Account* pinned_ = nullptr;  // that account, once registered
    bool is_pooled_ = false;              // registered, at slot_ of a pool
    int slot_ = 0;
    bool grows_pool_ = false;  // the next PONG starts the next connection
    mutable const account::Account* last_asked_ = nullptr;  // of carries()
    mutable bool last_answer_ = false;

    // Accounts that leave this connection for a route of their own: announced by this server, by request;
    // and by the other one.
    absl::flat_hash_map<std::string, std::vector<std::string>> moving_out_;
    absl::flat_hash_set<std::string> moved_by_peer_;
    absl::flat_hash_set<std::string> unsettled_moves_;  // those that this server has begun
    bool is_settled_account_ = false;  // of a route for one account: the other end has it, too
    uint32_t pongs_until_moved_ = 0;
    // Accounts that are not announced here, since the other server has pinned them. And the routes that wait
    // until they are withdrawn, by the sync that runs, and by the lines before the last PING. Each holds
    // accounts that this server knows, so no more than it has.
    absl::flat_hash_set<const account::Account*> detached_;
    Waiting withdrawing_;
    Waiting withdrawn_;
    uint32_t pongs_until_withdrawn_ = 0;
    size_t detachments_due_ = 0;  // of a route for one account: it announces nothing before
    EarlyInterest early_interest_;  // in accounts that a reload may bring
    runtime::OwnedTimer<Route, &Route::hand_over_early> early_timer_{*this};
    runtime::OwnedTimer<Route, &Route::on_late_move> move_timer_{*this};
    runtime::OwnedTimer<Route, &Route::move_out_undialed> dedicated_timer_{*this};

    // The clusters of leafnodes that were announced, by account, pattern and queue.
    absl::flat_hash_map<std::string, std::vector<std::string>> announced_clusters_;
    std::string last_origin_;  // of the last LMSG
    uint32_t last_origin_id_ = 0;

    AwaitedAnswers awaited_{delivery_, *this};
};

}  // namespace nuring::cluster
