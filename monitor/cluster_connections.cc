// SPDX-License-Identifier: Apache-2.0
#include "monitor/cluster_connections.h"

#include <algorithm>
#include <cassert>

#include "proto/account_connections.h"

namespace nuring::monitor {

bool ClusterConnections::update(std::string_view json) {
    proto::AccountConnections report;
    if (proto::parse_account_connections(json, &parser_, &report) != proto::JsonStatus::kOk)
        return false;
    if (report.server_id.empty() || report.server_id == own_id_) return false;
    account::Account* account = accounts_.find(report.account);
    if (account == nullptr) return false;
    if (servers_.size() >= kServersMax && !servers_.contains(report.server_id)) return false;
    Count& known = servers_[report.server_id][account];
    const Count count{.connections = std::clamp<int64_t>(report.connections, 0, kConnectionsMax),
                      .leafnodes = std::clamp<int64_t>(report.leafnodes, 0, kConnectionsMax)};
    account->add_connections_elsewhere(count.connections - known.connections);
    account->add_leafnodes_elsewhere(count.leafnodes - known.leafnodes);
    known = count;
    assert(known.connections >= 0 && known.leafnodes >= 0);
    return account->excess_connections() > 0 || account->excess_leafnodes() > 0;
}

void ClusterConnections::forget(const std::string& server_id) {
    const auto found = servers_.find(server_id);
    if (found == servers_.end()) return;
    for (const auto& [account, count] : found->second) {
        account->add_connections_elsewhere(-count.connections);
        account->add_leafnodes_elsewhere(-count.leafnodes);
    }
    servers_.erase(found);
}

}  // namespace nuring::monitor
