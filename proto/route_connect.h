// SPDX-License-Identifier: Apache-2.0
// The JSON of a route's CONNECT, which the server that dialed sends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/json_parser.h"

namespace nuring::proto {

// RouteConnect has the fields in the order of the wire. Those marked + are always written, the
// others only if they are neither empty nor false; the number is the version that brought a field.
// Source: server/route.go, connectInfo, 2.0.0-RC19 to 2.14.
struct RouteConnect {
    bool echo = false;          // +
    bool verbose = false;       // +
    bool pedantic = false;      // +
    std::string user;
    std::string pass;
    bool tls_required = false;  // +
    bool headers = false;       // + 2.2
    std::string name;           // +, the server's id, as in its INFO
    std::string cluster;        // 2.2
    bool cluster_dynamic = false;  // 2.2
    bool lnoc = false;             // 2.2
    bool lnocu = false;            // 2.10.23
    bool ln = false;               // 2.15
    std::string gateway;           // set: it is a gateway that came to the wrong port

    std::string lang;  // only read. Set: it is a client that came to the wrong port

    friend bool operator==(const RouteConnect&, const RouteConnect&) = default;
};

// The object as Go's encoding/json writes it.
std::string to_json(const RouteConnect& connect);

// Fills `connect` with Go's rules as in parse_connect(): keys in any case, unknown ones ignored,
// the last of equal keys wins, null leaves a value. On error `connect` stays and `error` is Go's
// message, which the reference logs before it closes the connection without -ERR.
JsonStatus parse_route_connect(std::string_view json, JsonParser* parser, RouteConnect* connect,
                               std::string* error);

}  // namespace nuring::proto
