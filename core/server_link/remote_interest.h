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
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "core/account/account.h"
#include "core/delivery/delivery.h"
#include "core/delivery/remote_server.h"
#include "core/interest/subscription.h"

namespace nuring::server_link {

// RemoteInterest is what another server wants: subscriptions of its link by account, pattern and queue, which
// stand in the sublists of this server. A repeated pattern changes the weight of a queue, and else nothing.
//
// To look at all of them again takes a sweep, in slices: while it runs, those that it has not come to stay
// as they are, unless one of them is announced again, which is then looked at first, or withdrawn, which goes
// unseen.
//
// Threads:  the link's worker. Limits: memory; release() and sweep() work in slices of the given size.
// Errors:   add() reports a pattern that is invalid or too long.
// Lifetime: of its link, which releases everything before it ends: begin with release() when the link has
//           closed, and add nothing from then on.
class RemoteInterest {
  public:
    enum class [[nodiscard]] Added : uint8_t { kNew, kKnown, kInvalid };

    // May it stay? Asked in a sweep, once for each; never of one that was withdrawn.
    using Keeps = std::function<bool(account::Account&, interest::Subscription&)>;

    // It goes, since the link has closed. Called by release(), for each.
    using Leaves = std::function<void(const interest::Subscription&)>;

    RemoteInterest(delivery::Delivery& delivery, delivery::RemoteServer& owner, Keeps keeps, Leaves leaves)
        : delivery_(delivery), owner_(owner), keeps_(std::move(keeps)), leaves_(std::move(leaves)) {}
    ~RemoteInterest();
    RemoteInterest(const RemoteInterest&) = delete;
    RemoteInterest& operator=(const RemoteInterest&) = delete;

    // origin: the cluster of leafnodes that it comes from; empty: none.
    Added add(account::Account& account, std::string_view pattern, std::string_view queue, uint32_t weight,
              std::string_view origin = {});
    // False: it was not there.
    bool remove(account::Account& account, std::string_view pattern, std::string_view queue,
                std::string_view origin = {});
    bool contains(account::Account& account, std::string_view pattern, std::string_view queue,
                  std::string_view origin = {}) const;

    // Null: it is not there.
    interest::Subscription* find(account::Account& account, std::string_view pattern,
                                 std::string_view queue, std::string_view origin = {}) const;

    size_t count() const { return count_; }

    // Begin a sweep: of all accounts, of one, or of one that keeps nothing; then() is called behind it.
    void begin_sweep();
    void begin_sweep(account::Account& account);
    void begin_removal(account::Account& account, std::function<void()> then);
    // Looks at up to `most`; true: no sweep is under way any more.
    bool sweep(size_t most);
    bool sweeping() const { return !sweeps_.empty(); }

    // Calls visit(account, subscription) for each, until it returns false.
    template <typename Visit>
    void for_each(Visit&& visit) const;

    // Removes up to `most`, of a link that has closed; true: nothing is left. Linear over all calls.
    bool release(size_t most);

  private:
    struct Key {
        Key(std::string_view with_pattern, std::string_view with_queue, std::string_view with_origin)
            : pattern(with_pattern),
              queue(with_queue),
              origin(with_origin),
              hash(absl::HashOf(pattern, queue, origin)) {}

        std::string_view pattern;
        std::string_view queue;
        std::string_view origin;
        size_t hash;
    };
    // The hash is kept, so that a table grows without a look at each subscription: a million of them would
    // hold up the worker for a tenth of a second and more.
    struct Entry {
        size_t hash;
        interest::Subscription* subscription;
    };
    struct ByPattern {
        using is_transparent = void;
        size_t operator()(const Key& key) const { return key.hash; }
        size_t operator()(const Entry& entry) const { return entry.hash; }
        bool operator()(const Entry& one, const Entry& other) const {
            return one.subscription == other.subscription;  // a pattern has one
        }
        bool operator()(const Entry& entry, const Key& key) const {
            const interest::Subscription& each = *entry.subscription;
            return entry.hash == key.hash && each.subject() == key.pattern && each.queue() == key.queue &&
                   each.origin() == key.origin;
        }
    };
    using Set = absl::flat_hash_set<Entry, ByPattern, ByPattern>;

    // Those of an account that a sweep has not come to yet.
    struct Sweep {
        account::Account* account = nullptr;
        bool keeps_none = false;
        std::function<void()> then;
        Set set;
        Set::const_iterator at;
    };
    // Taken out of a sweep that has not come to it yet; no subscription: none has it.
    struct Unswept {
        Entry entry{};
        bool has_gone = false;  // with all others of its account
    };
    Unswept take_unswept(account::Account& account, const Key& key);
    void retire_one(account::Account& account, interest::Subscription* subscription);
    Sweep& start_sweep(account::Account& account);
    void settle(account::Account& account, const Key& key);
    void retire(account::Account& account, std::vector<interest::Subscription*>& some);
    link::OriginClusters& origin_clusters() const { return delivery_.host.facts.origin_clusters; }

    delivery::Delivery& delivery_;
    delivery::RemoteServer& owner_;
    const Keeps keeps_;
    const Leaves leaves_;
    absl::flat_hash_map<account::Account*, Set> accounts_;
    std::deque<Sweep> sweeps_;  // in the order in which they began; never moved, since each has an iterator
    size_t count_ = 0;

    // Of release(): the set of one account that is being walked. Nothing is erased from it on the way, which
    // would make each call search for its first element from the start of the table.
    account::Account* releasing_account_ = nullptr;
    Set releasing_;
    Set::const_iterator releasing_at_;
};

template <typename Visit>
void RemoteInterest::for_each(Visit&& visit) const {
    for (const auto& [account, set] : accounts_) {
        for (const Entry& each : set) {
            const interest::Subscription& subscription = *each.subscription;
            if (!visit(*account, subscription)) return;
        }
    }
    for (const Sweep& sweep : sweeps_) {
        if (sweep.keeps_none) continue;
        for (const Entry& each : sweep.set) {
            const interest::Subscription& subscription = *each.subscription;
            if (!visit(*sweep.account, subscription)) return;
        }
    }
}

}  // namespace nuring::server_link
