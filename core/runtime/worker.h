// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/base/ids.h"
#include "core/ring/ring.h"
#include "core/runtime/latency_histogram.h"
#include "core/runtime/mesh.h"
#include "core/runtime/spin_window.h"
#include "core/runtime/timer_wheel.h"

namespace nuring::runtime {

// ControlTask is something that the control thread wants done on a worker, between two turns'
// connections: new Options, a snapshot for the monitor, stop. Off the data path; may allocate.
class ControlTask {
  public:
    virtual ~ControlTask() = default;
    virtual void run() = 0;
};

// The user of a worker; the layers above implement it once per worker.
class WorkerDelegate {
  public:
    virtual ~WorkerDelegate() = default;
    // Records that on_record() is about to get, in this order: the time to load what they will need. Valid
    // during the call.
    virtual void look_ahead(std::span<const RecordHeader* const> records) = 0;
    // A record from another worker. Valid during the call. Returns the bytes of messages that it has handled
    // and that are not in the record.
    virtual size_t on_record(base::WorkerId from, const RecordHeader& record) = 0;
    // The mailbox to that worker, asked for with Mesh::wait_for_room(), has room again.
    virtual void on_room(base::WorkerId to) = 0;
    // Everything of this turn was handled: submit what is to be sent. Returns true when there is more
    // work that needs no event (the next turn must not wait).
    virtual bool flush() = 0;
};

struct WorkerStats {
    uint64_t records = 0;        // taken from mailboxes
    uint64_t control_tasks = 0;
    uint64_t parks = 0;          // turns that were allowed to wait
    uint64_t busy_ns = 0;        // not waiting, up to the last wait
    LatencyHistogram latency;    // of turns that received and sent: from reaping to the end of flush
};

// Worker is one thread's machine: its ring, its timers, its side of the mesh. It owns no thread: a
// thread (runtime/worker_group.h) or the simulator calls turn() again and again.
//
// A turn:   1 submit what the last turn asked for and wait      ring, ONE system call
//           2 call the completions                              links read, parse, deliver
//           3 drain the mailboxes, run control tasks            records, options
//           4 run due timers                                    keep-alive, deadlines
//           5 publish the mailboxes, wake who sleeps            mesh
//           6 flush: one send per dirty link                    delegate
//           7 decide how long step 1 may wait                   not at all while there is work
//
// A turn that asked for sends is followed by one that does not wait: a send completes while it is
// submitted, unless its socket is full, so there is something to reap. (Waiting for one completion more
// than the sends would save a system call, but a full socket would make it wait for ever: it needs a
// short timeout, and to set that timer costs a hundred times the call. See docs/benchmarks.md.)
//
// Cause and effect between workers: a PONG leaves (6) after the messages before it were published (5),
// and drain_arrived() comes before bytes that a peer sent are handled. So what follows from a PONG, on
// any connection (an UNSUB, a PING, a close), finds the messages before that PONG already delivered.
//
// Threads: turn() and everything it calls on one thread; post() on any.
// Limits:  kDrainBytesMax of records per mailbox and turn, so that sockets get their share (it ends with a
//          whole batch of kAheadMax records).
// Errors:  none.
class Worker {
  public:
    static constexpr size_t kDrainBytesMax = 512 * 1024;
    // Records that are looked at before the first of them is handled.
    static constexpr size_t kAheadMax = 8;

    Worker(base::WorkerId id, ring::Ring& ring, Mesh& mesh, uint64_t busy_poll_ns);

    void set_delegate(WorkerDelegate* delegate) { delegate_ = delegate; }
    absl::Status start();
    void turn();
    // Until when the next turn() will wait; 0: not at all.
    uint64_t wait_until_ns() const { return wait_until_ns_; }

    // Runs the task on the worker, soon. The worker owns it.
    void post(std::unique_ptr<ControlTask> task);

    base::WorkerId id() const { return id_; }
    // The worker that has matched what is delivered now: the sender of the record in hand, or this one.
    base::WorkerId matcher() const { return matcher_; }
    // Meanwhile this worker matches by itself, though a record has caused it.
    class OwnMatches {
      public:
        explicit OwnMatches(Worker& worker) : worker_(worker), before_(worker.matcher_) {
            worker.matcher_ = worker.id_;
        }
        ~OwnMatches() { worker_.matcher_ = before_; }
        OwnMatches(const OwnMatches&) = delete;
        OwnMatches& operator=(const OwnMatches&) = delete;

      private:
        Worker& worker_;
        const base::WorkerId before_;
    };
    ring::Ring& ring() { return ring_; }
    Mesh& mesh() { return mesh_; }
    TimerWheel& timers() { return timers_; }
    const WorkerStats& stats() const { return stats_; }
    // The share of the last second in which it did not wait (or since it last woke, if that is longer ago).
    double busy_share() const { return busy_share_; }
    // When that was measured.
    uint64_t busy_measured_ns() const { return busy_marked_ns_; }

  private:
    // Handles all records that other workers have published; before bytes that a peer sent are handled.
    void drain_arrived();
    bool drain_mailboxes(size_t bytes_max);
    size_t drain(base::WorkerId from, size_t bytes_max);
    bool run_control_tasks();
    void decide_wait(bool more_work, bool active);
    bool looks_again(uint64_t now_ns);
    void note_times(uint64_t receives, uint64_t sends);
    void update_busy_share();

    const base::WorkerId id_;
    base::WorkerId matcher_;
    ring::Ring& ring_;
    Mesh& mesh_;
    SpinWindow spin_;
    WorkerDelegate* delegate_ = nullptr;
    TimerWheel timers_;
    uint64_t wait_until_ns_ = 0;
    uint64_t busy_since_ns_ = 0;  // the end of the last wait
    uint64_t busy_marked_ns_ = 0;   // when busy_share_ was computed,
    uint64_t busy_ns_at_mark_ = 0;  // and what had been busy by then
    double busy_share_ = 0;
    WorkerStats stats_;

    std::atomic<bool> has_control_{false};
    std::mutex control_mutex_;
    std::vector<std::unique_ptr<ControlTask>> control_;  // guarded by control_mutex_
};

}  // namespace nuring::runtime
