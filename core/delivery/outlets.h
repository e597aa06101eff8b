// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/interest/match_result.h"
#include "core/link/link_host.h"
#include "core/runtime/mailbox.h"
#include "core/runtime/mesh.h"

namespace nuring::link {
class Link;
}

namespace nuring::delivery {

// Outlets is one worker's side of the mailboxes to all others: it says whether a record finds room, pauses
// the links that fill a full mailbox or leave more work to a worker than that one can do, and keeps a record
// that finds no room until there is some.
//
// Threads:  its worker.
// Limits:   those of the mailboxes. Records that spill are not bounded, but no link is read that could add
//           to them.
// Errors:   none.
// Lifetime: outlives the links that it pauses; the mesh outlives it.
class Outlets {
  public:
    explicit Outlets(link::LinkHost& host);
    Outlets(const Outlets&) = delete;
    Outlets& operator=(const Outlets&) = delete;

    size_t record_size_max() const { return record_size_max_; }
    // A block of messages above this is not copied into its record, which names it as a counted payload.
    size_t inline_bytes_max() const { return inline_bytes_max_; }
    uint32_t worker_count() const { return mesh_.worker_count(); }

    // May records of that many bytes in all go to that worker now? False: the caller pauses its link and is
    // resumed when there is room.
    bool has_room(base::WorkerId to, size_t bytes) {
        const Outlet& outlet = of(to);
        // Records that can never fit together begin when half the mailbox is free; the rest spills.
        return outlet.spill.empty() &&
               outlet.mailbox->has_room(std::min(bytes, outlet.mailbox->capacity() / 2));
    }
    // That worker takes less than its mailbox holds: a record that may wait asks has_room().
    bool is_throttled(base::WorkerId to) { return of(to).mailbox->is_throttled(); }
    // One of the workers whose mailbox has no room for that many bytes; none: all have.
    std::optional<base::WorkerId> find_full(const interest::WorkerSet& workers, size_t bytes);
    // Pauses the link, and resumes it when that mailbox has room.
    void pause_until_room(link::Link& link, base::WorkerId to, size_t bytes);
    // A record that was committed makes that worker write so many copies (InterestGate::copies()).
    void note_copies(base::WorkerId to, uint64_t count) { of(to).copies.all += count; }
    // A record that was committed names a block of that size, which takes no room of the mailbox.
    void note_counted_block(base::WorkerId to, uint64_t size) { of(to).counted_bytes.all += size; }
    // One of the workers that are behind: they have more to copy for this one than two turns may (the turn
    // that is under way, and the next), or as many counted blocks. None: no worker is. Takes note of the
    // records handled by now.
    std::optional<base::WorkerId> find_behind(const interest::WorkerSet& workers);
    bool is_behind(base::WorkerId to) { return is_behind(of(to)); }
    // Pauses the link, and resumes it when that worker has handled some records: it may be behind still.
    void pause_until_drained(link::Link& link, base::WorkerId to);
    // Asks that worker to wake this one when it has released room. If the mailbox has that much room by now
    // (half of it at most), this worker's next turn does not wait.
    void await_room(base::WorkerId to, size_t bytes);

    // A record of `size` bytes, to be filled and committed before anything else goes there; null: there is no
    // room.
    runtime::RecordHeader* try_begin_record(base::WorkerId to, size_t size, uint32_t kind) {
        const Outlet& outlet = of(to);
        return outlet.spill.empty() ? outlet.mailbox->reserve(size, kind) : nullptr;
    }
    // The same, but never fails: a record that finds no room (the caller did not ask has_room(), or could not
    // know) waits here, and has_room() is false until it is gone.
    runtime::RecordHeader* begin_record(base::WorkerId to, size_t size, uint32_t kind) {
        runtime::RecordHeader* record = try_begin_record(to, size, kind);
        return record != nullptr ? record : spill(to, size, kind);
    }
    void commit_record(base::WorkerId to, runtime::RecordHeader* record) {
        const Outlet& outlet = of(to);
        if (outlet.spill.empty()) outlet.mailbox->commit(record);
    }

    // Some record waits here for room. Then the worker sends nothing: a PONG must not overtake it.
    bool has_spill() const { return spill_count_ != 0; }
    // The mailbox to that worker has room again.
    void on_room(base::WorkerId to);
    // At the end of a turn: tries again what waits. True: there was something to try.
    bool retry();
    // Links were resumed too late for this turn: the next one must not wait.
    bool wants_turn() const { return resume_next_turn_; }
    // Have all other workers taken what they sent to this one? (Of what they have published by now.)
    bool is_drained() const;

    uint64_t pause_count() const { return pause_count_; }
    uint64_t spilled_count() const { return spilled_count_; }

  private:
    // Of the records that another worker may not have handled yet: all, and those before the mark.
    struct Owed {
        uint64_t all = 0;
        uint64_t marked = 0;
        size_t mark = 0;  // Mailbox::position()
    };
    struct Outlet {  // towards one other worker
        runtime::Mailbox* mailbox = nullptr;  // null: this is the worker itself
        std::vector<std::unique_ptr<char[]>> spill;  // records without room, the oldest first
        size_t spill_first = 0;                      // those before have found room
        std::vector<base::LinkHandle> waiting;       // links to be resumed
        Owed copies;
        Owed counted_bytes;
    };

    Outlet& of(base::WorkerId to) {
        Outlet& outlet = outlets_[index_of(to)];
        assert(outlet.mailbox != nullptr);
        return outlet;
    }
    void pause(link::Link& link, Outlet& outlet);
    runtime::RecordHeader* spill(base::WorkerId to, size_t size, uint32_t kind);
    uint64_t counted_bytes_max(const Outlet& outlet) const;
    // Moves the marks on, if the worker has come that far.
    bool is_behind(Outlet& outlet);
    static bool exceeds(const Outlet& outlet, Owed& owed, uint64_t part);
    void drain_spill(base::WorkerId to);
    void resume_waiting(base::WorkerId to);

    link::LinkHost& host_;
    runtime::Mesh& mesh_;
    std::vector<Outlet> outlets_;
    size_t record_size_max_ = 0;
    size_t inline_bytes_max_ = 0;
    size_t spill_count_ = 0;         // records that wait now, in all outlets
    bool resume_next_turn_ = false;  // room came between asking and asking to be woken
    uint64_t pause_count_ = 0;       // ever
    uint64_t spilled_count_ = 0;     // records that ever waited
};

}  // namespace nuring::delivery
