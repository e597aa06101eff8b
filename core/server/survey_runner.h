// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/observe/survey.h"
#include "core/server/server.h"

namespace nuring::server {

// SurveyRunner asks all workers of a server a question (observe/survey.h) and waits for the answers; each
// worker does its slices between two turns.
// Threads: run() on any thread that may block, but no worker's; cancel() on any.
// Limits:  one question at a time per runner; kLimit for the answer.
// Errors:  an empty answer: a worker did not get to it in time, or the runner was cancelled.
// Lifetime: the workers run, or have ended for good.
class SurveyRunner {
  public:
    static constexpr std::chrono::seconds kLimit{10};

    explicit SurveyRunner(Server& server) : server_(server) {}

    // One survey per worker, made by make(), in the order of the workers.
    template <class Kind, class Make>
    std::vector<std::shared_ptr<Kind>> run(Make&& make) {
        std::vector<std::shared_ptr<Kind>> surveys;
        std::vector<std::shared_ptr<observe::Survey>> asked;
        for (uint32_t i = 0; i < server_.worker_count(); ++i) {
            surveys.push_back(make());
            asked.push_back(surveys.back());
        }
        if (!ask(asked)) surveys.clear();
        return surveys;
    }

    // No answer comes any more, now and later.
    void cancel();

    // The workers' time for all answers so far.
    uint64_t cost_ns() const { return cost_ns_; }

  private:
    class Step;
    // Of one question; shared with the workers, which may come too late.
    struct Answer {
        std::mutex mutex;
        std::condition_variable complete;
        size_t missing = 0;      // guarded by mutex
        uint64_t cost_ns = 0;    // guarded by mutex
        std::atomic<bool> abandoned{false};  // nobody waits any more
    };

    bool ask(const std::vector<std::shared_ptr<observe::Survey>>& surveys);

    Server& server_;
    std::mutex mutex_;
    bool cancelled_ = false;          // guarded by mutex_
    std::shared_ptr<Answer> current_;  // guarded by mutex_
    uint64_t cost_ns_ = 0;             // the asking thread's
};

}  // namespace nuring::server
