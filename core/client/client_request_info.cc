// SPDX-License-Identifier: Apache-2.0
// Client, as it is described to services in other accounts.
#include "core/base/rfc3339.h"
#include "core/client/client.h"
#include "proto/json_writer.h"

namespace nuring::client {

// Source: ClientInfo in server/events.go, getClientInfo in server/client.go 2.9.10; empty fields are
//         left out, except the account.
std::string Client::request_info(bool detailed, std::string_view service) const {
    std::string out;
    out.reserve(512);  // most fit: no growing step by step
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
        json.optional_field("name", connect_.text(proto::ConnectText::kName));
        json.optional_field("lang", connect_.text(proto::ConnectText::kLang));
        json.optional_field("ver", connect_.text(proto::ConnectText::kVersion));
    }
    json.optional_field("rtt", rtt_ns());
    if (detailed) {
        json.optional_field("server", host_.facts.info.server_name);
        // JetStream places streams in the cluster of the asker.
        const auto view = host_.facts.cluster_views.now();
        json.optional_field("cluster", view != nullptr ? view->cluster : host_.facts.info.cluster);
        json.field("kind", "Client");
        json.field("client_type", "nats");
    }
    json.end_object();
    return out;
}

}  // namespace nuring::client
