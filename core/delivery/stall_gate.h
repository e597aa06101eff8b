// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/delivery/records.h"
#include "core/link/link.h"
#include "core/link/link_host.h"
#include "core/runtime/mailbox.h"
#include "core/runtime/owned_timer.h"
#include "proto/kind.h"

namespace nuring::delivery {

class InterestGate;
class Outlets;

// StallGate slows publishers down that are faster than a receiver. Else one that reads as fast as it can
// would be closed as a slow consumer.
//   - A receiver has most of max_pending waiting for its peer: a client that publishes to it rests for some
//     milliseconds after each kFreeBytes, which those that rest on a worker share. If the receiver lives on
//     another worker, it then also rests until that one could say that the receiver is still behind. A
//     client that reads nothing soon exceeds max_pending, and is closed.
//   - A server has kFrozenMax_ns to catch up before it ends like that: all messages for its clients would be
//     lost. The clients that publish to it rest until it has caught up, or until they are due a part of the
//     room that is left, which they share: it lasts for that time.
//   - A server, behind which many others publish, rests until the next turn after each kServerFreeBytes,
//     which it shares with nobody; as long as a client where the peer takes everything.
//   - A receiver waits for this worker alone, which sends at the end of the turn, and encrypts or
//     compresses a batch per turn: any link that publishes to it rests until the next turn.
//   - Each of many publishers goes on until it knows, and together that would be too much: while a receiver
//     is behind, its worker takes little in per turn (LinkHost::throttle()).
// Threads: its worker. Limits: kThereMax publishers on other workers per turn. Errors: none.
// Source:  stalledWait() of nats-server, where clients rest, too, and other servers do not.
class StallGate {
  public:
    // Up to a tick of the timers is added.
    static constexpr uint64_t kRest_ns = 5'000'000;
    // If the receiver lives on another worker: more may be on its way there.
    static constexpr uint64_t kRestThere_ns = 20'000'000;
    // One that is behind for longer may hold up nobody any more.
    static constexpr uint64_t kFrozenMax_ns = 5'000'000'000;
    // Because of such a server, after messages that were free.
    static constexpr uint64_t kRestMax_ns = 250'000'000;
    // Or less, with a small max_pending, or for each of several that rest.
    static constexpr uint64_t kFreeBytes = 128 * 1024;
    // Of a server, or less with a small max_pending: what others publish waits behind its rest.
    static constexpr uint64_t kServerFreeBytes = 1024 * 1024;
    // Each of more has as large a share, else a receiver that reads nothing would hold them up for seconds.
    static constexpr size_t kSharersMax = 8;

    StallGate(link::LinkHost& host, InterestGate& interest_gate, Outlets& outlets)
        : host_(host), interest_gate_(interest_gate), outlets_(outlets) {}
    ~StallGate() { host_.timers.disarm(timer_); }
    StallGate(const StallGate&) = delete;
    StallGate& operator=(const StallGate&) = delete;

    // A message was queued for that link, which has more than LinkLimits::watched_bytes waiting.
    void note_backlog(link::Link& receiver);
    // A server has caught up, or has ended: those that rest because of it go on.
    void end_rests_because_of(base::LinkHandle server);
    // After a message of that link. True: it is paused.
    [[nodiscard]] bool rests_after_message(link::Link& publisher) {
        return (backlog_ != 0 || publisher.rested_there()) && rests(publisher);
    }
    // A receiver of the last message was noted.
    bool has_backlog() const { return backlog_ != 0; }
    // After a message that came from another worker, where it was published by that link.
    void stall_there(base::LinkHandle publisher, proto::Kind kind);
    // Times that a client began to rest because of a receiver's backlog.
    uint64_t stall_count() const { return stall_count_; }
    // Another worker says so.
    void on_record(const runtime::RecordHeader& record);
    // Forgets what the last messages have noted, and goes on with publishers that had to wait for this turn.
    // True: there were some, and they may have published.
    [[nodiscard]] bool begin_turn();
    // Publishers have rested enough, but had to wait for the next turn.
    bool wants_turn() const { return has_due_; }
    // After messages whose publishers are not to rest.
    void forget_backlog() {
        backlog_ = 0;
        pace_ = {};
    }

  private:
    enum Backlog : uint8_t {
        kTurn = 1,           // a receiver waits for the end of the turn
        kBehind = 2,         // one has most of max_pending waiting
        kBehindPeer = 4,     // that one waits for its peer, or for more than a turn
        kBehindChannel = 8,  // its peer takes everything, but its channel makes a batch per turn
    };
    // Less than one send takes.
    static constexpr uint64_t kTurnBytes = 1024 * 1024;
    static constexpr size_t kThereMax = 64;
    // After the last message for a receiver that is behind.
    static constexpr uint64_t kThrottle_ns = 5'000'000;
    // After one rest each, the publishers of all workers together use up this part of a server's room.
    static constexpr uint64_t kRoomShare = 8;
    // A client that has published less, one that has just connected, say, rests as for any receiver.
    static constexpr uint64_t kUnpacedBytes = 16 * 1024;
    enum class RestKind : uint8_t {
        kHere,
        kThere,   // the receiver lives on another worker
        kAnswer,  // as long as that worker may need to say that it is still behind
    };
    struct Resting {
        base::LinkHandle publisher;
        uint64_t until_ns;
        uint64_t room_bytes;        // as in StallPace
        base::LinkHandle receiver;  // as in StallPace
        RestKind kind;
    };

    void throttle();
    void note_server(link::Link& receiver);
    bool rests(link::Link& publisher);
    uint64_t free_bytes(const link::Link& publisher) const;
    uint64_t free_bytes(const link::Link& publisher, size_t sharers, uint64_t room_bytes) const;
    void stall(link::Link& publisher, RestKind kind, const StallPace& pace);
    void stall_here(base::LinkHandle handle, RestKind kind, const StallPace& pace);
    void extend_rest(link::Link& publisher, const StallPace& pace);
    uint64_t rest_ns(const link::Link& publisher, RestKind kind, const StallPace& pace) const;
    void add_rest(const link::Link& publisher, uint64_t until_ns, RestKind kind, const StallPace& pace);
    void end_rest(link::Link& publisher, const Resting& rest);
    void end_rests();
    void arm(uint64_t until_ns);
    void end_rests_here(base::LinkHandle receiver);

    link::LinkHost& host_;
    InterestGate& interest_gate_;
    Outlets& outlets_;
    uint8_t backlog_ = 0;  // Backlog, of all receivers of the last message
    StallPace pace_;       // of these
    std::vector<base::LinkHandle> stalled_there_;   // in this turn
    std::vector<Resting> resting_;
    std::vector<Resting> looked_at_;  // of end_rests()
    std::vector<base::LinkHandle> servers_behind_;  // of this worker
    bool has_due_ = false;
    uint64_t stall_count_ = 0;
    uint64_t throttled_until_ns_ = 0;
    runtime::OwnedTimer<StallGate, &StallGate::end_rests> timer_{*this};
};

}  // namespace nuring::delivery
