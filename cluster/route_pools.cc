// SPDX-License-Identifier: Apache-2.0
// Route: its place in a pool, and the accounts that it carries.
// Source: server/route.go, addRoute and processRouteInfo 2.15, and server/reload.go,
//         reloadClusterPoolAndAccounts.
#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "cluster/route.h"
#include "cluster/routes.h"
#include "core/base/host_port.h"
#include "core/base/narrow.h"
#include "fmt/format.h"
#include "proto/quote.h"

namespace nuring::cluster {
namespace {

// How long the other server may take to confirm that an account moves.
constexpr uint64_t kMoveConfirmation_ns = 2'000'000'000;

// How long the other server may take to dial the routes of accounts that it has pinned, too.
constexpr uint64_t kDialedByPeer_ns = 500'000'000;

// A nats-server that has not pinned the account would take it off the pools of all members, and not dial.
bool dials_when_asked(const proto::ServerInfo& remote) {
    return remote.go.starts_with("nats-uring ");
}

}  // namespace

bool Route::refuse_pool(std::string_view text, link::CloseReason reason) {
    refuse_peer(text, reason);
    return false;
}

bool Route::drop_duplicate(std::string_view why, std::string_view what) {
    host_.log.debug("{} - {} {}", label(), why, what);
    close(link::CloseReason::kDuplicateRoute);
    return false;
}

std::string Route::pool_fault(const proto::ServerInfo& info, int64_t pool_size) const {
    const bool is_pinned = !account_name_.empty();
    const bool pools = pool_size > 0;
    if (info.route_pool_size > kPoolSizeMax) {
        return fmt::format("Route pool size of {} is too large: {} at most", info.route_pool_size,
                           kPoolSizeMax);
    }
    if (is_pinned && !pools) {
        return fmt::format(
            "Not possible to have a dedicated route for account {} between those servers",
            proto::quote(account_name_));
    }
    if (info.route_pool_idx != 0 && (!pools || is_solicited())) {
        return fmt::format("Route pool index should not be set but is set to {}",
                           info.route_pool_idx);
    }
    if (info.route_pool_idx < 0 || (pools && info.route_pool_idx >= pool_size)) {
        return fmt::format("Invalid route pool index: {} - pool size is {}", info.route_pool_idx,
                           info.route_pool_size);
    }
    // The server that dials has pinned it; the other one follows.
    if (is_pinned && is_solicited() && !settings_->is_pinned(account_name_) &&
        !routes_.is_expected(peer_id_, account_name_)) {
        return fmt::format("No route for account {}", proto::quote(account_name_));
    }
    return {};
}

RouteEntry Route::make_entry(const proto::ServerInfo& info, int pool_size) const {
    RouteEntry entry;
    entry.remote_id = peer_id_;
    entry.link = handle();
    entry.info = info;
    if (entry.info.ip.empty()) {
        entry.info.ip = fmt::format("nats-route://{}/", base::host_port(peer_host(), info.port));
    }
    entry.info.nonce.clear();
    entry.info.route_account = account_name_;
    entry.target = target();
    entry.is_solicited = is_solicited();
    entry.account = account_name_;
    entry.pool_size = account_name_.empty() ? pool_size : 0;
    entry.slot = base::narrow<int>(info.route_pool_idx);
    return entry;
}

// Registers the connection. False: it was refused, and closed.
bool Route::enter_pool(const proto::ServerInfo& info) {
    if (!is_solicited()) account_name_ = info.route_account;
    const bool is_pinned = !account_name_.empty();
    account::Account* account = is_pinned ? find_account(account_name_) : nullptr;
    if (is_pinned && account == nullptr) {
        return refuse_pool(fmt::format("Unable to lookup account {}: no such account",
                                       proto::quote(account_name_)),
                           link::CloseReason::kMissingAccount);
    }
    const int own_size = std::max(settings_->cluster().pool_size, 0);
    const bool pools = info.route_pool_size > 0 && own_size > 0;
    const int64_t common_size = pools ? std::max<int64_t>(own_size, info.route_pool_size) : 0;
    if (const std::string fault = pool_fault(info, common_size); !fault.empty()) {
        if (is_pinned && !pools) routes_.give_up_account(*this);
        return refuse_pool(fault, link::CloseReason::kProtocolViolation);
    }
    const int pool_size = base::narrow<int>(common_size);
    const Registered registered = routes_.add(*this, make_entry(info, pool_size));
    switch (registered.result) {
        case Registration::kSelf:
            return drop_duplicate("Detected route to self, ignoring",
                                  is_solicited() ? target()->text : "");
        case Registration::kFull:
            return drop_duplicate("Route pool size reached, closing extra connection to",
                                  proto::quote(peer_id_));
        case Registration::kDuplicate:
            return drop_duplicate("Detected duplicate remote route", proto::quote(peer_id_));
        case Registration::kAdded:
            break;
    }
    // A reload that ran just now may have missed this connection. The next one begins with its settings.
    if (routes_.settings() != settings_) {
        close(link::CloseReason::kRouteRemoved);
        return false;
    }
    assert(!is_pinned || pools);
    assert(registered.slot >= 0);
    assert(registered.slot < std::max(pool_size, 1));
    slot_ = registered.slot;
    is_pooled_ = pools && !is_pinned;
    pinned_ = account;
    grows_pool_ = is_pooled_ && is_solicited() && !registered.is_complete;
    if (is_pinned && !settings_->is_pinned(account_name_)) {
        detachments_due_ = routes_.detach_account(*this, *account);
    } else if (!is_pinned) {
        for (const std::string& name : routes_.set().accounts_of(peer_id_)) {
            if (settings_->is_pinned(name)) continue;
            if (const account::Account* known = find_account(name)) detached_.insert(known);
        }
    }
    if (is_pinned) set_dialect(proto::RouteDialect::kAccountRoute);
    await_dedicated_routes();
    host_.log.debug(
        "{} - Registering remote route {}{}", label(), proto::quote(peer_id_),
        is_pinned ? fmt::format(" for account {}", proto::quote(account_name_)) : std::string());
    return true;
}

// The PONG shows that the other server has accepted this one.
void Route::on_pong() {
    if (pongs_until_moved_ > 0 && --pongs_until_moved_ == 0) moved_by_peer_.clear();
    if (pongs_until_withdrawn_ > 0 && --pongs_until_withdrawn_ == 0) report_detached(withdrawn_);
    adapt_level(settings_->cluster().compression);
    if (std::exchange(grows_pool_, false)) routes_.grow_pool(*this);
    if (pinned_ != nullptr && !std::exchange(is_settled_account_, true))
        routes_.settle_account(*this, account_name_);
}

account::Account* Route::account_of(const proto::RouteOperation& operation) {
    return pinned_ != nullptr ? pinned_ : ServerLink::account_of(operation);
}

// Asked for each change of interest, mostly of one account after the other.
bool Route::carries(account::Account& account) const {
    if (&account == last_asked_) return last_answer_;
    last_asked_ = &account;
    if (pinned_ != nullptr) return last_answer_ = &account == pinned_ && detachments_due_ == 0;
    if (!is_pooled_) return last_answer_ = true;
    last_answer_ =
        !settings_->is_pinned(account.name()) && settings_->slot_of(account.name()) == slot_;
    return last_answer_;
}

// ------------------------------------------------------------------------- accounts that move

// Lines of an account that has moved were under way before the move: they are ignored until a PONG.
void Route::on_subscribe(const proto::RouteOperation& operation) {
    const absl::string_view account(operation.account.data(), operation.account.size());
    if (!moved_by_peer_.empty() && moved_by_peer_.contains(account)) [[unlikely]]
        return;
    if (!detached_.empty()) [[unlikely]]
        note_return(operation);
    const bool is_early = account_of(operation) == nullptr;
    if (!early_interest_.empty()) [[unlikely]]
        forget_early(operation);
    if (!is_early) [[likely]]
        return ServerLink::on_subscribe(operation);
    if (takes_traffic()) early_interest_.subscribe(with_known_origin(operation));
}

void Route::on_unsubscribe(const proto::RouteOperation& operation) {
    if (!early_interest_.empty()) [[unlikely]]
        forget_early(operation);
    ServerLink::on_unsubscribe(operation);
}

// A later line replaces it.
void Route::forget_early(const proto::RouteOperation& operation) {
    early_interest_.unsubscribe(with_known_origin(operation));
}

// The other server names the same origin when it withdraws it.
proto::RouteOperation Route::with_known_origin(proto::RouteOperation operation) const {
    operation.origin = origin_of(operation);
    return operation;
}

void Route::on_account_changed() {
    if (!open() || early_interest_.empty()) return;
    early_interest_.find_known(
        [this](std::string_view name) { return find_account(name) != nullptr; });
    hand_over_early();
}

// All routes together, and the links that have closed, change no more in a turn than one slice.
void Route::hand_over_early() {
    assert(open());
    host_.count_released(early_interest_.hand_over(
        host_.releases_left(),
        [this](const proto::RouteOperation& operation) { ServerLink::on_subscribe(operation); }));
    if (!early_interest_.is_done())
        host_.timers.arm(early_timer_, host_.ring.now_ns() + 1);  // the next tick
}

void Route::on_account_move(const proto::ServerInfo& info) {
    if (info.route_account.empty()) return end_move(info.route_acc_add_reqid);
    account::Account* account = find_account(info.route_account);
    if (account == nullptr) {
        return host_.log.error("{} - Error looking up account {}: no such account", label(),
                               proto::quote(info.route_account));
    }
    if (is_pooled_) {
        moved_by_peer_.insert(info.route_account);
        remove_interest(*account, [this, info] { confirm_move(info); });
        if (detached_.contains(account)) return;
        detach_account(*account, {});
        return routes_.expect_account(*this, *account);
    }
    confirm_move(info);
}

// Not before the interest has gone: else messages would leave twice when it has come over another route.
void Route::confirm_move(proto::ServerInfo info) {
    info.route_account.clear();
    send_info(info);
    send_ping();
    pongs_until_moved_ = unanswered_pings();
}

void Route::move_out(const std::string& account_name) {
    if (!open() || !is_pooled_) return;
    if (account::Account* account = find_account(account_name)) remove_interest(*account, {});
    const bool is_carried = settings_->slot_of(account_name) == slot_;
    // The other server announces its interest by the size of its own pool.
    const auto size_there =
        static_cast<int>(std::clamp<int64_t>(remote_info_.route_pool_size, 1, kPoolSizeMax));
    if (is_carried || link::pool_slot_of(account_name, size_there) == slot_)
        unsettled_moves_.insert(account_name);
    if (!is_carried) return;
    const std::string request_id = settings_->info.server_id + "." + account_name;
    proto::ServerInfo request;
    request.proto = 0;
    request.route_pool_size = settings_->info.route_pool_size;
    request.route_account = account_name;
    request.route_acc_add_reqid = request_id;
    send_info(request);
    if (!open()) return;
    moving_out_[request_id].push_back(account_name);
    host_.timers.arm(move_timer_, host_.ring.now_ns() + kMoveConfirmation_ns);
}

void Route::await_dedicated_routes() {
    if (!open() || !is_pooled_ || is_solicited() || !dials_when_asked(remote_info_)) return;
    host_.timers.arm(dedicated_timer_, host_.ring.now_ns() + kDialedByPeer_ns);
}

void Route::move_out_undialed() {
    const std::shared_ptr<const RouteSettings> settings = settings_;
    for (const std::string& account : settings->pinned_accounts) {
        if (routes_.set().is_complete(peer_id_, account)) continue;
        if (!unsettled_moves_.contains(account)) move_out(account);
    }
}

void Route::end_move(const std::string& request_id) {
    const auto found = moving_out_.find(request_id);
    if (found == moving_out_.end()) return;
    assert(!found->second.empty());
    const std::string account = std::move(found->second.front());
    found->second.erase(found->second.begin());
    if (found->second.empty()) moving_out_.erase(found);
    if (moving_out_.empty()) host_.timers.disarm(move_timer_);
    // Lines that crossed the request.
    account::Account* moved = find_account(account);
    if (moved == nullptr) return routes_.dial_account(*this, account);
    // The other server was reloaded first.
    if (routes_.set().is_complete(peer_id_, account)) routes_.settle_account(*this, account);
    remove_interest(*moved, [this, account] { routes_.dial_account(*this, account); });
}

void Route::on_late_move() {
    host_.log.warn(
        "{} - Timed out waiting for confirmation from all routes regarding per-account routes "
        "changes",
        label());
    for (const auto& [request, accounts] : std::exchange(moving_out_, {})) {
        for (const std::string& account : accounts) routes_.dial_account(*this, account);
    }
}

void Route::settle_move(const std::string& account_name) {
    unsettled_moves_.erase(account_name);
}

void Route::move_in(account::Account& account) {
    if (!open() || !serving() || !is_pooled_) return;
    if (unsettled_moves_.contains(account.name())) return close(link::CloseReason::kRouteRemoved);
    if (detached_.contains(&account)) return attach_account(account);
    begin_sync(account);
}

// -------------------------------------------------- accounts that the other server alone has pinned

void Route::detach_account(account::Account& account, base::LinkHandle dedicated) {
    if (!open() || !serving()) return routes_.report_detached(dedicated);
    const bool is_new = detached_.insert(&account).second;
    remove_interest(account, {});
    if (!open()) return routes_.report_detached(dedicated);
    if (!is_new && waits_already(account, dedicated)) return;
    if (!is_new || !carries(account)) return routes_.report_detached(dedicated);
    withdrawing_[&account] = dedicated;
    withdraws_denied_ = true;
    begin_sync(account);
}

// An account has one route at a time: the one that waited before has ended.
bool Route::waits_already(const account::Account& account, base::LinkHandle dedicated) {
    for (Waiting* waiting : {&withdrawing_, &withdrawn_}) {
        const auto found = waiting->find(&account);
        if (found == waiting->end()) continue;
        if (dedicated != base::LinkHandle{}) found->second = dedicated;
        return true;
    }
    return false;
}

void Route::on_synced() {
    withdraws_denied_ = false;
    if (withdrawing_.empty()) return;
    for (const auto& [account, dedicated] : std::exchange(withdrawing_, {})) withdrawn_[account] = dedicated;
    send_ping();
    pongs_until_withdrawn_ = unanswered_pings();
}

void Route::report_detached(Waiting& waiting) {
    for (const auto& each : std::exchange(waiting, {})) routes_.report_detached(each.second);
}

void Route::on_detached() {
    if (detachments_due_ == 0 || --detachments_due_ != 0) return;
    last_asked_ = nullptr;
    if (open() && serving()) begin_sync(*pinned_);
}

void Route::attach_account(account::Account& account) {
    if (!open() || !serving() || !detached_.contains(&account)) return;
    if (routes_.set().is_complete(peer_id_, account.name())) return;
    detached_.erase(&account);
    withdrawing_.erase(&account);
    withdrawn_.erase(&account);
    begin_sync(account);
}

// The other server announces the account here: it has removed it before the account had a route.
void Route::note_return(const proto::RouteOperation& operation) {
    account::Account* account = account_of(operation);
    if (account != nullptr && serving()) attach_account(*account);
}

}  // namespace nuring::cluster
