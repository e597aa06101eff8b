// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "monitor/answer_queue.h"

namespace nuring::monitor {

// AnswerThread runs what an AnswerQueue holds on a thread of its own, so that signals, reloads and the log
// never wait for an answer.
// Threads: add_own(), has_room() and add() any; start() and stop() the control thread; wait() in tasks only.
// Limits:  those of AnswerQueue. Errors: add() returns false when there is no room.
// Lifetime: stop() waits for the task that runs; what has not begun is dropped.
class AnswerThread {
  public:
    using Task = AnswerQueue::Task;

    AnswerThread() = default;
    ~AnswerThread() { stop(); }
    AnswerThread(const AnswerThread&) = delete;
    AnswerThread& operator=(const AnswerThread&) = delete;

    void start();
    void stop();
    void add_own(Task task);
    bool has_room(const RequestOrigin& origin);
    [[nodiscard]] bool add(const RequestOrigin& origin, Task task);

    // Lets another thread do something and waits for it: `begin` gets a function that this other thread
    // calls when it is done. False: the end of this thread came first, and the call may still come.
    bool wait(const std::function<void(std::function<void()> done)>& begin);

  private:
    struct Waiting;

    void run();

    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    AnswerQueue queue_;               // guarded by mutex_, as what follows
    bool stopping_ = false;
    std::shared_ptr<Waiting> waiting_;  // what wait() waits for
};

}  // namespace nuring::monitor
