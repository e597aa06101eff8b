// SPDX-License-Identifier: Apache-2.0
// Client, SUB and UNSUB.
#include "core/client/client.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/delivery/records.h"
#include "fmt/format.h"
#include "proto/error_text.h"
#include "proto/quote.h"
#include "proto/subject.h"

namespace nuring::client {
namespace {

// The queue group of a server's own subscriptions.
constexpr std::string_view kSystemQueue = "_sys_";

}  // namespace

void Client::subscribe(const proto::ClientOperation& operation) {
    note_activity();
    const size_t names_size = operation.subject.size() + operation.queue.size();
    if (names_size > delivery::kNamesSizeMax) return refuse_long_line();
    const ClientLimits& limits = clients_.limits();
    const bool permitted =
        operation.queue != kSystemQueue &&
        (permissions_ == nullptr ||
         permissions_->may_subscribe(operation.subject, operation.queue));
    if (!permitted) [[unlikely]] {
        host_.log.error("{} - Subscription Violation - {}, Subject {}, SID {}", label(), who(),
                        proto::quote(operation.subject), operation.sid);
        std::string text =
            fmt::format("{}{}", proto::kErrSubscriptionViolation, proto::quote(operation.subject));
        if (!operation.queue.empty()) {
            text += fmt::format(" using queue {}", proto::quote(operation.queue));
        }
        return send_error(text);
    }
    if (limits.max_sub_tokens > 0 &&
        proto::token_count(operation.subject) > static_cast<size_t>(limits.max_sub_tokens)) {
        return send_error(fmt::format("{}{}, too many tokens", proto::kErrSubscriptionViolation,
                                      proto::quote(operation.subject)));
    }
    if (subscriptions_max_ >= 0 &&
        static_cast<int64_t>(subscriptions_.size()) >= subscriptions_max_) {
        host_.log.error("{} - {}", label(), proto::kErrSubscriptionsExceeded);
        return send_error(proto::kErrSubscriptionsExceeded);
    }
    const interest::SidTable::Key sid_key = subscriptions_.key(operation.sid);
    if (subscriptions_.find(operation.sid, sid_key) == nullptr) {
        if (!proto::is_valid_pattern(operation.subject)) {
            return send_error(proto::kErrInvalidSubject);
        }
        // Its place in the list is far away when there are many; asked for now, it is near by insert().
        interest::Sublist& sublist = account_->sublist();
        const uint64_t hash = sublist.hash(operation.subject);
        sublist.prefetch(hash);
        interest::Subscription* subscription =
            delivery_.subscriptions.create({.link = handle(),
                                            .owner = static_cast<delivery::Subscriber*>(this),
                                            .subject = operation.subject,
                                            .queue = operation.queue,
                                            .sid = operation.sid});
        if (subscription == nullptr) return send_error(proto::kErrInvalidSubject);
        if (permissions_ != nullptr &&
            permissions_->must_filter(operation.subject, operation.queue)) {
            subscription->flags |= interest::Subscription::kFiltered;
        }
        if (limits.follow_subscribers) subscription->flags |= interest::Subscription::kNoted;
        subscriptions_.insert(subscription, sid_key);
        if (subscription->is_queue()) ++member_count_;
        assert(member_count_ <= subscriptions_.size());
        sublist.insert(subscription, hash);
        if (!account_->exchange().streams.empty()) update_shadows(*subscription);
    }
    if (connect_.verbose) send_ok();
}

void Client::unsubscribe(const proto::ClientOperation& operation) {
    note_activity();
    const interest::SidTable::Key sid_key = subscriptions_.key(operation.sid);
    if (interest::Subscription* subscription = subscriptions_.find(operation.sid, sid_key);
        subscription != nullptr) {
        const auto max = static_cast<uint64_t>(std::max<int64_t>(operation.unsubscribe_max, 0));
        if (max > subscription->delivered) {
            subscription->max = max;
        } else {
            remove(subscription, sid_key);
        }
    }
    if (connect_.verbose) send_ok();
}

// Stands for it where its account imports from.
void Client::update_shadows(interest::Subscription& subscription) {
    if (shadows_ == nullptr) shadows_ = std::make_unique<delivery::Shadows>(delivery_);
    shadows_->update(subscription, account_->exchange());
}

void Client::remove(interest::Subscription* subscription, const interest::SidTable::Key& sid_key) {
    if (shadows_ != nullptr) shadows_->remove(*subscription);
    subscriptions_.erase(subscription, sid_key);
    assert(!subscription->is_queue() || member_count_ > 0);
    if (subscription->is_queue()) --member_count_;
    delivery_.subscriptions.retire(subscription);
    account_->sublist().remove(subscription);
    if (tracing_) host_.log.trace("{} - <-> [DELSUB {}]", label(), subscription->sid());
}

// All at once: of a client that goes on as somebody else.
void Client::drop_subscriptions() {
    std::vector<interest::Subscription*> all;
    all.reserve(subscriptions_.size());
    subscriptions_.take(SIZE_MAX, &all);
    drop(all);
}

// Members of queue groups first: what other workers choose this client for must find another member, and
// so may come late.
bool Client::release(size_t most) {
    assert(!open());
    std::vector<interest::Subscription*> some;
    while (!members_.empty() && some.size() < most) {
        subscriptions_.erase(members_.back());
        some.push_back(members_.back());
        members_.pop_back();
    }
    if (members_.empty()) {
        members_.shrink_to_fit();
        subscriptions_.take(most - some.size(), &some);
    }
    assert(some.size() <= most);
    drop(some);
    host_.count_released(some.size());
    return subscriptions_.empty();
}

// In random order, so that some of each large group go with the first slice: then no match holds the others.
void Client::find_members() {
    assert(members_.empty());
    if (member_count_ == 0) return;
    members_.reserve(member_count_);
    subscriptions_.for_each([this](interest::Subscription* each) {
        if (!each->is_queue()) return;
        each->flags |= interest::Subscription::kLeaving;
        if (shadows_ != nullptr) shadows_->begin_leaving(*each);
        members_.push_back(each);
    });
    assert(members_.size() == member_count_);
    for (size_t i = members_.size(); i > 1; --i) {
        std::swap(members_[i - 1], members_[delivery_.prng.below(static_cast<uint32_t>(i))]);
    }
}

void Client::drop(std::vector<interest::Subscription*>& some) {
    // In the order they came: near each other in memory, and the same in each run of the simulator.
    std::sort(some.begin(), some.end(),
              [](const auto* a, const auto* b) { return a->serial() < b->serial(); });
    account_->sublist().remove_batch(some);
    for (interest::Subscription* subscription : some) {
        if (shadows_ != nullptr) shadows_->remove(*subscription);
        assert(!subscription->is_queue() || member_count_ > 0);
        if (subscription->is_queue()) --member_count_;
        delivery_.subscriptions.retire(subscription);
    }
}

}  // namespace nuring::client
