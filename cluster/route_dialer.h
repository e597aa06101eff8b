// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "cluster/route_target.h"
#include "core/link/dialer.h"
#include "core/link/worker_links.h"
#include "core/runtime/timer_wheel.h"

namespace nuring::cluster {

class Routes;

// RouteDialer tries to reach one server until it has, or until nobody wants it any more: explicit targets for
// as long as they are configured, others for `connect_retries` attempts after the first.
// Threads: its worker. Lifetime: owned by Routes, which it tells when it has ended.
// Source:  server/route.go, connectToRoute: 1 s for an attempt, 1 s and up to 100 ms more between two; with
//          connect_backoff doubling up to 30 s (2.12).
class RouteDialer {
  public:
    RouteDialer(Routes& routes, link::WorkerLinks& links, RouteTarget target, bool is_reconnect);
    ~RouteDialer();
    RouteDialer(const RouteDialer&) = delete;
    RouteDialer& operator=(const RouteDialer&) = delete;

    void start(uint64_t delay_ns);
    const RouteTarget& target() const { return target_; }
    link::WorkerLinks& links() { return links_; }

  private:
    static void retry_fired(runtime::Timer& timer);
    void attempt();
    void on_result(const absl::StatusOr<int>& fd);
    uint64_t pause_ns();

    struct RetryTimer : runtime::Timer {
        RetryTimer(FireFunction function, RouteDialer& dialer) : Timer(function), owner(dialer) {}
        RouteDialer& owner;
    };

    Routes& routes_;
    link::WorkerLinks& links_;
    const RouteTarget target_;
    const bool is_reconnect_;
    int64_t attempts_ = 0;
    RetryTimer retry_timer_;
    link::Dialer dialer_;
};

}  // namespace nuring::cluster
