// SPDX-License-Identifier: Apache-2.0
#include "core/interest/subscriber_set.h"

#include <algorithm>

#include "core/interest/subject_hash.h"

namespace nuring::interest {
namespace {

uint32_t hash_name(std::string_view name, uint64_t seed) {
    return static_cast<uint32_t>(subject_hash(name, seed));
}

// Gives memory back when an array has become much too large for what it holds.
void shrink(std::vector<Subscription*>& array) {
    constexpr size_t kSmall = 64;
    if (array.capacity() > kSmall && array.size() < array.capacity() / 4) {
        std::vector<Subscription*> smaller;
        smaller.reserve(array.size() * 2);
        smaller.assign(array.begin(), array.end());
        array.swap(smaller);
    }
}

// The meaning of a subscription that comes or goes, given how many plain ones there are without it.
// Each member of a group counts; of plain ones, the first that comes and the last that goes. As long as there
// is one that counts everywhere, others need not be announced to any link; else each may change what one of
// the links gets, to which its own are not announced.
InterestChange change_of(const Subscription& subscription, size_t own_rest, size_t everywhere_rest) {
    if (!subscription.is_announced_to(proto::Kind::kLeafnode)) return InterestChange::kNone;
    if (subscription.is_own() && (subscription.is_queue() || own_rest == 0)) return InterestChange::kChanged;
    if (subscription.is_queue() || everywhere_rest == 0) return InterestChange::kForLeafnodes;
    return InterestChange::kNone;
}

}  // namespace

size_t count_everywhere(std::span<Subscription* const> members) {
    const auto end = std::partition_point(members.begin(), members.end(),
                                          [](const Subscription* each) { return each->counts_everywhere(); });
    return static_cast<size_t>(end - members.begin());
}

InterestChange SubscriberSet::add(Subscription* subscription, uint64_t hash_seed) {
    const InterestChange change =
        change_of(*subscription, plain_.size() - plain_of_others_, plain_everywhere_);
    ++size_;
    if (subscription->is_queue()) {
        const std::string_view name = subscription->queue();
        const uint32_t name_hash = hash_name(name, hash_seed);
        Group* group = find_group(name, name_hash);
        if (group == nullptr) group = add_group(name, name_hash);
        group->add(subscription);
        return change;
    }
    subscription->index_ = static_cast<uint32_t>(plain_.size());
    plain_.push_back(subscription);
    if (!subscription->is_own()) ++plain_of_others_;
    if (subscription->counts_everywhere()) ++plain_everywhere_;
    return change;
}

// The place `from` is free afterwards.
void SubscriberSet::Group::move(uint32_t from, uint32_t to) {
    if (from == to) return;
    members[to] = members[from];
    members[to]->index_ = to;
}

// A member that counts everywhere takes the place of the first one that does not.
void SubscriberSet::Group::add(Subscription* member) {
    auto place = static_cast<uint32_t>(members.size());
    members.push_back(member);
    if (member->counts_everywhere()) {
        move(everywhere, place);
        place = everywhere++;
    }
    members[place] = member;
    member->index_ = place;
}

void SubscriberSet::Group::remove(Subscription* member) {
    uint32_t place = member->index_;
    if (member->counts_everywhere()) {
        --everywhere;
        move(everywhere, place);
        place = everywhere;
    }
    move(static_cast<uint32_t>(members.size()) - 1, place);
    members.pop_back();
}

InterestChange SubscriberSet::remove(Subscription* subscription, uint64_t hash_seed) {
    std::vector<Subscription*>* array = &plain_;
    Group* group = nullptr;
    if (subscription->is_queue()) {
        const std::string_view name = subscription->queue();
        group = find_group(name, hash_name(name, hash_seed));
        if (group == nullptr) return InterestChange::kAbsent;
        array = &group->members;
    }
    const uint32_t index = subscription->index_;
    if (index >= array->size() || (*array)[index] != subscription) return InterestChange::kAbsent;
    --size_;
    if (group == nullptr) {
        Subscription* last = array->back();
        (*array)[index] = last;
        last->index_ = index;
        array->pop_back();
        if (!subscription->is_own()) --plain_of_others_;
        if (subscription->counts_everywhere()) --plain_everywhere_;
    } else {
        group->remove(subscription);
    }
    if (group != nullptr && array->empty()) {
        remove_group(group);
    } else {
        shrink(*array);
    }
    return change_of(*subscription, plain_.size() - plain_of_others_, plain_everywhere_);
}

size_t SubscriberSet::Group::own_count() const {
    size_t count = everywhere;
    for (size_t i = everywhere; i < members.size(); ++i) {
        count += members[i]->is_own() ? members[i]->weight() : 0;
    }
    return count;
}

std::span<Subscription* const> SubscriberSet::members(std::string_view queue, uint64_t hash_seed) const {
    if (queue.empty()) return plain_;
    const Group* group = find_group(queue, hash_name(queue, hash_seed));
    return group == nullptr ? std::span<Subscription* const>() : group->members;
}

size_t SubscriberSet::own_count(std::string_view queue, uint64_t hash_seed) const {
    if (queue.empty()) return plain_.size() - plain_of_others_;
    const Group* group = find_group(queue, hash_name(queue, hash_seed));
    return group == nullptr ? 0 : group->own_count();
}

void SubscriberSet::collect(base::WorkerId self, MatchResult* result) const {
    constexpr size_t kAhead = 8;
    const size_t count = plain_.size();
    for (size_t i = 0; i < count; ++i) {
        if (i + kAhead < count) __builtin_prefetch(&plain_[i + kAhead]->link_);
        result->add_plain(self, plain_[i]);
    }
    for (const std::unique_ptr<Group>& group : groups_) {
        result->add_members(self, group->name, group->name_hash, group->members);
    }
}

SubscriberSet::Group* SubscriberSet::find_group(std::string_view name, uint32_t name_hash) const {
    if (by_name_ != nullptr) {
        const auto found = by_name_->find(name);
        return found == by_name_->end() ? nullptr : found->second;
    }
    for (const std::unique_ptr<Group>& group : groups_) {
        if (group->name_hash == name_hash && group->name == name) return group.get();
    }
    return nullptr;
}

SubscriberSet::Group* SubscriberSet::add_group(std::string_view name, uint32_t name_hash) {
    auto group = std::make_unique<Group>();
    group->name = name;
    group->name_hash = name_hash;
    group->index = static_cast<uint32_t>(groups_.size());
    groups_.push_back(std::move(group));
    Group* added = groups_.back().get();
    if (by_name_ != nullptr) {
        by_name_->emplace(added->name, added);
    } else if (groups_.size() > kGroupScanMax) {
        by_name_ = std::make_unique<GroupsByName>();
        for (const std::unique_ptr<Group>& each : groups_) by_name_->emplace(each->name, each.get());
    }
    return added;
}

void SubscriberSet::remove_group(Group* group) {
    if (by_name_ != nullptr) by_name_->erase(group->name);
    const uint32_t index = group->index;
    if (index + 1 != groups_.size()) {
        groups_[index].swap(groups_.back());
        groups_[index]->index = index;
    }
    groups_.pop_back();
}

InterestChange Subscribers::add(Subscription* subscription, uint64_t hash_seed) {
    if (empty()) {
        assign(subscription, 0);
        return change_of(*subscription, 0, 0);
    }
    if (!is_set()) {
        auto* set = new SubscriberSet;
        (void)set->add(single(), hash_seed);
        assign(set, kSetBit);
    }
    return set()->add(subscription, hash_seed);
}

InterestChange Subscribers::remove(Subscription* subscription, uint64_t hash_seed) {
    if (!is_set()) {
        if (single() != subscription) return InterestChange::kAbsent;
        bits_ = 0;
        return change_of(*subscription, 0, 0);
    }
    SubscriberSet* from = set();
    const InterestChange change = from->remove(subscription, hash_seed);
    if (from->size() == 1) {
        assign(from->front(), 0);
        delete from;
    }
    return change;
}

size_t Subscribers::own_count(std::string_view queue, uint64_t hash_seed) const {
    if (is_set()) return set()->own_count(queue, hash_seed);
    return !empty() && single()->is_own() && single()->queue() == queue ? own_weight(*single()) : 0;
}

void Subscribers::clear() {
    if (is_set()) delete set();
    bits_ = 0;
}

void Subscribers::collect_queue(base::WorkerId self, uint64_t hash_seed, MatchResult* result) const {
    Subscription* const member = single();
    result->add_members(self, member->queue(), hash_name(member->queue(), hash_seed), {&member, 1});
}

}  // namespace nuring::interest
