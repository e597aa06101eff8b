// SPDX-License-Identifier: Apache-2.0
// Leafnode connections as JSON.
#pragma once

#include <vector>

#include "gateway/leaf_snapshot.h"
#include "monitor/pages.h"
#include "proto/json_writer.h"

namespace nuring::monitor {

// The leafnode connections of all workers, by id.
std::vector<gateway::LeafSnapshot> ask_leafs(const Sources& sources, const gateway::LeafQuery& query);

// "leafnodes" and "leafs". Source: Leafz in server/monitor.go 2.15.
void write_leafs(proto::JsonWriter* json, const std::vector<gateway::LeafSnapshot>& leafs,
                 bool with_subscriptions);

}  // namespace nuring::monitor
