// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/jobs.h"

#include <pthread.h>
#include <sched.h>

#include <cassert>
#include <chrono>
#include <ctime>
#include <optional>

#include "core/runtime/thread_priority.h"

namespace nuring::runtime {
namespace {

// Weights of the scheduler: 655 and 110 against the 1024 of a worker.
constexpr int kHashNice = 2;
constexpr int kLowNice = 10;

void lower_priority(JobPriority priority) {
    const sched_param parameters{};
    (void)::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &parameters);
    const int nice = priority == JobPriority::kHash ? kHashNice : kLowNice;
    give_way_to_workers(nice);
}

std::chrono::nanoseconds read_clock(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// Does the work; returns how much processor time it took if it had to wait for processors, else 0. A wait for
// files or the network counts like one for processors.
std::chrono::nanoseconds work_and_measure(Job& job) {
    const auto wall_before = read_clock(CLOCK_MONOTONIC);
    const auto cpu_before = read_clock(CLOCK_THREAD_CPUTIME_ID);
    job.work();
    const auto cpu = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
    const auto wall = read_clock(CLOCK_MONOTONIC) - wall_before;
    return wall >= 2 * cpu ? cpu : std::chrono::nanoseconds(0);
}

}  // namespace

JobThreads::JobThreads(uint32_t thread_count, JobPriority priority) {
    assert(thread_count > 0);
    shared_->at_work.resize(thread_count);
    for (uint32_t i = 0; i < thread_count; ++i) {
        threads_.emplace_back([shared = shared_, priority, i] { run(shared, priority, i); });
    }
}

bool JobThreads::submit(Worker& worker, std::unique_ptr<Job> job, JobAsker asker) {
    {
        const std::lock_guard lock(shared_->mutex);
        if (!shared_->queue.add(
                {.worker = &worker, .job = std::move(job), .asker = std::move(asker)})) {
            return false;
        }
    }
    shared_->ready.notify_one();
    return true;
}

void JobThreads::end() {
    {
        const std::lock_guard lock(shared_->mutex);
        shared_->stopping = true;
    }
    shared_->ready.notify_all();
    shared_->ended.notify_all();
}

void JobThreads::stop() {
    end();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void JobThreads::leave() {
    end();
    std::vector<bool> at_work;
    {
        const std::lock_guard lock(shared_->mutex);
        at_work = shared_->at_work;  // nobody begins any more
    }
    for (size_t i = 0; i < threads_.size(); ++i) {
        if (at_work[i]) {
            threads_[i].detach();
        } else {
            threads_[i].join();
        }
    }
    threads_.clear();
}

void JobThreads::run(const std::shared_ptr<Shared>& shared, JobPriority priority, uint32_t index) {
    (void)::pthread_setname_np(::pthread_self(), "jobs");
    lower_priority(priority);
    std::unique_lock lock(shared->mutex);
    for (;;) {
        shared->ready.wait(lock, [&] { return shared->stopping || shared->queue.size() != 0; });
        if (shared->stopping) return;
        std::optional<JobQueue::Entry> next = shared->queue.next();
        if (!next.has_value()) continue;
        shared->at_work[index] = true;
        lock.unlock();
        const auto contended_cpu = work_and_measure(*next->job);
        lock.lock();
        shared->at_work[index] = false;
        // Under the lock: after leave() the worker may be gone.
        if (shared->stopping) return;
        next->worker->post(std::move(next->job));
        if (priority != JobPriority::kHash || contended_cpu.count() == 0) continue;
        const auto rest = contended_cpu * (index == 0 ? kFirstRest : kOtherRest);
        (void)shared->ended.wait_for(lock, rest, [&] { return shared->stopping; });
    }
}

}  // namespace nuring::runtime
