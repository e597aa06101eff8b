// SPDX-License-Identifier: Apache-2.0
// The INFO that a server sends to clients, and to other servers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/json_parser.h"

namespace nuring::proto {

// The subjects that may be imported from, or exported to, the other end of a route.
struct SubjectPermission {
    std::vector<std::string> allow;
    std::vector<std::string> deny;
    friend bool operator==(const SubjectPermission&, const SubjectPermission&) = default;
};

// ServerInfo has the fields in the order of the wire. Those marked + are always written, the others
// only if they are neither empty, false nor 0.
// Source: server/server.go, Info, 2.0.0-RC19 to 2.14; the number is the version that brought a
// field.
struct ServerInfo {
    std::string server_id;    // +
    std::string server_name;  // + 2.1.2
    std::string version;      // +
    int64_t proto = 1;        // +
    std::string git_commit;
    std::string go;        // +
    std::string host;      // +
    int64_t port = 0;      // +
    bool headers = false;  // + 2.2
    bool auth_required = false;
    bool tls_required = false;
    bool tls_verify = false;
    bool tls_available = false;  // 2.2
    int64_t max_payload = 0;     // +
    bool jetstream = false;      // 2.2
    std::string ip;
    uint64_t client_id = 0;
    std::string client_ip;  // 2.1.6
    std::string nonce;
    std::string cluster;
    bool cluster_dynamic = false;  // 2.2
    std::string domain;            // 2.3.3
    std::vector<std::string> connect_urls;
    std::vector<std::string> ws_connect_urls;  // 2.2
    bool ldm = false;                          // 2.2
    std::string compression;                   // 2.10
    bool connect_info = false;                 // 2.12
    std::string remote_account;                // 2.2.3
    bool acc_is_sys = false;                   // 2.12
    int64_t api_lvl = 0;                       // 2.12

    // Routes.
    std::optional<SubjectPermission> import_subjects;  // key: import
    std::optional<SubjectPermission> export_subjects;  // key: export
    bool lnoc = false;
    bool lnocu = false;
    bool ln = false;  // 2.15
    bool info_on_connect = false;
    int64_t route_pool_size = 0;
    int64_t route_pool_idx = 0;
    std::string route_account;
    std::string route_acc_add_reqid;
    int64_t gossip_mode = 0;

    // Gateways.
    std::string gateway;
    std::vector<std::string> gateway_urls;
    std::string gateway_url;
    int64_t gateway_cmd = 0;
    std::string gateway_cmd_payload;  // bytes here, base64 on the wire
    bool gateway_nrp = false;
    bool gateway_iom = false;

    // Leafnodes.
    std::vector<std::string> leafnode_urls;
    std::string xkey;  // 2.10

    friend bool operator==(const ServerInfo&, const ServerInfo&) = default;
};

// The object as Go's encoding/json writes it: no spaces, < > & escaped.
std::string to_json(const ServerInfo& info);

// "INFO {...} \r\n": the reference has a space before the line end, and so have we.
std::string encode_info(const ServerInfo& info);

// Fills `info` from the JSON of an INFO, with Go's rules as in parse_connect(); an absent key
// leaves its field. On error `info` is undefined and `error` is the message for the log.
JsonStatus parse_info(std::string_view json, JsonParser* parser, ServerInfo* info,
                      std::string* error);

}  // namespace nuring::proto
