// SPDX-License-Identifier: Apache-2.0
#include "core/account/account.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proto/subject.h"

namespace nuring::account {
namespace {

// How many of the connections here are too many, with those of other servers.
int64_t excess(int64_t here, int64_t elsewhere, int64_t limit) {
    return limit < 0 ? 0 : std::clamp<int64_t>(here + elsewhere - limit, 0, here);
}

}  // namespace

Account::Account(std::string name, interest::SublistOptions options, InterestFeed* feed)
    : name_(std::move(name)),
      feed_(feed),
      sublist_((options.observer = feed == nullptr ? nullptr : this, options)),
      owned_(std::make_shared<const Exchange>()),
      exchange_(owned_.get()) {}

Account::~Account() {
    for (const auto& service : owned_->services) sublist_.remove(service->subscription());
    if (replies_ != nullptr) sublist_.remove(replies_.get());
}

int64_t Account::beside_clients() const {
    // relaxed: the counts that other servers announce are late anyway
    return leafnodes_.load(std::memory_order_relaxed) + elsewhere_.load(std::memory_order_relaxed);
}

// Several workers may do this at once, so the check and the change are one step.
bool Account::add_connection() {
    const int64_t limit = exchange().limits.connections;
    int64_t count = connections();
    do {
        if (limit >= 0 && count + beside_clients() >= limit) return false;
    } while (!connections_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed));
    return true;
}

int64_t Account::excess_connections() const {
    return excess(connections() + leafnodes_.load(std::memory_order_relaxed),
                  elsewhere_.load(std::memory_order_relaxed), exchange().limits.connections);
}

bool Account::has_room_for_leafnode() const {
    const int64_t limit = exchange().limits.leafnodes;
    return limit < 0 || leafnodes_.load(std::memory_order_relaxed) +
                                leafnodes_elsewhere_.load(std::memory_order_relaxed) <
                            limit;
}

int64_t Account::excess_leafnodes() const {
    return excess(leafnodes_.load(std::memory_order_relaxed),
                  leafnodes_elsewhere_.load(std::memory_order_relaxed), exchange().limits.leafnodes);
}

bool Account::shed_connection() {
    const int64_t limit = exchange().limits.connections;
    int64_t count = connections();
    do {
        if (limit < 0 || count <= 0 || count + beside_clients() <= limit) return false;
    } while (!connections_.compare_exchange_weak(count, count - 1, std::memory_order_relaxed));
    return true;
}

void Account::listen_for_replies() {
    if (replies_ != nullptr) return;
    assert(reply_pattern().empty());
    const std::string pattern = std::string(proto::kServiceReplyPrefix) + ">";
    replies_.reset(
        interest::Subscription::create({.subject = pattern, .kind = proto::Kind::kAccount}));
    sublist_.insert(replies_.get());
    known_replies_.store(replies_.get(), std::memory_order_release);
    assert(reply_pattern() == pattern);
}

void Account::on_interest_changed(const interest::Subscription& subscription) {
    assert(feed_ != nullptr);
    feed_->on_interest_changed(*this, subscription);
}

void Account::on_leaf_interest_changed(const interest::Subscription& subscription) {
    assert(feed_ != nullptr);
    feed_->on_leaf_interest_changed(*this, subscription);
}

}  // namespace nuring::account
