// SPDX-License-Identifier: Apache-2.0
// Plain copies of a worker's links to other servers, for the monitor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/link/link_traffic.h"
#include "core/link/survey.h"
#include "proto/info.h"
#include "proto/kind.h"

namespace nuring::link {

struct PeerSnapshot {
    proto::Kind kind = proto::Kind::kRoute;
    uint64_t cid = 0;
    std::string remote_id;
    std::string remote_name;
    bool did_solicit = false;
    bool is_configured = false;
    std::string ip;
    uint16_t port = 0;
    std::optional<proto::SubjectPermission> import_subjects;  // of the other server
    std::optional<proto::SubjectPermission> export_subjects;
    uint64_t start_wall_ns = 0;
    uint64_t last_activity_wall_ns = 0;
    uint64_t rtt_ns = 0;
    uint64_t pending_bytes = 0;
    LinkTraffic traffic;
    uint64_t subscription_count = 0;
    std::vector<std::string> subscriptions;
};

// PeerSurvey copies the registered links to other servers. Limits: few peers, so one slice each; their
// subscriptions, if asked for, up to kSubscriptionsMax of each.
class PeerSurvey final : public Survey {
  public:
    static constexpr size_t kSubscriptionsMax = 16 * 1024;

    explicit PeerSurvey(bool with_subscriptions = false) : with_subscriptions_(with_subscriptions) {}
    bool step(WorkerLinks& links) override;
    const std::vector<PeerSnapshot>& peers() const { return peers_; }

  private:
    const bool with_subscriptions_;
    size_t position_ = 0;
    std::vector<PeerSnapshot> peers_;
};

}  // namespace nuring::link
