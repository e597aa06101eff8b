// SPDX-License-Identifier: Apache-2.0
// Builders and the plain model that the tests of core/interest share.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/interest/match_result.h"
#include "core/interest/sublist.h"
#include "core/interest/subscription.h"

namespace nuring::interest {

inline constexpr base::WorkerId kWorker0{0};
inline constexpr base::WorkerId kWorker1{1};

inline SubscriptionPtr make_subscription(std::string_view subject, std::string_view queue = {},
                                         base::WorkerId worker = kWorker0, uint64_t serial = 0) {
    static std::atomic<uint64_t> next_serial{1};
    SubscriptionSpec spec;
    spec.link = base::LinkHandle(worker, 1, 1);
    spec.serial = serial != 0 ? serial : next_serial.fetch_add(1, std::memory_order_relaxed);
    spec.subject = subject;
    spec.queue = queue;
    spec.sid = "1";
    return SubscriptionPtr(Subscription::create(spec));
}

// Owns subscriptions and keeps them in a sublist.
class Subscribed {
  public:
    explicit Subscribed(Sublist& sublist) : sublist_(sublist) {}
    ~Subscribed() {
        for (const SubscriptionPtr& each : all_) sublist_.remove(each.get());
    }

    Subscription* add(std::string_view subject, std::string_view queue = {},
                      base::WorkerId worker = kWorker0) {
        all_.push_back(make_subscription(subject, queue, worker));
        sublist_.insert(all_.back().get());
        return all_.back().get();
    }
    const std::vector<SubscriptionPtr>& all() const { return all_; }

  private:
    Sublist& sublist_;
    std::vector<SubscriptionPtr> all_;
};

// A result in a form that compares: serials in order.
struct PlainResult {
    std::vector<uint64_t> local;
    std::vector<uint32_t> remote_workers;
    std::map<std::string, std::vector<uint64_t>, std::less<>> queues;

    friend bool operator==(const PlainResult&, const PlainResult&) = default;
};

inline PlainResult plain(const MatchResult& result) {
    PlainResult plain;
    for (const Subscription* each : result.local()) plain.local.push_back(each->serial());
    result.remote_workers().for_each(
        [&](base::WorkerId worker) { plain.remote_workers.push_back(base::index_of(worker)); });
    for (uint32_t i = 0; i < result.queue_group_count(); ++i) {
        const QueueGroup group = result.queue_group(i);
        auto& members = plain.queues[std::string(group.name)];
        for (const QueueMember& member : group.members) members.push_back(member.serial);
        std::sort(members.begin(), members.end());
    }
    std::sort(plain.local.begin(), plain.local.end());
    return plain;
}

inline PlainResult match(Sublist& sublist, std::string_view subject,
                         base::WorkerId self = kWorker0) {
    MatchResult result;
    sublist.match(self, subject, sublist.hash(subject), &result);
    return plain(result);
}

inline std::vector<std::string> split(std::string_view subject) {
    std::vector<std::string> tokens(1);
    for (const char c : subject) {
        if (c == '.') {
            tokens.emplace_back();
        } else {
            tokens.back().push_back(c);
        }
    }
    return tokens;
}

// The matching rule, as plain as can be.
inline bool model_matches(std::string_view pattern, std::string_view subject) {
    const std::vector<std::string> want = split(pattern);
    const std::vector<std::string> have = split(subject);
    const bool has_empty_token = std::find(have.begin(), have.end(), "") != have.end();
    if (has_empty_token) return pattern == subject;
    for (size_t i = 0; i < want.size(); ++i) {
        if (want[i] == ">") return have.size() > i;
        if (i >= have.size()) return false;
        if (want[i] != "*" && want[i] != have[i]) return false;
    }
    return want.size() == have.size();
}

// A sublist that is a list.
class Model {
  public:
    void insert(const Subscription* subscription) { all_.push_back(subscription); }
    void remove(const Subscription* subscription) {
        all_.erase(std::find(all_.begin(), all_.end(), subscription));
    }
    size_t count() const { return all_.size(); }

    PlainResult match(std::string_view subject, base::WorkerId self) const {
        PlainResult result;
        for (const Subscription* each : all_) {
            if (!model_matches(each->subject(), subject)) continue;
            if (each->is_queue()) {
                result.queues[std::string(each->queue())].push_back(each->serial());
            } else if (each->worker() == self) {
                result.local.push_back(each->serial());
            } else {
                result.remote_workers.push_back(base::index_of(each->worker()));
            }
        }
        auto& remote = result.remote_workers;
        std::sort(remote.begin(), remote.end());
        remote.erase(std::unique(remote.begin(), remote.end()), remote.end());
        std::sort(result.local.begin(), result.local.end());
        for (auto& [name, members] : result.queues) std::sort(members.begin(), members.end());
        return result;
    }

  private:
    std::vector<const Subscription*> all_;
};

}  // namespace nuring::interest
