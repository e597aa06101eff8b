// SPDX-License-Identifier: Apache-2.0
// The kinds of peers. Every table that differs by peer is indexed by this one enum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nuring::proto {

enum class Kind : uint8_t {
    kClient,
    kRoute,
    kGateway,
    kLeafnode,  // a server that hangs on this one: this one is its hub
    kHub,       // the server that this one hangs on: a leafnode link whose spoke this one is
    kSystem,    // the server itself
    kAccount,   // nobody's: what leads from one account into another
    kInternal,  // the server itself, with subscriptions that are announced to no other server
};

inline constexpr size_t kKindCount = 8;

inline constexpr size_t index_of(Kind kind) {
    return static_cast<size_t>(kind);
}

// Links to other servers, of whatever kind.
inline constexpr bool is_server(Kind kind) {
    return kind >= Kind::kRoute && kind <= Kind::kHub;
}

// The word for a link's id in log lines: "10.0.0.1:4711 - cid:7 - ...".
inline constexpr std::string_view id_label(Kind kind) {
    switch (kind) {
        case Kind::kClient:
            return "cid";
        case Kind::kRoute:
            return "rid";
        case Kind::kGateway:
            return "gid";
        case Kind::kLeafnode:
        case Kind::kHub:
            return "lid";
        case Kind::kSystem:
        case Kind::kInternal:
            return "SYSTEM";
        case Kind::kAccount:
            return "ACCOUNT";
    }
    return "";
}

}  // namespace nuring::proto
