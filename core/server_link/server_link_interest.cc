// SPDX-License-Identifier: Apache-2.0
// ServerLink: interest, both ways.
#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

#include "absl/hash/hash.h"
#include "core/config/names.h"
#include "core/delivery/line_buffer.h"
#include "core/server_link/server_link.h"
#include "fmt/format.h"
#include "proto/encode_route.h"
#include "proto/quote.h"

namespace nuring::server_link {
namespace {

// An account of operator mode that nobody here has logged in to may still have interest elsewhere. The name
// may be any text of an INFO.
bool is_account_key(std::string_view name) {
    return config::is_public_key(name, config::KeyKind::kAccount);
}

// Accounts whose names were looked up; beyond it, the next look-ups search the registry.
constexpr size_t kKnownAccountsMax = 64 * 1024;

}  // namespace

// --------------------------------------------------------------- what the other server wants

account::Account* ServerLink::account_of(const proto::RouteOperation& operation) {
    return find_account(operation.account);
}

account::Account* ServerLink::find_account(std::string_view name) {
    if (last_account_ != nullptr && last_account_->name() == name) return last_account_;
    const auto known = accounts_.find(absl::string_view(name.data(), name.size()));
    if (known != accounts_.end()) return last_account_ = known->second;
    account::Account* account = delivery_.accounts.find(name);
    if (account == nullptr && delivery_.operator_mode() && is_account_key(name)) {
        account = &delivery_.accounts.find_or_create(name);
    }
    if (account == nullptr) return nullptr;
    if (accounts_.size() < kKnownAccountsMax) accounts_.emplace(std::string(name), account);
    return last_account_ = account;
}

void ServerLink::on_subscribe(const proto::RouteOperation& operation) {
    if (!takes_traffic()) return;
    account::Account* account = account_of(operation);
    if (account == nullptr) {
        return host_.log.debug("{} - Unknown account {} for subject {}", label(),
                               proto::quote(operation.account), proto::quote(operation.subject));
    }
    if (!may_export(*account, operation.subject)) {
        return host_.log.debug("{} - Can not export {}, ignoring remote subscription request",
                               label(), proto::quote(operation.subject));
    }
    const auto added = remote_interest_.add(*account, operation.subject, operation.queue,
                                            operation.weight, origin_of(operation));
    if (added != RemoteInterest::Added::kInvalid) return;
    host_.log.error("{} - Could not insert subscription: {}", label(), operation.args);
    send_error("Invalid Subscription");
}

void ServerLink::on_unsubscribe(const proto::RouteOperation& operation) {
    if (!takes_traffic()) return;
    account::Account* account = account_of(operation);
    if (account == nullptr) return;
    remote_interest_.remove(*account, operation.subject, operation.queue, origin_of(operation));
}

void ServerLink::sweep_interest() {
    if (!open()) return;  // all of it goes anyway
    remote_interest_.begin_sweep();
    continue_sweep();
}

void ServerLink::remove_plain_interest(account::Account& account) {
    if (!open()) return;
    remote_interest_.begin_removal_of_plain(account);
    continue_sweep();
}

void ServerLink::remove_interest(account::Account& account, std::function<void()> then) {
    if (!open()) return;
    remote_interest_.begin_removal(account, std::move(then));
    continue_sweep();
}

// All links together check no more at once than one slice: a reload lets each of them begin a sweep.
void ServerLink::continue_sweep() {
    if (serving_) {
        if (!remote_interest_.sweep(host_.releases_left())) list_for_next_turn();
        return;
    }
    while (!remote_interest_.sweep(host_.released_per_turn())) {  // there is next to none
    }
}

// ------------------------------------------------------------------ what this server wants

size_t ServerLink::wanted(account::Account& account, std::string_view pattern,
                          std::string_view queue) {
    return account.sublist().own_interest(host_.id, pattern, queue);
}

void ServerLink::announce(account::Account& account, std::string_view pattern,
                          std::string_view queue) {
    if (!open() || !carries(account) || !may_import(account, pattern)) return;
    const size_t count = wanted(account, pattern, queue);
    if (!queue.empty() && !note_weight(account, pattern, queue, count)) return;
    send_interest(account, pattern, queue, count);
}

// Two changes of a group may both find its last weight. False: the other server knows it already.
bool ServerLink::note_weight(account::Account& account, std::string_view pattern,
                             std::string_view queue, size_t count) {
    const size_t key = absl::HashOf(&account, pattern, queue);
    const auto weight = static_cast<uint32_t>(std::min<size_t>(count, UINT32_MAX));
    if (weight == 0) {
        announced_weights_.erase(key);
        return true;
    }
    const auto [known, is_new] = announced_weights_.try_emplace(key, weight);
    return is_new || std::exchange(known->second, weight) != weight;
}

void ServerLink::send_interest(account::Account& account, std::string_view pattern,
                               std::string_view queue, size_t count) {
    write_interest(account, pattern, queue, count, {});
}

void ServerLink::write_interest(account::Account& account, std::string_view pattern,
                                std::string_view queue, size_t count, std::string_view origin) {
    const proto::RouteInterest interest{
        .account = proto::names_account(limits_.dialect) ? std::string_view(account.name()) : "",
        .subject = pattern,
        .queue = queue,
        .weight = static_cast<uint32_t>(std::min<size_t>(count, UINT32_MAX)),
        .origin = origin,
        .names_unsubscribe_origin = limits_.names_unsubscribe_origin,
        .dialect = limits_.dialect};
    const size_t size = proto::route_interest_size(interest);
    delivery::LineBuffer line(size);
    const char* end = proto::encode_route_interest(line.data(), interest);
    assert(static_cast<size_t>(end - line.data()) == size);
    send_interest_line({line.data(), size});
}

void ServerLink::send_interest_line(std::string_view line) {
    if (host_.log.trace_enabled()) {
        host_.log.trace("{} - ->> [{}]", label(), line.substr(0, line.size() - 2));
    }
    outbound_.append(line);
    mark_dirty();
    if (pending_bytes() > host_.limits().max_pending_bytes && !sync_timer_.armed()) {
        host_.timers.arm(sync_timer_, host_.ring.now_ns() + 1);  // the next tick
    }
}

// ------------------------------------------------------------------------------------ sync

bool ServerLink::has_room_for_sync() const {
    return open() && pending_bytes() <= host_.limits().max_pending_bytes / 4;
}

size_t ServerLink::announce_slice(account::Account& account, uint32_t slice) {
    size_t announced = 0;
    account.sublist().for_each_own(
        host_.id, slice, [&](std::string_view pattern, std::string_view queue, size_t count) {
            if (!may_import(account, pattern)) return;
            if (!queue.empty()) (void)note_weight(account, pattern, queue, count);
            send_interest(account, pattern, queue, count);
            ++announced;
        });
    return announced;
}

void ServerLink::begin_sync() {
    assert(serving_);
    std::vector<account::Account*> accounts;
    for (account::Account* each : delivery_.accounts.list()) {
        if (carries(*each)) accounts.push_back(each);
    }
    request_sync(std::move(accounts));
}

void ServerLink::begin_sync(account::Account& account) {
    assert(serving_);
    if (sync_.running()) return begin_sync();
    if (carries(account)) request_sync({&account});
}

void ServerLink::request_sync(std::vector<account::Account*> accounts) {
    // Groups of which nothing was announced for a while, as permissions forbade it, may be gone.
    announced_weights_.clear();
    const bool was_running = sync_.running();
    sync_.request(std::move(accounts));
    if (!was_running && !is_at_end_of_sync_) continue_sync();
}

void ServerLink::continue_sync() {
    const InterestSync::Progress progress = sync_.step();
    if (!open()) return;
    switch (progress) {
        case InterestSync::Progress::kDone:
            host_.log.debug("{} - Sent local subscriptions to {}", label(), traits_.channel);
            sync_waits_ = false;
            is_at_end_of_sync_ = true;
            on_synced();
            is_at_end_of_sync_ = false;
            if (!open()) return;
            if (sync_.running()) {  // on_synced() has begun another one: not before the next turn
                list_for_next_turn();
                return pause(link::PauseReason::kSync);
            }
            for (; pongs_due_ > 0; --pongs_due_) answer_ping();
            return resume(link::PauseReason::kSync);
        case InterestSync::Progress::kMore:
            list_for_next_turn();
            return pause(link::PauseReason::kSync);
        case InterestSync::Progress::kNoRoom:
            if (!std::exchange(sync_waits_, true)) {
                host_.log.debug("{} - Local subscriptions wait for room", label());
            }
            host_.timers.arm(sync_timer_, host_.ring.now_ns() + 1);  // the next tick
            // Two ends that both wait for room, and read nothing, would wait for ever.
            if (traits_.both_announce) return resume(link::PauseReason::kSync);
            return pause(link::PauseReason::kSync);
    }
}

void ServerLink::list_for_next_turn() {
    if (!is_listed_) delivery_.servers.send_interest_later(*this);
    is_listed_ = true;
}

// True: the worker need not call again.
bool ServerLink::send_interest_slice() {
    assert(is_listed_);
    if (sync_.running()) continue_sync();
    if (open() && remote_interest_.sweeping()) (void)remote_interest_.sweep(host_.released_per_turn());
    // A sync without room is gone on with by its timer.
    is_listed_ = (sync_.running() && !sync_timer_.armed()) || (open() && remote_interest_.sweeping());
    return !is_listed_;
}

void ServerLink::on_sync_timer() {
    if (pending_bytes() > host_.limits().max_pending_bytes) return host_.close_slow_consumer(*this);
    if (sync_.running()) continue_sync();
}

}  // namespace nuring::server_link
