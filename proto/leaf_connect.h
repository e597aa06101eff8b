// SPDX-License-Identifier: Apache-2.0
// The JSON of a leafnode's CONNECT, which the server that dialed sends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/json_parser.h"

namespace nuring::proto {

// LeafConnect has the fields in the order of the wire. `tls_required` is always written, the others only if
// they are neither empty, false nor 0; the number is the version that brought a field.
// Source: server/leafnode.go, leafConnectInfo, 2.0.0-RC19 to 2.14.
struct LeafConnect {
    std::string version;  // 2.2
    std::string nkey;     // 2.10
    std::string jwt;
    std::string sig;  // of the nonce
    std::string user;
    std::string pass;
    std::string auth_token;             // 2.10
    bool tls_required = false;          // to 2.9
    std::string server_id;              // 2.2
    std::string domain;                 // 2.4
    std::string name;                   // the server's name; its id before 2.2
    bool is_hub = false;                // 2.2: the roles are swapped
    std::string cluster;                // 2.2
    bool headers = false;               // 2.2
    bool jetstream = false;             // 2.2
    std::vector<std::string> deny_pub;  // 2.4
    bool isolate = false;               // 2.12
    std::string compress_mode;   // 2.10; never `compression`, which is a bool to older servers
    std::string gateway;         // set: it is a gateway that came to the wrong port
    std::string remote_account;  // 2.10: the account of the side that dialed
    int64_t protocol = 0;        // 2.11

    std::string lang;  // only read. Set: it is a client that came to the wrong port

    friend bool operator==(const LeafConnect&, const LeafConnect&) = default;
};

// The object as Go's encoding/json writes it.
std::string to_json(const LeafConnect& connect);

// Fills `connect` with Go's rules as in parse_connect(): keys in any case, unknown ones ignored, the last of
// equal keys wins, null leaves a value. On error `connect` stays and `error` is Go's message, which the
// reference logs before it closes the connection without -ERR.
JsonStatus parse_leaf_connect(std::string_view json, JsonParser* parser, LeafConnect* connect,
                              std::string* error);

}  // namespace nuring::proto
