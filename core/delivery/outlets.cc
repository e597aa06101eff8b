// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/outlets.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "core/base/narrow.h"
#include "core/delivery/interest_gate.h"
#include "core/link/link.h"

namespace nuring::delivery {
namespace {

// A body above this is not copied: it would take much of a mailbox.
constexpr size_t kInlineBytesMax = 32 * 1024;

}  // namespace

Outlets::Outlets(link::LinkHost& host)
    : host_(host), mesh_(host.worker.mesh()), outlets_(mesh_.worker_count()) {
    for (uint32_t i = 0; i < outlets_.size(); ++i) {
        const auto to = static_cast<base::WorkerId>(i);
        if (to == host_.id) continue;
        outlets_[i].mailbox = &mesh_.mailbox(host_.id, to);
        record_size_max_ = outlets_[i].mailbox->record_size_max();  // of all the same
    }
    inline_bytes_max_ = std::min(record_size_max_ / 2, kInlineBytesMax);
}

std::optional<base::WorkerId> Outlets::find_full(const interest::WorkerSet& workers, size_t bytes) {
    std::optional<base::WorkerId> full;
    workers.for_each([&](base::WorkerId worker) {
        if (!full.has_value() && !has_room(worker, bytes)) full = worker;
    });
    return full;
}

void Outlets::pause(link::Link& link, Outlet& outlet) {
    outlet.waiting.push_back(link.handle());
    ++pause_count_;
    link.pause(link::PauseReason::kRoom);
}

void Outlets::pause_until_room(link::Link& link, base::WorkerId to, size_t bytes) {
    pause(link, of(to));
    await_room(to, bytes);
}

// The mark divides what the worker may not have handled: that before it is subtracted together, once it has
// released all records up to there. Meanwhile it has that behind the mark to work on. To count each record
// where it is handled would cost all messages. With nothing on its way nothing is owed, else a link would
// wait for records to be handled that are not there.
bool Outlets::exceeds(const Outlet& outlet, Owed& owed, uint64_t part) {
    if (owed.all < part) [[likely]]
        return false;
    if (outlet.spill.empty()) {
        runtime::Mailbox& box = *outlet.mailbox;
        if (box.is_released(box.position())) owed = {};
        if (owed.marked != 0 && box.is_released(owed.mark)) owed.all -= std::exchange(owed.marked, 0);
        if (owed.marked == 0 && owed.all >= part) {
            owed.marked = owed.all;
            owed.mark = box.position();
        }
    }
    return owed.all >= 2 * part;
}

uint64_t Outlets::counted_bytes_max(const Outlet& outlet) const {
    const link::FlowLimits& flow = host_.limits().flow;
    return outlet.mailbox->is_throttled() ? flow.throttled_counted_bytes : flow.counted_bytes;
}

bool Outlets::is_behind(Outlet& outlet) {
    return exceeds(outlet, outlet.copies, InterestGate::kCopiesPerTurn) ||
           exceeds(outlet, outlet.counted_bytes, counted_bytes_max(outlet));
}

std::optional<base::WorkerId> Outlets::find_behind(const interest::WorkerSet& workers) {
    std::optional<base::WorkerId> behind;
    workers.for_each([&](base::WorkerId worker) {
        if (!behind.has_value() && is_behind(of(worker))) behind = worker;
    });
    return behind;
}

// The link is resumed when the worker next releases room; in the next turn, if it did before it was asked.
void Outlets::pause_until_drained(link::Link& link, base::WorkerId to) {
    Outlet& outlet = of(to);
    pause(link, outlet);
    if (!outlet.spill.empty()) return;  // drain_spill() asks for room
    mesh_.wait_for_release(host_.id, to);
    if (!is_behind(outlet)) resume_next_turn_ = true;
}

void Outlets::await_room(base::WorkerId to, size_t bytes) {
    const Outlet& outlet = of(to);
    if (!outlet.spill.empty()) return;  // drain_spill() asks for room
    const size_t capacity = outlet.mailbox->capacity();
    // Less room than a quarter of the mailbox would soon be used up, and asked for again.
    const size_t wanted = std::max(std::min(bytes, capacity / 2), capacity / 4);
    if (!mesh_.wait_for_room(host_.id, to, wanted)) resume_next_turn_ = true;
}

runtime::RecordHeader* Outlets::spill(base::WorkerId to, size_t size, uint32_t kind) {
    Outlet& outlet = of(to);
    ++spilled_count_;
    ++spill_count_;
    outlet.spill.push_back(std::make_unique<char[]>(size));
    auto* record = reinterpret_cast<runtime::RecordHeader*>(outlet.spill.back().get());
    *record = {.size = base::narrow<uint32_t>(size), .kind = kind};
    return record;
}

void Outlets::drain_spill(base::WorkerId to) {
    Outlet& outlet = of(to);
    runtime::Mailbox& box = *outlet.mailbox;
    while (outlet.spill_first < outlet.spill.size()) {
        const auto* kept =
            reinterpret_cast<const runtime::RecordHeader*>(outlet.spill[outlet.spill_first].get());
        runtime::RecordHeader* record = box.reserve(kept->size, kept->kind);
        if (record == nullptr) {
            // Where a quarter of the mailbox is free, the largest record finds room: Mailbox::has_room().
            if (!mesh_.wait_for_room(host_.id, to, box.capacity() / 4)) continue;
            return;
        }
        std::memcpy(record + 1, kept + 1, kept->size - sizeof(runtime::RecordHeader));
        box.commit(record);
        ++outlet.spill_first;
    }
    assert(spill_count_ >= outlet.spill.size());
    spill_count_ -= outlet.spill.size();
    outlet.spill.clear();
    outlet.spill_first = 0;
    // Links that wait behind it have not asked for room, and it has taken what there was.
    if (!outlet.waiting.empty() && !mesh_.wait_for_room(host_.id, to, box.capacity() / 4))
        resume_next_turn_ = true;
}

// Where the room lasts for the first link alone, that one waits behind the others next.
void Outlets::resume_waiting(base::WorkerId to) {
    std::vector<base::LinkHandle>& waiting = of(to).waiting;
    const std::vector<base::LinkHandle> waited = std::exchange(waiting, {});
    for (const base::LinkHandle handle : waited) {
        if (link::Link* link = host_.table.find(handle)) link->resume(link::PauseReason::kRoom);
    }
    if (!waiting.empty() && waiting.front() == waited.front())
        std::rotate(waiting.begin(), waiting.begin() + 1, waiting.end());
}

void Outlets::on_room(base::WorkerId to) {
    if (!of(to).spill.empty()) return drain_spill(to);
    resume_waiting(to);
}

bool Outlets::retry() {
    const bool resume_now = std::exchange(resume_next_turn_, false);
    if (!has_spill() && !resume_now) return false;
    for (uint32_t i = 0; i < outlets_.size(); ++i) {
        const auto to = static_cast<base::WorkerId>(i);
        if (to == host_.id) continue;
        if (!outlets_[i].spill.empty()) drain_spill(to);
        if (resume_now && outlets_[i].spill.empty()) resume_waiting(to);
    }
    return true;
}

bool Outlets::is_drained() const {
    for (uint32_t i = 0; i < outlets_.size(); ++i) {
        const auto from = static_cast<base::WorkerId>(i);
        if (from != host_.id && mesh_.mailbox(from, host_.id).next() != nullptr) return false;
    }
    return true;
}

}  // namespace nuring::delivery
