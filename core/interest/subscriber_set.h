// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/interest/match_result.h"
#include "core/interest/subscription.h"

namespace nuring::interest {

// The meaning of a change of the subscriptions to one pattern for other servers, which learn of those of
// this server (Subscription::is_own()): whether there is a plain one, and how many members a group has.
enum class [[nodiscard]] InterestChange : uint8_t {
    kAbsent,  // the subscription to be removed was not there
    kNone,
    kForLeafnodes,  // may have to be announced to leafnode links only
    kChanged,       // leafnode links, too
};

// Of all members of a group, as Sublist::inspect() shows them: how many count everywhere
// (Subscription::counts_everywhere()). They come first, so that nobody has to walk over them.
size_t count_everywhere(std::span<Subscription* const> members);

// SubscriberSet holds two or more subscriptions with one and the same pattern: the plain ones in an
// array, the others in one array per queue name. A subscription knows its place in its array, so
// that the hundred-thousandth one on a subject is added and removed at the price of the first. The weight
// of a group is found by a walk over the members of other servers alone: each has one or two.
// Threads: under the lock of its shard. Errors: none.
class SubscriberSet {
  public:
    InterestChange add(Subscription* subscription, uint64_t hash_seed);
    InterestChange remove(Subscription* subscription, uint64_t hash_seed);

    size_t size() const { return size_; }
    // Subscriptions of this server: plain ones, or members of that group, by their weight.
    size_t own_count(std::string_view queue, uint64_t hash_seed) const;
    // All plain ones, or all members of that group.
    std::span<Subscription* const> members(std::string_view queue, uint64_t hash_seed) const;
    // Calls visit(pattern, queue, subscriptions) for the plain ones and each group.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        const std::string_view pattern = front()->subject();
        if (!plain_.empty()) visit(pattern, std::string_view(), std::span<Subscription* const>(plain_));
        for (const std::unique_ptr<Group>& group : groups_) {
            visit(pattern, std::string_view(group->name), std::span<Subscription* const>(group->members));
        }
    }
    template <typename Visit>
    void for_each_own(Visit&& visit) const {
        const std::string_view pattern = front()->subject();
        if (plain_.size() > plain_of_others_) {
            visit(pattern, std::string_view(), plain_.size() - plain_of_others_);
        }
        for (const std::unique_ptr<Group>& group : groups_) {
            if (group->own_count() > 0) visit(pattern, std::string_view(group->name), group->own_count());
        }
    }
    // Any member; all have the same subject. The set must not be empty.
    Subscription* front() const {
        return plain_.empty() ? groups_.front()->members.front() : plain_.front();
    }
    void collect(base::WorkerId self, MatchResult* result) const;

  private:
    struct Group {
        std::string name;
        uint32_t name_hash;
        uint32_t index;  // own place in groups_
        std::vector<Subscription*> members;  // those that count everywhere come first
        uint32_t everywhere = 0;             // so many

        void add(Subscription* member);
        void remove(Subscription* member);
        size_t own_count() const;
        void move(uint32_t from, uint32_t to);
    };
    using GroupsByName = absl::flat_hash_map<std::string_view, Group*>;
    // From so many groups on, names are found by hash.
    static constexpr size_t kGroupScanMax = 16;

    Group* find_group(std::string_view name, uint32_t name_hash) const;
    Group* add_group(std::string_view name, uint32_t name_hash);
    void remove_group(Group* group);

    std::vector<Subscription*> plain_;
    std::vector<std::unique_ptr<Group>> groups_;
    std::unique_ptr<GroupsByName> by_name_;
    size_t size_ = 0;
    size_t plain_of_others_ = 0;  // plain ones that are not own
    size_t plain_everywhere_ = 0;  // plain ones that count everywhere
};

// Subscribers is what stands behind one pattern in one word: nobody, a single subscription, or a
// SubscriberSet. Nearly every literal subject (an inbox) has exactly one subscription and pays
// nothing for the general case.
//
//   bit 0: 0 = Subscription*, 1 = SubscriberSet*; all zero = nobody; bits 48..63 are zero
//
// It is a plain word so that tables may keep bits of their own beside it: the owner calls clear().
// Threads: under the lock of its shard. Errors: none.
class Subscribers {
  public:
    static constexpr uint64_t kPointerMask = (uint64_t{1} << 48) - 1;

    Subscribers() = default;
    static Subscribers from_bits(uint64_t bits) {
        Subscribers subscribers;
        subscribers.bits_ = bits & kPointerMask;
        return subscribers;
    }
    uint64_t bits() const { return bits_; }

    bool empty() const { return bits_ == 0; }
    size_t size() const { return empty() ? 0 : is_set() ? set()->size() : 1; }
    Subscription* front() const { return is_set() ? set()->front() : single(); }

    InterestChange add(Subscription* subscription, uint64_t hash_seed);
    InterestChange remove(Subscription* subscription, uint64_t hash_seed);
    void clear();

    size_t own_count(std::string_view queue, uint64_t hash_seed) const;
    // Calls visit(subscriptions) with the plain ones, or the members of that group, if there are any.
    template <typename Visit>
    void inspect(std::string_view queue, uint64_t hash_seed, Visit&& visit) const {
        if (empty()) return;
        if (is_set()) {
            const auto found = set()->members(queue, hash_seed);
            if (!found.empty()) visit(found);
        } else if (Subscription* only = single(); only->queue() == queue) {
            visit(std::span<Subscription* const>(&only, 1));
        }
    }
    // Calls visit(pattern, queue, subscriptions) for the plain ones and each group.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        if (empty()) return;
        if (is_set()) return set()->for_each(visit);
        Subscription* only = single();
        visit(only->subject(), only->queue(), std::span<Subscription* const>(&only, 1));
    }
    // Calls visit(pattern, queue, count) for the plain ones of this server and each of its groups.
    template <typename Visit>
    void for_each_own(Visit&& visit) const {
        if (is_set()) return set()->for_each_own(visit);
        if (!empty() && single()->is_own()) {
            visit(single()->subject(), single()->queue(), own_weight(*single()));
        }
    }

    void collect(base::WorkerId self, uint64_t hash_seed, MatchResult* result) const {
        if (is_set()) {
            set()->collect(self, result);
        } else if (!single()->is_queue()) {
            result->add_plain(self, single());
        } else {
            collect_queue(self, hash_seed, result);
        }
    }

    // The memory that a lookup is about to touch.
    const void* address() const { return reinterpret_cast<const void*>(bits_ & ~kSetBit); }

  private:
    static constexpr uint64_t kSetBit = 1;

    bool is_set() const { return (bits_ & kSetBit) != 0; }
    Subscription* single() const { return reinterpret_cast<Subscription*>(bits_); }
    SubscriberSet* set() const { return reinterpret_cast<SubscriberSet*>(bits_ & ~kSetBit); }
    void assign(const void* pointer, uint64_t tag) {
        bits_ = reinterpret_cast<uint64_t>(pointer) | tag;
        assert((bits_ & ~kPointerMask) == 0);  // user addresses have 47 bits unless asked for more
    }
    void collect_queue(base::WorkerId self, uint64_t hash_seed, MatchResult* result) const;
    static size_t own_weight(const Subscription& subscription) {
        return subscription.is_queue() ? subscription.weight() : 1;
    }

    uint64_t bits_ = 0;
};

}  // namespace nuring::interest
