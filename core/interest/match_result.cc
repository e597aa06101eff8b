// SPDX-License-Identifier: Apache-2.0
#include "core/interest/match_result.h"

#include <algorithm>

namespace nuring::interest {

size_t MatchResult::heap_bytes() const {
    size_t bytes = 0;
    if (local_.capacity() > kLocalInline) bytes += local_.capacity() * sizeof(Subscription*);
    if (queues_ != nullptr) {
        bytes += sizeof(Queues) + queues_->groups.capacity() * sizeof(Group) +
                 (queues_->members.capacity() + queues_->sorted.capacity()) * sizeof(QueueMember) +
                 queues_->runs.capacity() * sizeof(Run) + queues_->names.capacity() +
                 queues_->index.capacity() * sizeof(uint32_t) +
                 queues_->services.capacity() * sizeof(Subscription*) +
                 queues_->servers.capacity() * sizeof(base::LinkHandle) +
                 queues_->server_kinds.capacity() * sizeof(proto::Kind);
    }
    return bytes;
}

void MatchResult::clear() {
    local_.resize(0);  // clear() would free
    remote_workers_.clear();
    lone_remote_ = 0;
    plain_count_ = 0;
    if (service_count_ != 0) {
        service_count_ = 0;
        queues_->services.clear();
    }
    if (server_count_ != 0) {
        server_count_ = 0;
        queues_->servers.clear();
        queues_->server_kinds.clear();
    }
    if (queues_ != nullptr && !queues_->groups.empty()) {
        queues_->groups.clear();
        queues_->members.clear();
        queues_->names.clear();
        queues_->runs.clear();
        queues_->index.clear();
        queues_->scattered = false;
        queues_->mixed = false;
    }
}

void MatchResult::reset() {
    local_.clear();  // frees
    remote_workers_.clear();
    lone_remote_ = 0;
    plain_count_ = 0;
    service_count_ = 0;
    server_count_ = 0;
    queues_.reset();
}

void MatchResult::add_service(Subscription* subscription) {
    if (queues_ == nullptr) queues_ = std::make_unique<Queues>();
    if (service_count_ == UINT16_MAX) return;
    queues_->services.push_back(subscription);
    ++service_count_;
}

// Few servers, so each is compared with all.
void MatchResult::add_server(base::LinkHandle server, proto::Kind kind) {
    if (queues_ == nullptr) queues_ = std::make_unique<Queues>();
    std::vector<base::LinkHandle>& servers = queues_->servers;
    const bool is_known = std::find(servers.begin(), servers.end(), server) != servers.end();
    if (server_count_ == UINT16_MAX || is_known) return;
    servers.push_back(server);
    queues_->server_kinds.push_back(kind);
    ++server_count_;
}

// A link that had a hundred thousand members leaves them behind for some turns: to walk over them for each
// message would take longer than to release them. (Their flags are their own worker's to read.)
void MatchResult::add_members(base::WorkerId self, std::string_view name, uint32_t name_hash,
                              std::span<Subscription* const> subscriptions) {
    const auto is_leaving = [self](const Subscription* each) {
        return each->worker() == self && (each->flags & Subscription::kLeaving) != 0;
    };
    while (!subscriptions.empty() && is_leaving(subscriptions.front())) {
        subscriptions = subscriptions.subspan(1);
    }
    if (subscriptions.empty()) return;
    if (queues_ == nullptr) queues_ = std::make_unique<Queues>();
    Queues& queues = *queues_;
    const uint32_t index = find_or_add_group(name, name_hash);
    Group& group = queues.groups[index];
    const auto first = static_cast<uint32_t>(queues.members.size());
    if (group.count == 0) {
        group.first = first;
    } else if (group.first + group.count != first) {
        queues.scattered = true;
    }
    for (Subscription* subscription : subscriptions) {
        if (is_leaving(subscription)) [[unlikely]] continue;
        const QueueRank rank = rank_of(subscription->kind(), subscription->origin_cluster() != 0);
        group.weight += subscription->weight();
        group.workers.add(subscription->worker());
        if (rank <= QueueRank::kCluster) {
            ++group.near_count;
            group.near_weight += subscription->weight();
        }
        if (rank <= QueueRank::kLeaf) {
            ++group.leaf_count;
            group.leaf_weight += subscription->weight();
        }
        if (rank <= QueueRank::kClusterLeaf) {
            ++group.home_count;
            group.home_weight += subscription->weight();
        }
        if (subscription->is_of_server()) {
            queues.mixed = true;
        } else {
            ++group.own_count;
        }
        queues.members.push_back({subscription, subscription->link(), subscription->serial(),
                                  subscription->weight(), subscription->origin_cluster(),
                                  subscription->kind()});
    }
    const auto count = static_cast<uint32_t>(queues.members.size()) - first;
    group.count += count;
    queues.runs.push_back({index, first, count});
}

void MatchResult::own_members_first() {
    for (const Group& group : queues_->groups) {
        if (group.own_count == group.count) continue;
        const auto begin = queues_->members.begin() + group.first;
        std::stable_sort(begin, begin + group.count,
                         [](const QueueMember& a, const QueueMember& b) {
                             return rank_of(a.kind, a.origin_cluster != 0) <
                                    rank_of(b.kind, b.origin_cluster != 0);
                         });
    }
}

void MatchResult::gather() {
    Queues& queues = *queues_;
    uint32_t first = 0;
    for (Group& group : queues.groups) {
        group.first = first;
        first += group.count;
        group.count = 0;
    }
    queues.sorted.resize(queues.members.size());
    for (const Run& run : queues.runs) {
        Group& group = queues.groups[run.group];
        std::copy_n(queues.members.begin() + run.first, run.count,
                    queues.sorted.begin() + group.first + group.count);
        group.count += run.count;
    }
    queues.members.swap(queues.sorted);
    queues.scattered = false;
}

uint32_t MatchResult::find_group(std::string_view name, uint32_t name_hash) const {
    const Queues& queues = *queues_;
    const auto is_named = [&](const Group& group) {
        return group.name_hash == name_hash &&
               std::string_view(queues.names).substr(group.name_offset, group.name_size) == name;
    };
    const auto count = static_cast<uint32_t>(queues.groups.size());
    if (queues.index.empty()) {
        for (uint32_t i = 0; i < count; ++i) {
            if (is_named(queues.groups[i])) return i;
        }
        return count;
    }
    const uint32_t mask = static_cast<uint32_t>(queues.index.size()) - 1;
    for (uint32_t slot = name_hash & mask; queues.index[slot] != 0; slot = (slot + 1) & mask) {
        if (is_named(queues.groups[queues.index[slot] - 1])) return queues.index[slot] - 1;
    }
    return count;
}

std::optional<QueueGroup> MatchResult::find_queue_group(std::string_view name, uint64_t hash) const {
    if (queue_group_count() == 0) return std::nullopt;
    const uint32_t index = find_group(name, static_cast<uint32_t>(hash));
    if (index == queue_group_count()) return std::nullopt;
    return queue_group(index);
}

uint32_t MatchResult::find_or_add_group(std::string_view name, uint32_t name_hash) {
    Queues& queues = *queues_;
    const auto count = static_cast<uint32_t>(queues.groups.size());
    if (count > kGroupScanMax && queues.index.size() < 2 * size_t{count}) index_groups();
    const uint32_t found = find_group(name, name_hash);
    if (found != count) return found;
    if (!queues.index.empty()) {
        const uint32_t mask = static_cast<uint32_t>(queues.index.size()) - 1;
        uint32_t slot = name_hash & mask;
        while (queues.index[slot] != 0) slot = (slot + 1) & mask;
        queues.index[slot] = count + 1;
    }
    queues.groups.push_back({.name_offset = static_cast<uint32_t>(queues.names.size()),
                             .name_size = static_cast<uint32_t>(name.size()),
                             .name_hash = name_hash});
    queues.names.append(name);
    return count;
}

void MatchResult::index_groups() {
    Queues& queues = *queues_;
    queues.index.assign(std::bit_ceil(4 * queues.groups.size()), 0);
    const uint32_t mask = static_cast<uint32_t>(queues.index.size()) - 1;
    for (uint32_t i = 0; i < queues.groups.size(); ++i) {
        uint32_t slot = queues.groups[i].name_hash & mask;
        while (queues.index[slot] != 0) slot = (slot + 1) & mask;
        queues.index[slot] = i + 1;
    }
}

}  // namespace nuring::interest
