// SPDX-License-Identifier: Apache-2.0
#include "cluster/route_set.h"

#include <algorithm>
#include <utility>

namespace nuring::cluster {

Registration RouteSet::add(RouteEntry entry) {
    if (entry.remote_id == own_id_) return Registration::kSelf;
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const RouteEntry& other) {
        return other.remote_id == entry.remote_id;
    });
    if (known == entries_.end()) {
        entries_.push_back(std::move(entry));
        return Registration::kAdded;
    }
    // The one that stays takes over where it can be dialed, so that it is dialed again when it is lost.
    known->retry = true;
    if (entry.target.has_value() && !known->is_solicited) {
        known->target = std::move(entry.target);
        known->is_solicited = true;
    } else if (entry.target.has_value() && entry.target->is_explicit && known->target.has_value()) {
        known->target->is_explicit = true;
    }
    return Registration::kDuplicate;
}

std::optional<RouteEntry> RouteSet::remove(base::LinkHandle link) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const RouteEntry& entry) { return entry.link == link; });
    if (found == entries_.end()) return std::nullopt;
    RouteEntry entry = std::move(*found);
    entries_.erase(found);
    return entry;
}

bool RouteSet::contains(const std::string& remote_id) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const RouteEntry& entry) { return entry.remote_id == remote_id; });
}

std::vector<RouteEntry> RouteSet::list() const {
    const std::lock_guard lock(mutex_);
    return entries_;
}

size_t RouteSet::count() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

void RouteSet::update(const std::string& remote_id, const proto::ServerInfo& info) {
    const std::lock_guard lock(mutex_);
    for (RouteEntry& entry : entries_) {
        if (entry.remote_id != remote_id) continue;
        std::string ip = std::move(entry.info.ip);
        entry.info = info;
        if (entry.info.ip.empty()) entry.info.ip = std::move(ip);
    }
}

std::vector<base::LinkHandle> RouteSet::dialed_to(const RouteTarget& target) const {
    const std::lock_guard lock(mutex_);
    std::vector<base::LinkHandle> links;
    for (const RouteEntry& entry : entries_) {
        if (entry.target.has_value() && entry.target->is_at(target)) links.push_back(entry.link);
    }
    return links;
}

}  // namespace nuring::cluster
