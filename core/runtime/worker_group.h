// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "core/runtime/worker.h"

namespace nuring::runtime {

// WorkerGroup gives each worker its thread, pinned to a processor where the system lets it, and runs
// its turns until it is stopped. Not part of the simulator.
// Threads: the control thread. Errors: start() fails when a ring cannot be bound to its thread.
// Lifetime: the workers outlive the group; stop() (or the destructor) joins the threads.
class WorkerGroup {
  public:
    WorkerGroup() = default;
    ~WorkerGroup() { stop(); }
    WorkerGroup(const WorkerGroup&) = delete;
    WorkerGroup& operator=(const WorkerGroup&) = delete;

    // processors may be empty (no pinning); worker i gets processors[i % size].
    absl::Status start(std::vector<Worker*> workers, const std::vector<int>& processors);
    void stop();

  private:
    std::vector<Worker*> workers_;
    std::vector<std::thread> threads_;
    std::atomic<bool> stopping_{false};
};

}  // namespace nuring::runtime
