// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/base/status.h"
#include "core/base/time_units.h"

namespace nuring::base {

// ExpiringNames keeps values by names that a peer has chosen, each for a limited time. Expired ones go with
// later names.
// Threads: one.
// Limits:  kNamesMax names, kBytesMax bytes of them. When one of these is reached and more than half of the
//          names are live, all are dropped, so that the search for expired ones costs each name little.
// Errors:  none.
template <typename Value>
class ExpiringNames {
  public:
    static constexpr size_t kNamesMax = 65536;
    static constexpr size_t kBytesMax = 4 * 1024 * 1024;

    // Replaces the name's former value. lifetime_ns: UINT64_MAX is no limit.
    void note(std::string_view name, const Value& value, uint64_t now_ns, uint64_t lifetime_ns) {
        const bool is_full = entries_.size() >= kNamesMax || bytes_ + name.size() > kBytesMax;
        if (is_full || now_ns >= next_sweep_ns_) {
            drop_expired(now_ns);
            if (is_full && (entries_.size() > kNamesMax / 2 || bytes_ > kBytesMax / 2)) drop_all();
            next_sweep_ns_ = later(now_ns, std::max(lifetime_ns, kSecond_ns));
        }
        const auto [entry, is_new] = entries_.try_emplace(std::string(name));
        if (is_new) bytes_ += name.size();
        entry->second = {value, later(now_ns, lifetime_ns)};
        assert(entries_.size() <= kNamesMax);
    }
    // Until the next note() or erase(). Null: the name is not there any more.
    Value* find(std::string_view name, uint64_t now_ns) {
        const auto found = entries_.find(absl_view(name));
        return found == entries_.end() || found->second.expires_ns <= now_ns ? nullptr : &found->second.value;
    }
    void erase(std::string_view name) {
        const auto found = entries_.find(absl_view(name));
        if (found == entries_.end()) return;
        bytes_ -= found->first.size();
        entries_.erase(found);
    }
    size_t size() const { return entries_.size(); }
    size_t bytes() const { return bytes_; }

  private:
    struct Entry {
        Value value{};
        uint64_t expires_ns = 0;
    };

    static uint64_t later(uint64_t now_ns, uint64_t delay_ns) {
        return delay_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + delay_ns;
    }
    void drop_expired(uint64_t now_ns) {
        absl::erase_if(entries_, [this, now_ns](const auto& each) {
            const bool is_over = each.second.expires_ns <= now_ns;
            if (is_over) bytes_ -= each.first.size();
            return is_over;
        });
    }
    void drop_all() {
        entries_.clear();
        bytes_ = 0;
    }

    absl::flat_hash_map<std::string, Entry> entries_;
    size_t bytes_ = 0;  // of the names
    uint64_t next_sweep_ns_ = 0;
};

}  // namespace nuring::base
