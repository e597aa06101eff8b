// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/service_latency.h"

#include <algorithm>
#include <utility>

#include "core/delivery/delivery.h"
#include "core/delivery/services.h"

namespace nuring::delivery {

bool is_sampled(const config::LatencyOptions& latency, std::string_view headers, base::Prng& prng,
                TraceHeaders* found) {
    constexpr uint32_t kAll = 100;
    if (static_cast<uint32_t>(latency.sampling) >= kAll) return true;
    if (prng.below(kAll) < static_cast<uint32_t>(latency.sampling)) return true;
    return !headers.empty() && is_traced(headers, found);
}

LatencySample::LatencySample(Services& services, Delivery& delivery, uint32_t slot,
                             uint64_t expires_ns, ServiceLatency latency)
    : services_(services),
      delivery_(delivery),
      slot_(slot),
      begin_ns_(delivery.host.ring.now_ns()),
      expires_ns_(expires_ns),
      latency_(std::move(latency)) {
    arm();
}

LatencySample::~LatencySample() {
    delivery_.host.timers.disarm(timer_);
}

void LatencySample::arm() {
    const uint64_t next_look_ns = delivery_.host.ring.now_ns() + kLookInterval_ns;
    delivery_.host.timers.arm(timer_, awaits_remote() ? expires_ns_ : std::min(expires_ns_, next_look_ns));
}

void LatencySample::look() {
    if (delivery_.host.ring.now_ns() >= expires_ns_) {
        if (awaits_remote()) return services_.drop_sample(slot_);
        return services_.end_sample(slot_, LatencyStatus::kTooLate);
    }
    if (!services_.is_awaited(slot_)) {
        return services_.end_sample(slot_, LatencyStatus::kRequestorGone);
    }
    arm();
}

void LatencySample::end(LatencyStatus status, base::LinkHandle responder) {
    if (phase_ != Phase::kOpen) return;
    latency_.status = status;
    latency_.responder = responder;
    latency_.remote.reset();
    stop_clock();
    report();
}

void LatencySample::end_elsewhere() {
    if (phase_ != Phase::kOpen) return;
    stop_clock();
    if (latency_.remote.has_value()) return report();
    phase_ = Phase::kAnsweredElsewhere;
    arm();
}

bool LatencySample::add_remote(proto::RemoteLatency remote) {
    if (phase_ == Phase::kEnded) return false;
    latency_.remote = std::move(remote);
    if (phase_ == Phase::kOpen) return false;
    report();
    return true;
}

void LatencySample::stop_clock() {
    delivery_.host.timers.disarm(timer_);
    latency_.service_ns = delivery_.host.ring.now_ns() - begin_ns_;
    latency_.system_ns = delivery_.host.ring.fresh_now_ns() - delivery_.host.ring.now_ns();
    latency_.requestor = delivery_.latency_events()->describe(delivery_.host.id, latency_.asker);
}

void LatencySample::report() {
    phase_ = Phase::kEnded;
    delivery_.host.timers.disarm(timer_);
    delivery_.latency_events()->on_service_latency(delivery_.host.id, std::move(latency_));
}

}  // namespace nuring::delivery
