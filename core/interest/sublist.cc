// SPDX-License-Identifier: Apache-2.0
#include "core/interest/sublist.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"

#include "proto/subject.h"

namespace nuring::interest {
namespace {

bool is_wildcard(std::string_view token) {
    return token.size() == 1 && (token[0] == '*' || token[0] == '>');
}

}  // namespace

Sublist::Split::Split(uint32_t count) : bits_(static_cast<uint32_t>(std::countr_zero(count))) {
    assert(std::has_single_bit(count));
}

Sublist::Sublist(const SublistOptions& options)
    : hash_seed_(options.hash_seed),
      observer_(options.observer),
      literal_shard_of_(options.literal_shards),
      literal_generation_of_(options.literal_generations),
      wildcard_shard_of_(options.wildcard_shards),
      wildcard_generation_of_(options.wildcard_generations),
      literal_shard_count_(options.literal_shards),
      wildcard_shard_count_(options.wildcard_shards),
      literal_shards_(std::make_unique<LiteralShard[]>(options.literal_shards)),
      wildcard_shards_(std::make_unique<WildcardShard[]>(options.wildcard_shards)),
      literal_generations_(std::make_unique<Counter[]>(options.literal_generations)),
      wildcard_generations_(std::make_unique<Counter[]>(options.wildcard_generations)),
      slots_(options.worker_count) {
    assert(options.worker_count <= WorkerSet::kWorkersMax);
    // Both are picked by the top bits of one hash, so each generation lies within one shard and is
    // written under one lock.
    assert(options.literal_shards <= options.literal_generations);
    assert(options.wildcard_shards <= options.wildcard_generations);
}

Sublist::~Sublist() = default;

void Sublist::insert(Subscription* subscription, uint64_t hash) {
    const InterestChange change = put_in(subscription, hash);
    inserts_.fetch_add(1, std::memory_order_relaxed);
    notify(*subscription, change);
}

InterestChange Sublist::put_in(Subscription* subscription, uint64_t hash) {
    const std::string_view pattern = subscription->subject();
    if (subscription->is_literal()) {
        LiteralShard& shard = literal_shard(hash);
        const WriteGuard guard(shard.lock, slots_);
        const InterestChange change = shard.table.insert(subscription, hash, hash_seed_);
        add(shard.count, 1);
        bump(literal_generations_[literal_generation_of_(hash)]);
        return change;
    }
    const WildcardPlace place = wildcard_place(pattern);
    const WriteGuard guard(place.shard->lock, slots_);
    if (place.shard->trie == nullptr) place.shard->trie = std::make_unique<PatternTrie>(hash_seed_);
    const InterestChange change = place.shard->trie->insert(subscription);
    add(place.shard->count, 1);
    bump(*place.generation);
    return change;
}

void Sublist::add_copy(Subscription* copy) {
    (void)put_in(copy, hash(copy->subject()));
}

void Sublist::remove_original(Subscription* original) {
    const InterestChange change = take_out(original);
    assert(change != InterestChange::kAbsent);
}

// Under one lock and with one bump, so that no match sees both, or neither.
void Sublist::replace(Subscription* original, Subscription* copy) {
    const std::string_view pattern = copy->subject();
    InterestChange removed = InterestChange::kAbsent;
    if (copy->is_literal()) {
        const uint64_t hash = this->hash(pattern);
        LiteralShard& shard = literal_shard(hash);
        const WriteGuard guard(shard.lock, slots_);
        (void)shard.table.insert(copy, hash, hash_seed_);
        removed = shard.table.remove(original, hash, hash_seed_);
        bump(literal_generations_[literal_generation_of_(hash)]);
    } else {
        const WildcardPlace place = wildcard_place(pattern);
        const WriteGuard guard(place.shard->lock, slots_);
        assert(place.shard->trie != nullptr);
        (void)place.shard->trie->insert(copy);
        removed = place.shard->trie->remove(original);
        bump(*place.generation);
    }
    assert(removed != InterestChange::kAbsent);
}

bool Sublist::remove(Subscription* subscription) {
    const InterestChange change = take_out(subscription);
    if (change == InterestChange::kAbsent) return false;
    // Release: who counts the removal counts the insertion too.
    removes_.fetch_add(1, std::memory_order_release);
    notify(*subscription, change);
    return true;
}

InterestChange Sublist::take_out(Subscription* subscription) {
    const std::string_view pattern = subscription->subject();
    if (subscription->is_literal()) {
        const uint64_t hash = this->hash(pattern);
        LiteralShard& shard = literal_shard(hash);
        const WriteGuard guard(shard.lock, slots_);
        const InterestChange change = shard.table.remove(subscription, hash, hash_seed_);
        if (change == InterestChange::kAbsent) return change;
        add(shard.count, static_cast<uint32_t>(-1));
        bump(literal_generations_[literal_generation_of_(hash)]);
        return change;
    }
    const WildcardPlace place = wildcard_place(pattern);
    const WriteGuard guard(place.shard->lock, slots_);
    PatternTrie* trie = place.shard->trie.get();
    if (trie == nullptr) return InterestChange::kAbsent;
    const InterestChange change = trie->remove(subscription);
    if (change == InterestChange::kAbsent) return change;
    add(place.shard->count, static_cast<uint32_t>(-1));
    bump(*place.generation);
    // An emptied trie keeps its arrays for the next pattern, unless they are large.
    constexpr size_t kKeepNodes = 1024;
    if (place.shard->count.load(std::memory_order_relaxed) == 0 &&
        trie->node_capacity() > kKeepNodes) {
        place.shard->trie.reset();
    }
    return change;
}

size_t Sublist::own_interest(base::WorkerId self, std::string_view pattern, std::string_view queue) {
    if (proto::is_literal(pattern)) {
        const uint64_t hash = this->hash(pattern);
        LiteralShard& shard = literal_shard(hash);
        const ReadGuard guard(shard.lock, slots_, self);
        return shard.table.find(pattern, hash).own_count(queue, hash_seed_);
    }
    const WildcardPlace place = wildcard_place(pattern);
    const ReadGuard guard(place.shard->lock, slots_, self);
    if (place.shard->trie == nullptr) return 0;
    return place.shard->trie->find(pattern).own_count(queue, hash_seed_);
}

size_t Sublist::remove_batch(std::span<Subscription* const> subscriptions) {
    // Two stages ahead of the removal: first the text, then the slot that its hash names.
    constexpr size_t kTextAhead = 16;
    constexpr size_t kSlotAhead = 8;
    size_t found = 0;
    // Announced when all are gone, so that a group is announced once.
    std::vector<std::pair<const Subscription*, InterestChange>> changed;
    for (size_t i = 0; i < subscriptions.size(); ++i) {
        if (i + kTextAhead < subscriptions.size()) {
            const auto* next = reinterpret_cast<const char*>(subscriptions[i + kTextAhead]);
            __builtin_prefetch(next + sizeof(Subscription) / 2);
            __builtin_prefetch(next + sizeof(Subscription));
        }
        if (i + kSlotAhead < subscriptions.size()) {
            prefetch(hash(subscriptions[i + kSlotAhead]->subject()));
        }
        const InterestChange change = take_out(subscriptions[i]);
        found += change != InterestChange::kAbsent;
        if (observer_ != nullptr && change > InterestChange::kNone) {
            changed.emplace_back(subscriptions[i], change);
        }
    }
    removes_.fetch_add(found, std::memory_order_release);
    absl::flat_hash_set<std::pair<std::string_view, std::string_view>> groups;
    for (const auto& [each, change] : changed) {
        if (each->is_queue() && !groups.emplace(each->subject(), each->queue()).second) continue;
        notify(*each, change);
    }
    return found;
}

void Sublist::set_weight(Subscription* subscription, uint32_t weight) {
    const std::string_view pattern = subscription->subject();
    if (subscription->is_literal()) {
        const uint64_t hash = this->hash(pattern);
        const WriteGuard guard(literal_shard(hash).lock, slots_);
        subscription->weight_ = weight;
        bump(literal_generations_[literal_generation_of_(hash)]);
    } else {
        const WildcardPlace place = wildcard_place(pattern);
        const WriteGuard guard(place.shard->lock, slots_);
        subscription->weight_ = weight;
        bump(*place.generation);
    }
    notify(*subscription,
           subscription->is_own() ? InterestChange::kChanged : InterestChange::kForLeafnodes);
}

// An empty shard is skipped without its lock. A client that got the answer to its SUB caused this look-up
// (or a later one) through the kernel or a mailbox, so the count of before the answer is visible; and
// for a cached match the count is read after the generations, whose bump follows the count.
void Sublist::match(base::WorkerId self, std::string_view subject, uint64_t hash,
                    MatchResult* result, Generations* generations) {
    result->clear();
    slots_.count_read(self);
    const uint64_t first_hash = first_token_hash(subject);
    if (generations != nullptr) {
        generations->counters = {&literal_generations_[literal_generation_of_(hash)],
                                 &wildcard_generations_[wildcard_generation_of_(first_hash)],
                                 &wildcard_first_generation_};
        for (size_t i = 0; i < Generations::kCount; ++i) {
            generations->values[i] = generations->counters[i]->load(std::memory_order_acquire);
        }
    }
    LiteralShard& shard = literal_shard(hash);
    if (shard.count.load(std::memory_order_relaxed) != 0) {
        const ReadGuard guard(shard.lock, slots_, self);
        const Subscribers subscribers = shard.table.find(subject, hash);
        if (!subscribers.empty()) subscribers.collect(self, hash_seed_, result);
    }
    match_patterns(self, subject, first_hash, result);
    result->finish();
}

void Sublist::match_patterns(base::WorkerId self, std::string_view subject, uint64_t first_hash,
                             MatchResult* result) {
    const WildcardShard* const shards[] = {&wildcard_shards_[wildcard_shard_of_(first_hash)],
                                           &wildcard_first_};
    TokenList tokens;
    for (const WildcardShard* shard : shards) {
        if (shard->count.load(std::memory_order_relaxed) == 0) continue;
        if (tokens.empty()) {
            // No wildcard stands for an empty token. Source: server/sublist.go, match 2.9.10.
            if (!split_tokens(subject, &tokens)) return;
            tokens.front().hash = static_cast<uint32_t>(first_hash);
        }
        const ReadGuard guard(shard->lock, slots_, self);
        if (shard->trie == nullptr) continue;
        shard->trie->match(&tokens, [&](const Subscribers& subscribers) {
            subscribers.collect(self, hash_seed_, result);
            return true;
        });
    }
}

bool Sublist::has_interest(base::WorkerId self, std::string_view subject) {
    const uint64_t hash = this->hash(subject);
    LiteralShard& shard = literal_shard(hash);
    if (shard.count.load(std::memory_order_relaxed) != 0) {
        const ReadGuard guard(shard.lock, slots_, self);
        if (!shard.table.find(subject, hash).empty()) return true;
    }
    TokenList tokens;
    if (!split_tokens(subject, &tokens)) return false;
    return has_pattern(self, wildcard_shards_[wildcard_shard_of_(first_token_hash(subject))],
                       &tokens) ||
           has_pattern(self, wildcard_first_, &tokens);
}

bool Sublist::has_pattern(base::WorkerId self, const WildcardShard& shard, TokenList* tokens) {
    if (shard.count.load(std::memory_order_relaxed) == 0) return false;
    const ReadGuard guard(shard.lock, slots_, self);
    return shard.trie != nullptr &&
           !shard.trie->match(tokens, [](const Subscribers&) { return false; });
}

void Sublist::prefetch_subscriptions(base::WorkerId self, uint64_t hash) {
    LiteralShard& shard = literal_shard(hash);
    if (shard.count.load(std::memory_order_relaxed) == 0) return;
    const ReadGuard guard(shard.lock, slots_, self);
    shard.table.prefetch_subscribers(hash);
}

uint64_t Sublist::count() const {
    const uint64_t removes = removes_.load(std::memory_order_acquire);
    return inserts_.load(std::memory_order_relaxed) - removes;
}

SublistStats Sublist::stats() const {
    SublistStats stats;
    stats.num_removes = removes_.load(std::memory_order_acquire);
    stats.num_inserts = inserts_.load(std::memory_order_relaxed);
    stats.num_subscriptions = stats.num_inserts - stats.num_removes;
    stats.num_matches = slots_.reads();
    return stats;
}

size_t Sublist::heap_bytes() const {
    size_t bytes = 0;
    for (uint32_t i = 0; i < literal_shard_count_; ++i) {
        const WriteGuard guard(literal_shards_[i].lock, slots_);
        bytes += literal_shards_[i].table.heap_bytes();
    }
    const auto add_trie = [&](const WildcardShard& shard) {
        const WriteGuard guard(shard.lock, slots_);
        if (shard.trie != nullptr) bytes += shard.trie->heap_bytes();
    };
    for (uint32_t i = 0; i < wildcard_shard_count_; ++i) add_trie(wildcard_shards_[i]);
    add_trie(wildcard_first_);
    return bytes;
}

size_t Sublist::node_count() const {
    size_t nodes = 0;
    const auto add_trie = [&](const WildcardShard& shard) {
        const WriteGuard guard(shard.lock, slots_);
        if (shard.trie != nullptr) nodes += shard.trie->node_count();
    };
    for (uint32_t i = 0; i < wildcard_shard_count_; ++i) add_trie(wildcard_shards_[i]);
    add_trie(wildcard_first_);
    return nodes;
}

Sublist::WildcardPlace Sublist::wildcard_place(std::string_view pattern) {
    const std::string_view first = first_token(pattern);
    if (is_wildcard(first)) return {&wildcard_first_, &wildcard_first_generation_};
    const uint64_t hash = this->hash(first);
    return {&wildcard_shards_[wildcard_shard_of_(hash)],
            &wildcard_generations_[wildcard_generation_of_(hash)]};
}

uint64_t Sublist::first_token_hash(std::string_view subject) const {
    return hash(first_token(subject));
}

}  // namespace nuring::interest
