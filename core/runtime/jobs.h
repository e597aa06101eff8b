// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/runtime/job_queue.h"
#include "core/runtime/worker.h"

namespace nuring::runtime {

// JobRunner is where jobs go: threads in the product, the simulator's own order under tests/sim.
class JobRunner {
  public:
    virtual ~JobRunner() = default;
    // Any thread. `worker` outlives the job. False: too many wait, and the job is gone; an asker that does
    // nothing about it meets the time limit of its login.
    virtual bool submit(Worker& worker, std::unique_ptr<Job> job, JobAsker asker) = 0;
    // A job of the server itself, which always finds room.
    void submit(Worker& worker, std::unique_ptr<Job> job) {
        (void)submit(worker, std::move(job), JobAsker{});
    }
};

// How the threads compete with the workers for processors. Either way they never preempt a worker when they
// wake (SCHED_BATCH), and have a share even of a busy processor, since a login times out.
enum class JobPriority : uint8_t {
    // Password hashes, and loading the accounts of tokens: two thirds of what a worker gets. When a job had
    // to wait, the thread rests before the next one, so that a storm of logins leaves the traffic its pace.
    kHash,
    kLow,  // a tenth: handshakes and checks of tokens, which are short; look-ups, which wait for others
};

// JobThreads runs jobs on a few threads of low priority.
// Threads: submit() any; the rest the control thread. Limits: thread_count; those of JobQueue.
// Errors:  submit() returns false when the queue is full.
// Lifetime: stop() (or the destructor) drops what has not begun, and waits for what has; leave() waits only
//          for threads without a job: the result of what has begun is dropped. It is for jobs that may wait
//          long for others.
class JobThreads final : public JobRunner {
  public:
    // The rest of a thread of kHash after it had to wait for processors, as a multiple of the processor time
    // of its job: the first one little, so that logins go on, the others much.
    static constexpr int64_t kFirstRest = 3;
    static constexpr int64_t kOtherRest = 20;

    JobThreads(uint32_t thread_count, JobPriority priority);
    ~JobThreads() override { stop(); }

    using JobRunner::submit;
    bool submit(Worker& worker, std::unique_ptr<Job> job, JobAsker asker) override;
    void stop();
    void leave();

  private:
    // Left threads own it together with this object.
    struct Shared {
        std::mutex mutex;
        std::condition_variable ready;  // there is a job, or the end
        std::condition_variable ended;  // for threads that rest
        JobQueue queue;         // guarded by mutex
        bool stopping = false;  // guarded by mutex
        std::vector<bool> at_work;  // by thread; guarded by mutex
    };

    static void run(const std::shared_ptr<Shared>& shared, JobPriority priority, uint32_t index);
    void end();

    const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    std::vector<std::thread> threads_;
};

}  // namespace nuring::runtime
