// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/base/ids.h"
#include "core/interest/subscription.h"
#include "proto/kind.h"

namespace nuring::interest {

// WorkerSet is a set of workers in a few words.
// Limits: workers below kWorkersMax. Errors: none.
class WorkerSet {
  public:
    static constexpr uint32_t kWorkersMax = 128;

    static WorkerSet from_words(const std::array<uint64_t, 2>& words) {
        WorkerSet set;
        set.words_ = words;
        return set;
    }

    void add(base::WorkerId worker) {
        const uint32_t i = base::index_of(worker);
        assert(i < kWorkersMax);
        words_[i / 64] |= uint64_t{1} << (i % 64);
    }
    WorkerSet& operator|=(const WorkerSet& other) {
        for (uint32_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
        return *this;
    }
    WorkerSet without(base::WorkerId worker) const {
        WorkerSet rest = *this;
        const uint32_t i = base::index_of(worker);
        rest.words_[i / 64] &= ~(uint64_t{1} << (i % 64));
        return rest;
    }
    void clear() { words_ = {}; }
    bool empty() const { return (words_[0] | words_[1]) == 0; }
    // The lowest of a set that is not empty.
    base::WorkerId first() const {
        assert(!empty());
        const auto low = static_cast<uint32_t>(std::countr_zero(words_[0]));
        return static_cast<base::WorkerId>(
            words_[0] != 0 ? low : 64 + static_cast<uint32_t>(std::countr_zero(words_[1])));
    }
    uint32_t count() const {
        return static_cast<uint32_t>(std::popcount(words_[0]) + std::popcount(words_[1]));
    }
    bool contains(base::WorkerId worker) const {
        const uint32_t i = base::index_of(worker);
        return i < kWorkersMax && (words_[i / 64] >> (i % 64) & 1) != 0;
    }

    // Calls visit(WorkerId) for each member, in ascending order.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (uint32_t i = 0; i < words_.size(); ++i) {
            for (uint64_t word = words_[i]; word != 0; word &= word - 1) {
                visit(static_cast<base::WorkerId>(i * 64 +
                                                  static_cast<uint32_t>(std::countr_zero(word))));
            }
        }
    }

    friend bool operator==(const WorkerSet&, const WorkerSet&) = default;

  private:
    std::array<uint64_t, 2> words_{};
};

// One subscription of a queue group, as any worker may hold it.
struct QueueMember {
    Subscription*
        subscription;  // to be dereferenced by link.worker() only, while the match is current
    base::LinkHandle link;
    uint64_t serial;  // Subscription::serial(): finds it on its worker, or finds that it is gone
    uint32_t weight;  // counts as so many members
    uint32_t origin_cluster;  // of leafnodes, that it comes from; 0: none
    proto::Kind kind;         // of its link
};

// The members of all matching patterns that share one queue name.
struct QueueGroup {
    std::string_view name;
    std::span<const QueueMember> members;
    uint64_t weight = 0;  // sum over the members, at least their count
    WorkerSet workers;    // of the members
    // The order of the members is that of QueueRank: those of this server, each of weight 1; those of
    // servers of its cluster; those of leafnodes and hubs; those of leafnodes of the other servers; those
    // of other clusters. The counts and weights are of the members up to there.
    uint32_t own_count = 0;
    uint32_t near_count = 0;  // with the servers of the cluster
    uint64_t near_weight = 0;
    uint32_t leaf_count = 0;  // with leafnodes and hubs of this server
    uint64_t leaf_weight = 0;
    uint32_t home_count = 0;  // all but those of other clusters
    uint64_t home_weight = 0;
};

// MatchResult says who gets a message with one subject, as seen by one worker: the plain
// subscriptions of that worker, the other workers that own plain subscriptions, the other servers that
// have announced plain ones, and the queue groups with all their members, other servers' among them. It
// is filled by Sublist::match() and reused: cleared results keep their memory, so that refilling one
// does not allocate once it has grown.
// Threads: one owner. Errors: none.
// Limits:  WorkerSet's; 65,535 services and as many servers, further ones are left out.
// Lifetime: queue names are copied; subscriptions are pointers into the sublist's world, see Sublist.
class MatchResult {
  public:
    MatchResult() = default;
    MatchResult(MatchResult&&) = default;
    MatchResult& operator=(MatchResult&&) = default;

    // Nobody at all: neither here nor on another worker, plain or queue. (Services are asked for apart.)
    bool empty() const {
        return local_.empty() && remote_workers_.empty() && server_count_ == 0 &&
               queue_group_count() == 0;
    }

    // Subscriptions that it lists.
    size_t size() const {
        return local_.size() + (queues_ == nullptr ? 0 : queues_->members.size());
    }

    // Nobody but plain subscriptions of this worker. May say no where yes is true.
    bool is_local() const { return is_plain() && remote_workers_.empty(); }
    // Nobody but plain subscriptions of clients: no queue group, no other server, no service. The same.
    bool is_plain() const { return queues_ == nullptr; }

    std::span<Subscription* const> local() const { return {local_.data(), local_.size()}; }
    const WorkerSet& remote_workers() const { return remote_workers_; }
    // Serial of the only plain subscription of another worker; 0: there is none, or there are more.
    uint64_t lone_remote() const { return lone_remote_; }
    // Nobody but that one. May say no where yes is true.
    bool is_lone_remote() const { return lone_remote_ != 0 && local_.empty() && is_plain(); }

    uint32_t queue_group_count() const {
        return queues_ == nullptr ? 0 : static_cast<uint32_t>(queues_->groups.size());
    }
    QueueGroup queue_group(uint32_t index) const {
        const Group& group = queues_->groups[index];
        return {std::string_view(queues_->names).substr(group.name_offset, group.name_size),
                std::span(queues_->members).subspan(group.first, group.count),
                group.weight,
                group.workers,
                group.own_count,
                group.near_count,
                group.near_weight,
                group.leaf_count,
                group.leaf_weight,
                group.home_count,
                group.home_weight};
    }

    // The group of that name, in constant time; `hash`: Sublist::hash() of it.
    std::optional<QueueGroup> find_queue_group(std::string_view name, uint64_t hash) const;

    // Links to servers with plain subscriptions, each once, on whatever worker they live.
    std::span<const base::LinkHandle> servers() const {
        if (server_count_ == 0) return {};
        return {queues_->servers.data(), server_count_};
    }
    // Of each of them, in the same order.
    std::span<const proto::Kind> server_kinds() const {
        if (server_count_ == 0) return {};
        return {queues_->server_kinds.data(), server_count_};
    }

    // The ways into other accounts: subscriptions of kind kAccount. They belong to no worker; that of
    // the publisher follows them.
    bool has_services() const { return service_count_ != 0; }
    std::span<Subscription* const> services() const {
        if (service_count_ == 0) return {};
        return {queues_->services.data(), service_count_};
    }

    // Plain subscriptions on all workers + queue groups: what monitoring calls the fan-out.
    uint32_t fanout() const { return plain_count_ + queue_group_count(); }
    uint32_t plain_count() const { return plain_count_; }
    // Frames and records that one message becomes, on all workers: a group and another server are one each.
    size_t receiver_count() const { return size_t{fanout()} + server_count_; }
    // Plain subscriptions of clients on other workers.
    size_t remote_count() const { return plain_count_ - local_.size(); }

    // Memory behind the object, without the object itself.
    size_t heap_bytes() const;

    // Forgets the content and keeps the memory.
    void clear();
    // Forgets the content and gives the memory back.
    void reset();

  private:
    friend class Subscribers;
    friend class SubscriberSet;
    friend class Sublist;

    static constexpr uint32_t kLocalInline = 3;
    // From so many groups on, names are found by hash and no longer by comparing them all.
    static constexpr uint32_t kGroupScanMax = 16;

    struct Group {
        uint32_t name_offset = 0;
        uint32_t name_size = 0;
        uint32_t name_hash = 0;
        uint32_t first = 0;
        uint32_t count = 0;
        uint64_t weight = 0;
        WorkerSet workers;
        uint32_t own_count = 0;
        uint32_t near_count = 0;
        uint64_t near_weight = 0;
        uint32_t leaf_count = 0;
        uint64_t leaf_weight = 0;
        uint32_t home_count = 0;
        uint64_t home_weight = 0;
    };
    // A run of members that belong to one group, in the order of arrival.
    struct Run {
        uint32_t group;
        uint32_t first;
        uint32_t count;
    };
    struct Queues {
        std::vector<Group> groups;
        std::vector<QueueMember> members;
        std::string names;
        // While filling: what finish() needs to bring the members of each group together.
        std::vector<Run> runs;
        std::vector<QueueMember> sorted;
        std::vector<uint32_t> index;  // open addressing: group + 1, 0 = free
        bool scattered = false;
        bool mixed = false;  // some members are other servers'
        std::vector<Subscription*> services;
        std::vector<base::LinkHandle> servers;
        std::vector<proto::Kind> server_kinds;  // of each of them
    };

    void add_plain(base::WorkerId self, Subscription* subscription) {
        const MatchPlace place = rules_of(subscription->kind()).place;
        if (place != MatchPlace::kSubscriber) [[unlikely]] {
            if (place == MatchPlace::kService) return add_service(subscription);
            return add_server(subscription->link(), subscription->kind());
        }
        ++plain_count_;
        if (subscription->worker() == self) {
            local_.push_back(subscription);
        } else {
            lone_remote_ = remote_workers_.empty() ? subscription->serial() : 0;
            remote_workers_.add(subscription->worker());
        }
    }
    void add_service(Subscription* subscription);
    void add_server(base::LinkHandle server, proto::Kind kind);
    void add_members(base::WorkerId self, std::string_view name, uint32_t name_hash,
                     std::span<Subscription* const> subscriptions);
    // To be called once after the last add_members().
    void finish() {
        if (queues_ != nullptr && queues_->scattered) gather();
        if (queues_ != nullptr && queues_->mixed) own_members_first();
    }
    void gather();
    void own_members_first();
    // Its place among the groups; their count if there is none.
    uint32_t find_group(std::string_view name, uint32_t name_hash) const;
    uint32_t find_or_add_group(std::string_view name, uint32_t name_hash);
    void index_groups();

    uint64_t lone_remote_ = 0;
    absl::InlinedVector<Subscription*, kLocalInline> local_;
    WorkerSet remote_workers_;
    std::unique_ptr<Queues> queues_;
    uint32_t plain_count_ = 0;
    // Here, so that a publish without any need not look behind queues_.
    uint16_t service_count_ = 0;
    uint16_t server_count_ = 0;
};

}  // namespace nuring::interest
