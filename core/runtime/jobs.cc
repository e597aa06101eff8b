// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/jobs.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace nuring::runtime {
namespace {

// A tenth of a worker's weight.
constexpr int kLowNice = 10;

void lower_priority(JobPriority priority) {
    switch (priority) {
        case JobPriority::kIdle: {
            const sched_param parameters{};
            (void)::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &parameters);
            return;
        }
        case JobPriority::kLow:
            (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowNice);
            return;
    }
}

}  // namespace

JobThreads::JobThreads(uint32_t thread_count, JobPriority priority) {
    for (uint32_t i = 0; i < thread_count; ++i) {
        threads_.emplace_back([shared = shared_, priority] { run(shared, priority); });
    }
}

void JobThreads::submit(Worker& worker, std::unique_ptr<Job> job) {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->queue.push_back({.worker = &worker, .job = std::move(job)});
    }
    shared_->ready.notify_one();
}

void JobThreads::end() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
    }
    shared_->ready.notify_all();
}

void JobThreads::stop() {
    end();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void JobThreads::leave() {
    end();
    for (std::thread& thread : threads_) thread.detach();
    threads_.clear();
}

void JobThreads::run(const std::shared_ptr<Shared>& shared, JobPriority priority) {
    (void)::pthread_setname_np(::pthread_self(), "jobs");
    lower_priority(priority);
    std::unique_lock lock(shared->mutex);
    for (;;) {
        shared->ready.wait(lock, [&] { return shared->stopping || !shared->queue.empty(); });
        if (shared->stopping) return;
        Queued next = std::move(shared->queue.front());
        shared->queue.pop_front();
        lock.unlock();
        next.job->work();
        lock.lock();
        // Under the lock: after leave() the worker may be gone.
        if (shared->stopping) return;
        next.worker->post(std::move(next.job));
    }
}

}  // namespace nuring::runtime
