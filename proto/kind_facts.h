// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "proto/kind.h"

namespace nuring::proto {

// Differences between kinds outside the rules of forwarding (core/interest/forward_rules.h). No other code
// compares a kind with a constant.
struct KindFacts {
    Kind kind;
    std::string_view page_name;  // on monitoring pages and in events
    bool is_client;
    bool is_route;
    bool is_gateway;
    bool is_leafnode;  // of either end
    bool is_spoke;     // the far end is a leafnode of this server
};

namespace kind_facts {

inline constexpr bool Y = true;
inline constexpr bool n = false;

// clang-format off
inline constexpr std::array<KindFacts, kKindCount> kFacts{{
    //                              client route gateway leafnode spoke
    {Kind::kClient, "Client",       Y,     n,    n,      n,       n},
    {Kind::kRoute, "Router",        n,     Y,    n,      n,       n},
    {Kind::kGateway, "Gateway",     n,     n,    Y,      n,       n},
    {Kind::kLeafnode, "Leafnode",   n,     n,    n,      Y,       Y},
    {Kind::kHub, "Leafnode",        n,     n,    n,      Y,       n},
    {Kind::kSystem, "System",       n,     n,    n,      n,       n},
    {Kind::kAccount, "Account",     n,     n,    n,      n,       n},
    {Kind::kInternal, "System",     n,     n,    n,      n,       n},
}};
// clang-format on

constexpr bool is_in_order() {
    for (size_t i = 0; i < kFacts.size(); ++i) {
        if (index_of(kFacts[i].kind) != i) return false;
    }
    return true;
}
static_assert(is_in_order());

}  // namespace kind_facts

constexpr const KindFacts& facts_of(Kind kind) {
    return kind_facts::kFacts[index_of(kind)];
}

}  // namespace nuring::proto
