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

JobThreads::JobThreads(uint32_t thread_count, JobPriority priority) : priority_(priority) {
    for (uint32_t i = 0; i < thread_count; ++i) threads_.emplace_back([this] { run(); });
}

void JobThreads::submit(Worker& worker, std::unique_ptr<Job> job) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back({.worker = &worker, .job = std::move(job)});
    }
    ready_.notify_one();
}

void JobThreads::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void JobThreads::run() {
    (void)::pthread_setname_np(::pthread_self(), "jobs");
    lower_priority(priority_);
    for (;;) {
        Queued next;
        {
            std::unique_lock lock(mutex_);
            ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            next = std::move(queue_.front());
            queue_.pop_front();
        }
        next.job->work();
        next.worker->post(std::move(next.job));
    }
}

}  // namespace nuring::runtime
