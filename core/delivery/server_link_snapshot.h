// SPDX-License-Identifier: Apache-2.0
// A plain copy of one link to another server, for the monitor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/link/link_traffic.h"
#include "proto/info.h"

namespace nuring::delivery {

// One pattern that the other server wants.
struct InterestSnapshot {
    std::string subject;
    std::string queue;
    std::string key;  // its identity within its link: about the line that announced it
    uint64_t delivered = 0;
};

struct ServerLinkSnapshot {
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
    link::LinkTraffic traffic;
    uint64_t subscription_count = 0;
    std::string account;      // the only one of the link; empty: it carries several
    std::string compression;  // as pages show it; empty: not negotiated
    std::vector<InterestSnapshot> subscriptions;
};

}  // namespace nuring::delivery
