// SPDX-License-Identifier: Apache-2.0
// Connections and subscriptions as JSON: the same on every page.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/link/connection_snapshot.h"
#include "monitor/json_writer.h"
#include "monitor/query.h"

namespace nuring::monitor {

// How much of a connection is asked for.
struct LinkDetail {
    bool auth = false;                 // who it is
    bool subscriptions = false;        // subs=1: their subjects
    bool subscription_detail = false;  // subs=detail

    bool lists_subscriptions() const { return subscriptions || subscription_detail; }
};

// subs=1 or subs=detail. Errors: as Query.
absl::Status decode_subscriptions(const Query& query, LinkDetail* detail);

// Left out when there are none.
void write_texts(JsonWriter* json, std::string_view key, const std::vector<std::string>& texts);

void write_connection(JsonWriter* json, const link::ConnectionSnapshot& connection,
                      const LinkDetail& detail, uint64_t now_ns);
void write_subscription(JsonWriter* json, const link::SubscriptionSnapshot& subscription);

}  // namespace nuring::monitor
