// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace nuring::server {

// ControlQueue carries work to the control thread: work that gathers from all workers, reads files or writes
// long answers, and would hold up a worker.
// Threads:  post() any, run() the control thread. Limits: none; tasks are rare, or their senders bound them.
// Errors:   none. Lifetime: tasks that are left when it is destroyed never run.
class ControlQueue {
  public:
    using Task = std::function<void()>;

    // `wake` makes the control thread call run() soon; null where run() is called regularly (the simulator).
    ControlQueue(void (*wake)(void*), void* state) : wake_(wake), state_(state) {}

    void post(Task task) {
        {
            const std::lock_guard lock(mutex_);
            tasks_.push_back(std::move(task));
        }
        if (wake_ != nullptr) wake_(state_);
    }
    // Runs what has been posted by now.
    void run() {
        std::vector<Task> tasks;
        {
            const std::lock_guard lock(mutex_);
            tasks.swap(tasks_);
        }
        for (const Task& task : tasks) task();
    }

  private:
    void (*const wake_)(void*);
    void* const state_;
    std::mutex mutex_;
    std::vector<Task> tasks_;  // guarded by mutex_
};

}  // namespace nuring::server
