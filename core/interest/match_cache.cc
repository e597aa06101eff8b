// SPDX-License-Identifier: Apache-2.0
#include "core/interest/match_cache.h"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <new>

namespace nuring::interest {
namespace {

// The generations of an entry without a subject are compared with this, and never equal.
constexpr std::atomic<uint64_t> kNeverCurrent{0};

uint32_t set_count_for(uint32_t entries_max) {
    return std::bit_ceil(std::max(entries_max, MatchCache::kWays)) / MatchCache::kWays;
}

}  // namespace

void MatchEntry::assign(Sublist* sublist, std::string_view subject, uint64_t hash) {
    assert(pins_ == 0);
    ++serial_;
    sublist_ = sublist;
    hash_ = hash;
    free_text();
    subject_size_ = static_cast<uint32_t>(subject.size());
    if (has_long_text()) text_.away = new char[subject.size()];
    char* const text = has_long_text() ? text_.away : text_.here;
    if (!subject.empty()) std::memcpy(text, subject.data(), subject.size());
}

void MatchEntry::forget() {
    assert(pins_ == 0);
    ++serial_;
    sublist_ = nullptr;
    free_text();
    subject_size_ = 0;
    generations_.counters.fill(&kNeverCurrent);
    generations_.values.fill(1);
    result_.reset();
    result_bytes_ = 0;
}

bool Doorkeeper::seen(uint64_t hash) {
    if (words_.empty()) words_.resize(kBits / 64);
    if (fill_ >= kFillMax) {
        std::fill(words_.begin(), words_.end(), 0);
        fill_ = 0;
    }
    const uint32_t first = static_cast<uint32_t>(hash >> 8) % kBits;
    const uint32_t second = static_cast<uint32_t>(hash >> 36) % kBits;
    const uint64_t first_bit = uint64_t{1} << (first % 64);
    const uint64_t second_bit = uint64_t{1} << (second % 64);
    if ((words_[first / 64] & first_bit) != 0 && (words_[second / 64] & second_bit) != 0) return true;
    words_[first / 64] |= first_bit;
    words_[second / 64] |= second_bit;
    ++fill_;
    return false;
}

namespace {

// Look-ups hit the entries at random, so that with small pages most would miss the translation buffer,
// too: asks for huge ones.
void* allocate_entries(size_t bytes) {
    constexpr size_t kHugePage = size_t{2} << 20;
    if (bytes < kHugePage) {
        void* memory = std::aligned_alloc(alignof(MatchEntry), bytes);
        assert(memory != nullptr);
        return memory;
    }
    const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    void* memory = std::aligned_alloc(kHugePage, rounded);
    assert(memory != nullptr);
    (void)::madvise(memory, rounded, MADV_HUGEPAGE);  // a wish: nothing depends on it
    return memory;
}

}  // namespace

MatchCache::MatchCache(base::WorkerId self, const MatchCacheOptions& options)
    : self_(self),
      set_count_(set_count_for(options.entries_max)),
      set_mask_(set_count_ - 1),
      result_bytes_max_(options.result_bytes_max),
      tags_(std::make_unique<Tag[]>(capacity())),
      used_(std::make_unique<uint8_t[]>(set_count_)),
      hands_(std::make_unique<uint8_t[]>(set_count_)),
      constructed_(std::make_unique<uint8_t[]>(set_count_)),
      entries_(static_cast<MatchEntry*>(allocate_entries(capacity() * sizeof(MatchEntry)))) {}

MatchCache::~MatchCache() {
    for (uint32_t i = 0; i < capacity(); ++i) {
        if ((constructed_[i / kWays] >> (i % kWays) & 1) != 0) entries_[i].~MatchEntry();
    }
    std::free(entries_);
}

void MatchCache::drop(const Sublist* sublist) {
    for (uint32_t i = 0; i < capacity(); ++i) {
        if (tags_[i] != kNoTag && entries_[i].sublist_ == sublist) evict(i);
    }
    for (const std::unique_ptr<MatchEntry>& entry : scratch_) {
        if (entry->sublist_ == sublist) entry->forget();
    }
}

MatchCacheStats MatchCache::stats() const {
    MatchCacheStats stats = stats_;
    for (uint32_t i = 0; i < capacity(); ++i) {
        if (tags_[i] == kNoTag) continue;
        const uint32_t fanout = entries_[i].result_.fanout();
        stats.fanout_max = std::max(stats.fanout_max, fanout);
        stats.fanout_sum += fanout;
    }
    return stats;
}

const MatchEntry& MatchCache::rebuild(MatchEntry& entry, uint32_t index) {
    ++stats_.rebuilds;
    if (entry.pins_ != 0) return match_scratch(*entry.sublist_, entry.subject(), entry.hash_);
    return fill(entry, index);
}

const MatchEntry& MatchCache::miss(Sublist& sublist, std::string_view subject, uint64_t hash) {
    ++stats_.misses;
    sublist.prefetch(hash);
    if (doorkeeper_.seen(hash) && !is_in_scratch(sublist, subject, hash)) {
        const uint32_t set = set_of(hash);
        const uint32_t way = make_room(set);
        if (way != kNoWay) {
            const uint32_t index = set * kWays + way;
            MatchEntry& entry = entries_[index];
            entry.assign(&sublist, subject, hash);
            tags_[index] = tag_of(hash);
            ++stats_.entries;
            return fill(entry, index);
        }
    }
    ++stats_.refused;
    return match_scratch(sublist, subject, hash);
}

// A result that is too large to keep, and whose subject comes again and again.
bool MatchCache::is_in_scratch(const Sublist& sublist, std::string_view subject,
                               uint64_t hash) const {
    return scratch_is_large_ && scratch_.front()->is_for(&sublist, subject, hash) &&
           scratch_.front()->current();
}

const MatchEntry& MatchCache::match_scratch(Sublist& sublist, std::string_view subject,
                                            uint64_t hash) {
    MatchEntry& entry = free_scratch();
    if (entry.is_for(&sublist, subject, hash) && entry.current()) return entry;
    recycle_scratch(entry);
    entry.assign(&sublist, subject, hash);
    sublist.match(self_, subject, hash, &entry.result_, &entry.generations_);
    return entry;
}

MatchEntry& MatchCache::free_scratch() {
    for (const std::unique_ptr<MatchEntry>& entry : scratch_) {
        if (entry->pins_ == 0) return *entry;
    }
    scratch_.push_back(std::make_unique<MatchEntry>());
    return *scratch_.back();
}

// Gives back what a rare large result has left behind.
void MatchCache::recycle_scratch(MatchEntry& entry) {
    if (&entry == scratch_.front().get()) scratch_is_large_ = false;
    if (entry.result_.heap_bytes() > kScratchBytesMax) entry.result_.reset();
}

uint32_t MatchCache::make_room(uint32_t set) {
    const uint32_t first = set * kWays;
    for (uint32_t way = 0; way < kWays; ++way) {
        if (tags_[first + way] != kNoTag) continue;
        const uint8_t bit = static_cast<uint8_t>(1U << way);
        if ((constructed_[set] & bit) == 0) {
            constructed_[set] |= bit;
            new (&entries_[first + way]) MatchEntry;
        }
        return way;
    }
    if (++newcomers_ % kAdmitOneOf != 0) return kNoWay;
    for (uint32_t step = 0; step < 2 * kWays; ++step) {
        const uint32_t way = hands_[set];
        hands_[set] = static_cast<uint8_t>((way + 1) % kWays);
        const uint8_t bit = static_cast<uint8_t>(1U << way);
        if ((used_[set] & bit) != 0) {
            used_[set] &= static_cast<uint8_t>(~bit);
        } else if (entries_[first + way].pins_ == 0) {
            ++stats_.evictions;
            evict(first + way);
            return way;
        }
    }
    return kNoWay;
}

// Matches into the entry and accounts for the memory; others give way if it is too much.
const MatchEntry& MatchCache::fill(MatchEntry& entry, uint32_t index) {
    entry.sublist_->match(self_, entry.subject(), entry.hash_, &entry.result_, &entry.generations_);
    const size_t bytes = entry.result_.heap_bytes() + entry.text_heap_bytes();
    stats_.result_bytes -= entry.result_bytes_;
    entry.result_bytes_ = 0;
    if (bytes > result_bytes_max_ / kLargeShare) return move_to_scratch(entry, index);
    stats_.result_bytes += bytes;
    entry.result_bytes_ = static_cast<uint32_t>(bytes);
    if (stats_.result_bytes > result_bytes_max_) reduce(&entry);
    return entry;
}

const MatchEntry& MatchCache::move_to_scratch(MatchEntry& entry, uint32_t index) {
    MatchEntry& scratch = free_scratch();
    scratch.assign(entry.sublist_, entry.subject(), entry.hash_);
    scratch.generations_ = entry.generations_;
    scratch.result_ = std::move(entry.result_);
    if (&scratch == scratch_.front().get()) scratch_is_large_ = true;
    ++stats_.refused;
    evict(index);
    return scratch;
}

void MatchCache::evict(uint32_t index) {
    MatchEntry& entry = entries_[index];
    stats_.result_bytes -= entry.result_bytes_;
    --stats_.entries;
    tags_[index] = kNoTag;
    used_[index / kWays] &= static_cast<uint8_t>(~(1U << (index % kWays)));
    entry.forget();
}

// Two rounds of the hand at most: the first may only take marks away.
void MatchCache::reduce(const MatchEntry* keep) {
    for (uint32_t step = 0; step < 2 * capacity(); ++step) {
        if (stats_.result_bytes <= result_bytes_max_) return;
        const uint32_t index = reduce_hand_;
        reduce_hand_ = (reduce_hand_ + 1) % capacity();
        if (tags_[index] == kNoTag) continue;
        MatchEntry& entry = entries_[index];
        if (&entry == keep || entry.pins_ != 0 || entry.result_bytes_ == 0) continue;
        const uint8_t bit = static_cast<uint8_t>(1U << (index % kWays));
        if ((used_[index / kWays] & bit) != 0) {
            used_[index / kWays] &= static_cast<uint8_t>(~bit);
        } else {
            ++stats_.evictions;
            evict(index);
        }
    }
}

}  // namespace nuring::interest
