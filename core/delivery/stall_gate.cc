// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/stall_gate.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/delivery/interest_gate.h"
#include "core/delivery/outlets.h"
#include "core/delivery/records.h"
#include "core/link/link.h"

namespace nuring::delivery {

void StallGate::note_backlog(const link::Link& receiver) {
    const uint64_t pending = receiver.pending_bytes();
    const bool is_behind = pending > host_.limits().stall_from_bytes;
    const bool is_sending = receiver.is_sending();
    if (!is_sending && (is_behind || receiver.has_channel())) backlog_ |= kTurn;
    if (!is_behind) return;
    backlog_ |= kBehind;
    if (!is_sending && pending <= kTurnBytes) return;
    backlog_ |= kBehindPeer;
    if (!is_sending && receiver.has_channel()) backlog_ |= kBehindChannel;
}

bool StallGate::rests(link::Link& publisher) {
    const uint8_t backlog = std::exchange(backlog_, 0);
    if (!publisher.open()) return false;
    const bool stalls = (backlog & kBehindPeer) != 0 && publisher.may_rest();
    // Behind a channel a server rests as long: its messages may be larger than a batch. The receiver soon
    // catches up.
    if (stalls && (!proto::is_server(publisher.kind()) || (backlog & kBehindChannel) != 0)) {
        stall(publisher, kRest_ns);
        return true;
    }
    if (!stalls && (backlog & kTurn) == 0) return false;
    if (stalls) publisher.set_rested(free_bytes());
    interest_gate_.rest(publisher);
    return true;
}

// Where max_pending is small, half of what is left of it above the threshold.
uint64_t StallGate::free_bytes() const {
    const link::LinkLimits& limits = host_.limits();
    return std::min(kFreeBytes, (limits.max_pending_bytes - limits.stall_from_bytes) / 2);
}

void StallGate::stall(link::Link& publisher, uint64_t rest_ns) {
    ++stall_count_;
    const uint64_t until_ns = host_.ring.now_ns() + rest_ns;
    resting_.push_back({.publisher = publisher.handle(), .until_ns = until_ns});
    publisher.pause(link::PauseReason::kStall);
    if (!timer_.armed() || timer_.deadline_ns > until_ns) host_.timers.arm(timer_, until_ns);
}

void StallGate::on_timer() {
    const uint64_t now_ns = host_.ring.now_ns();
    uint64_t next_ns = UINT64_MAX;
    looked_at_.swap(resting_);
    for (const Resting& each : looked_at_) {
        if (each.until_ns > now_ns) {
            resting_.push_back(each);
            next_ns = std::min(next_ns, each.until_ns);
            continue;
        }
        link::Link* const publisher = host_.table.find(each.publisher);
        if (publisher == nullptr) continue;
        publisher->set_rested(free_bytes());
        publisher->resume(link::PauseReason::kStall);  // may have it rest again
    }
    looked_at_.clear();
    const bool is_later = timer_.armed() && timer_.deadline_ns <= next_ns;
    if (next_ns != UINT64_MAX && !is_later) host_.timers.arm(timer_, next_ns);
}

// A record that finds no room is left out: the next message says the same.
void StallGate::stall_there(base::LinkHandle publisher, proto::Kind kind) {
    const uint8_t backlog = std::exchange(backlog_, 0);
    if ((backlog & kBehind) == 0 || proto::is_server(kind) || !publisher.valid()) return;
    // A queue member on a third worker had gone.
    if (publisher.worker() == host_.id) return stall_here(publisher, kRest_ns);
    if (stalled_there_.size() >= kThereMax) return;
    if (std::find(stalled_there_.begin(), stalled_there_.end(), publisher) != stalled_there_.end()) return;
    runtime::RecordHeader* const header =
        outlets_.try_begin_record(publisher.worker(), sizeof(StallRecord), kStall);
    if (header == nullptr) return;
    reinterpret_cast<StallRecord*>(header)->publisher = publisher;
    outlets_.commit_record(publisher.worker(), header);
    stalled_there_.push_back(publisher);
}

void StallGate::on_record(const runtime::RecordHeader& record) {
    assert(record.kind == kStall);
    stall_here(reinterpret_cast<const StallRecord&>(record).publisher, kRestThere_ns);
}

void StallGate::stall_here(base::LinkHandle handle, uint64_t rest_ns) {
    link::Link* const publisher = host_.table.find(handle);
    if (publisher == nullptr || !publisher->open() || publisher->is_stalled()) return;
    if (publisher->may_rest()) stall(*publisher, rest_ns);
}

}  // namespace nuring::delivery
