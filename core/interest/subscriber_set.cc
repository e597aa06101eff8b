// SPDX-License-Identifier: Apache-2.0
#include "core/interest/subscriber_set.h"

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

}  // namespace

void SubscriberSet::add(Subscription* subscription, uint64_t hash_seed) {
    std::vector<Subscription*>* array = &plain_;
    if (subscription->is_queue()) {
        const std::string_view name = subscription->queue();
        const uint32_t name_hash = hash_name(name, hash_seed);
        Group* group = find_group(name, name_hash);
        if (group == nullptr) group = add_group(name, name_hash);
        array = &group->members;
    }
    subscription->index_ = static_cast<uint32_t>(array->size());
    array->push_back(subscription);
    ++size_;
}

bool SubscriberSet::remove(Subscription* subscription, uint64_t hash_seed) {
    std::vector<Subscription*>* array = &plain_;
    Group* group = nullptr;
    if (subscription->is_queue()) {
        const std::string_view name = subscription->queue();
        group = find_group(name, hash_name(name, hash_seed));
        if (group == nullptr) return false;
        array = &group->members;
    }
    const uint32_t index = subscription->index_;
    if (index >= array->size() || (*array)[index] != subscription) return false;
    Subscription* last = array->back();
    (*array)[index] = last;
    last->index_ = index;
    array->pop_back();
    --size_;
    if (group != nullptr && array->empty()) {
        remove_group(group);
    } else {
        shrink(*array);
    }
    return true;
}

void SubscriberSet::collect(base::WorkerId self, MatchResult* result) const {
    constexpr size_t kAhead = 8;
    const size_t count = plain_.size();
    for (size_t i = 0; i < count; ++i) {
        if (i + kAhead < count) __builtin_prefetch(&plain_[i + kAhead]->link_);
        result->add_plain(self, plain_[i]);
    }
    for (const std::unique_ptr<Group>& group : groups_) {
        result->add_members(group->name, group->name_hash, group->members);
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

void Subscribers::add(Subscription* subscription, uint64_t hash_seed) {
    if (empty()) {
        assign(subscription, 0);
        return;
    }
    if (!is_set()) {
        auto* set = new SubscriberSet;
        set->add(single(), hash_seed);
        assign(set, kSetBit);
    }
    set()->add(subscription, hash_seed);
}

bool Subscribers::remove(Subscription* subscription, uint64_t hash_seed) {
    if (!is_set()) {
        if (single() != subscription) return false;
        bits_ = 0;
        return true;
    }
    SubscriberSet* from = set();
    if (!from->remove(subscription, hash_seed)) return false;
    if (from->size() == 1) {
        assign(from->front(), 0);
        delete from;
    }
    return true;
}

void Subscribers::clear() {
    if (is_set()) delete set();
    bits_ = 0;
}

void Subscribers::collect_queue(uint64_t hash_seed, MatchResult* result) const {
    Subscription* const member = single();
    result->add_members(member->queue(), hash_name(member->queue(), hash_seed), {&member, 1});
}

}  // namespace nuring::interest
