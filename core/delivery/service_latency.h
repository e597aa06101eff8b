// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/account/account.h"
#include "core/account/imports.h"
#include "core/base/ids.h"
#include "core/base/prng.h"
#include "core/delivery/trace_headers.h"
#include "core/runtime/owned_timer.h"
#include "proto/remote_latency.h"

namespace nuring::delivery {

class Services;
class Delivery;

// How a measured request has ended. Source: server/accounts.go 2.9.10.
enum class LatencyStatus : uint16_t {
    kAnswered = 200,
    kNoReplySubject = 400,
    kRequestorGone = 408,
    kNoResponders = 503,
    kTooLate = 504,
};

// A requestor or responder: a connection of the worker that asks for its description.
struct LatencyLink {
    base::LinkHandle link;
    const account::Account* account = nullptr;
    bool detailed = false;  // more than account and round trip time
};

// A requestor or responder, as a sample describes it.
struct LatencyParty {
    std::string json;  // empty: unknown
    uint64_t rtt_ns = 0;
};

// A measurement of a request, from its arrival to that of its answer. The layers above publish it to
// the exporter.
struct ServiceLatency {
    account::Account* exporter = nullptr;
    std::string subject;         // of the sample, in the exporter's account
    TraceHeaders headers;        // of the request, if they are why it was measured
    LatencyLink asker;           // detailed: the importer shares that
    LatencyParty requestor;      // of it, when the request ended
    base::LinkHandle responder;  // on any worker; invalid: there was none, or it is no client
    // The measurement of the responder's server, if that is another one.
    std::optional<proto::RemoteLatency> remote;
    LatencyStatus status = LatencyStatus::kAnswered;
    uint64_t start_wall_ns = 0;  // when the request arrived
    uint64_t service_ns = 0;     // until the answer arrived
    uint64_t system_ns = 0;      // that this server has spent on it since
};

// A client of this server has answered a request that another server measures; that server gets a report.
struct TrackedAnswer {
    account::Account* exporter = nullptr;
    std::string_view request;    // the tracked reply subject
    base::LinkHandle responder;  // on this worker
    uint64_t elapsed_ns = 0;     // from the request's arrival here to the answer's
};

// Is this request to be measured? If its headers are why, they are set.
// Source: shouldSample in server/accounts.go 2.9.10, whose percentage is one too high.
bool is_sampled(const config::LatencyOptions& latency, std::string_view headers, base::Prng& prng,
                TraceHeaders* found);

// LatencyEvents is called with what was measured.
// Threads: the requestor's worker, or the responder's, in the middle of a turn: must not block, close a link,
//          or deliver.
// Errors:  none.
class LatencyEvents {
  public:
    virtual ~LatencyEvents() = default;
    virtual LatencyParty describe(base::WorkerId worker, const LatencyLink& party) = 0;
    // A request over a service import was measured on that worker.
    virtual void on_service_latency(base::WorkerId worker, ServiceLatency latency) = 0;
    virtual void on_tracked_answer(base::WorkerId worker, const TrackedAnswer& answer) = 0;
};

// LatencySample is one request that is measured, from its arrival on: it belongs to the route of the reply
// (ReplyTable). It looks now and then whether anybody still waits for the answer, and whether that is late.
// Where the answer comes from another server, that server's measurement comes too, before or behind it; the
// sample is reported when both are there, and never if one does not come, as in the reference.
// Threads: the requestor's worker. Limits: as many as routes of replies. Errors: none.
// Lifetime: the route's.
class LatencySample {
  public:
    static constexpr uint64_t kLookInterval_ns = 100'000'000;

    // slot: of the route, which expires at that time.
    LatencySample(Services& services, Delivery& delivery, uint32_t slot, uint64_t expires_ns,
                  ServiceLatency latency);
    ~LatencySample();
    LatencySample(const LatencySample&) = delete;
    LatencySample& operator=(const LatencySample&) = delete;

    // The answer has arrived, or will not come: reports the sample.
    void end(LatencyStatus status, base::LinkHandle responder = {});
    // The answer has arrived from another server.
    void end_elsewhere();
    // The measurement of that server. True: the sample is complete.
    bool add_remote(proto::RemoteLatency remote);
    bool awaits_remote() const { return phase_ == Phase::kAnsweredElsewhere; }
    uint64_t expires_ns() const { return expires_ns_; }

  private:
    enum class Phase : uint8_t { kOpen, kAnsweredElsewhere, kEnded };

    void look();
    void arm();
    void stop_clock();
    void report();

    Services& services_;
    Delivery& delivery_;
    const uint32_t slot_;
    const uint64_t begin_ns_;
    const uint64_t expires_ns_;
    ServiceLatency latency_;
    runtime::OwnedTimer<LatencySample, &LatencySample::look> timer_{*this};
    Phase phase_ = Phase::kOpen;
};

}  // namespace nuring::delivery
