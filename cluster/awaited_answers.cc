// SPDX-License-Identifier: Apache-2.0
#include "cluster/awaited_answers.h"

#include <cassert>
#include <iterator>
#include <utility>

#include "fmt/format.h"
#include "proto/subject.h"

namespace nuring::cluster {

AwaitedAnswers::~AwaitedAnswers() { assert(empty()); }

std::string AwaitedAnswers::key_of(const account::Account& account, std::string_view subject) {
    return fmt::format("{} {}", account.name(), subject);
}

void AwaitedAnswers::add(account::Account& account, std::string_view subject, uint64_t now_ns) {
    for (size_t i = 0; i < kExpiredPerAdd && !empty(); ++i) {
        if (waiting_.front().expires_ns > now_ns) break;
        remove(waiting_.begin());
    }
    if (subject.size() > kSubjectSizeMax || !proto::is_valid_literal_subject(subject)) return;
    if (waiting_.size() >= kCountMax) return;
    std::string key = key_of(account, subject);
    if (by_key_.contains(key)) return;
    interest::Subscription* subscription =
        delivery_.subscriptions.create({.link = owner_.handle(),
                                        .owner = static_cast<delivery::Subscriber*>(&owner_),
                                        .subject = subject,
                                        .kind = owner_.kind()});
    if (subscription == nullptr) return;
    assert(empty() || waiting_.back().expires_ns <= now_ns + kWait_ns);
    waiting_.push_back({std::move(key), &account, subscription, now_ns + kWait_ns});
    by_key_.emplace(waiting_.back().key, std::prev(waiting_.end()));
    account.sublist().insert(subscription);
}

void AwaitedAnswers::on_answer(account::Account& account, std::string_view subject) {
    const auto found = by_key_.find(key_of(account, subject));
    if (found != by_key_.end()) remove(found->second);
}

size_t AwaitedAnswers::release(size_t most) {
    size_t count = 0;
    for (; count < most && !empty(); ++count) remove(waiting_.begin());
    return count;
}

void AwaitedAnswers::remove(Waiting::iterator awaited) {
    const bool was_there = awaited->account->sublist().remove(awaited->subscription);
    assert(was_there);
    delivery_.subscriptions.retire(awaited->subscription);
    by_key_.erase(awaited->key);
    waiting_.erase(awaited);
    assert(by_key_.size() == waiting_.size());
}

}  // namespace nuring::cluster
