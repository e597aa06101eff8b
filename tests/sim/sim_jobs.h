// SPDX-License-Identifier: Apache-2.0
// Jobs of simulated servers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/runtime/jobs.h"
#include "tests/sim/sim_net.h"

namespace nuring::sim {

// SimJobs runs the jobs of one server as events of the world: each takes a drawn time, so they end in
// any order.
// Threads: one. Limits: none. Errors: none; a job whose asker has gone is dropped, like everything after
// die().
class SimJobs final : public runtime::JobRunner {
  public:
    explicit SimJobs(SimNet& net, uint64_t job_max_ns = 2'000'000)
        : net_(net), job_max_ns_(job_max_ns) {}
    ~SimJobs() override { die(); }

    using JobRunner::submit;
    bool submit(runtime::Worker& worker, std::unique_ptr<runtime::Job> job,
                runtime::JobAsker asker) override {
        const std::shared_ptr<runtime::Job> shared = std::move(job);
        net_.after(net_.between(0, job_max_ns_), [&worker, alive = alive_, shared, asker] {
            if (!*alive || asker.has_gone()) return;
            shared->work();
            worker.post(std::make_unique<Answer>(shared));
        });
        return true;
    }
    // The process that it belongs to has died.
    void die() { *alive_ = false; }

  private:
    // Events are copied, jobs cannot be.
    class Answer final : public runtime::ControlTask {
      public:
        explicit Answer(std::shared_ptr<runtime::Job> job) : job_(std::move(job)) {}
        void run() override { job_->run(); }

      private:
        const std::shared_ptr<runtime::Job> job_;
    };

    SimNet& net_;
    const uint64_t job_max_ns_;
    const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace nuring::sim
