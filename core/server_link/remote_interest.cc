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
    Set& set = accounts_[&account];
    const auto known = set.find(key);
    if (known != set.end()) {
        interest::Subscription& subscription = *known->subscription;
        if (subscription.is_queue() && subscription.weight() != weight) {
            account.sublist().set_weight(&subscription, weight);
        }
        return Added::kKnown;
    }
    if (!proto::is_valid_pattern(pattern)) return Added::kInvalid;
    if (pattern.size() + queue.size() > delivery::kNamesSizeMax)
        return Added::kInvalid;  // as of a client
    const uint32_t origin_cluster = origin_clusters().acquire(origin);
    interest::Subscription* subscription = delivery_.subscriptions.create(
        {.link = owner_.handle(),
         .owner = static_cast<delivery::Subscriber*>(&owner_),
         .serial = delivery_.subscriptions.take_serial(),
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
    set.insert(Entry{.hash = key.hash, .subscription = subscription});
    ++count_;
    account.sublist().insert(subscription);
    return Added::kNew;
}

bool RemoteInterest::remove(account::Account& account, std::string_view pattern, std::string_view queue,
                            std::string_view origin) {
    const Key key(pattern, queue, origin);
    if (const Unswept unswept = take_unswept(account, key); unswept.entry.subscription != nullptr) {
        retire_one(account, unswept.entry.subscription);
        return !unswept.has_gone;
    }
    const auto of_account = accounts_.find(&account);
    if (of_account == accounts_.end()) return false;
    const auto known = of_account->second.find(key);
    if (known == of_account->second.end()) return false;
    interest::Subscription* subscription = known->subscription;
    of_account->second.erase(known);
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
        const auto known = of_account->second.find(key);
        if (known != of_account->second.end()) return known->subscription;
    }
    for (const Sweep& sweep : sweeps_) {
        if (sweep.account != &account || sweep.keeps_none) continue;
        if (const auto known = sweep.set.find(key); known != sweep.set.end()) return known->subscription;
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
    for (account::Account* account : accounts) begin_sweep(*account);
}

void RemoteInterest::begin_sweep(account::Account& account) { start_sweep(account); }

void RemoteInterest::begin_removal(account::Account& account, std::function<void()> then) {
    for (Sweep& sweep : sweeps_) {
        if (sweep.account == &account) sweep.keeps_none = true;
    }
    Sweep& sweep = start_sweep(account);
    sweep.keeps_none = true;
    sweep.then = std::move(then);
}

RemoteInterest::Sweep& RemoteInterest::start_sweep(account::Account& account) {
    assert(owner_.open());
    Sweep& sweep = sweeps_.emplace_back();
    sweep.account = &account;
    if (const auto found = accounts_.find(&account); found != accounts_.end()) {
        sweep.set = std::move(found->second);
        accounts_.erase(found);
    }
    sweep.at = sweep.set.begin();
    return sweep;
}

bool RemoteInterest::sweep(size_t most) {
    std::vector<interest::Subscription*> condemned;
    while (most > 0 && !sweeps_.empty()) {
        Sweep& sweep = sweeps_.front();
        --most;  // an empty one costs a step, too
        condemned.clear();
        for (; most > 0 && sweep.at != sweep.set.end(); --most) {
            const Entry each = *sweep.at;
            sweep.set.erase(sweep.at++);
            if (sweep.keeps_none || !keeps_(*sweep.account, *each.subscription)) {
                condemned.push_back(each.subscription);
                continue;
            }
            Set& kept = accounts_[sweep.account];
            if (kept.empty()) kept.reserve(sweep.set.size() + 1);  // else it grows step by step
            kept.insert(each);
        }
        const bool is_done = sweep.at == sweep.set.end();
        retire(*sweep.account, condemned);
        if (!is_done) break;
        const std::function<void()> then = std::move(sweep.then);
        sweeps_.pop_front();
        if (then) then();
    }
    return sweeps_.empty();
}

RemoteInterest::Unswept RemoteInterest::take_unswept(account::Account& account, const Key& key) {
    delivery_.interest_gate.charge_comparisons(sweeps_.size());
    for (Sweep& sweep : sweeps_) {
        if (sweep.account != &account) continue;
        const auto found = sweep.set.find(key);
        if (found == sweep.set.end()) continue;
        const Entry each = *found;
        if (Set::const_iterator(found) == sweep.at) ++sweep.at;
        sweep.set.erase(found);
        return {.entry = each, .has_gone = sweep.keeps_none};
    }
    return {};
}

// Something is said of that one: it is looked at before.
void RemoteInterest::settle(account::Account& account, const Key& key) {
    const Unswept unswept = take_unswept(account, key);
    if (unswept.entry.subscription == nullptr) return;
    if (!unswept.has_gone && keeps_(account, *unswept.entry.subscription)) {
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
            releasing_at_ = releasing_.begin();
        }
        some.clear();
        for (; left > 0 && releasing_at_ != releasing_.end(); --left) {
            some.push_back(releasing_at_++->subscription);
        }
        const bool is_last = releasing_at_ == releasing_.end();
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
