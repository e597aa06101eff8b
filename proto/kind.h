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
    kLeafnode,
    kSystem,    // the server itself
    kAccount,   // nobody's: what leads from one account into another
    kInternal,  // the server itself, where no other server is to hear of it
};

inline constexpr size_t kKindCount = 7;

inline constexpr size_t index_of(Kind kind) {
    return static_cast<size_t>(kind);
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
