// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/link/link_host.h"
#include "core/runtime/mailbox.h"
#include "core/runtime/owned_timer.h"
#include "proto/kind.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

class InterestGate;
class Outlets;

// StallGate slows publishers down that are faster than a receiver. Else one that reads as fast as it can
// would be closed as a slow consumer.
//   - A receiver has most of max_pending waiting: a client that publishes to it rests for some milliseconds
//     after each kFreeBytes, also if the receiver lives on another worker. A receiver that reads nothing
//     soon exceeds max_pending, and is closed.
//   - A receiver waits for this worker alone, which encrypts or compresses a batch per turn: any link that
//     publishes to it rests until the next turn.
// Threads: its worker. Limits: kThereMax publishers on other workers per turn. Errors: none.
// Source:  stalledWait() of nats-server, where clients rest, too, and other servers do not.
class StallGate {
  public:
    // Up to a tick of the timers is added.
    static constexpr uint64_t kRest_ns = 5'000'000;
    // If the receiver lives on another worker: more may be on its way there.
    static constexpr uint64_t kRestThere_ns = 20'000'000;
    static constexpr uint64_t kFreeBytes = 128 * 1024;

    StallGate(link::LinkHost& host, InterestGate& interest_gate, Outlets& outlets)
        : host_(host), interest_gate_(interest_gate), outlets_(outlets) {}
    ~StallGate() { host_.timers.disarm(timer_); }
    StallGate(const StallGate&) = delete;
    StallGate& operator=(const StallGate&) = delete;

    // A message was queued for that link, which has more than LinkLimits::watched_bytes waiting.
    void note_backlog(const link::Link& receiver);
    // After a message of that link. True: it is paused.
    [[nodiscard]] bool rests_after_message(link::Link& publisher) {
        return backlog_ != Backlog::kNone && rests(publisher);
    }
    // A receiver of the last message was noted.
    bool has_backlog() const { return backlog_ != Backlog::kNone; }
    // After a message that came from another worker, where it was published by that link.
    void stall_there(base::LinkHandle publisher, proto::Kind kind);
    // Another worker says so.
    void on_record(const runtime::RecordHeader& record);
    void begin_turn() {
        stalled_there_.clear();
        backlog_ = Backlog::kNone;
    }

  private:
    enum class Backlog : uint8_t { kNone, kTurn, kStall };
    static constexpr size_t kThereMax = 64;
    struct Resting {
        base::LinkHandle publisher;
        uint64_t until_ns;
    };

    bool rests(link::Link& publisher);
    bool stall(link::Link& publisher, uint64_t rest_ns);
    void stall_here(base::LinkHandle handle, uint64_t rest_ns);
    void on_timer();

    link::LinkHost& host_;
    InterestGate& interest_gate_;
    Outlets& outlets_;
    Backlog backlog_ = Backlog::kNone;     // of the receivers of the last message
    std::vector<base::LinkHandle> stalled_there_;   // in this turn
    std::vector<Resting> resting_;
    runtime::OwnedTimer<StallGate, &StallGate::on_timer> timer_{*this};
};

}  // namespace nuring::delivery
