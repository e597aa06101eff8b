// SPDX-License-Identifier: Apache-2.0
#include "core/server/survey_runner.h"

#include <cassert>
#include <utility>

namespace nuring::server {

// One slice on one worker; posts the next one for the turn after.
class SurveyRunner::Step final : public runtime::ControlTask {
  public:
    Step(std::shared_ptr<Answer> answer, std::shared_ptr<observe::Survey> survey,
         WorkerState& state, uint64_t cost_ns)
        : answer_(std::move(answer)),
          survey_(std::move(survey)),
          state_(state),
          cost_ns_(cost_ns) {}

    void run() override {
        assert(answer_ != nullptr);
        if (answer_->abandoned.load(std::memory_order_relaxed)) return;
        const uint64_t begin_ns = state_.host.ring.fresh_now_ns();
        const bool complete = survey_->step(state_.view());
        const uint64_t cost_ns = cost_ns_ + (state_.host.ring.fresh_now_ns() - begin_ns);
        if (!complete) {
            state_.host.worker.post(
                std::make_unique<Step>(std::move(answer_), std::move(survey_), state_, cost_ns));
            return;
        }
        const std::lock_guard lock(answer_->mutex);
        answer_->cost_ns += cost_ns;
        assert(answer_->missing > 0);
        if (--answer_->missing == 0) answer_->complete.notify_all();
    }

  private:
    std::shared_ptr<Answer> answer_;
    std::shared_ptr<observe::Survey> survey_;
    WorkerState& state_;
    const uint64_t cost_ns_;
};

bool SurveyRunner::ask(const std::vector<std::shared_ptr<observe::Survey>>& surveys) {
    assert(surveys.size() == server_.worker_count());
    auto answer = std::make_shared<Answer>();
    answer->missing = surveys.size();
    {
        const std::lock_guard lock(mutex_);
        if (cancelled_) return false;
        current_ = answer;
    }
    for (uint32_t i = 0; i < surveys.size(); ++i) {
        server_.worker(i).post(
            std::make_unique<Step>(answer, surveys[i], server_.worker_state(i), /*cost_ns=*/0));
    }
    std::unique_lock lock(answer->mutex);
    answer->complete.wait_for(lock, kLimit, [&] {
        return answer->missing == 0 || answer->abandoned.load(std::memory_order_relaxed);
    });
    const bool complete = answer->missing == 0;
    if (!complete) answer->abandoned.store(true, std::memory_order_relaxed);
    cost_ns_ += answer->cost_ns;
    return complete;
}

void SurveyRunner::cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (current_ == nullptr) return;
    const std::lock_guard answer_lock(current_->mutex);
    current_->abandoned.store(true, std::memory_order_relaxed);
    current_->complete.notify_all();
}

}  // namespace nuring::server
