// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/block_copy.h"
#include "core/base/ids.h"
#include "core/interest/match_result.h"
#include "core/interest/sublist.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace nuring::interest {

class MatchCache;

// MatchEntry is one cached match: who gets messages with this subject in this account.
//
//   line 0 | generations: 3 counters, 3 values | serial | pins flags | sublist |   checked on each use
//   line 1 | hash | size | text: the subject, or where it is if longer | lone   |   compared on a hit
//   line 2 | result                                                            |
//
// Lifetime: the address stays valid as long as its cache. The content is that of the subject asked
//           for until the cache is used again, unless a MatchPin holds it; `serial` changes whenever
//           the entry is given to another subject.
class alignas(64) MatchEntry {
  public:
    MatchEntry() { forget(); }
    ~MatchEntry() { free_text(); }
    MatchEntry(const MatchEntry&) = delete;
    MatchEntry& operator=(const MatchEntry&) = delete;

    const MatchResult& result() const { return result_; }
    std::string_view subject() const {
        return {has_long_text() ? text_.away : text_.here, subject_size_};
    }
    bool is_of(std::string_view subject) const {
        return subject.size() == subject_size_ &&
               base::short_equal(subject.data(), this->subject().data(), subject.size());
    }
    uint64_t hash() const { return hash_; }
    const Sublist* sublist() const { return sublist_; }
    uint32_t serial() const { return serial_; }

    // No change since the match was made. (Says nothing about whose match it is: see MatchMemo.)
    bool current() const { return generations_.current(); }

  private:
    friend class MatchCache;
    friend class MatchPin;

    static constexpr uint32_t kTextInline = 40;

    bool is_for(const Sublist* sublist, std::string_view subject, uint64_t hash) const {
        return hash_ == hash && sublist_ == sublist && is_of(subject);
    }
    bool has_long_text() const { return subject_size_ > kTextInline; }
    size_t text_heap_bytes() const { return has_long_text() ? subject_size_ : 0; }
    void free_text() {
        if (has_long_text()) delete[] text_.away;
    }
    // Gives the entry to a subject: a new serial.
    void assign(Sublist* sublist, std::string_view subject, uint64_t hash);
    // Belongs to no subject any more; never current.
    void forget();

    Generations generations_;
    Sublist* sublist_ = nullptr;
    uint32_t serial_ = 0;
    mutable uint32_t pins_ = 0;
    uint64_t hash_ = 0;
    uint32_t subject_size_ = 0;
    uint32_t result_bytes_ = 0;  // as counted by the cache; 0 in scratch entries
    union {
        char here[kTextInline];
        char* away;
    } text_;
    MatchResult result_;
};

static_assert(sizeof(MatchEntry) == 192);

// MatchMemo lets a link keep the match of its last subject and use it again after a few instructions,
// without a hash or a look-up: compare the subject with your own copy, then ask current().
class MatchMemo {
  public:
    MatchMemo() = default;
    explicit MatchMemo(const MatchEntry& entry) : entry_(&entry), serial_(entry.serial()) {}

    // False: it is of another subject, by the hash (0: not known). Costs less than to compare.
    bool may_be_of(uint64_t hash) const {
        return hash == 0 || (entry_ != nullptr && entry_->hash() == hash);
    }
    // The entry still belongs to the subject of then, and its result holds.
    bool current() const {
        return entry_ != nullptr && entry_->serial() == serial_ && entry_->current();
    }
    const MatchEntry& entry() const { return *entry_; }
    void clear() { entry_ = nullptr; }

  private:
    const MatchEntry* entry_ = nullptr;
    uint32_t serial_ = 0;
};

// MatchPin keeps an entry as it is while somebody iterates over it and may meanwhile ask the cache for
// other subjects (a service import, a message that a delivery causes). Cheap; take one per iteration.
class MatchPin {
  public:
    explicit MatchPin(const MatchEntry& entry) : entry_(entry) { ++entry_.pins_; }
    ~MatchPin() { --entry_.pins_; }
    MatchPin(const MatchPin&) = delete;
    MatchPin& operator=(const MatchPin&) = delete;

  private:
    const MatchEntry& entry_;
};

struct MatchCacheOptions {
    // Cached subjects; rounded up to a power of two, at least MatchCache::kWays.
    uint32_t entries_max = 32768;
    // Memory of results and long subjects beside the entries themselves. A single one above a quarter of it
    // is not kept; nor is it recomputed while nothing else is asked for.
    size_t result_bytes_max = size_t{32} << 20;
};

struct MatchCacheStats {
    uint64_t hits = 0;      // found and current
    uint64_t rebuilds = 0;  // found, but something had changed
    uint64_t misses = 0;    // not found
    uint64_t refused = 0;   // ...of these, not admitted
    uint64_t evictions = 0;
    uint32_t entries = 0;
    uint64_t result_bytes = 0;  // with long subjects
    uint32_t fanout_max = 0;  // over cached results
    uint64_t fanout_sum = 0;

    uint64_t lookups() const { return hits + rebuilds + misses; }
};

// Doorkeeper remembers which subjects have been asked for of late, in two bits each, so that a subject
// enters the cache when it comes for the second time and a flood of distinct ones never does.
// Limits: kBits; forgets everything each kFillMax subjects, when a fourth of the bits is set: then
//         about 6 % of new subjects pass as known.
class Doorkeeper {
  public:
    // True if the subject was seen since the last clearing.
    bool seen(uint64_t hash);

  private:
    static constexpr uint32_t kBits = 1U << 19;
    static constexpr uint32_t kFillMax = kBits / 8;

    std::vector<uint64_t> words_;  // empty until needed
    uint32_t fill_ = 0;
};

// MatchCache is a worker's own memory of matches, over all accounts: a look-up that nothing has
// outdated costs a hash, one line of tags, and the two lines of the entry; no lock, no shared write.
//
// A set of kWays entries per group of hashes; 16-bit tags in one array, one line for four sets. A new
// subject enters at its second appearance (Doorkeeper). A full set refuses most newcomers, so that a
// cycle over more subjects than fit still finds most of them; the one that gets in replaces an entry
// not used since the hand came by. A refused subject is matched into a scratch entry.
//
// Threads: one worker. (A Sublist is shared; the cache is not.)
// Limits:  MatchCacheOptions. After warm-up no allocation except growth of results.
// Errors:  none.
// Lifetime: the reference from find() is good until the next find() or drop(), or for as long as a
//           MatchPin holds it: a pinned entry is not rebuilt, not evicted. The pin does not keep its
//           subscriptions: while a match is iterated over, the worker marks removed subscriptions
//           Subscription::kClosed and destroys them later (after the delivery, or in its next turn).
//           drop() an account's Sublist before it is destroyed.
// Source:  ours; admission after TinyLFU's doorkeeper (Einziger, Friedman, Manes, 2017).
class MatchCache {
  public:
    static constexpr uint32_t kWays = 8;

    explicit MatchCache(base::WorkerId self, const MatchCacheOptions& options = {});
    ~MatchCache();
    MatchCache(const MatchCache&) = delete;
    MatchCache& operator=(const MatchCache&) = delete;

    // The current match of `subject`; `hash` is sublist.hash(subject).
    const MatchEntry& find(Sublist& sublist, std::string_view subject, uint64_t hash) {
        const uint32_t set = set_of(hash);
        for (uint32_t ways = ways_tagged(set, tag_of(hash)); ways != 0; ways &= ways - 1) {
            const uint32_t way = static_cast<uint32_t>(__builtin_ctz(ways));
            MatchEntry& entry = entries_[set * kWays + way];
            if (!entry.is_for(&sublist, subject, hash)) continue;
            const uint8_t bit = static_cast<uint8_t>(1U << way);
            if ((used_[set] & bit) == 0) used_[set] |= bit;
            if (entry.current()) {
                ++stats_.hits;
                return entry;
            }
            return rebuild(entry, set * kWays + way);
        }
        return miss(sublist, subject, hash);
    }
    const MatchEntry& find(Sublist& sublist, std::string_view subject) {
        return find(sublist, subject, sublist.hash(subject));
    }

    // Loads what find() will touch first; for a batch of subjects whose turn comes later.
    void prefetch(const Sublist& sublist, uint64_t hash) const {
        const uint32_t set = set_of(hash);
        const uint32_t ways = ways_tagged(set, tag_of(hash));
        if (ways == 0) return sublist.prefetch(hash);
        const uint32_t way = static_cast<uint32_t>(__builtin_ctz(ways));
        const char* entry = reinterpret_cast<const char*>(&entries_[set * kWays + way]);
        for (size_t line = 0; line < sizeof(MatchEntry); line += 64) {
            __builtin_prefetch(entry + line);
        }
    }

    // Loads what find() will touch next if the subject is not in the cache, some time after prefetch().
    void prefetch_miss(Sublist& sublist, uint64_t hash) const {
        if (ways_tagged(set_of(hash), tag_of(hash)) == 0) {
            sublist.prefetch_subscriptions(self_, hash);
        }
    }
    // The same, and for a subject in the cache its first local subscription.
    void prefetch_subscribers(Sublist& sublist, uint64_t hash) const {
        const uint32_t set = set_of(hash);
        const uint32_t ways = ways_tagged(set, tag_of(hash));
        if (ways == 0) return sublist.prefetch_subscriptions(self_, hash);
        const auto local = entries_[set * kWays + static_cast<uint32_t>(__builtin_ctz(ways))].result_.local();
        if (!local.empty()) __builtin_prefetch(local.front());
    }

    // Forgets all matches of an account that goes. Nothing of it may be pinned.
    void drop(const Sublist* sublist);

    base::WorkerId self() const { return self_; }
    uint32_t capacity() const { return set_count_ * kWays; }
    // For monitoring. counters() is without the fan-out, for which stats() walks over the results.
    const MatchCacheStats& counters() const { return stats_; }
    MatchCacheStats stats() const;

  private:
    using Tag = uint16_t;
    static constexpr Tag kNoTag = 0;

    // Shards and generations take the top bits of the hash, literal tables the low half.
    uint32_t set_of(uint64_t hash) const { return static_cast<uint32_t>(hash >> 16) & set_mask_; }
    static Tag tag_of(uint64_t hash) { return static_cast<Tag>(hash) | Tag{1}; }
    uint32_t ways_tagged(uint32_t set, Tag tag) const {
        const Tag* tags = &tags_[size_t{set} * kWays];
#if defined(__SSE2__)
        const __m128i same = _mm_cmpeq_epi16(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(tags)),
            _mm_set1_epi16(static_cast<int16_t>(tag)));
        const __m128i bytes = _mm_packs_epi16(same, _mm_setzero_si128());
        return static_cast<uint32_t>(_mm_movemask_epi8(bytes));
#else
        uint32_t ways = 0;
        for (uint32_t i = 0; i < kWays; ++i) ways |= static_cast<uint32_t>(tags[i] == tag) << i;
        return ways;
#endif
    }

    const MatchEntry& rebuild(MatchEntry& entry, uint32_t index);
    const MatchEntry& miss(Sublist& sublist, std::string_view subject, uint64_t hash);
    const MatchEntry& match_scratch(Sublist& sublist, std::string_view subject, uint64_t hash);
    bool is_in_scratch(const Sublist& sublist, std::string_view subject, uint64_t hash) const;
    MatchEntry& free_scratch();
    void recycle_scratch(MatchEntry& entry);
    // An entry of the set that may be given away, or kNoWay.
    uint32_t make_room(uint32_t set);
    const MatchEntry& fill(MatchEntry& entry, uint32_t index);
    const MatchEntry& move_to_scratch(MatchEntry& entry, uint32_t index);
    void evict(uint32_t index);
    void reduce(const MatchEntry* keep);

    static constexpr uint32_t kNoWay = kWays;
    static constexpr uint32_t kAdmitOneOf = 8;  // newcomers to a full set
    static constexpr size_t kScratchBytesMax = 64 * 1024;
    static constexpr size_t kLargeShare = 4;  // a result above this part of all memory is not kept

    const base::WorkerId self_;
    const uint32_t set_count_;
    const uint32_t set_mask_;
    const size_t result_bytes_max_;
    std::unique_ptr<Tag[]> tags_;
    std::unique_ptr<uint8_t[]> used_;         // per set, a bit per way: hit since the hand came by
    std::unique_ptr<uint8_t[]> hands_;        // per set
    std::unique_ptr<uint8_t[]> constructed_;  // per set, a bit per way
    MatchEntry* entries_;                     // raw memory, constructed at first use
    Doorkeeper doorkeeper_;
    uint32_t newcomers_ = 0;
    uint32_t reduce_hand_ = 0;
    std::vector<std::unique_ptr<MatchEntry>> scratch_;
    bool scratch_is_large_ = false;  // the first one holds what is too large to keep
    MatchCacheStats stats_;
};

}  // namespace nuring::interest
