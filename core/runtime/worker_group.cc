// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/worker_group.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <cassert>
#include <chrono>
#include <latch>
#include <mutex>
#include <numeric>

#include "core/runtime/pin_guard.h"
#include "core/runtime/thread_priority.h"
#include "fmt/format.h"

namespace nuring::runtime {
namespace {

// Thread 0: the calling one.
void run_on(const std::vector<int>& processors, int thread) {
    assert(!processors.empty());
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int processor : processors) CPU_SET(processor, &set);
    // Hardened units forbid it; the scheduler then places the thread.
    (void)::sched_setaffinity(thread, sizeof set, &set);
}

}  // namespace

absl::Status WorkerGroup::start(std::vector<Worker*> workers, WorkerPlaces places,
                                OnRingEnded on_ring_ended) {
    assert(!workers.empty());
    workers_ = std::move(workers);
    places_ = std::move(places);
    on_ring_ended_ = std::move(on_ring_ended);
    const std::vector<int>& processors = places_.processors;
    thread_ids_.resize(workers_.size());
    std::latch started(static_cast<std::ptrdiff_t>(workers_.size()));
    std::mutex mutex;
    absl::Status failure;
    for (size_t i = 0; i < workers_.size(); ++i) {
        const int processor = processors.empty() ? -1 : processors[i % processors.size()];
        threads_.emplace_back([this, i, processor, &started, &mutex, &failure] {
            thread_ids_[i] = ::gettid();  // the latch publishes it
            if (processor >= 0) run_on({processor}, 0);
            (void)::pthread_setname_np(::pthread_self(), fmt::format("worker-{}", i).c_str());
            const absl::Status status = workers_[i]->start();
            if (!status.ok()) {
                const std::lock_guard lock(mutex);
                failure = status;
            }
            started.count_down();
            if (!status.ok()) return;
            run(i);
        });
    }
    started.wait();
    if (!failure.ok()) {
        stop();
    } else if (places_.release_crowded && !processors.empty()) {
        watcher_ = std::thread([this] { watch(); });
    }
    return failure;
}

void WorkerGroup::run(size_t worker) {
    const ring::Ring& ring = workers_[worker]->ring();
    while (!stopping_.load(std::memory_order_acquire)) {
        workers_[worker]->turn();
        if (ring.fatal_error() == 0) [[likely]] continue;
        return on_ring_ended_(worker, ring.fatal_error());
    }
}

// Ends when no worker is pinned any more.
void WorkerGroup::watch() {
    (void)::pthread_setname_np(::pthread_self(), "pinning");
    leave_realtime();
    std::vector<PinGuard> guards(workers_.size());
    std::vector<size_t> pinned(workers_.size());
    std::iota(pinned.begin(), pinned.end(), size_t{0});
    std::unique_lock lock(mutex_);
    while (!pinned.empty()) {
        const std::chrono::nanoseconds interval(PinGuard::kInterval_ns);
        if (ended_.wait_for(lock, interval, [this] { return watch_ends_; })) return;
        std::erase_if(pinned, [&](size_t worker) {
            const auto times = read_run_times(thread_ids_[worker]);
            if (!times.has_value()) return true;  // nothing to go by: it stays where it is
            if (!guards[worker].is_crowded(*times)) return false;
            run_on(places_.processors, thread_ids_[worker]);
            if (places_.on_released) places_.on_released(worker);
            return true;
        });
    }
}

void WorkerGroup::stop() {
    {
        const std::lock_guard lock(mutex_);
        watch_ends_ = true;
    }
    ended_.notify_one();
    if (watcher_.joinable()) watcher_.join();
    stopping_.store(true, std::memory_order_release);
    for (Worker* worker : workers_) worker->ring().notify();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace nuring::runtime
