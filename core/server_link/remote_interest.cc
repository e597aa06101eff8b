// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/remote_interest.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/delivery/records.h"
#include "core/interest/sublist.h"
#include "proto/subject.h"

namespace nuring::server_link {

RemoteInterest::~RemoteInterest() { assert(count_ == 0); }

RemoteInterest::Added RemoteInterest::add(account::Account& account, std::string_view pattern,
                                          std::string_view queue, uint32_t weight,
                                          std::string_view origin) {
    assert(owner_.open());
    assert(releasing_account_ == nullptr);
    weight = std::max(weight, 1U);
    const Key key(pattern, queue, origin);
    if (sweeping()) settle(account, key);
    PatternSet& set = accounts_[&account];
    if (interest::Subscription* known = set.find(key); known != nullptr) {
        if (known->is_queue() && known->weight() != weight) account.sublist().set_weight(known, weight);
        return Added::kKnown;
    }
    if (!proto::is_valid_pattern(pattern)) return Added::kInvalid;
    if (pattern.size() + queue.size() > delivery::kNamesSizeMax)
        return Added::kInvalid;  // as of a client
    const uint32_t origin_cluster = origin_clusters().acquire(origin);
    interest::Subscription* subscription = delivery_.subscriptions.create(
        {.link = owner_.handle(),
         .owner = static_cast<delivery::Subscriber*>(&owner_),
         .subject = pattern,
         .queue = queue,
         .sid = origin,
         .weight = weight,
         .origin_cluster = origin_cluster,
         .kind = owner_.kind()});
    if (subscription == nullptr) {
        origin_clusters().release(origin_cluster);
        return Added::kInvalid;
    }
    set.insert({.hash = key.hash, .subscription = subscription});
    ++count_;
    account.sublist().insert(subscription);
    return Added::kNew;
}

bool RemoteInterest::remove(account::Account& account, std::string_view pattern, std::string_view queue,
                            std::string_view origin) {
    const Key key(pattern, queue, origin);
    if (const Unswept unswept = take_unswept(account, key); unswept.entry.subscription != nullptr) {
        const bool had_gone = unswept.sweep->has_gone(*unswept.entry.subscription);
        retire_one(account, unswept.entry.subscription);
        return !had_gone;
    }
    const auto of_account = accounts_.find(&account);
    if (of_account == accounts_.end()) return false;
    interest::Subscription* subscription = of_account->second.take(key).subscription;
    if (subscription == nullptr) return false;
    retire_one(account, subscription);
    return true;
}

void RemoteInterest::retire_one(account::Account& account, interest::Subscription* subscription) {
    assert(count_ > 0);
    --count_;
    delivery_.subscriptions.retire(subscription);
    account.sublist().remove(subscription);
    origin_clusters().release(subscription->origin_cluster());
}

interest::Subscription* RemoteInterest::find(account::Account& account, std::string_view pattern,
                                             std::string_view queue, std::string_view origin) const {
    const Key key(pattern, queue, origin);
    if (const auto of_account = accounts_.find(&account); of_account != accounts_.end()) {
        if (interest::Subscription* known = of_account->second.find(key)) return known;
    }
    for (const Sweep& sweep : sweeps_) {
        if (sweep.account != &account) continue;
        interest::Subscription* known = sweep.set.find(key);
        if (known != nullptr && !sweep.has_gone(*known)) return known;
    }
    return nullptr;
}

bool RemoteInterest::contains(account::Account& account, std::string_view pattern,
                              std::string_view queue, std::string_view origin) const {
    return find(account, pattern, queue, origin) != nullptr;
}

// ------------------------------------------------------------------------------------------ sweeps

void RemoteInterest::begin_sweep() {
    std::vector<account::Account*> accounts;
    for (const auto& [account, set] : accounts_) accounts.push_back(account);
    for (account::Account* account : accounts) start_sweep(*account, Kept::kAsked);
}

void RemoteInterest::begin_removal_of_plain(account::Account& account) {
    start_sweep(account, Kept::kGroups);
}

void RemoteInterest::begin_removal(account::Account& account, std::function<void()> then) {
    start_sweep(account, Kept::kNone).then = std::move(then);
}

// Earlier sweeps of the account that are still under way keep no more than this one.
RemoteInterest::Sweep& RemoteInterest::start_sweep(account::Account& account, Kept kept) {
    assert(owner_.open());
    for (Sweep& sweep : sweeps_) {
        if (sweep.account == &account) sweep.kept = std::max(sweep.kept, kept);
    }
    Sweep& sweep = sweeps_.emplace_back();
    sweep.account = &account;
    sweep.kept = kept;
    if (const auto found = accounts_.find(&account); found != accounts_.end()) {
        sweep.set = std::move(found->second);
        accounts_.erase(found);
    }
    sweep.set.begin_walk();
    return sweep;
}

bool RemoteInterest::sweep(size_t most) {
    link::LinkHost& host = delivery_.host;
    std::vector<interest::Subscription*> condemned;
    while (most > 0 && !sweeps_.empty()) {
        Sweep& sweep = sweeps_.front();
        condemned.clear();
        const size_t before = most;
        for (; most > 0 && !sweep.set.walk_is_done(); --most) {
            const PatternSet::Entry each = sweep.set.take_next();
            if (!stays(sweep, *each.subscription)) {
                condemned.push_back(each.subscription);
                continue;
            }
            PatternSet& kept = accounts_[sweep.account];
            if (kept.empty()) kept.reserve(sweep.set.size() + 1);  // else it grows step by step
            kept.insert(each);
        }
        host.count_released(before - most);
        const bool is_done = sweep.set.walk_is_done();
        retire(*sweep.account, condemned);
        if (!is_done) break;
        const std::function<void()> then = std::move(sweep.then);
        sweeps_.pop_front();
        if (most > 0) --most;  // an empty one costs a step, too
        if (then) then();
    }
    return sweeps_.empty();
}

bool RemoteInterest::stays(const Sweep& sweep, interest::Subscription& each) const {
    return sweep.kept == Kept::kAsked ? keeps_(*sweep.account, each) : !sweep.has_gone(each);
}

RemoteInterest::Unswept RemoteInterest::take_unswept(account::Account& account, const Key& key) {
    delivery_.interest_gate.charge_comparisons(sweeps_.size());
    for (Sweep& sweep : sweeps_) {
        if (sweep.account != &account) continue;
        const PatternSet::Entry each = sweep.set.take(key);
        if (each.subscription != nullptr) return {.entry = each, .sweep = &sweep};
    }
    return {};
}

// The pattern is announced again: it is checked before the sweep reaches it.
void RemoteInterest::settle(account::Account& account, const Key& key) {
    const Unswept unswept = take_unswept(account, key);
    if (unswept.entry.subscription == nullptr) return;
    if (stays(*unswept.sweep, *unswept.entry.subscription)) {
        accounts_[&account].insert(unswept.entry);
        return;
    }
    retire_one(account, unswept.entry.subscription);
}

// --------------------------------------------------------------------------------------------- end

bool RemoteInterest::release(size_t most) {
    assert(!owner_.open());
    std::vector<interest::Subscription*> some;
    for (size_t left = most; left > 0;) {
        if (releasing_account_ == nullptr) {
            if (!sweeps_.empty()) {
                releasing_account_ = sweeps_.front().account;
                releasing_ = std::move(sweeps_.front().set);
                sweeps_.pop_front();
            } else if (!accounts_.empty()) {
                const auto next = accounts_.begin();
                releasing_account_ = next->first;
                releasing_ = std::move(next->second);
                accounts_.erase(next);
            } else {
                break;
            }
            releasing_.begin_walk();
        }
        some.clear();
        for (; left > 0 && !releasing_.walk_is_done(); --left) {
            some.push_back(releasing_.take_next().subscription);
        }
        const bool is_last = releasing_.walk_is_done();
        for (const interest::Subscription* each : some) leaves_(*each);
        retire(*releasing_account_, some);
        if (!is_last) break;
        releasing_account_ = nullptr;
        releasing_ = {};
        if (left > 0) --left;  // an empty set costs a step, too
    }
    const bool is_done = accounts_.empty() && sweeps_.empty() && releasing_account_ == nullptr;
    assert(!is_done || count_ == 0);
    return is_done;
}

// In the order of their serials, which is that of their memory.
void RemoteInterest::retire(account::Account& account, std::vector<interest::Subscription*>& some) {
    std::sort(some.begin(), some.end(),
              [](const auto* a, const auto* b) { return a->serial() < b->serial(); });
    account.sublist().remove_batch(some);
    for (interest::Subscription* each : some) {
        delivery_.subscriptions.retire(each);
        origin_clusters().release(each->origin_cluster());
    }
    assert(count_ >= some.size());
    count_ -= some.size();
}

}  // namespace nuring::server_link
