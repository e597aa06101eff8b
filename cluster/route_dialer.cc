// SPDX-License-Identifier: Apache-2.0
#include "cluster/route_dialer.h"

#include <algorithm>

#include "cluster/routes.h"
#include "core/base/host_port.h"
#include "core/base/status.h"

namespace nuring::cluster {
namespace {

constexpr uint64_t kAttempt_ns = 1'000'000'000;
constexpr uint64_t kPause_ns = 1'000'000'000;
constexpr uint64_t kPauseMax_ns = 30'000'000'000;
constexpr uint32_t kJitter_ns = 100'000'000;

}  // namespace

RouteDialer::RouteDialer(Routes& routes, link::WorkerLinks& links, RouteTarget target, bool is_reconnect)
    : routes_(routes),
      links_(links),
      target_(std::move(target)),
      is_reconnect_(is_reconnect),
      retry_timer_(&retry_fired, *this),
      dialer_(links) {}

RouteDialer::~RouteDialer() { links_.timers.disarm(retry_timer_); }

void RouteDialer::start(uint64_t delay_ns) {
    if (delay_ns == 0) return attempt();
    links_.timers.arm(retry_timer_, links_.ring.now_ns() + delay_ns);
}

void RouteDialer::retry_fired(runtime::Timer& timer) {
    static_cast<RetryTimer&>(timer).owner.attempt();
}

void RouteDialer::attempt() {
    if (!routes_.is_wanted(target_)) return routes_.ended(*this);
    ++attempts_;
    links_.log.debug("Trying to connect to route on {}", base::host_port(target_.host, target_.port));
    dialer_.dial(target_.host, target_.port, kAttempt_ns,
                 [this](absl::StatusOr<int> fd) { on_result(fd); });
}

void RouteDialer::on_result(const absl::StatusOr<int>& fd) {
    if (fd.ok()) {
        routes_.dialed(links_, *fd, target_);
        return routes_.ended(*this);
    }
    const config::Options& options = *links_.options;
    const int64_t every = is_reconnect_ ? options.reconnect_error_reports : options.connect_error_reports;
    const bool is_reported = attempts_ == 1 || (every > 0 && attempts_ % every == 0);
    const auto text = fmt::format("Error trying to connect to route (attempt {}): {}", attempts_,
                                  base::message_of(fd.status()));
    if (is_reported) {
        links_.log.error("{}", text);
    } else {
        links_.log.debug("{}", text);
    }
    if (!target_.is_explicit && attempts_ > options.cluster.connect_retries) return routes_.ended(*this);
    links_.timers.arm(retry_timer_, links_.ring.now_ns() + pause_ns());
}

uint64_t RouteDialer::pause_ns() {
    uint64_t pause_ns = kPause_ns;
    if (links_.options->cluster.connect_backoff) {
        const auto doublings = static_cast<unsigned>(std::clamp<int64_t>(attempts_ - 1, 0, 5));
        pause_ns = std::min(kPause_ns << doublings, kPauseMax_ns);
    }
    return pause_ns + links_.prng.below(kJitter_ns);
}

}  // namespace nuring::cluster
