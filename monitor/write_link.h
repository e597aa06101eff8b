// SPDX-License-Identifier: Apache-2.0
// Connections and subscriptions as JSON: the same on every page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/client/connection_snapshot.h"
#include "monitor/query.h"
#include "proto/json_writer.h"

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

// "nats" or "websocket"; empty: no client.
std::string_view client_type(const client::ConnectionSnapshot& connection);

// Left out when there are none.
void write_texts(proto::JsonWriter* json, std::string_view key, const std::vector<std::string>& texts);

void write_connection(proto::JsonWriter* json, const client::ConnectionSnapshot& connection,
                      const LinkDetail& detail, uint64_t now_ns);
// subscriptions_list or subscriptions_list_detail, as asked for; left out when there are none.
// account: stands in each detail; empty: what the snapshot says.
void write_subscriptions(proto::JsonWriter* json,
                         const std::vector<client::SubscriptionSnapshot>& subscriptions,
                         const LinkDetail& detail, const std::string& account = {});
void write_subscription(proto::JsonWriter* json, const client::SubscriptionSnapshot& subscription);

}  // namespace nuring::monitor
