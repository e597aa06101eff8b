// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "core/interest/subscription.h"

namespace nuring::server_link {

// PatternSet finds the subscriptions of one server by pattern, queue and origin, and hands them out in turn.
// A table that grows moves all that it holds at once, which with a million subscriptions would hold up the
// worker. So the hash is kept beside each, and a large set is cut into tables that grow one after the other:
//
//   up to kWholeMax   | hash, subscription | ...    one table
//   above             | ... | ... | ... | ... |     kTableCount tables, by the upper bits of the hash
//
// Threads: one worker. Limits: memory, 20 to 40 bytes for each. Errors: none.
// Lifetime: borrows the subscriptions. A set that is moved begins a new walk.
class PatternSet {
  public:
    static constexpr size_t kWholeMax = 16'384;
    static constexpr uint32_t kTableCountLog2 = 6;
    static constexpr size_t kTableCount = size_t{1} << kTableCountLog2;

    struct Key {
        Key(std::string_view with_pattern, std::string_view with_queue, std::string_view with_origin)
            : pattern(with_pattern),
              queue(with_queue),
              origin(with_origin),
              hash(absl::HashOf(pattern, queue, origin)) {}

        std::string_view pattern;
        std::string_view queue;
        std::string_view origin;
        uint64_t hash;
    };
    struct Entry {
        uint64_t hash;
        interest::Subscription* subscription;
    };

    bool empty() const { return size_ == 0; }
    size_t size() const { return size_; }

    // Null: it is not there.
    interest::Subscription* find(const Key& key) const {
        if (tables_.empty()) return nullptr;
        const Table& table = tables_[table_of(key.hash)];
        const auto found = table.find(key);
        return found == table.end() ? nullptr : found->subscription;
    }

    // There is none with its pattern, queue and origin, and no walk is under way.
    void insert(const Entry& entry) {
        if (tables_.empty()) tables_.resize(1);
        if (tables_.size() == 1 && size_ >= kWholeMax) cut();
        tables_[table_of(entry.hash)].insert(entry);
        ++size_;
    }

    // Room for so many in an empty set.
    void reserve(size_t count) {
        assert(empty());
        const bool is_whole = count <= kWholeMax;
        tables_.clear();
        tables_.resize(is_whole ? 1 : kTableCount);
        for (Table& table : tables_) table.reserve(is_whole ? count : count / kTableCount);
    }

    // Removes it, on a walk, too. The subscription is null: it was not there.
    Entry take(const Key& key) {
        if (tables_.empty()) return {key.hash, nullptr};
        const size_t index = table_of(key.hash);
        Table& table = tables_[index];
        const auto found = table.find(key);
        if (found == table.end()) return {key.hash, nullptr};
        const Entry entry = *found;
        if (walks_ && index == walked_ && found == next_) {
            ++next_;
            table.erase(found);
            skip_empty();
        } else {
            table.erase(found);
        }
        --size_;
        return entry;
    }

    // A walk removes all, one after the other.
    void begin_walk() {
        walks_ = true;
        walked_ = 0;
        if (tables_.empty()) return;
        next_ = tables_.front().begin();
        skip_empty();
    }
    bool walk_is_done() const { return walked_ >= tables_.size(); }
    Entry take_next() {
        assert(walks_ && !walk_is_done());
        const Entry entry = *next_;
        tables_[walked_].erase(next_++);
        --size_;
        skip_empty();
        return entry;
    }

    // Calls visit(subscription) for each, until it returns false; false then.
    template <typename Visit>
    bool for_each(Visit&& visit) const {
        for (const Table& table : tables_) {
            for (const Entry& entry : table) {
                const interest::Subscription& subscription = *entry.subscription;
                if (!visit(subscription)) return false;
            }
        }
        return true;
    }

  private:
    struct ByPattern {
        using is_transparent = void;
        size_t operator()(const Key& key) const { return key.hash; }
        size_t operator()(const Entry& entry) const { return entry.hash; }
        bool operator()(const Entry& one, const Entry& other) const {
            return one.subscription == other.subscription;
        }
        bool operator()(const Entry& entry, const Key& key) const {
            const interest::Subscription& each = *entry.subscription;
            return entry.hash == key.hash && each.subject() == key.pattern && each.queue() == key.queue &&
                   each.origin() == key.origin;
        }
    };
    using Table = absl::flat_hash_set<Entry, ByPattern, ByPattern>;

    size_t table_of(uint64_t hash) const { return tables_.size() == 1 ? 0 : hash >> (64 - kTableCountLog2); }

    void cut() {
        const Table whole = std::move(tables_.front());
        tables_.clear();
        tables_.resize(kTableCount);
        for (Table& table : tables_) table.reserve(2 * whole.size() / kTableCount);
        for (const Entry& entry : whole) tables_[table_of(entry.hash)].insert(entry);
    }

    void skip_empty() {
        while (next_ == tables_[walked_].end()) {
            if (++walked_ >= tables_.size()) return;
            next_ = tables_[walked_].begin();
        }
    }

    std::vector<Table> tables_;  // none, one, or kTableCount
    size_t size_ = 0;
    bool walks_ = false;
    size_t walked_ = 0;     // the table that a walk has come to
    Table::iterator next_;  // in that table
};

}  // namespace nuring::server_link
