// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace nuring::link {

// OriginClusters numbers the clusters that leafnodes belong to, so that a message can name the one that
// it comes from in a word: no cluster of leafnodes gets its own messages back, over whatever hub.
// Threads:  any; a mutex for a moment, when a link or a route meets a name. Names stay.
// Limits:   kNamesMax names; further ones count as none. Errors: none.
class OriginClusters {
  public:
    static constexpr size_t kNamesMax = 64 * 1024;
    static constexpr uint32_t kNone = 0;

    uint32_t id_of(std::string_view name) {
        if (name.empty()) return kNone;
        const std::lock_guard lock(mutex_);
        const auto known = ids_.find(absl::string_view(name.data(), name.size()));
        if (known != ids_.end()) return known->second;
        if (names_.size() >= kNamesMax) return kNone;
        names_.push_back(std::make_unique<const std::string>(name));
        const auto id = static_cast<uint32_t>(names_.size());
        ids_.emplace(*names_.back(), id);
        return id;
    }

    // The name lives as long as this object.
    std::string_view name_of(uint32_t id) const {
        if (id == kNone) return {};
        const std::lock_guard lock(mutex_);
        return *names_.at(id - 1);
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<const std::string>> names_;  // guarded by mutex_; by id - 1
    absl::flat_hash_map<std::string, uint32_t> ids_;         // guarded by mutex_
};

}  // namespace nuring::link
