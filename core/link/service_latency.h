// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/account/account.h"
#include "core/account/imports.h"
#include "core/base/ids.h"
#include "core/base/prng.h"
#include "core/link/trace_headers.h"
#include "core/runtime/timer_wheel.h"

namespace nuring::link {

class Services;
class WorkerLinks;

// How a measured request has ended. Source: server/accounts.go 2.9.10.
enum class LatencyStatus : uint16_t {
    kAnswered = 200,
    kNoReplySubject = 400,
    kRequestorGone = 408,
    kNoResponders = 503,
    kTooLate = 504,
};

// What was measured: the request from its arrival to that of its answer. The layers above tell the exporter.
struct ServiceLatency {
    account::Account* exporter = nullptr;
    std::string subject;         // of the sample, in the exporter's account
    TraceHeaders headers;        // of the request, if they are why it was measured
    base::LinkHandle requestor;  // on this worker
    account::Account* requestor_account = nullptr;
    bool share = false;          // the exporter may know who asks
    base::LinkHandle responder;  // on any worker; invalid: there was none, or it is no client
    LatencyStatus status = LatencyStatus::kAnswered;
    uint64_t start_wall_ns = 0;  // when the request arrived
    uint64_t service_ns = 0;     // until the answer arrived
    uint64_t system_ns = 0;      // that this server has spent on it since
};

// Is this request to be measured? If its headers are why, they are set.
// Source: shouldSample in server/accounts.go 2.9.10, whose percentage is one too high.
bool is_sampled(const config::LatencyOptions& latency, std::string_view headers, base::Prng& prng,
                TraceHeaders* found);

// LatencySample is one request that is measured, from its arrival on: it belongs to the route of the reply
// (ReplyTable). It looks now and then whether anybody still waits for the answer, and whether that is late.
// Threads: the requestor's worker. Limits: as many as routes of replies. Errors: none.
// Lifetime: the route's.
class LatencySample {
  public:
    static constexpr uint64_t kLookInterval_ns = 100'000'000;

    // slot: of the route, which expires at that time.
    LatencySample(Services& services, WorkerLinks& links, uint32_t slot, uint64_t expires_ns,
                  ServiceLatency latency);
    ~LatencySample();
    LatencySample(const LatencySample&) = delete;
    LatencySample& operator=(const LatencySample&) = delete;

    // The answer is here, or will not come: this is told.
    void end(LatencyStatus status, base::LinkHandle responder = {});
    bool ended() const { return ended_; }
    uint64_t expires_ns() const { return expires_ns_; }

  private:
    struct LookTimer : runtime::Timer {
        explicit LookTimer(LatencySample& sample) : Timer(&fired), owner(sample) {}
        static void fired(Timer& timer) { static_cast<LookTimer&>(timer).owner.look(); }
        LatencySample& owner;
    };

    void look();
    void arm();

    Services& services_;
    WorkerLinks& links_;
    const uint32_t slot_;
    const uint64_t begin_ns_;
    const uint64_t expires_ns_;
    ServiceLatency latency_;
    LookTimer timer_{*this};
    bool ended_ = false;
};

}  // namespace nuring::link
