// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace nuring::link {

// OriginClusters numbers the clusters that leafnodes belong to, so that a message can name the one that
// it comes from in a word: no cluster of leafnodes gets its own messages back, over whatever hub.
//
//   link, subscription, route -- acquire() --> number, name   users > 0
//                             -- release() --> idle: still known, in the order of their ends
//   a new name takes the number of the oldest idle one once kIdleMax are idle, or all numbers are given
//
// Idle names are kept for messages that are under way: they name the number.
// Threads:  any; a mutex for a moment, when a link, interest or a route meets a name, never per message.
// Limits:   kNamesMax names in use; further ones count as none. Errors: none.
class OriginClusters {
  public:
    static constexpr size_t kNamesMax = 64 * 1024;
    static constexpr size_t kIdleMax = 1024;
    static constexpr uint32_t kNone = 0;

    // Its number, until it is released as often as it was acquired.
    uint32_t acquire(std::string_view name) {
        if (name.empty()) return kNone;
        const std::lock_guard lock(mutex_);
        uint32_t id = kNone;
        if (const auto known = ids_.find(absl::string_view(name.data(), name.size()));
            known != ids_.end()) {
            id = known->second;
        } else {
            id = take_number();
            if (id == kNone) return kNone;
            ids_.emplace(name, id);
            entries_[id - 1].name = std::make_shared<const std::string>(name);
        }
        ++entries_[id - 1].users;
        return id;
    }

    void release(uint32_t id) {
        if (id == kNone) return;
        const std::lock_guard lock(mutex_);
        Entry& entry = entries_.at(id - 1);
        assert(entry.users > 0);
        if (--entry.users > 0 || entry.is_idle) return;
        entry.is_idle = true;
        idle_.push_back(id);
    }

    // Null: none.
    std::shared_ptr<const std::string> name_of(uint32_t id) const {
        if (id == kNone) return nullptr;
        const std::lock_guard lock(mutex_);
        return entries_.at(id - 1).name;
    }

    // Names that are kept.
    size_t size() const {
        const std::lock_guard lock(mutex_);
        return ids_.size();
    }

  private:
    struct Entry {
        std::shared_ptr<const std::string> name;
        uint32_t users = 0;
        bool is_idle = false;  // in idle_, perhaps with users again
    };

    uint32_t take_number() {
        while (idle_.size() >= kIdleMax || entries_.size() >= kNamesMax) {
            if (idle_.empty()) return kNone;
            const uint32_t id = idle_.front();
            idle_.pop_front();
            Entry& entry = entries_[id - 1];
            entry.is_idle = false;
            if (entry.users > 0) continue;
            ids_.erase(*entry.name);
            return id;
        }
        entries_.emplace_back();
        return static_cast<uint32_t>(entries_.size());
    }

    mutable std::mutex mutex_;
    std::vector<Entry> entries_;                       // guarded by mutex_; by id - 1
    std::deque<uint32_t> idle_;                        // guarded by mutex_
    absl::flat_hash_map<std::string, uint32_t> ids_;   // guarded by mutex_
};

}  // namespace nuring::link
