// SPDX-License-Identifier: Apache-2.0
// LeafLink, as it is described to services in other accounts.
#include "core/base/rfc3339.h"
#include "gateway/leaf_link.h"
#include "gateway/leaf_links.h"
#include "proto/json_writer.h"

namespace nuring::gateway {

// It describes the leafnode, not the client behind it, which only the leafnode knows.
// Source: getClientInfo and processServiceImport in server/client.go 2.15.3.
std::string LeafLink::request_info(bool detailed, std::string_view service) const {
    std::string out;
    proto::JsonWriter json(&out, /*indent=*/0);
    json.begin_object();
    if (detailed) {
        json.field("start", base::format_rfc3339(start_wall_ns()));
        json.optional_field("host", std::string_view(peer_host()));
        json.optional_field("id", cid());
    }
    json.field("acc", account_->name());
    json.optional_field("svc", service);
    if (detailed) {
        if (identity_ != nullptr) json.optional_field("user", identity_->name);
        json.optional_field("name", connect_.name);
        json.optional_field("ver", connect_.version);
    }
    json.optional_field("rtt", rtt_ns());
    if (detailed) {
        json.optional_field("server", remote_name());
        json.optional_field("cluster", all_.cluster());
        json.field("kind", "Leafnode");
    }
    json.end_object();
    return out;
}

}  // namespace nuring::gateway
