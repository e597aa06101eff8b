// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "core/delivery/server_link_snapshot.h"
#include "core/observe/survey.h"

namespace nuring::observe {

// RouteSurvey copies the registered routes.
// Limits: one link per slice; its subscriptions, if asked for, up to kSubscriptionsMax.
class RouteSurvey final : public Survey {
  public:
    static constexpr size_t kSubscriptionsMax = 16 * 1024;

    explicit RouteSurvey(bool with_subscriptions = false)
        : with_subscriptions_(with_subscriptions) {}
    bool step(const WorkerView& worker) override;
    const std::vector<delivery::ServerLinkSnapshot>& routes() const { return routes_; }

  private:
    const bool with_subscriptions_;
    size_t position_ = 0;
    std::vector<delivery::ServerLinkSnapshot> routes_;
};

}  // namespace nuring::observe
