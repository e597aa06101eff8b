// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "core/runtime/jobs.h"
#include "core/runtime/worker.h"

namespace nuring::test {

// Runs jobs where they are submitted, or keeps them until the test lets them go.
class HeldJobs final : public runtime::JobRunner {
  public:
    using JobRunner::submit;
    bool submit(runtime::Worker& worker, std::unique_ptr<runtime::Job> job,
                runtime::JobAsker /*asker*/) override {
        held_.push_back({&worker, std::move(job)});
        if (!holding) release();
        return true;
    }
    void release() {
        for (auto& [worker, job] : std::exchange(held_, {})) {
            job->work();
            worker->post(std::move(job));
        }
    }
    size_t count() const { return held_.size(); }
    bool holding = false;

  private:
    std::vector<std::pair<runtime::Worker*, std::unique_ptr<runtime::Job>>> held_;
};

}  // namespace nuring::test
