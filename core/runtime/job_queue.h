// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/runtime/worker.h"

namespace nuring::runtime {

// Job is work that a worker must not do itself because it blocks or takes long: work() on a jobs
// thread, then run() back on the worker that asked.
class Job : public ControlTask {
  public:
    virtual void work() = 0;
};

// JobAsker says for whom a job is done.
struct JobAsker {
    // Askers of one address share one turn, so that many from one address delay only each other. A prefix
    // makes a class of its own ("route 10.0.0.1"). Empty: the server itself.
    std::string address = {};
    // Set (relaxed) by the asker's worker when the asker has gone: the job is then dropped, neither done nor
    // given back. Null: the asker stays.
    std::shared_ptr<const std::atomic<bool>> gone = nullptr;

    // relaxed: a late answer costs one job in vain
    bool has_gone() const { return gone != nullptr && gone->load(std::memory_order_relaxed); }
};

// JobQueue holds the jobs that wait for a thread. Addresses take turns. Jobs of one address are served in
// order while they are few; beyond kInOrderMax the newest is served first, because the oldest of a long
// queue would be done only after their askers have given up, and then nobody would get an answer in time.
//
// Threads: one at a time; the owner locks.
// Limits:  kJobsMax jobs in all, kJobsPerAddressMax of one address; the server's own (empty address) always
//          find room.
// Errors:  add() returns false when full: the job is gone.
// Source:  ours; newest first under overload as in the "adaptive LIFO" of Facebook's servers.
class JobQueue {
  public:
    static constexpr size_t kJobsMax = 16 * 1024;
    static constexpr size_t kJobsPerAddressMax = 4 * 1024;
    static constexpr size_t kInOrderMax = 8;
    static_assert(kInOrderMax < kJobsPerAddressMax);
    static_assert(kJobsPerAddressMax < kJobsMax);

    struct Entry {
        Worker* worker = nullptr;
        std::unique_ptr<Job> job;
        JobAsker asker;
    };

    [[nodiscard]] bool add(Entry entry);
    // The next job whose asker is still there; none: the queue is empty.
    std::optional<Entry> next();
    // Jobs that wait, with those of askers that have gone since.
    size_t size() const { return size_; }

  private:
    using Waiting = std::deque<Entry>;  // of one address, the oldest first, never empty

    void drop_gone();

    absl::flat_hash_map<std::string, Waiting> waiting_;
    std::deque<std::string> turns_;  // the keys of waiting_, the next one first
    size_t size_ = 0;
};

}  // namespace nuring::runtime
