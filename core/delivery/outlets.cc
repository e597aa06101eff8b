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

void Outlets::pause_until_room(link::Link& link, base::WorkerId to, size_t bytes) {
    Outlet& outlet = outlets_[index_of(to)];
    outlet.waiting.push_back(link.handle());
    ++pause_count_;
    link.pause(link::PauseReason::kRoom);
    await_room(to, bytes);
}

// The copies on their way have two parts, so that one is left while the other is waited for. To count each
// record where it is handled would cost all messages.
bool Outlets::is_behind(Outlet& outlet) {
    constexpr uint64_t kPart = InterestGate::kCopiesPerTurn;
    if (outlet.copies < kPart) [[likely]]
        return false;
    if (outlet.spill.empty()) {
        runtime::Mailbox& box = *outlet.mailbox;
        if (outlet.marked_copies != 0 && box.is_released(outlet.mark)) {
            outlet.copies -= std::exchange(outlet.marked_copies, 0);
        }
        if (outlet.marked_copies == 0 && outlet.copies >= kPart) {
            outlet.marked_copies = outlet.copies;
            outlet.mark = box.position();
        }
    }
    return outlet.copies >= 2 * kPart;
}

std::optional<base::WorkerId> Outlets::find_behind(const interest::WorkerSet& workers) {
    std::optional<base::WorkerId> behind;
    workers.for_each([&](base::WorkerId worker) {
        if (!behind.has_value() && is_behind(of(worker))) behind = worker;
    });
    return behind;
}

// Any room that comes is asked for. If it came before, the next turn looks again.
void Outlets::pause_until_drained(link::Link& link, base::WorkerId to) {
    Outlet& outlet = of(to);
    outlet.waiting.push_back(link.handle());
    ++pause_count_;
    link.pause(link::PauseReason::kRoom);
    if (!outlet.spill.empty()) return;
    mesh_.wait_for_release(host_.id, to);
    if (!is_behind(outlet)) resume_next_turn_ = true;
}

void Outlets::await_room(base::WorkerId to, size_t bytes) {
    const size_t capacity = mesh_.mailbox(host_.id, to).capacity();
    // Half the mailbox, so that a wake is worth its price.
    const size_t wanted = std::max(std::min(bytes, capacity / 2), capacity / 4);
    if (outlets_[index_of(to)].spill.empty() && !mesh_.wait_for_room(host_.id, to, wanted))
        resume_next_turn_ = true;
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
    Outlet& outlet = outlets_[index_of(to)];
    runtime::Mailbox& box = mesh_.mailbox(host_.id, to);
    while (outlet.spill_first < outlet.spill.size()) {
        const auto* kept =
            reinterpret_cast<const runtime::RecordHeader*>(outlet.spill[outlet.spill_first].get());
        runtime::RecordHeader* record = box.reserve(kept->size, kept->kind);
        if (record == nullptr) {
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

// The room may last for the first link alone, which waits behind the others then.
void Outlets::resume_waiting(base::WorkerId to) {
    std::vector<base::LinkHandle>& waiting = outlets_[index_of(to)].waiting;
    const std::vector<base::LinkHandle> waited = std::exchange(waiting, {});
    for (const base::LinkHandle handle : waited) {
        if (link::Link* link = host_.table.find(handle)) link->resume(link::PauseReason::kRoom);
    }
    if (!waiting.empty() && waiting.front() == waited.front())
        std::rotate(waiting.begin(), waiting.begin() + 1, waiting.end());
}

void Outlets::on_room(base::WorkerId to) {
    if (!outlets_[index_of(to)].spill.empty()) return drain_spill(to);
    resume_waiting(to);
}

bool Outlets::retry() {
    const bool resume_now = std::exchange(resume_next_turn_, false);
    if (!has_spill() && !resume_now) return false;
    for (uint32_t i = 0; i < outlets_.size(); ++i) {
        const auto to = static_cast<base::WorkerId>(i);
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
