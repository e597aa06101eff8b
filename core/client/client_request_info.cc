// SPDX-License-Identifier: Apache-2.0
// Client, as it is described to services in other accounts.
#include "core/client/client.h"
#include "core/delivery/requestor_fields.h"

namespace nuring::client {

std::string Client::request_info(bool detailed, std::string_view service) const {
    delivery::RequestorFields requestor{.account = account_->name(), .rtt_ns = rtt_ns()};
    if (!detailed) return delivery::write_requestor(requestor, detailed, service);
    // JetStream places streams in the cluster of the asker.
    const auto view = host_.facts.cluster_views.now();
    requestor.start_wall_ns = start_wall_ns();
    requestor.host = peer_host();
    requestor.id = cid();
    if (identity_ != nullptr) requestor.user = identity_->name;
    requestor.name = connect_.text(proto::ConnectText::kName);
    requestor.language = connect_.text(proto::ConnectText::kLang);
    requestor.version = connect_.text(proto::ConnectText::kVersion);
    requestor.server = host_.facts.info.server_name;
    requestor.cluster = view != nullptr ? view->cluster : host_.facts.info.cluster;
    requestor.kind = "Client";
    requestor.client_type = "nats";
    return delivery::write_requestor(requestor, detailed, service);
}

}  // namespace nuring::client
