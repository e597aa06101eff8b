// SPDX-License-Identifier: Apache-2.0
// Every cell of the table of who may forward to whom, by name.
#include "core/interest/forward_rules.h"

#include <array>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace nuring::interest {
namespace {

using proto::Kind;

constexpr std::array kKinds = {Kind::kClient, Kind::kRoute,  Kind::kGateway, Kind::kLeafnode,
                               Kind::kHub,    Kind::kSystem, Kind::kAccount, Kind::kInternal};
static_assert(kKinds.size() == proto::kKindCount);

constexpr std::string_view name_of(Kind kind) {
    switch (kind) {
        case Kind::kClient: return "client";
        case Kind::kRoute: return "route";
        case Kind::kGateway: return "gateway";
        case Kind::kLeafnode: return "leafnode";
        case Kind::kHub: return "hub";
        case Kind::kSystem: return "system";
        case Kind::kAccount: return "account";
        case Kind::kInternal: return "internal";
    }
    return "";
}

// The kinds to which the rule says yes, in their order.
template <class Rule>
std::string yes_of(const Rule& rule) {
    std::string names;
    for (const Kind to : kKinds) {
        if (!rule(to)) continue;
        if (!names.empty()) names += ' ';
        names += name_of(to);
    }
    return names;
}

std::string messages_from(Kind from, bool is_service_reply = false) {
    return yes_of([&](Kind to) { return may_forward(from, to, is_service_reply); });
}

TEST(ForwardRulesTest, MessagesOfClientsAndTheServerGoToAll) {
    constexpr std::string_view kAll = "client route gateway leafnode hub system account internal";
    EXPECT_EQ(messages_from(Kind::kClient), kAll);
    EXPECT_EQ(messages_from(Kind::kSystem), kAll);
}

TEST(ForwardRulesTest, MessagesOfARouteCrossNoOtherAndNoGatewayAndStayFromTheHub) {
    EXPECT_EQ(messages_from(Kind::kRoute), "client leafnode system internal");
}

TEST(ForwardRulesTest, MessagesOfAGatewayCrossNoOther) {
    EXPECT_EQ(messages_from(Kind::kGateway), "client route leafnode hub system internal");
}

TEST(ForwardRulesTest, MessagesOfALeafnodeGoToAll) {
    EXPECT_EQ(messages_from(Kind::kLeafnode), "client route gateway leafnode hub system account internal");
}

TEST(ForwardRulesTest, MessagesOfTheHubStayFromRoutes) {
    EXPECT_EQ(messages_from(Kind::kHub), "client gateway leafnode hub system account internal");
}

TEST(ForwardRulesTest, ImportsAndInternalSubscriptionsPublishNothing) {
    EXPECT_EQ(messages_from(Kind::kAccount), "");
    EXPECT_EQ(messages_from(Kind::kInternal), "");
}

TEST(ForwardRulesTest, AnAnswerToAServiceReachesTheHubFromARoute) {
    EXPECT_EQ(messages_from(Kind::kRoute, /*is_service_reply=*/true), "client leafnode hub system internal");
    for (const Kind from : kKinds) {
        if (from != Kind::kRoute) {
            EXPECT_EQ(messages_from(from, true), messages_from(from)) << name_of(from);
        }
    }
}

TEST(ForwardRulesTest, AGroupThatHasGoneHereIsServedBeyondASecondRoute) {
    for (const Kind from : kKinds) {
        for (const Kind to : kKinds) {
            const bool is_exception = from == Kind::kRoute && to == Kind::kRoute;
            EXPECT_EQ(may_reroute(from, to), may_forward(from, to) || is_exception)
                << name_of(from) << " to " << name_of(to);
        }
    }
}

TEST(ForwardRulesTest, InterestIsAnnouncedAsFarAsMessagesComeBack) {
    const auto interest_of = [](Kind of) {
        return yes_of([&](Kind to) { return is_announced(of, to); });
    };
    EXPECT_EQ(interest_of(Kind::kClient), "route gateway leafnode hub");
    EXPECT_EQ(interest_of(Kind::kRoute), "gateway leafnode");
    EXPECT_EQ(interest_of(Kind::kGateway), "leafnode");
    EXPECT_EQ(interest_of(Kind::kLeafnode), "route gateway leafnode hub");
    EXPECT_EQ(interest_of(Kind::kHub), "leafnode");
    EXPECT_EQ(interest_of(Kind::kSystem), "route gateway leafnode hub");
    EXPECT_EQ(interest_of(Kind::kAccount), "leafnode hub");
    EXPECT_EQ(interest_of(Kind::kInternal), "");
    // What is announced is then sent, too.
    for (const Kind of : kKinds) {
        for (const Kind to : kKinds) {
            if (is_announced(of, to)) {
                EXPECT_TRUE(may_forward(to, of)) << name_of(to) << " to " << name_of(of);
            }
        }
    }
}

TEST(ForwardRulesTest, ServersAreThoseThatAMatchListsByTheirLink) {
    for (const Kind kind : kKinds) {
        EXPECT_EQ(rules_of(kind).kind, kind);
        EXPECT_EQ(rules_of(kind).place == MatchPlace::kServer, proto::is_server(kind)) << name_of(kind);
        EXPECT_EQ(rules_of(kind).place == MatchPlace::kService, kind == Kind::kAccount) << name_of(kind);
        EXPECT_EQ(rules_of(kind).names_queues, proto::is_server(kind)) << name_of(kind);
        EXPECT_EQ(rules_of(kind).was_matched, proto::is_server(kind) && kind != Kind::kGateway)
            << name_of(kind);
    }
}

TEST(ForwardRulesTest, MembersOfAGroupAreAskedFromTheNearestOn) {
    EXPECT_EQ(rules_of(Kind::kClient).rank, QueueRank::kOwn);
    EXPECT_EQ(rules_of(Kind::kSystem).rank, QueueRank::kOwn);
    EXPECT_EQ(rules_of(Kind::kInternal).rank, QueueRank::kOwn);
    EXPECT_EQ(rules_of(Kind::kRoute).rank, QueueRank::kCluster);
    EXPECT_EQ(rules_of(Kind::kLeafnode).rank, QueueRank::kLeaf);
    EXPECT_EQ(rules_of(Kind::kHub).rank, QueueRank::kLeaf);
    EXPECT_EQ(rules_of(Kind::kGateway).rank, QueueRank::kFar);
    EXPECT_LT(QueueRank::kOwn, QueueRank::kCluster);
    EXPECT_LT(QueueRank::kCluster, QueueRank::kLeaf);
    EXPECT_LT(QueueRank::kLeaf, QueueRank::kClusterLeaf);
    EXPECT_LT(QueueRank::kClusterLeaf, QueueRank::kFar);
    for (const Kind kind : kKinds) {
        EXPECT_EQ(rank_of(kind, false), rules_of(kind).rank) << name_of(kind);
        const QueueRank expected = kind == Kind::kRoute ? QueueRank::kClusterLeaf : rules_of(kind).rank;
        EXPECT_EQ(rank_of(kind, true), expected) << name_of(kind);
    }
}

}  // namespace
}  // namespace nuring::interest
