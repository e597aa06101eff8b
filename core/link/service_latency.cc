// SPDX-License-Identifier: Apache-2.0
#include "core/link/service_latency.h"

#include <algorithm>
#include <utility>

#include "core/link/link_events.h"
#include "core/link/services.h"
#include "core/link/worker_links.h"

namespace nuring::link {

bool is_sampled(const config::LatencyOptions& latency, std::string_view headers, base::Prng& prng,
                TraceHeaders* found) {
    constexpr uint32_t kAll = 100;
    if (static_cast<uint32_t>(latency.sampling) >= kAll) return true;
    if (prng.below(kAll) < static_cast<uint32_t>(latency.sampling)) return true;
    return !headers.empty() && is_traced(headers, found);
}

LatencySample::LatencySample(Services& services, WorkerLinks& links, uint32_t slot,
                             uint64_t expires_ns, ServiceLatency latency)
    : services_(services),
      links_(links),
      slot_(slot),
      begin_ns_(links.ring.now_ns()),
      expires_ns_(expires_ns),
      latency_(std::move(latency)) {
    arm();
}

LatencySample::~LatencySample() {
    links_.timers.disarm(timer_);
}

void LatencySample::arm() {
    links_.timers.arm(timer_, std::min(expires_ns_, links_.ring.now_ns() + kLookInterval_ns));
}

void LatencySample::look() {
    if (links_.ring.now_ns() >= expires_ns_)
        return services_.end_sample(slot_, LatencyStatus::kTooLate);
    if (!services_.is_awaited(slot_)) {
        return services_.end_sample(slot_, LatencyStatus::kRequestorGone);
    }
    arm();
}

void LatencySample::end(LatencyStatus status, base::LinkHandle responder) {
    if (std::exchange(ended_, true)) return;
    links_.timers.disarm(timer_);
    latency_.status = status;
    latency_.responder = responder;
    latency_.service_ns = links_.ring.now_ns() - begin_ns_;
    latency_.system_ns = links_.ring.fresh_now_ns() - links_.ring.now_ns();
    links_.events->on_service_latency(links_, std::move(latency_));
}

}  // namespace nuring::link
