// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/interest/id_table.h"
#include "core/interest/subscription.h"

namespace nuring::interest {

// SidTable finds the subscriptions of one link by sid. Clients count their sids up, so numbers are kept
// in pages of sixteen neighbours: a million SUBs in a row fill one page after the other instead of
// missing memory at random, and growth concerns the table of pages alone. Other sids (texts, leading
// zeros, very long numbers) are hashed one by one.
//
//   sid 1000035 -> block 62502, place 3 -> IdTable -> page | block | used | 16 x Subscription* |
//
// Threads: one worker.
// Limits:  2^32 - 1 pages and other sids. Counted sids take about 11 bytes each, one alone on its page
//          up to 170; other sids 16 to 40. An empty table has no memory.
// Errors:  none.
// Lifetime: borrows the subscriptions. The order of for_each() depends on the history alone.
// Source:  ours.
class SidTable {
  public:
    // A seed that peers do not know keeps them from choosing sids that collide.
    explicit SidTable(uint64_t hash_seed) : hash_seed_(hash_seed) {}
    SidTable(const SidTable&) = delete;
    SidTable& operator=(const SidTable&) = delete;

    // The key of a sid; computed once for find(), insert() and erase().
    struct Key {
        uint64_t block;  // kNoBlock: not a plain number
        uint32_t hash;
        uint32_t place;
    };
    Key key(std::string_view sid) const;

    // Null if there is none; `key` is key(sid).
    Subscription* find(std::string_view sid, const Key& key) const;
    Subscription* find(std::string_view sid) const { return find(sid, key(sid)); }
    // No subscription with its sid is in the table; `key` is that of its sid.
    void insert(Subscription* subscription, const Key& key);
    void insert(Subscription* subscription) { insert(subscription, key(subscription->sid())); }
    // The subscription is in the table; `key` is that of its sid.
    void erase(Subscription* subscription, const Key& key);
    void erase(Subscription* subscription) { erase(subscription, key(subscription->sid())); }
    void clear();
    // Appends up to `most` subscriptions to *out, newest first, and forgets them. The table gives up finding
    // and serves only take(), size() and empty() until it is empty: a link with a million subscriptions
    // ends in pieces.
    void take(size_t most, std::vector<Subscription*>* out);

    uint32_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    size_t heap_bytes() const;

    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (const std::unique_ptr<Page>& page : pages_) {
            if (page == nullptr) continue;
            for (Subscription* each : page->places) {
                if (each != nullptr) visit(each);
            }
        }
        for (Subscription* each : others_) {
            if (each != nullptr) visit(each);
        }
    }

    // The same in portions: visits about `most` from `position` (at first 0) on and returns where to go
    // on, 0 at the end. The table may change in between; who was there all the time is visited once.
    template <typename Visit>
    size_t visit_some(size_t position, size_t most, Visit&& visit) const {
        size_t visited = 0;
        for (; position < pages_.size() && visited < most; ++position) {
            if (pages_[position] == nullptr) continue;
            for (Subscription* each : pages_[position]->places) {
                if (each == nullptr) continue;
                visit(*each);
                ++visited;
            }
        }
        // Other sids come behind the pages, at positions that stay when pages are added.
        if (position < pages_.size()) return position;
        position = std::max(position, kOthersFirst);
        for (; position - kOthersFirst < others_.size() && visited < most; ++position) {
            if (others_[position - kOthersFirst] == nullptr) continue;
            visit(*others_[position - kOthersFirst]);
            ++visited;
        }
        return position - kOthersFirst < others_.size() ? position : 0;
    }

  private:
    static constexpr uint64_t kPlaces = 16;
    static constexpr uint64_t kNoBlock = UINT64_MAX;
    static constexpr size_t kOthersFirst = size_t{1} << 32;

    struct Page {
        uint64_t block;
        uint32_t used = 0;
        std::array<Subscription*, kPlaces> places{};
    };

    uint32_t find_page(const Key& key) const {
        return page_ids_.find(key.hash, [this, &key](uint32_t id) {
            return pages_[id - 1]->block == key.block;
        });
    }
    uint32_t add_page(const Key& key);

    const uint64_t hash_seed_;
    // An id is an index + 1; free ids are kept for the next page or sid.
    IdTable page_ids_;
    std::vector<std::unique_ptr<Page>> pages_;
    std::vector<uint32_t> free_pages_;
    IdTable other_ids_;
    std::vector<Subscription*> others_;
    std::vector<uint32_t> free_others_;
    uint32_t count_ = 0;
};

}  // namespace nuring::interest
