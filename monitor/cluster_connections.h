// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "core/account/account.h"
#include "core/account/account_registry.h"
#include "proto/json_parser.h"

namespace nuring::monitor {

// ClusterConnections knows how many connections each account has on other servers, as those announce it,
// and keeps the sum in the account: `max_conn` and `max_leafnodes` count over the whole cluster.
// Threads: one. Limits: kServersMax servers, accounts that are known here; the rest is ignored.
// Errors:  what is no announcement is ignored.
// Source:  server/events.go, remoteConnsUpdate, and accounts.go, updateRemoteServer 2.9.10.
class ClusterConnections {
  public:
    static constexpr size_t kServersMax = 4096;
    static constexpr int64_t kConnectionsMax = 1'000'000'000;  // what one server may claim

    ClusterConnections(account::AccountRegistry& accounts, std::string own_id)
        : accounts_(accounts), own_id_(std::move(own_id)) {}

    // An announcement. True: that account has more connections, or leafnodes, now than it may have.
    [[nodiscard]] bool update(std::string_view json);
    // That server has gone.
    void forget(const std::string& server_id);

  private:
    struct Count {
        int64_t connections = 0;
        int64_t leafnodes = 0;
    };
    using Counts = absl::flat_hash_map<account::Account*, Count>;

    account::AccountRegistry& accounts_;
    const std::string own_id_;
    proto::JsonParser parser_;
    absl::flat_hash_map<std::string, Counts> servers_;
};

}  // namespace nuring::monitor
