// SPDX-License-Identifier: Apache-2.0
// Routes: accounts that have a route of their own, by the settings of this server or of the other one.
// Source: server/reload.go, reloadClusterPoolAndAccounts, and server/route.go, processRouteInfo 2.15; but an
//         account that one of two servers has pinned leaves the pool between these two alone, and returns to
//         it when its route ends.
#include <cassert>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "cluster/route.h"
#include "cluster/routes.h"
#include "fmt/format.h"

namespace nuring::cluster {
namespace {

// A server that has pinned an account dials as soon as all others have confirmed that, if it can dial.
constexpr uint64_t kExpected_ns = 250'000'000;

}  // namespace

std::string Routes::expectation(const std::string& remote_id, const std::string& account) {
    return fmt::format("{} {}", remote_id, account);
}

// Routes that are made from here on go by the new settings already.
void Routes::apply_pools(const RouteSettings& before,
                         const std::shared_ptr<const RouteSettings>& settings) {
    const std::vector<RouteEntry> entries = set_.list();
    if (before.cluster().pool_size != settings->cluster().pool_size) {
        for (const RouteEntry& entry : entries) {
            workers_.with_link<Route>(
                entry.link, [](Route& route) { route.close(link::CloseReason::kRouteRemoved); });
        }
        return;
    }
    for (const std::string& account : before.pinned_accounts) {
        if (settings->is_pinned(account)) continue;
        account::Account* moved = server().accounts().find(account);
        // Servers whose connection for the account ends now.
        absl::flat_hash_set<std::string> leaving;
        for (const RouteEntry& entry : entries) {
            if (entry.account != account) continue;
            leaving.insert(entry.remote_id);
            workers_.with_link<Route>(entry.link, [](Route& route) {
                route.settle();
                route.close(link::CloseReason::kRouteRemoved);
            });
            // Behind that on its worker, also where it has gone by itself.
            const uint32_t worker = index_of(entry.link.worker());
            server().post(worker, [this, moved, entries, id = entry.remote_id] {
                for (const RouteEntry& other : entries) {
                    if (moved == nullptr || other.remote_id != id || !other.account.empty())
                        continue;
                    workers_.with_link<Route>(other.link,
                                              [moved](Route& pooled) { pooled.move_in(*moved); });
                }
            });
        }
        // Others, which were reloaded before, have ended theirs.
        for (const RouteEntry& entry : entries) {
            if (moved == nullptr || !entry.account.empty() || leaving.contains(entry.remote_id))
                continue;
            workers_.with_link<Route>(entry.link,
                                      [moved](Route& pooled) { pooled.move_in(*moved); });
        }
    }
    for (const std::string& account : settings->pinned_accounts) {
        if (before.is_pinned(account)) continue;
        for (const RouteEntry& entry : entries) {
            if (entry.pool_size == 0) continue;
            workers_.with_link<Route>(entry.link,
                                      [account](Route& route) { route.move_out(account); });
        }
    }
}

void Routes::settle_account(const Route& route, const std::string& account) {
    with_pool(route.remote_id(), [account](Route& pooled) { pooled.settle_move(account); });
}

void Routes::give_up_account(Route& route) {
    if (set_.pools_with(route.peer_id())) return;  // it has reloaded since it sent its INFO
    if (route.target().has_value() && !route.settled()) end_lane(*route.target());
    route.settle();
}

// At each connection of a pool: a reload moves an account only when the connection that carries it is there.
void Routes::dial_accounts(const std::string& remote_id, const server_link::LinkTarget& target,
                           bool has_rival) {
    assert(target.account.empty());
    for (const std::string& account : settings()->pinned_accounts) {
        if (set_.is_complete(remote_id, account)) continue;
        dial_account(remote_id, target, account, has_rival ? kExpected_ns : 0);
    }
}

// The other server has completed the pool. For what this one has pinned it dials if it has pinned that, too.
void Routes::dial_accounts_instead(const server_link::LinkTarget& pooled) {
    const std::string remote_id = remote_of(pooled);
    if (!pooled.account.empty() || workers_.stopping() || !set_.pools_with(remote_id)) return;
    dial_accounts(remote_id, pooled, /*has_rival=*/true);
}

void Routes::dial_account(Route& route, const std::string& account) {
    const auto target = target_of(set_.find(route.handle()));
    if (!target.has_value()) return;  // the other server dials
    dial_account(route.remote_id(), *target, account, 0);
}

void Routes::dial_account(const std::string& remote_id, server_link::LinkTarget pooled,
                          const std::string& account, uint64_t delay_ns) {
    pooled.account = account;
    if (!pooled.is_explicit) pooled.remote_id = remote_id;
    dial(std::move(pooled), delay_ns, /*is_reconnect=*/false);
}

// A server that is configured here may have dialed before it was dialed.
std::optional<server_link::LinkTarget> Routes::target_of(const std::optional<RouteEntry>& pooled) const {
    if (!pooled.has_value()) return std::nullopt;
    if (pooled->target.has_value()) return pooled->target;
    const std::lock_guard lock(mutex_);
    for (const Configured& each : configured_) {
        if (each.served_by == pooled->remote_id) return each.target;
    }
    return std::nullopt;
}

void Routes::with_pool(const std::string& remote_id, const std::function<void(Route&)>& function) {
    for (const RouteEntry& entry : set_.list()) {
        if (entry.remote_id == remote_id && entry.account.empty())
            workers_.with_link<Route>(entry.link, function);
    }
}

// ------------------------------------------------ accounts that the other server has pinned

void Routes::expect_account(Route& route, account::Account& account) {
    const std::string& name = account.name();
    with_pool(route.remote_id(), [&account, informed = route.handle()](Route& pooled) {
        if (pooled.handle() != informed) pooled.detach_account(account, {});
    });
    const auto target = target_of(set_.find(route.handle()));
    if (!target.has_value() || settings()->is_pinned(name)) return;
    if (set_.is_complete(route.remote_id(), name)) return;
    {
        const std::lock_guard lock(mutex_);
        if (lanes_.size() >= kLanesMax) return;
        expected_[expectation(route.remote_id(), name)] = route.handle();
    }
    dial_account(route.remote_id(), *target, name, kExpected_ns);
}

bool Routes::is_expected(const std::string& remote_id, const std::string& account) const {
    const std::lock_guard lock(mutex_);
    return expected_.contains(expectation(remote_id, account));
}

size_t Routes::detach_account(const Route& dedicated, account::Account& account) {
    size_t count = 0;
    for (const RouteEntry& entry : set_.list()) {
        if (entry.remote_id != dedicated.peer_id() || !entry.account.empty()) continue;
        ++count;
        const uint32_t worker = index_of(entry.link.worker());
        server().post(worker, [this, worker, &account, link = entry.link, to = dedicated.handle()] {
            link::Link* const found = server().worker_state(worker).host.table.find(link);
            if (found == nullptr) return report_detached(to);
            static_cast<Route&>(*found).detach_account(account, to);
        });
    }
    return count;
}

void Routes::report_detached(base::LinkHandle dedicated) {
    if (dedicated == base::LinkHandle{}) return;
    workers_.with_link<Route>(dedicated, [](Route& route) { route.on_detached(); });
}

// The others to that server announce the account again. If this server has pinned it, they ask for another
// route.
void Routes::attach_account(const RouteEntry& ended) {
    account::Account* account = server().accounts().find(ended.account);
    if (account == nullptr || workers_.stopping()) return;
    with_pool(ended.remote_id, [account](Route& pooled) {
        pooled.attach_account(*account);
        pooled.await_dedicated_routes();
    });
}

// Under the lock.
void Routes::forget_expected(base::LinkHandle announced_by) {
    absl::erase_if(expected_, [&](const auto& each) { return each.second == announced_by; });
}

}  // namespace nuring::cluster
