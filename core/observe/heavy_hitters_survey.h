// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/observe/survey.h"

namespace nuring::observe {

struct TopSubject {
    std::string account;
    std::string subject;
    uint64_t messages = 0;
    uint64_t bytes = 0;
};
struct TopConnection {
    uint64_t cid = 0;
    std::string name;
    std::string account;
    uint64_t messages = 0;
    uint64_t bytes = 0;
};

// HeavyHittersSurvey copies what one worker has found.
class HeavyHittersSurvey final : public Survey {
  public:
    bool step(const WorkerView& worker) override;

    uint64_t window_ns() const { return window_ns_; }
    const std::vector<TopSubject>& subjects() const { return subjects_; }
    const std::vector<TopConnection>& connections() const { return connections_; }

  private:
    uint64_t window_ns_ = 0;
    std::vector<TopSubject> subjects_;
    std::vector<TopConnection> connections_;
};

}  // namespace nuring::observe
