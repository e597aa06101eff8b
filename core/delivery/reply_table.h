// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/config/options.h"
#include "core/delivery/service_latency.h"
#include "proto/tracked_reply.h"

namespace nuring::account {
class Account;
}

namespace nuring::delivery {

// The way back of one request that went into another account.
struct ReplyRoute {
    account::Account* responder = nullptr;  // in whose subject space the reply subject is known
    account::Account* requestor = nullptr;
    account::Account* charged = nullptr;    // against whose bounds it counts
    std::string_view reply;                 // of the requestor, in its own
    config::ResponseType type = config::ResponseType::kSingleton;
    uint64_t threshold_ns = 0;              // how long an answer may take, and the next one after it
};

// ReplyTable keeps, for one worker, where the replies to requests over service imports go. Responders
// see a reply subject that names worker, place and a secret:
//
//   _R_.wwssssssssssssss    16 digits of 6 bits: worker 8, slot 24, secret 64
//
// (behind it, where the request is measured, the suffix of proto/tracked_reply.h)
// so that any worker knows from the reply subject which worker to ask, and that worker finds the route
// without a search; a responder cannot guess those of others.
//
// Threads: its worker.
// Limits:  kRoutesMax routes and kReplyBytesMax of reply subjects per charged account, then the oldest
//          goes. Expired ones go when that account adds another.
// Errors:  find() of a route that is gone, or is not of this account, is null.
// Source:  ours. Life and number: server/accounts.go (response threshold 2.1.0; 100,000 in RC19).
class ReplyTable {
  public:
    static constexpr uint32_t kRoutesMax = 65536;
    static constexpr size_t kReplyBytesMax = 8 * 1024 * 1024;
    static constexpr size_t kSubjectSize = 20;
    static constexpr size_t kSubjectSizeMax = kSubjectSize + proto::kTrackedSuffixSize;
    // A slot number names a route only while its worker adds none.
    using Slot = uint32_t;
    static constexpr Slot kNone = UINT32_MAX;

    explicit ReplyTable(base::WorkerId self) : self_(self) {}

    // `secret`: of a ring::SecretSource.
    Slot add(const ReplyRoute& route, uint64_t now_ns, uint64_t secret);
    // The subject under which the responder knows it.
    void write_subject(Slot slot, std::string* out) const;
    // The worker whose table has that subject; nothing: it is none of ours.
    static std::optional<base::WorkerId> worker_of(std::string_view subject);
    // `subject` names a route here that leads out of `responder` and has not expired, or kNone.
    Slot find(std::string_view subject, const account::Account& responder, uint64_t now_ns) const;
    // `reply` is valid until the route goes.
    ReplyRoute at(Slot slot) const;
    // A reply of several has passed: the next one has the whole time again.
    void renew(Slot slot, uint64_t now_ns) {
        entries_[slot].expires_ns = now_ns + entries_[slot].threshold_ns;
    }
    void remove(Slot slot);
    // No reply passes any more; the measurement goes on.
    void close(Slot slot) { entries_[slot].closed = true; }

    // Of such a subject the slot, closed or not, or kNone.
    Slot find_sample(std::string_view subject, const account::Account& responder) const;
    // A measurement that goes with the route.
    void set_sample(Slot slot, std::unique_ptr<LatencySample> sample) {
        entries_[slot].sample = std::move(sample);
    }
    LatencySample* sample(Slot slot) const { return entries_[slot].sample.get(); }
    uint64_t expires_ns(Slot slot) const { return entries_[slot].expires_ns; }

    size_t size() const { return count_; }
    size_t reply_bytes(const account::Account& charged) const {
        const auto found = queues_.find(&charged);
        return found == queues_.end() ? 0 : found->second.reply_bytes;
    }

  private:
    struct Entry {
        account::Account* responder = nullptr;  // null: free
        account::Account* requestor = nullptr;
        account::Account* charged = nullptr;
        uint64_t secret = 0;
        uint64_t expires_ns = 0;
        uint64_t threshold_ns = 0;
        Slot older = kNone;  // charged to the same account
        Slot newer = kNone;
        config::ResponseType type = config::ResponseType::kSingleton;
        bool closed = false;
        std::string reply;
        std::unique_ptr<LatencySample> sample;  // null: is not measured
    };
    struct Queue {
        Slot oldest = kNone;
        Slot newest = kNone;
        uint32_t count = 0;
        size_t reply_bytes = 0;
    };

    Slot locate(std::string_view subject, const account::Account& responder) const;
    void prune(Queue* queue, uint64_t now_ns);
    Slot take_slot();

    const base::WorkerId self_;
    std::vector<Entry> entries_;
    std::vector<Slot> free_;
    absl::flat_hash_map<const account::Account*, Queue> queues_;
    size_t count_ = 0;
};

}  // namespace nuring::delivery
