// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "core/interest/subscription.h"
#include "core/server_link/pattern_set.h"

namespace nuring::server_link {

// RemoteInterest is what another server wants: subscriptions of its link by account, pattern and queue, which
// stand in the sublists of this server. A repeated pattern changes the weight of a queue group, and nothing
// else.
//
// A sweep checks all of them again, in slices. A subscription that the sweep has not reached stays as it is.
// If the other server announces it again, it is checked at once; if the other server withdraws it, it is
// removed without a check.
//
// Threads:  the link's worker. Limits: memory; release() and sweep() work in slices of the given size.
// Errors:   add() reports a pattern that is invalid or too long.
// Lifetime: of its link, which releases everything before it ends: begin with release() when the link has
//           closed, and add nothing from then on.
class RemoteInterest {
  public:
    enum class [[nodiscard]] Added : uint8_t { kNew, kKnown, kInvalid };

    // May the subscription stay? A sweep asks once for each, but not for one that was withdrawn.
    using Keeps = std::function<bool(account::Account&, interest::Subscription&)>;

    // The subscription goes, since the link has closed. release() calls this for each.
    using Leaves = std::function<void(const interest::Subscription&)>;

    RemoteInterest(delivery::Delivery& delivery, delivery::RemoteServer& owner, Keeps keeps, Leaves leaves)
        : delivery_(delivery), owner_(owner), keeps_(std::move(keeps)), leaves_(std::move(leaves)) {}
    ~RemoteInterest();
    RemoteInterest(const RemoteInterest&) = delete;
    RemoteInterest& operator=(const RemoteInterest&) = delete;

    // origin: the cluster of leafnodes that it comes from; empty: none.
    Added add(account::Account& account, std::string_view pattern, std::string_view queue, uint32_t weight,
              std::string_view origin = {});
    // False: it was not there, or a removal was about to reach it.
    bool remove(account::Account& account, std::string_view pattern, std::string_view queue,
                std::string_view origin = {});
    bool contains(account::Account& account, std::string_view pattern, std::string_view queue,
                  std::string_view origin = {}) const;

    // Null: it is not there.
    interest::Subscription* find(account::Account& account, std::string_view pattern,
                                 std::string_view queue, std::string_view origin = {}) const;

    size_t count() const { return count_; }

    // Each begins a sweep. The first is over all accounts and asks Keeps; the second removes the plain
    // subscriptions of one account; the third removes all of that account, and calls then() at its end.
    void begin_sweep();
    void begin_removal_of_plain(account::Account& account);
    void begin_removal(account::Account& account, std::function<void()> then);
    // Checks up to `most`, and counts them (LinkHost::count_released()); true: no sweep is under way.
    bool sweep(size_t most);
    bool sweeping() const { return !sweeps_.empty(); }

    // Calls visit(account, subscription) for each, until it returns false.
    template <typename Visit>
    void for_each(Visit&& visit) const;

    // Removes up to `most`, of a link that has closed; true: nothing is left. Linear over all calls.
    bool release(size_t most);

  private:
    using Key = PatternSet::Key;

    enum class Kept : uint8_t { kAsked, kGroups, kNone };

    // The subscriptions of an account that a sweep has not reached yet.
    struct Sweep {
        // It is there until the sweep reaches it, but does not count any more.
        bool has_gone(const interest::Subscription& each) const {
            return kept == Kept::kNone || (kept == Kept::kGroups && !each.is_queue());
        }

        account::Account* account = nullptr;
        Kept kept = Kept::kAsked;
        std::function<void()> then;
        PatternSet set;  // on a walk
    };
    // Taken out of a sweep that has not reached it yet; no subscription: no sweep has it.
    struct Unswept {
        PatternSet::Entry entry{};
        const Sweep* sweep = nullptr;
    };
    Unswept take_unswept(account::Account& account, const Key& key);
    void retire_one(account::Account& account, interest::Subscription* subscription);
    bool stays(const Sweep& sweep, interest::Subscription& each) const;
    Sweep& start_sweep(account::Account& account, Kept kept);
    void settle(account::Account& account, const Key& key);
    void retire(account::Account& account, std::vector<interest::Subscription*>& some);
    link::OriginClusters& origin_clusters() const { return delivery_.host.facts.origin_clusters; }

    delivery::Delivery& delivery_;
    delivery::RemoteServer& owner_;
    const Keeps keeps_;
    const Leaves leaves_;
    absl::flat_hash_map<account::Account*, PatternSet> accounts_;
    std::deque<Sweep> sweeps_;  // in the order in which they began; never moved, since each is on a walk
    size_t count_ = 0;

    // Of release(): the set of one account, on a walk.
    account::Account* releasing_account_ = nullptr;
    PatternSet releasing_;
};

template <typename Visit>
void RemoteInterest::for_each(Visit&& visit) const {
    const auto visit_set = [&visit](account::Account& account, const PatternSet& set) {
        return set.for_each([&](const interest::Subscription& each) { return visit(account, each); });
    };
    for (const auto& [account, set] : accounts_) {
        if (!visit_set(*account, set)) return;
    }
    for (const Sweep& sweep : sweeps_) {
        const bool goes_on = sweep.set.for_each([&](const interest::Subscription& each) {
            return sweep.has_gone(each) || visit(*sweep.account, each);
        });
        if (!goes_on) return;
    }
}

}  // namespace nuring::server_link
