// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/stall_gate.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/delivery/interest_gate.h"
#include "core/delivery/outlets.h"
#include "core/link/link.h"

namespace nuring::delivery {

void StallGate::note_backlog(link::Link& receiver) {
    const uint64_t pending = receiver.pending_bytes();
    const bool is_behind = pending > host_.limits().stall_from_bytes;
    const bool is_sending = receiver.is_sending();
    if (!is_sending && (is_behind || receiver.has_channel())) backlog_ |= kTurn;
    if (!is_behind) return;
    backlog_ |= kBehind;
    throttle();
    if (proto::is_server(receiver.kind())) note_server(receiver);
    if (!is_sending && pending <= kTurnBytes) return;
    backlog_ |= kBehindPeer;
    if (!is_sending && receiver.has_channel()) backlog_ |= kBehindChannel;
}

// Each rest lasts half as long as the server has taken nothing, so they are few. The room that is left must
// last until the server is given up, however many publish large messages.
void StallGate::note_server(link::Link& receiver) {
    const uint64_t behind_ns = receiver.note_behind();
    if (behind_ns > kFrozenMax_ns) return;
    const base::LinkHandle handle = receiver.handle();
    if (std::find(servers_behind_.begin(), servers_behind_.end(), handle) == servers_behind_.end())
        servers_behind_.push_back(handle);
    const uint64_t most = host_.limits().max_pending_bytes;
    const uint64_t left = most - std::min(most, receiver.pending_bytes());
    pace_.room_bytes = std::min(pace_.room_bytes, left / kRoomShare / outlets_.worker_count());
    const uint64_t rest_ns = std::min(receiver.sending_for_ns() / 2, kRestMax_ns);
    if (pace_.receiver.valid() && rest_ns < pace_.rest_ns) return;
    pace_.receiver = handle;
    pace_.rest_ns = rest_ns;
    pace_.longest_ns = kFrozenMax_ns - behind_ns;
    pace_.step_ns = pace_.longest_ns / kRoomShare;
}

// Where a record finds no room, the rests there last as long as before.
void StallGate::end_rests_because_of(base::LinkHandle server) {
    if (std::erase(servers_behind_, server) == 0) return;
    end_rests_here(server);
    for (uint32_t i = 0; i < outlets_.worker_count(); ++i) {
        const auto to = static_cast<base::WorkerId>(i);
        if (to == host_.id) continue;
        runtime::RecordHeader* const header =
            outlets_.try_begin_record(to, sizeof(EndStallsRecord), kEndStalls);
        if (header == nullptr) continue;
        reinterpret_cast<EndStallsRecord*>(header)->receiver = server;
        outlets_.commit_record(to, header);
    }
}

void StallGate::end_rests_here(base::LinkHandle receiver) {
    const uint64_t now_ns = host_.ring.now_ns();
    for (Resting& each : resting_) {
        if (each.receiver != receiver) continue;
        each.until_ns = std::min(each.until_ns, now_ns);
        arm(now_ns);
    }
}

void StallGate::arm(uint64_t until_ns) {
    if (until_ns == UINT64_MAX || (timer_.armed() && timer_.deadline_ns <= until_ns)) return;
    host_.timers.arm(timer_, until_ns);
}

void StallGate::throttle() {
    throttled_until_ns_ = host_.ring.now_ns() + kThrottle_ns;
    host_.throttle();
}

bool StallGate::begin_turn() {
    stalled_there_.clear();
    forget_backlog();
    if (host_.throttled() && host_.ring.now_ns() > throttled_until_ns_) host_.end_throttle();
    if (!has_due_) return false;
    end_rests();
    return true;
}

bool StallGate::rests(link::Link& publisher) {
    const uint8_t backlog = std::exchange(backlog_, 0);
    const StallPace pace = std::exchange(pace_, {});
    if (!publisher.open()) return false;
    const bool may_rest = publisher.may_rest();
    const bool stalls = (backlog & kBehindPeer) != 0 && may_rest;
    // Behind a channel a server rests as long: its messages may be larger than a batch. The receiver soon
    // catches up.
    if (stalls && (!proto::is_server(publisher.kind()) || (backlog & kBehindChannel) != 0)) {
        stall(publisher, RestKind::kHere, pace);
        return true;
    }
    if (may_rest && publisher.rested_there()) {
        stall(publisher, RestKind::kAnswer, {});
        return true;
    }
    if (!stalls && (backlog & kTurn) == 0) return false;
    if (stalls) publisher.set_rested(free_bytes(publisher));
    interest_gate_.rest(publisher);
    return true;
}

// Where max_pending is small, half of what is left of it above the threshold.
uint64_t StallGate::free_bytes(const link::Link& publisher) const {
    const link::LinkLimits& limits = host_.limits();
    const uint64_t most = proto::is_server(publisher.kind()) ? kServerFreeBytes : kFreeBytes;
    return std::min(most, (limits.max_pending_bytes - limits.stall_from_bytes) / 2);
}

// After a rest that so many others share.
uint64_t StallGate::free_bytes(const link::Link& publisher, size_t sharers, uint64_t room_bytes) const {
    const size_t parts = proto::is_server(publisher.kind()) ? 1 : std::min(sharers, kSharersMax);
    return std::min(free_bytes(publisher) / parts, room_bytes / sharers);
}

void StallGate::stall(link::Link& publisher, RestKind kind, const StallPace& pace) {
    if (kind != RestKind::kAnswer) ++stall_count_;
    // A message for another worker leaves at the end of this turn, which may have begun long ago.
    const uint64_t from_ns = kind == RestKind::kAnswer ? host_.ring.fresh_now_ns() : host_.ring.now_ns();
    add_rest(publisher, from_ns + rest_ns(publisher, kind, pace), kind, pace);
    publisher.set_awaits_stall(kind == RestKind::kAnswer);
    publisher.pause(link::PauseReason::kStall);
}

uint64_t StallGate::rest_ns(const link::Link& publisher, RestKind kind, const StallPace& pace) const {
    const uint64_t least_ns = kind == RestKind::kThere ? kRestThere_ns : kRest_ns;
    if (!pace.receiver.valid() || publisher.published_bytes() < kUnpacedBytes) return least_ns;
    // One more run of messages may pass after what is free. Others begin to rest after this one.
    const size_t sharers = std::max(resting_.size() + 1, kSharersMax);
    const uint64_t used = free_bytes(publisher, sharers, pace.room_bytes) +
                          std::max(publisher.published_bytes_per_message(), host_.limits().flow.run_bytes);
    const uint64_t share = pace.room_bytes / sharers + 1;
    const uint64_t paced_ns = std::max(pace.rest_ns, pace.step_ns * used / share);
    return std::max(least_ns, std::min(paced_ns, pace.longest_ns));
}

void StallGate::add_rest(const link::Link& publisher, uint64_t until_ns, RestKind kind,
                         const StallPace& pace) {
    resting_.push_back({.publisher = publisher.handle(),
                        .until_ns = until_ns,
                        .room_bytes = pace.room_bytes,
                        .receiver = pace.receiver,
                        .kind = kind});
    arm(until_ns);
}

// The input that a publisher has kept is work for this turn. If the turn is full, one goes on now, the others
// in the next turns.
void StallGate::end_rests() {
    const uint64_t now_ns = host_.ring.now_ns();
    uint64_t next_ns = UINT64_MAX;
    size_t ended = 0;
    has_due_ = false;
    looked_at_.swap(resting_);
    for (const Resting& each : looked_at_) {
        if (each.until_ns > now_ns) {
            resting_.push_back(each);
            next_ns = std::min(next_ns, each.until_ns);
            continue;
        }
        if (ended != 0 && host_.has_full_turn()) {
            resting_.push_back(each);
            has_due_ = true;
            continue;
        }
        ++ended;
        link::Link* const publisher = host_.table.find(each.publisher);
        const bool is_extended =
            publisher != nullptr && each.kind == RestKind::kAnswer && !publisher->awaits_stall();
        if (publisher != nullptr && !is_extended) end_rest(*publisher, each);
    }
    looked_at_.clear();
    arm(next_ns);
}

// An answer that comes later finds that the publisher has used up what was free.
void StallGate::end_rest(link::Link& publisher, const Resting& rest) {
    publisher.set_rested_there(rest.kind == RestKind::kThere);
    publisher.set_awaits_stall(false);
    if (rest.kind != RestKind::kAnswer)
        publisher.set_rested(free_bytes(publisher, looked_at_.size(), rest.room_bytes));
    publisher.resume(link::PauseReason::kStall);  // may have it rest again
}

// A record that finds no room is left out: the next message says the same.
void StallGate::stall_there(base::LinkHandle publisher, proto::Kind kind) {
    const uint8_t backlog = std::exchange(backlog_, 0);
    const StallPace pace = std::exchange(pace_, {});
    if ((backlog & kBehind) == 0 || proto::is_server(kind) || !publisher.valid()) return;
    // A queue member on a third worker had gone.
    if (publisher.worker() == host_.id) return stall_here(publisher, RestKind::kHere, pace);
    if (stalled_there_.size() >= kThereMax) return;
    if (std::find(stalled_there_.begin(), stalled_there_.end(), publisher) != stalled_there_.end()) return;
    runtime::RecordHeader* const header =
        outlets_.try_begin_record(publisher.worker(), sizeof(StallRecord), kStall);
    if (header == nullptr) return;
    StallRecord& record = *reinterpret_cast<StallRecord*>(header);
    record.publisher = publisher;
    record.pace = pace;
    outlets_.commit_record(publisher.worker(), header);
    stalled_there_.push_back(publisher);
}

void StallGate::on_record(const runtime::RecordHeader& record) {
    if (record.kind == kEndStalls) {
        const EndStallsRecord& end = reinterpret_cast<const EndStallsRecord&>(record);
        return end_rests_here(end.receiver);
    }
    assert(record.kind == kStall);
    const StallRecord& stall = reinterpret_cast<const StallRecord&>(record);
    stall_here(stall.publisher, RestKind::kThere, stall.pace);
}

void StallGate::stall_here(base::LinkHandle handle, RestKind kind, const StallPace& pace) {
    link::Link* const publisher = host_.table.find(handle);
    if (publisher == nullptr || !publisher->open()) return;
    if (publisher->is_stalled()) return extend_rest(*publisher, pace);
    if (publisher->may_rest()) stall(*publisher, kind, pace);
}

// If it rested only for this answer: the rest that it has is void, and ends before the new one. (Of thousands
// that rest it would have to be searched for.)
void StallGate::extend_rest(link::Link& publisher, const StallPace& pace) {
    if (!publisher.awaits_stall()) return;
    publisher.set_awaits_stall(false);
    ++stall_count_;
    const uint64_t until_ns = host_.ring.fresh_now_ns() + rest_ns(publisher, RestKind::kThere, pace);
    add_rest(publisher, until_ns, RestKind::kThere, pace);
}

}  // namespace nuring::delivery
