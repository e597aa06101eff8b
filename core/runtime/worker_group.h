// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/runtime/worker.h"

namespace nuring::runtime {

// The processors of the workers.
struct WorkerPlaces {
    std::vector<int> processors;  // worker i is pinned to [i % size]; empty: the scheduler places all
    // Releases a worker that has to wait for its processor (pin_guard.h), to all of `processors`.
    bool release_crowded = false;
    // On a thread of the group: that worker was released. May be empty.
    std::function<void(size_t worker)> on_released = {};
};

// WorkerGroup gives each worker its thread, pinned to a processor where that is wanted and the system
// permits it, and runs its turns until it is stopped. Not part of the simulator.
// Threads: the control thread.
// Errors:  start() fails when a ring cannot be bound to its thread. A worker whose ring has ended
//          (Ring::fatal_error()) takes no turns any more; the owner is called.
// Lifetime: the workers outlive the group; stop() (or the destructor) joins the threads.
class WorkerGroup {
  public:
    WorkerGroup() = default;
    ~WorkerGroup() { stop(); }
    WorkerGroup(const WorkerGroup&) = delete;
    WorkerGroup& operator=(const WorkerGroup&) = delete;

    // Called on the thread of that worker.
    using OnRingEnded = std::function<void(size_t worker, int error)>;
    absl::Status start(std::vector<Worker*> workers, WorkerPlaces places, OnRingEnded on_ring_ended);
    void stop();

  private:
    void watch();
    void run(size_t worker);

    std::vector<Worker*> workers_;
    WorkerPlaces places_;
    OnRingEnded on_ring_ended_;
    std::vector<int> thread_ids_;  // of the workers, as the kernel has them
    std::vector<std::thread> threads_;
    std::atomic<bool> stopping_{false};
    std::thread watcher_;  // releases crowded workers
    std::mutex mutex_;
    std::condition_variable ended_;
    bool watch_ends_ = false;  // guarded by mutex_
};

}  // namespace nuring::runtime
