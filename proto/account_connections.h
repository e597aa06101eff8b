// SPDX-License-Identifier: Apache-2.0
// The JSON of $SYS.ACCOUNT.<account>.SERVER.CONNS: how many connections an account has on one server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/json_parser.h"

namespace nuring::proto {

// Source: server/events.go, AccountNumConns 2.0.0-RC19 to 2.15; other keys are ignored.
struct AccountConnections {
    std::string server_id;  // key: server.id
    std::string account;    // key: acc
    int64_t connections = 0;  // key: conns
    int64_t leafnodes = 0;    // key: leafnodes
};

// Fills `connections`; on error it is undefined.
JsonStatus parse_account_connections(std::string_view json, JsonParser* parser,
                                     AccountConnections* connections);

}  // namespace nuring::proto
