// SPDX-License-Identifier: Apache-2.0
// The one table of kinds that forward to each other. No other code compares the kinds of two connections.
//
// Threads: any; constants. Errors: none.
// Source:  server/client.go, processMsgResults, server/leafnode.go, server/gateway.go 2.9.10 to 2.14.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proto/kind.h"

namespace nuring::interest {

// The list of a match in which a subscription of a kind stands.
enum class MatchPlace : uint8_t {
    kSubscriber,  // by its worker: messages are delivered to it
    kServer,      // by its link: a message goes there once, however many of its subscriptions match
    kService,     // apart: it leads into another account
};

// The order in which the members of a queue group are asked.
enum class QueueRank : uint8_t {
    kOwn,      // of this server
    kCluster,  // behind a route
    kLeaf,     // behind a leafnode connection, of either end
    kClusterLeaf,  // likewise, of another server of the cluster: behind a route, too
    kFar,      // behind a gateway, in another cluster
};

// The rules of one kind of connection. The columns of `messages` and `interest` are in the order of
// proto::Kind: client, route, gateway, leafnode, hub, system, account, internal.
struct KindRules {
    proto::Kind kind;
    std::array<bool, proto::kKindCount> messages;  // may go from this kind to the column's
    std::array<bool, proto::kKindCount> interest;  // of this kind is announced to the column's
    MatchPlace place;
    QueueRank rank;
    bool names_queues;  // its messages go to the queue groups that their line names, and to no others
    bool was_matched;   // the server behind it has matched them: members of queue groups here come first
};

namespace forward_rules {

inline constexpr bool Y = true;
inline constexpr bool n = false;

// A message crosses one route, since all servers of a cluster have routes to one another, and one gateway,
// since all clusters have gateways to one another. A spoke sends what its hub sent to no route,
// since each server of its cluster has a hub of its own. A service is followed where a message enters the
// cluster, once. kAccount and kInternal never publish: what the server publishes comes from kSystem.
inline constexpr std::array<KindRules, proto::kKindCount> kRules{{
    {proto::Kind::kClient,
     // cli rou gat lea hub sys acc int
     {{Y, Y, Y, Y, Y, Y, Y, Y}},
     {{n, Y, Y, Y, Y, n, n, n}},
     MatchPlace::kSubscriber, QueueRank::kOwn, n, n},
    {proto::Kind::kRoute,
     {{Y, n, n, Y, n, Y, n, Y}},
     {{n, n, Y, Y, n, n, n, n}},
     MatchPlace::kServer, QueueRank::kCluster, Y, Y},
    {proto::Kind::kGateway,
     {{Y, Y, n, Y, Y, Y, n, Y}},
     {{n, n, n, Y, n, n, n, n}},
     MatchPlace::kServer, QueueRank::kFar, Y, n},
    {proto::Kind::kLeafnode,
     {{Y, Y, Y, Y, Y, Y, Y, Y}},
     {{n, Y, Y, Y, Y, n, n, n}},
     MatchPlace::kServer, QueueRank::kLeaf, Y, Y},
    {proto::Kind::kHub,
     {{Y, n, Y, Y, Y, Y, Y, Y}},
     {{n, n, n, Y, n, n, n, n}},
     MatchPlace::kServer, QueueRank::kLeaf, Y, Y},
    {proto::Kind::kSystem,
     {{Y, Y, Y, Y, Y, Y, Y, Y}},
     {{n, Y, Y, Y, Y, n, n, n}},
     MatchPlace::kSubscriber, QueueRank::kOwn, n, n},
    // Interest of imports: the exporting account announces it; see Subscription::is_announced_to().
    {proto::Kind::kAccount,
     {{n, n, n, n, n, n, n, n}},
     {{n, n, n, Y, Y, n, n, n}},
     MatchPlace::kService, QueueRank::kOwn, n, n},
    {proto::Kind::kInternal,
     {{n, n, n, n, n, n, n, n}},
     {{n, n, n, n, n, n, n, n}},
     MatchPlace::kSubscriber, QueueRank::kOwn, n, n},
}};

constexpr bool is_in_order() {
    for (size_t i = 0; i < kRules.size(); ++i) {
        if (proto::index_of(kRules[i].kind) != i) return false;
    }
    return true;
}
static_assert(is_in_order());

}  // namespace forward_rules

constexpr const KindRules& rules_of(proto::Kind kind) { return forward_rules::kRules[proto::index_of(kind)]; }

// Of a member of a queue group; `is_of_leafnode`: another server has it from one of its leafnodes.
constexpr QueueRank rank_of(proto::Kind kind, bool is_of_leafnode) {
    const QueueRank rank = rules_of(kind).rank;
    return rank == QueueRank::kCluster && is_of_leafnode ? QueueRank::kClusterLeaf : rank;
}

// May a message that came over a connection of kind `from` go to a subscription of kind `to`? (Never back
// to the connection itself, and of leafnodes not to those of its own cluster.) An answer to a service
// finds its way to the hub also from a route.
constexpr bool may_forward(proto::Kind from, proto::Kind to, bool is_service_reply = false) {
    if (rules_of(from).messages[proto::index_of(to)]) return true;
    return is_service_reply && rules_of(from).rank == QueueRank::kCluster &&
           rules_of(to).rank == QueueRank::kLeaf;
}

// A part of a run that another server picked this one for, and that no member here takes, goes on to a third
// server rather than get lost, even over a route.
constexpr bool may_reroute(proto::Kind from, proto::Kind to) {
    return may_forward(from, to) ||
           (rules_of(from).rank == QueueRank::kCluster && rules_of(to).rank == QueueRank::kCluster);
}

// Is what a connection of kind `of` wants announced over one of kind `to`? (Not over itself.)
constexpr bool is_announced(proto::Kind of, proto::Kind to) {
    return rules_of(of).interest[proto::index_of(to)];
}

}  // namespace nuring::interest
