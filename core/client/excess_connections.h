// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/link/link.h"

namespace nuring::account {
class Account;
}

namespace nuring::delivery {
class RemoteServers;
}

namespace nuring::client {

class ClientHost;

// ExcessConnections closes the youngest connections (clients and leafnodes) of each account that has more
// than it may have, of all workers: after a change of its limits, or of what other servers count. Each
// worker shows its connections; when all have done so, the youngest are chosen, and each worker closes its
// own.
// Threads: add() once on each worker, close() on each worker after the last add().
// Errors:  none. A connection that has moved to another worker in between is not closed.
// Source:  server/accounts.go, updateAccountClaimsWithRefresh() and updateRemoteServer() 2.15.3.
class ExcessConnections {
  public:
    explicit ExcessConnections(uint32_t worker_count) : missing_(worker_count) {}

    // True: this was the last worker, and close() is due on all of them.
    [[nodiscard]] bool add(const ClientHost& clients);
    void close(const ClientHost& clients) const;

  private:
    struct Connection {
        uint64_t cid;  // grows with each new connection
        base::LinkHandle handle;
    };

    static Connection of(const link::Link& link) { return {.cid = link.cid(), .handle = link.handle()}; }
    using Found = absl::flat_hash_map<account::Account*, std::vector<Connection>>;

    static void close_server(const delivery::RemoteServers& servers, base::LinkHandle handle);
    void choose();

    std::mutex mutex_;
    uint32_t missing_;  // guarded by mutex_, as is found_
    Found found_;
    std::vector<Connection> chosen_;  // the youngest first; constant after the last add()
};

}  // namespace nuring::client
