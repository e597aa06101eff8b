// SPDX-License-Identifier: Apache-2.0
// LeafLink, as it is described to services in other accounts.
#include "core/delivery/requestor_fields.h"
#include "gateway/leaf_link.h"
#include "gateway/leaf_links.h"

namespace nuring::gateway {

// It describes the leafnode, not the client behind it, which only the leafnode knows.
std::string LeafLink::request_info(bool detailed, std::string_view service) const {
    delivery::RequestorFields requestor{.account = account_->name(), .rtt_ns = rtt_ns()};
    if (!detailed) return delivery::write_requestor(requestor, detailed, service);
    const std::string cluster = all_.cluster();
    requestor.start_wall_ns = start_wall_ns();
    requestor.host = peer_host();
    requestor.id = cid();
    if (identity_ != nullptr) requestor.user = identity_->name;
    requestor.name = connect_.name;
    requestor.version = connect_.version;
    requestor.server = remote_name();
    requestor.cluster = cluster;
    requestor.kind = "Leafnode";
    return delivery::write_requestor(requestor, detailed, service);
}

}  // namespace nuring::gateway
