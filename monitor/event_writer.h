// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/prng.h"
#include "core/client/connection_snapshot.h"
#include "core/observe/worker_snapshot.h"
#include "core/server/server.h"
#include "proto/json_writer.h"

namespace nuring::monitor {

// EventWriter writes the JSON of events, and the parts that answers have in common with them.
// Threads: any. Errors: none.
// Source:  ServerInfo, ClientInfo, ConnectEventMsg and their like in server/events.go 2.9.10.
class EventWriter {
  public:
    explicit EventWriter(server::Server& server) : server_(server) {}

    // The fields of server::write_server_fields(), as of now.
    void write_server(proto::JsonWriter* json, const config::Options& options);

    // The first fields of every event: {"type","id","timestamp"}.
    void write_type(proto::JsonWriter* json, std::string_view type, base::Prng* prng);

    std::string connect(const config::Options& options, const client::ConnectionSnapshot& client,
                        base::Prng* prng);
    // `client` is a closed connection, with its reason.
    std::string disconnect(const config::Options& options, const client::ConnectionSnapshot& client,
                           base::Prng* prng);
    std::string account_connections(const config::Options& options, std::string_view account,
                                    const observe::AccountSnapshot& sums, base::Prng* prng);
    // A leafnode of that account has come; for the gateways of all servers.
    std::string leafnode_connect(const config::Options& options, std::string_view account);
    // The server ends, or is a lame duck.
    std::string server_ends(const config::Options& options);

  private:
    void write_head(proto::JsonWriter* json, const config::Options& options, std::string_view type,
                    base::Prng* prng);

    server::Server& server_;
};

// {"msgs","bytes"}
void write_traffic(proto::JsonWriter* json, std::string_view key, uint64_t messages, uint64_t bytes);

}  // namespace nuring::monitor
