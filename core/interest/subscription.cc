// SPDX-License-Identifier: Apache-2.0
#include "core/interest/subscription.h"

#include <cassert>
#include <cstring>
#include <new>

#include "proto/subject.h"

namespace nuring::interest {

Subscription::Subscription(const SubscriptionSpec& spec)
    : owner(spec.owner),
      max(spec.max),
      serial_(spec.serial),
      link_(spec.link),
      weight_(spec.weight),
      origin_cluster_(spec.origin_cluster),
      subject_size_(static_cast<uint16_t>(spec.subject.size())),
      queue_size_(static_cast<uint16_t>(spec.queue.size())),
      sid_size_(static_cast<uint16_t>(spec.sid.size())),
      kind_(spec.kind) {}

Subscription* Subscription::create(const SubscriptionSpec& spec) {
    if (!fits(spec)) return nullptr;
    return create_in(::operator new(size_for(spec)), spec);
}

Subscription* Subscription::create_in(void* memory, const SubscriptionSpec& spec) {
    assert(!spec.subject.empty());
    auto* subscription = new (memory) Subscription(spec);
    char* text = reinterpret_cast<char*>(subscription + 1);
    const auto append = [&text](std::string_view part) {
        if (!part.empty()) std::memcpy(text, part.data(), part.size());
        text += part.size();
    };
    append(spec.subject);
    append(spec.queue);
    append(spec.sid);
    if (!proto::is_literal(spec.subject)) subscription->flags |= kPattern;
    return subscription;
}

void Subscription::destroy(Subscription* subscription) {
    if (subscription == nullptr) return;
    subscription->~Subscription();
    ::operator delete(subscription);
}

}  // namespace nuring::interest
