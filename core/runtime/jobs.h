// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/runtime/worker.h"

namespace nuring::runtime {

// Job is work that a worker must not do itself because it blocks or takes long: work() on a jobs
// thread, then run() back on the worker that asked.
class Job : public ControlTask {
  public:
    virtual void work() = 0;
};

// JobRunner is where jobs go: threads in the product, the simulator's own order under tests/sim.
class JobRunner {
  public:
    virtual ~JobRunner() = default;
    // Any thread. `worker` outlives the job.
    virtual void submit(Worker& worker, std::unique_ptr<Job> job) = 0;
};

// Runs each job at once, where it is submitted: for tests and the simulator, which own the order.
class InlineJobs final : public JobRunner {
  public:
    void submit(Worker& worker, std::unique_ptr<Job> job) override {
        job->work();
        worker.post(std::move(job));
    }
};

// How jobs compete with the workers for processors.
enum class JobPriority : uint8_t {
    kIdle,  // when nothing else wants to run: password hashes, of which a storm must not be felt
    kLow,   // a small share even of a busy processor: handshakes, which time out
};

// JobThreads runs jobs on a few threads of low priority, first come, first served, so that a storm of
// them (logins with hashed passwords) leaves the processors to the workers.
// Threads: submit() any; the rest the control thread. Limits: thread_count; the queue is bounded by
// the connections, each of which has at most one job. Errors: none.
// Lifetime: stop() (or the destructor) drops what has not begun, and waits for what has; leave() does not
//          wait: what has begun comes to nothing. It is for jobs that wait for others for long.
class JobThreads final : public JobRunner {
  public:
    JobThreads(uint32_t thread_count, JobPriority priority);
    ~JobThreads() override { stop(); }

    void submit(Worker& worker, std::unique_ptr<Job> job) override;
    void stop();
    void leave();

  private:
    struct Queued {
        Worker* worker;
        std::unique_ptr<Job> job;
    };

    // Threads that were left have their part in it.
    struct Shared {
        std::mutex mutex;
        std::condition_variable ready;
        std::deque<Queued> queue;  // guarded by mutex
        bool stopping = false;     // guarded by mutex
    };

    static void run(const std::shared_ptr<Shared>& shared, JobPriority priority);
    void end();

    const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    std::vector<std::thread> threads_;
};

}  // namespace nuring::runtime
