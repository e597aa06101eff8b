// SPDX-License-Identifier: Apache-2.0
#include "cluster/route_set.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace nuring::cluster {
namespace {

// The connection that stays takes over the address of the duplicate, so that it can be dialed again when it
// is lost.
void take_over_target(const RouteEntry& newcomer, RouteEntry* known) {
    if (!newcomer.target.has_value()) return;
    if (known->is_solicited && !newcomer.target->is_explicit) return;
    known->target = newcomer.target;
    known->target->account = known->account;
    known->is_solicited = true;
}

}  // namespace

Registered RouteSet::add(RouteEntry entry) {
    assert(entry.pool_size >= 0);
    if (entry.remote_id == own_id_) return {.result = Registration::kSelf};
    const std::lock_guard lock(mutex_);
    if (entry.account.empty() && entry.pool_size > 0) return add_pooled(std::move(entry));
    bool is_first = true;
    for (RouteEntry& known : entries_) {
        if (known.remote_id != entry.remote_id) continue;
        if (known.account == entry.account) {
            take_over_target(entry, &known);
            return {.result = Registration::kDuplicate};
        }
        is_first &= !known.account.empty();
    }
    entry.slot = 0;
    is_first &= entry.account.empty();
    entries_.push_back(std::move(entry));
    return {.result = Registration::kAdded, .is_first = is_first, .is_complete = true};
}

// The side that dials chooses the place and announces it. The side that has dialed one connection of a server
// dials its others, too, and at the same address.
Registered RouteSet::add_pooled(RouteEntry entry) {
    assert(entry.slot >= 0);
    assert(entry.slot < entry.pool_size);
    const bool is_dialed = entry.target.has_value();
    std::vector<bool> taken(static_cast<size_t>(entry.pool_size));
    int count = 0;
    for (RouteEntry& known : entries_) {
        if (known.remote_id != entry.remote_id || !known.account.empty()) continue;
        // A server that has just begun, or ceased, to pool: what it had carries everything until it closes.
        if (known.pool_size == 0) return {.result = Registration::kDuplicate};
        const auto slot = static_cast<size_t>(known.slot);
        if (slot < taken.size()) taken[slot] = true;
        ++count;
        if (is_dialed) take_over_target(entry, &known);
        if (!is_dialed && !entry.is_solicited) {
            entry.is_solicited = known.is_solicited;
            entry.target = known.target;
        }
    }
    if (is_dialed) {
        const auto free = std::find(taken.begin(), taken.end(), false);
        if (free == taken.end()) return {.result = Registration::kFull};
        entry.slot = static_cast<int>(free - taken.begin());
    } else if (taken[static_cast<size_t>(entry.slot)]) {
        return {.result = Registration::kDuplicate};
    }
    const Registered registered{.result = Registration::kAdded,
                                .slot = entry.slot,
                                .is_first = count == 0,
                                .is_complete = count + 1 >= entry.pool_size};
    entries_.push_back(std::move(entry));
    return registered;
}

std::optional<RouteSet::Removed> RouteSet::remove(base::LinkHandle link) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const RouteEntry& entry) { return entry.link == link; });
    if (found == entries_.end()) return std::nullopt;
    Removed removed{.entry = std::move(*found), .was_last = true};
    entries_.erase(found);
    removed.was_last_of_pool = removed.entry.account.empty();
    for (const RouteEntry& other : entries_) {
        if (other.remote_id != removed.entry.remote_id) continue;
        removed.was_last = false;
        removed.was_last_of_pool &= !other.account.empty();
    }
    return removed;
}

bool RouteSet::contains(std::string_view remote_id) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const RouteEntry& entry) { return entry.remote_id == remote_id; });
}

bool RouteSet::has_pool(std::string_view remote_id) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(), [&](const RouteEntry& entry) {
        return entry.remote_id == remote_id && entry.account.empty();
    });
}

bool RouteSet::pools_with(std::string_view remote_id) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(), [&](const RouteEntry& entry) {
        return entry.remote_id == remote_id && entry.pool_size > 0;
    });
}

bool RouteSet::is_complete(std::string_view remote_id, std::string_view account) const {
    const std::lock_guard lock(mutex_);
    int count = 0;
    int pool_size = 1;
    for (const RouteEntry& entry : entries_) {
        if (entry.remote_id != remote_id || entry.account != account) continue;
        ++count;
        pool_size = std::max(pool_size, entry.pool_size);
    }
    return account.empty() ? count >= pool_size : count != 0;
}

std::vector<std::string> RouteSet::accounts_of(std::string_view remote_id) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> accounts;
    for (const RouteEntry& entry : entries_) {
        if (entry.remote_id == remote_id && !entry.account.empty()) accounts.push_back(entry.account);
    }
    return accounts;
}

bool RouteSet::speaks_for_remote(base::LinkHandle link) const {
    const std::lock_guard lock(mutex_);
    const auto own = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const RouteEntry& entry) { return entry.link == link; });
    if (own == entries_.end() || !own->account.empty()) return false;
    return std::none_of(entries_.begin(), own, [&](const RouteEntry& entry) {
        return entry.remote_id == own->remote_id && entry.account.empty();
    });
}

std::vector<RouteEntry> RouteSet::list() const {
    const std::lock_guard lock(mutex_);
    return entries_;
}

std::optional<RouteEntry> RouteSet::find(base::LinkHandle link) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const RouteEntry& entry) { return entry.link == link; });
    return found == entries_.end() ? std::nullopt : std::optional<RouteEntry>(*found);
}

std::optional<proto::ServerInfo> RouteSet::replace_info(std::string_view remote_id,
                                                        const proto::ServerInfo& info) {
    const std::lock_guard lock(mutex_);
    std::optional<proto::ServerInfo> before;
    for (RouteEntry& entry : entries_) {
        if (entry.remote_id != remote_id) continue;
        std::string ip = std::move(entry.info.ip);
        before = std::exchange(entry.info, info);
        if (entry.info.ip.empty()) entry.info.ip = std::move(ip);
    }
    return before;
}

std::vector<base::LinkHandle> RouteSet::dialed_to(const server_link::LinkTarget& target) const {
    const std::lock_guard lock(mutex_);
    std::vector<base::LinkHandle> links;
    for (const RouteEntry& entry : entries_) {
        if (entry.target.has_value() && entry.target->is_at(target)) links.push_back(entry.link);
    }
    return links;
}

}  // namespace nuring::cluster
