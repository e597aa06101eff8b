// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/base/ids.h"
#include "core/interest/big_reader_lock.h"
#include "core/interest/interest_observer.h"
#include "core/interest/literal_table.h"
#include "core/interest/match_result.h"
#include "core/interest/pattern_trie.h"
#include "core/interest/subject_hash.h"
#include "core/interest/subscription.h"
#include "proto/subject.h"

namespace nuring::interest {

// The counters that a match depends on, with the values that it was made from: that of the literal
// subject, that of the wildcard patterns with the same first token, that of the patterns which begin
// with a wildcard.
struct Generations {
    static constexpr size_t kCount = 3;

    // Nothing that these counters stand for has changed since. Partner of Sublist::bump().
    bool current() const {
        return counters[0]->load(std::memory_order_acquire) == values[0] &&
               counters[1]->load(std::memory_order_acquire) == values[1] &&
               counters[2]->load(std::memory_order_acquire) == values[2];
    }

    std::array<const std::atomic<uint64_t>*, kCount> counters;
    std::array<uint64_t, kCount> values;
};

struct SublistOptions {
    // Workers are numbered below this; up to WorkerSet::kWorkersMax.
    uint32_t worker_count = 1;
    // Of literal subjects and of patterns; powers of two, shards <= generations. Each literal
    // generation is 8 bytes, each shard about 64.
    uint32_t literal_shards = 4;
    uint32_t literal_generations = 64;
    uint32_t wildcard_shards = 4;
    uint32_t wildcard_generations = 64;
    // Unknown to peers; a seed per account also keeps equal subjects of many accounts apart in the
    // caches of matches.
    uint64_t hash_seed = 0;
    InterestObserver* observer = nullptr;  // null: changes are announced to nobody

    // For the account that everybody uses.
    static SublistOptions large(uint32_t worker_count) {
        return {.worker_count = worker_count,
                .literal_shards = 256,
                .literal_generations = 1024,
                .wildcard_shards = 16,
                .wildcard_generations = 64};
    }
};

struct SublistStats {
    uint64_t num_subscriptions = 0;
    uint64_t num_inserts = 0;
    uint64_t num_removes = 0;
    uint64_t num_matches = 0;
};

// Sublist maps subjects to the subscriptions of one account. Literal subjects live in flat tables,
// split by hash; patterns with wildcards in tries, split by their first token, those that begin with
// a wildcard in one of their own. Every shard has a lock that is nearly free for readers.
//
// A change bumps one generation before insert() or remove() returns, thus before the link answers
// its peer; matches are cached by MatchCache and hold while their three generations stand still.
// Generations are finer than shards, so unrelated changes rarely touch a cached match. So: once a
// peer has its answer, every later match by any worker sees the change.
//
// Threads: all functions by any worker at any time; a subscription is inserted, removed and destroyed
//          by its link's worker. match() with the worker's own id only.
// Limits:  the shards of SublistOptions; subscriptions by memory (about 16 bytes beside each
//          Subscription). Growth stops one shard for the time of one rehash.
// Errors:  none for valid patterns; remove() says if the subscription was not there.
// Lifetime: subscriptions are borrowed until removed. A match that was given out before may still
//          name a removed subscription: its worker destroys it only when it iterates over no match.
// Source:  ours; behaviour of server/sublist.go 2.0.0-RC19.
class Sublist {
  public:
    explicit Sublist(const SublistOptions& options);
    ~Sublist();
    Sublist(const Sublist&) = delete;
    Sublist& operator=(const Sublist&) = delete;

    // The subject of `subscription` is a valid pattern (the caller checked it); `hash` is
    // hash(subject).
    void insert(Subscription* subscription, uint64_t hash);
    void insert(Subscription* subscription) { insert(subscription, hash(subscription->subject())); }
    // False if it is not in the list. Identity is the object, not its text.
    bool remove(Subscription* subscription);
    // The same for many, as a closing link has them; the number of those found.
    size_t remove_batch(std::span<Subscription* const> subscriptions);
    // A client moves to another worker, and for a while two objects stand for each of its subscriptions. None
    // of these three is counted or announced: the interest is the same. A copy has the texts of the original.
    //   plain ones: add_copy(), and once all workers know both, remove_original(); a match has both meanwhile
    //   members of queue groups: replace(); a match has one or the other
    void add_copy(Subscription* copy);
    void remove_original(Subscription* original);
    void replace(Subscription* original, Subscription* copy);
    // Changes how many members a queue subscription counts for (interest of other servers).
    void set_weight(Subscription* subscription, uint32_t weight);

    uint64_t hash(std::string_view subject) const { return subject_hash(subject, hash_seed_); }

    // Replaces the content of `result` by what matches `subject`, of which `hash` is hash(subject).
    // `generations`, if given, gets the values from before the look-up.
    void match(base::WorkerId self, std::string_view subject, uint64_t hash, MatchResult* result,
               Generations* generations = nullptr);

    // Does anybody subscribe to this subject? Stops at the first that does.
    bool has_interest(base::WorkerId self, std::string_view subject);

    // Announced to other servers of a pattern: how many plain subscriptions, or members of the group,
    // this server has itself.
    size_t own_interest(base::WorkerId self, std::string_view pattern, std::string_view queue);
    // The same for all patterns, in slices of one shard below own_slice_count(): calls
    // visit(pattern, queue, count) for each, under the lock of the shard.
    // (for_each_interest() goes by the same slices.)
    uint32_t own_slice_count() const { return literal_shard_count_ + wildcard_shard_count_ + 1; }
    template <typename Visit>
    void for_each_own(base::WorkerId self, uint32_t slice, Visit&& visit);
    // For who needs to know whose they are (leafnodes): calls visit(subscriptions) with the plain ones of a
    // pattern, or the members of that group, if there are any; the other calls
    // visit(pattern, queue, subscriptions) for all patterns of a slice. Both under the lock of the shard.
    template <typename Visit>
    void inspect(base::WorkerId self, std::string_view pattern, std::string_view queue, Visit&& visit);
    template <typename Visit>
    void for_each_interest(base::WorkerId self, uint32_t slice, Visit&& visit);

    // Loads what a match will touch first; for a batch of subjects whose turn comes later.
    void prefetch(uint64_t hash) const { literal_shard(hash).table.prefetch(hash); }
    // Loads the subscriptions themselves, some time after prefetch().
    void prefetch_subscriptions(base::WorkerId self, uint64_t hash);

    uint64_t count() const;
    SublistStats stats() const;
    // Memory of tables and tries, without subscriptions and the lists behind one pattern.
    size_t heap_bytes() const;
    // Nodes of all tries: none are left behind by removed patterns.
    size_t node_count() const;

  private:
    // A power of two, picked by the top bits of a hash.
    class Split {
      public:
        explicit Split(uint32_t count);
        uint32_t operator()(uint64_t hash) const {
            return static_cast<uint32_t>(hash >> 1 >> (63 - bits_));
        }

      private:
        uint32_t bits_;
    };
    struct alignas(64) LiteralShard {
        mutable BigReaderLock lock;
        std::atomic<uint32_t> count{0};
        LiteralTable table;
    };
    struct alignas(64) WildcardShard {
        mutable BigReaderLock lock;
        std::atomic<uint32_t> count{0};
        std::unique_ptr<PatternTrie> trie;
    };
    // A pattern's place: shard and generation.
    struct WildcardPlace {
        WildcardShard* shard;
        std::atomic<uint64_t>* generation;
    };
    using Counter = std::atomic<uint64_t>;

    const LiteralShard& literal_shard(uint64_t hash) const {
        return literal_shards_[literal_shard_of_(hash)];
    }
    LiteralShard& literal_shard(uint64_t hash) { return literal_shards_[literal_shard_of_(hash)]; }
    WildcardPlace wildcard_place(std::string_view pattern);
    InterestChange put_in(Subscription* subscription, uint64_t hash);
    InterestChange take_out(Subscription* subscription);
    uint64_t first_token_hash(std::string_view subject) const;

    void notify(const Subscription& subscription, InterestChange change) {
        if (observer_ == nullptr) return;
        if (change == InterestChange::kChanged) observer_->on_interest_changed(subscription);
        if (change == InterestChange::kForLeafnodes) observer_->on_leaf_interest_changed(subscription);
    }
    // Only under the lock of the one shard that the counter belongs to. Release: who sees the new
    // value sees the change. Partner of Generations::current().
    static void bump(Counter& generation) {
        generation.store(generation.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    static void add(std::atomic<uint32_t>& count, uint32_t difference) {
        count.store(count.load(std::memory_order_relaxed) + difference, std::memory_order_relaxed);
    }
    void match_patterns(base::WorkerId self, std::string_view subject, uint64_t first_hash,
                        MatchResult* result);
    template <typename Visit>
    void for_each_subscribers(base::WorkerId self, uint32_t slice, Visit&& visit);
    bool has_pattern(base::WorkerId self, const WildcardShard& shard, TokenList* tokens);

    const uint64_t hash_seed_;
    InterestObserver* const observer_;
    const Split literal_shard_of_;
    const Split literal_generation_of_;
    const Split wildcard_shard_of_;
    const Split wildcard_generation_of_;
    const uint32_t literal_shard_count_;
    const uint32_t wildcard_shard_count_;
    const std::unique_ptr<LiteralShard[]> literal_shards_;
    const std::unique_ptr<WildcardShard[]> wildcard_shards_;
    const std::unique_ptr<Counter[]> literal_generations_;
    const std::unique_ptr<Counter[]> wildcard_generations_;
    ReaderSlots slots_;
    WildcardShard wildcard_first_;
    Counter wildcard_first_generation_{0};

    // Written by whoever changes the list; away from what readers read.
    alignas(64) Counter inserts_{0};
    Counter removes_{0};
};

template <typename Visit>
void Sublist::for_each_subscribers(base::WorkerId self, uint32_t slice, Visit&& visit) {
    if (slice < literal_shard_count_) {
        LiteralShard& shard = literal_shards_[slice];
        const ReadGuard guard(shard.lock, slots_, self);
        return shard.table.for_each(visit);
    }
    slice -= literal_shard_count_;
    WildcardShard& shard = slice < wildcard_shard_count_ ? wildcard_shards_[slice] : wildcard_first_;
    const ReadGuard guard(shard.lock, slots_, self);
    if (shard.trie != nullptr) shard.trie->for_each(visit);
}

template <typename Visit>
void Sublist::for_each_own(base::WorkerId self, uint32_t slice, Visit&& visit) {
    for_each_subscribers(self, slice,
                         [&](const Subscribers& subscribers) { subscribers.for_each_own(visit); });
}

template <typename Visit>
void Sublist::for_each_interest(base::WorkerId self, uint32_t slice, Visit&& visit) {
    for_each_subscribers(self, slice, [&](const Subscribers& subscribers) { subscribers.for_each(visit); });
}

template <typename Visit>
void Sublist::inspect(base::WorkerId self, std::string_view pattern, std::string_view queue, Visit&& visit) {
    if (proto::is_literal(pattern)) {
        const uint64_t hash = this->hash(pattern);
        LiteralShard& shard = literal_shard(hash);
        const ReadGuard guard(shard.lock, slots_, self);
        return shard.table.find(pattern, hash).inspect(queue, hash_seed_, visit);
    }
    const WildcardPlace place = wildcard_place(pattern);
    const ReadGuard guard(place.shard->lock, slots_, self);
    if (place.shard->trie == nullptr) return;
    place.shard->trie->find(pattern).inspect(queue, hash_seed_, visit);
}

}  // namespace nuring::interest
