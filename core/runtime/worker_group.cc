// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/worker_group.h"

#include <pthread.h>
#include <sched.h>

#include <latch>
#include <mutex>

#include "fmt/format.h"

namespace nuring::runtime {
namespace {

void pin_to(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    // Hardened units forbid it; the scheduler then places the thread.
    (void)::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

}  // namespace

absl::Status WorkerGroup::start(std::vector<Worker*> workers, const std::vector<int>& processors) {
    workers_ = std::move(workers);
    std::latch started(static_cast<std::ptrdiff_t>(workers_.size()));
    std::mutex mutex;
    absl::Status failure;
    for (size_t i = 0; i < workers_.size(); ++i) {
        const int processor = processors.empty() ? -1 : processors[i % processors.size()];
        threads_.emplace_back([this, i, processor, &started, &mutex, &failure] {
            if (processor >= 0) pin_to(processor);
            (void)::pthread_setname_np(::pthread_self(), fmt::format("worker-{}", i).c_str());
            const absl::Status status = workers_[i]->start();
            if (!status.ok()) {
                const std::lock_guard lock(mutex);
                failure = status;
            }
            started.count_down();
            if (!status.ok()) return;
            while (!stopping_.load(std::memory_order_acquire)) workers_[i]->turn();
        });
    }
    started.wait();
    if (!failure.ok()) stop();
    return failure;
}

void WorkerGroup::stop() {
    stopping_.store(true, std::memory_order_release);
    for (Worker* worker : workers_) worker->ring().notify();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace nuring::runtime
