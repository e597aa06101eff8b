// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/mesh.h"

namespace nuring::runtime {

Mesh::Mesh(std::vector<ring::Ring*> rings, size_t mailbox_bytes, size_t full_from_bytes)
    : rings_(std::move(rings)),
      mailbox_bytes_(mailbox_bytes),
      room_wanted_(new RoomWanted[rings_.size() * rings_.size()]),
      states_(new State[rings_.size()]) {
    const size_t count = rings_.size();
    mailboxes_.resize(count * count);
    for (size_t from = 0; from < count; ++from) {
        for (size_t to = 0; to < count; ++to) {
            if (from == to) continue;
            mailboxes_[from * count + to] = std::make_unique<Mailbox>(mailbox_bytes, full_from_bytes);
        }
    }
}

void Mesh::wake_if_sleeping(base::WorkerId self, uint32_t target) {
    std::atomic<bool>& sleeping = states_[target].sleeping;
    // seq_cst: ordered after the store that published (pairs with park()). The exchange makes sure
    // that of several senders one wakes.
    if (sleeping.load(std::memory_order_seq_cst) &&
        sleeping.exchange(false, std::memory_order_seq_cst)) {
        rings_[index_of(self)]->wake(*rings_[target]);
    }
}

void Mesh::flush(base::WorkerId self) {
    const uint32_t count = worker_count();
    for (uint32_t to = 0; to < count; ++to) {
        if (to == index_of(self)) continue;
        Mailbox& box = mailbox(self, static_cast<base::WorkerId>(to));
        if (!box.unpublished()) continue;
        box.publish();
        wake_if_sleeping(self, to);
    }
}

bool Mesh::park(base::WorkerId self) {
    const uint32_t count = worker_count();
    if (count == 1) return true;
    std::atomic<bool>& sleeping = states_[index_of(self)].sleeping;
    sleeping.store(true, std::memory_order_seq_cst);  // pairs with wake_if_sleeping()
    for (uint32_t i = 0; i < count; ++i) {
        if (i == index_of(self)) continue;
        const auto other = static_cast<base::WorkerId>(i);
        const RoomWanted& room_to = room(self, other);
        const bool room_came = room_to.waiting && !room_to.wanted.load(std::memory_order_seq_cst);
        if (room_came || !mailbox(other, self).empty_now()) {
            sleeping.store(false, std::memory_order_relaxed);
            return false;
        }
    }
    return true;
}

void Mesh::wait_for_release(base::WorkerId self, base::WorkerId to) {
    RoomWanted& asked = room(self, to);
    asked.waiting = true;
    asked.wanted.store(true, std::memory_order_seq_cst);  // pairs with release()
}

bool Mesh::wait_for_room(base::WorkerId self, base::WorkerId to, size_t size) {
    wait_for_release(self, to);
    RoomWanted& asked = room(self, to);
    if (!mailbox(self, to).has_room(size)) return true;
    asked.waiting = false;
    asked.wanted.store(false, std::memory_order_relaxed);
    return false;
}

bool Mesh::take_room(base::WorkerId self, base::WorkerId to) {
    RoomWanted& asked = room(self, to);
    if (!asked.waiting || asked.wanted.load(std::memory_order_seq_cst)) return false;
    asked.waiting = false;
    return true;
}

void Mesh::throttle(base::WorkerId self, size_t full_from_bytes) {
    for_each_inbox(self, [=](Mailbox& box) { box.throttle(full_from_bytes); });
}

void Mesh::end_throttle(base::WorkerId self) {
    for_each_inbox(self, [](Mailbox& box) { box.end_throttle(); });
}

void Mesh::release(base::WorkerId self, base::WorkerId from) {
    if (!mailbox(from, self).release()) return;
    std::atomic<bool>& wanted = room(from, self).wanted;
    if (!wanted.load(std::memory_order_seq_cst)) return;
    wanted.store(false, std::memory_order_seq_cst);
    wake_if_sleeping(self, index_of(from));
}

}  // namespace nuring::runtime
