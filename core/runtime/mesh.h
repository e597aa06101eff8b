// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/ids.h"
#include "core/ring/ring.h"
#include "core/runtime/mailbox.h"

namespace nuring::runtime {

// Mesh is all the mailboxes between N workers, one per ordered pair, and the rules of waking.
//
// Sleeping: a worker about to wait says so (park), looks at its mailboxes once more, and only then
// waits. A sender publishes first and looks at the flag afterwards. Both sides are sequentially
// consistent, so at least one of them sees the other: no wake is lost, and a worker that is awake
// costs its senders no system call.
//
// Threads: a worker calls only with its own id as `self`.
// Errors:  none. Limits: mailbox_bytes per ordered pair; see Mailbox for full_from_bytes.
class Mesh {
  public:
    // rings[i] is worker i's; they outlive the mesh.
    Mesh(std::vector<ring::Ring*> rings, size_t mailbox_bytes, size_t full_from_bytes = SIZE_MAX);

    size_t mailbox_bytes() const { return mailbox_bytes_; }
    uint32_t worker_count() const { return static_cast<uint32_t>(rings_.size()); }
    Mailbox& mailbox(base::WorkerId from, base::WorkerId to) {
        return *mailboxes_[index_of(from) * rings_.size() + index_of(to)];
    }

    // Publishes what `self` wrote and wakes those receivers that sleep. Once per turn.
    void flush(base::WorkerId self);

    // Says that `self` is about to wait. False (and not parked) when a mailbox has something.
    bool park(base::WorkerId self);
    void unpark(base::WorkerId self) {
        states_[index_of(self)].sleeping.store(false, std::memory_order_relaxed);
    }

    // Asks `to` to wake `self` when it has made room in the mailbox between them; returns false when
    // there is room for `size` already (then nothing was asked).
    bool wait_for_room(base::WorkerId self, base::WorkerId to, size_t size);
    // The same for any room; the caller looks at the mailbox afterwards, and must not rely on a wake if it
    // finds it drained.
    void wait_for_release(base::WorkerId self, base::WorkerId to);
    // True once after `to` has made the room that was asked for.
    bool take_room(base::WorkerId self, base::WorkerId to);
    // The mailboxes to `self` have room only while they hold at most that much (Mailbox::throttle()).
    void throttle(base::WorkerId self, size_t full_from_bytes);
    void end_throttle(base::WorkerId self);
    // Gives consumed room of the mailbox `from` -> `self` back and wakes `from` if it waits for it.
    void release(base::WorkerId self, base::WorkerId from);

  private:
    struct alignas(kCacheLineBytes) State {
        std::atomic<bool> sleeping{false};
    };
    struct alignas(kCacheLineBytes) RoomWanted {
        std::atomic<bool> wanted{false};  // set by the sender, cleared by the receiver
        bool waiting = false;             // the sender's own note of having asked
    };

    template <typename Function>
    void for_each_inbox(base::WorkerId self, Function&& function) {
        for (uint32_t i = 0; i < worker_count(); ++i) {
            if (i != index_of(self)) function(mailbox(static_cast<base::WorkerId>(i), self));
        }
    }
    RoomWanted& room(base::WorkerId from, base::WorkerId to) {
        return room_wanted_[index_of(from) * rings_.size() + index_of(to)];
    }
    void wake_if_sleeping(base::WorkerId self, uint32_t target);

    std::vector<ring::Ring*> rings_;
    const size_t mailbox_bytes_;
    std::vector<std::unique_ptr<Mailbox>> mailboxes_;  // [from * N + to]; null on the diagonal
    std::unique_ptr<RoomWanted[]> room_wanted_;        // [from * N + to], set by `from`
    std::unique_ptr<State[]> states_;
};

}  // namespace nuring::runtime
