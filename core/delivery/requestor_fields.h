// SPDX-License-Identifier: Apache-2.0
// The requestor of a service of another account, as the header Nats-Request-Info shows it.
// Threads: any. Errors: none. Lifetime: the views are the caller's, for the call.
// Source:  ClientInfo in server/events.go, getClientInfo in server/client.go 2.9.10 and 2.15.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nuring::delivery {

struct RequestorFields {
    uint64_t start_wall_ns = 0;
    std::string_view host;
    uint64_t id = 0;
    std::string_view account;
    std::string_view user;
    std::string_view name;
    std::string_view language;
    std::string_view version;
    uint64_t rtt_ns = 0;  // 0: not known
    std::string_view server;
    std::string_view cluster;
    std::string_view kind;
    std::string_view client_type;
};

// Of each text that a peer chooses, so that it cannot make a large header for each of its small requests.
inline constexpr size_t kRequestorTextMax = 256;

// JSON. Without `detailed` only account, service and round trip time; empty fields are left out, except the
// account. Texts are cut to kRequestorTextMax bytes; not account, service and user, which this server knows.
std::string write_requestor(const RequestorFields& requestor, bool detailed, std::string_view service);

}  // namespace nuring::delivery
