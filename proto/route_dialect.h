// SPDX-License-Identifier: Apache-2.0
// The dialects of the protocol that servers speak to one another.
// Source: server/parser.go, route.go, gateway.go and leafnode.go 2.0.0-RC19 to 2.10.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nuring::proto {

// The differences between connections of servers:
//
//   dialect          account in lines   HMSG, + and | lists   RMSG RS+ RS-   A+ A-   LMSG LS+ LS-
//   kRoute           yes                yes                   yes            yes     with an origin
//   kGateway         yes                yes                   yes            yes     unknown
//   kAccountRoute    no                 yes                   yes            yes     with an origin
//   kLeafnode        no                 yes                   unknown        unknown yes, as RMSG RS+ RS-
//
// kAccountRoute: a route that its INFO dedicated to one account (2.10).
enum class RouteDialect : uint8_t { kRoute, kGateway, kAccountRoute, kLeafnode };

inline constexpr size_t kRouteDialectCount = 4;

constexpr bool names_account(RouteDialect dialect) {
    return dialect <= RouteDialect::kGateway;
}

}  // namespace nuring::proto
