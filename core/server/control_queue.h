// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace nuring::server {

// ControlQueue carries work to the control thread: what a worker must not do itself because it gathers
// from all workers, reads files, or writes long answers.
// Threads: post() any, run() the control thread. Limits: none; senders are rare, or bound themselves.
// Errors:  none. Lifetime: what is left when it goes away is never run.
class ControlQueue {
  public:
    using Task = std::function<void()>;

    // wake: makes the control thread call run() soon; may be null (the simulator calls it by itself).
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
