// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/base/ids.h"
#include "core/interest/forward_rules.h"
#include "proto/kind.h"

namespace nuring::interest {

// The parts of a new subscription; the texts are copied.
struct SubscriptionSpec {
    base::LinkHandle link;
    void* owner = nullptr;  // its Subscriber (delivery/subscriber.h), for the link's worker only
    uint64_t serial = 0;    // names the subscription on its worker, never used twice
    std::string_view subject;
    std::string_view queue;  // empty: a plain subscription
    std::string_view sid;
    uint64_t max = 0;  // deliveries before it ends by itself; 0: no end
    uint32_t weight = 1;
    uint32_t origin_cluster = 0;  // of another server's: the number of its cluster of leafnodes; 0: none
    proto::Kind kind = proto::Kind::kClient;
};

// Subscription is one SUB of a link: a fixed head and, in the same allocation, subject, queue and sid,
// because servers with a million of them pay for every word. It is owned by its link; the sublist
// points at it between Sublist::insert() and Sublist::remove().
//
//   | owner | delivered | max | serial | link | hash index weight origin sizes kind flags | subject queue sid
//   0                                  32                                                  64
//
// Threads: owner, delivered, max and flags belong to the link's worker. Everything else is fixed once
//          the subscription is inserted (weight: changed by Sublist::set_weight() only) and is read by
//          every worker under the lock of its shard.
// Limits:  each text up to kTextSizeMax bytes.
// Errors:  create() returns null if a text is longer.
// Source:  ours.
class Subscription {
  public:
    static constexpr size_t kTextSizeMax = UINT16_MAX;

    enum Flag : uint8_t {
        kClosed = 1,    // removed or ended; kept until no iteration can meet it
        kFiltered = 2,  // matches subjects that its link may not receive: each message is checked
        kLeaving = 4,   // of a closed link, released in a later turn: its worker picks it from no group
        kNoted = 8,     // its owner has to know which worker has matched a message
        kPattern = 16,  // its subject has a wildcard
    };

    // On the general allocator; a worker has a SubscriptionPool.
    [[nodiscard]] static Subscription* create(const SubscriptionSpec& spec);
    static void destroy(Subscription* subscription);
    // In memory of size_for(spec) bytes; fits(spec) holds.
    static Subscription* create_in(void* memory, const SubscriptionSpec& spec);
    static size_t size_for(const SubscriptionSpec& spec) {
        return sizeof(Subscription) + spec.subject.size() + spec.queue.size() + spec.sid.size();
    }
    static bool fits(const SubscriptionSpec& spec) {
        return spec.subject.size() <= kTextSizeMax && spec.queue.size() <= kTextSizeMax &&
               spec.sid.size() <= kTextSizeMax;
    }

    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

    std::string_view subject() const { return {text(), subject_size_}; }
    std::string_view queue() const { return {text() + subject_size_, queue_size_}; }
    std::string_view sid() const { return {text() + subject_size_ + queue_size_, sid_size_}; }
    bool is_queue() const { return queue_size_ != 0; }
    bool is_literal() const { return (flags & kPattern) == 0; }

    base::LinkHandle link() const { return link_; }
    base::WorkerId worker() const { return link_.worker(); }
    uint64_t serial() const { return serial_; }
    proto::Kind kind() const { return kind_; }
    uint32_t weight() const { return weight_; }

    // Another server asked for it.
    bool is_of_server() const { return proto::is_server(kind_); }
    // Of another server's subscription: the cluster of leafnodes that it comes from; empty: none. It stands
    // in the place of the sid: such a subscription has none.
    std::string_view origin() const { return is_of_server() ? sid() : std::string_view(); }
    uint32_t origin_cluster() const { return origin_cluster_; }  // its number; 0: none
    // Is it announced over links of that kind? A subscription for the answers of services has no owner, and
    // is announced to all; a service import is announced from the exporting account.
    bool is_announced_to(proto::Kind kind) const {
        if (is_service() && owner == nullptr) return true;
        return is_announced(kind_, kind);
    }
    // Of this server, so that it is announced to the other servers of the cluster.
    bool is_own() const { return is_announced_to(proto::Kind::kRoute); }
    // Of this server, and announced to all other servers.
    bool counts_everywhere() const { return !is_of_server() && is_own(); }
    // It leads into another account.
    bool is_service() const { return rules_of(kind_).place == MatchPlace::kService; }

    bool closed() const { return (flags & kClosed) != 0; }

    // Bytes of the allocation, without the allocator's own.
    size_t size_bytes() const {
        return sizeof(Subscription) + subject_size_ + queue_size_ + sid_size_;
    }

    // Of the link's worker.
    void* owner = nullptr;
    uint64_t delivered = 0;
    uint64_t max = 0;

  private:
    friend class LiteralTable;
    friend class PatternTrie;
    friend class Subscribers;
    friend class SubscriberSet;
    friend class Sublist;

    explicit Subscription(const SubscriptionSpec& spec);
    ~Subscription() = default;

    const char* text() const { return reinterpret_cast<const char*>(this + 1); }

    uint64_t serial_;
    base::LinkHandle link_;
    uint32_t subject_hash_ = 0;  // the part that finds its home in a grown LiteralTable
    uint32_t index_ = 0;         // place in the array of its SubscriberSet
    uint32_t weight_;
    uint32_t origin_cluster_;
    uint16_t subject_size_;
    uint16_t queue_size_;
    uint16_t sid_size_;
    proto::Kind kind_;

  public:
    uint8_t flags = 0;  // of Flag; here, since it fills the last byte of the head
};

static_assert(sizeof(Subscription) == 64);
static_assert(alignof(Subscription) == 8);

// Owns a subscription in tests and in code that is not short of memory.
struct SubscriptionDeleter {
    void operator()(Subscription* subscription) const { Subscription::destroy(subscription); }
};
using SubscriptionPtr = std::unique_ptr<Subscription, SubscriptionDeleter>;

}  // namespace nuring::interest
