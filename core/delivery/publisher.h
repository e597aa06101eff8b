// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/ids.h"
#include "core/interest/forward_rules.h"
#include "proto/kind.h"

namespace nuring::delivery {

// The publisher of a run, as far as the delivery must know it.
struct Publisher {
    base::LinkHandle link;
    proto::Kind kind = proto::Kind::kClient;
    bool echo = true;  // false: not to its own subscriptions
    // Of another server: the message goes only to the queue groups named here (separated by blanks), or to
    // all of them. Which servers it may go to: forward_rules.h.
    std::string_view queues = {};
    bool all_queues = false;
    // The cluster of leafnodes that the message comes from (link::OriginClusters); 0: none.
    uint32_t origin_cluster = 0;

    // Another server of the cluster, or of leafnodes, has matched the message before: subscribers of this
    // server come first.
    bool was_matched() const { return interest::rules_of(kind).was_matched; }
    // May the message go to that queue group?
    bool may_serve(std::string_view queue) const;
};

}  // namespace nuring::delivery
