// SPDX-License-Identifier: Apache-2.0
#include "monitor/answer_thread.h"

#include <pthread.h>

#include <memory>
#include <optional>
#include <utility>

#include "core/runtime/thread_priority.h"

namespace nuring::monitor {
namespace {

// A third of a worker's weight.
constexpr int kAnswersNice = 5;

}  // namespace

// Shared with the other thread, which may come too late.
struct AnswerThread::Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;     // guarded by mutex
    bool stopped = false;  // guarded by mutex
};

void AnswerThread::start() {
    thread_ = std::thread([this] {
        (void)::pthread_setname_np(::pthread_self(), "answers");
        runtime::give_way_to_workers(kAnswersNice);
        run();
    });
}

void AnswerThread::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        if (waiting_ != nullptr) {
            const std::lock_guard waiting_lock(waiting_->mutex);
            waiting_->stopped = true;
            waiting_->changed.notify_one();
        }
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void AnswerThread::add_own(Task task) {
    {
        const std::lock_guard lock(mutex_);
        queue_.add_own(std::move(task));
    }
    changed_.notify_one();
}

bool AnswerThread::has_room(const RequestOrigin& origin) {
    const std::lock_guard lock(mutex_);
    return queue_.has_room(origin);
}

bool AnswerThread::add(const RequestOrigin& origin, Task task) {
    {
        const std::lock_guard lock(mutex_);
        if (!queue_.add(origin, std::move(task))) return false;
    }
    changed_.notify_one();
    return true;
}

bool AnswerThread::wait(const std::function<void(std::function<void()> done)>& begin) {
    const auto waiting = std::make_shared<Waiting>();
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
        waiting_ = waiting;
    }
    begin([waiting] {
        const std::lock_guard lock(waiting->mutex);
        waiting->done = true;
        waiting->changed.notify_one();
    });
    std::unique_lock lock(waiting->mutex);
    waiting->changed.wait(lock, [&] { return waiting->done || waiting->stopped; });
    return waiting->done;
}

void AnswerThread::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || queue_.size() != 0; });
        if (stopping_) return;
        const std::optional<Task> task = queue_.next();
        lock.unlock();
        if (task.has_value()) (*task)();
        lock.lock();
        waiting_.reset();
    }
}

}  // namespace nuring::monitor
