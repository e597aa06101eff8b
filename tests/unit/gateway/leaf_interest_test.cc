// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_interest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nuring::gateway {
namespace {

using proto::Kind;

base::LinkHandle leaf_link(uint32_t slot) {
    return base::LinkHandle(base::WorkerId{0}, slot, 1);
}

interest::SubscriptionPtr make(Kind kind, uint32_t slot, uint32_t cluster = 0,
                               std::string_view queue = {}, uint32_t weight = 1) {
    return interest::SubscriptionPtr(interest::Subscription::create({.link = leaf_link(slot),
                                                                     .serial = slot,
                                                                     .subject = "a",
                                                                     .queue = queue,
                                                                     .sid = cluster == 0 ? "" : "C",
                                                                     .weight = weight,
                                                                     .origin_cluster = cluster,
                                                                     .kind = kind}));
}

TEST(LeafInterestTest, EachEndIsToldByItsRole) {
    struct Case {
        Kind kind;
        bool by_hub;    // a hub tells its leafnode
        bool by_spoke;  // a spoke tells its hub
    };
    const std::vector<Case> cases{
        {Kind::kClient, true, true},   {Kind::kSystem, true, true},
        {Kind::kAccount, true, true},  {Kind::kLeafnode, true, true},
        {Kind::kHub, true, false},     {Kind::kRoute, true, false},
        {Kind::kGateway, true, false}, {Kind::kInternal, false, false},
    };
    EXPECT_EQ(cases.size(), proto::kKindCount);
    for (const Case& each : cases) {
        const auto subscription = make(each.kind, 1);
        EXPECT_EQ(is_announced_over({.kind = Kind::kLeafnode}, *subscription), each.by_hub)
            << static_cast<int>(each.kind);
        EXPECT_EQ(is_announced_over({.kind = Kind::kHub}, *subscription), each.by_spoke)
            << static_cast<int>(each.kind);
    }
}

TEST(LeafInterestTest, NobodyIsToldOfItsOwnAndNoClusterOfItself) {
    const auto direct = make(Kind::kLeafnode, 9);
    const auto clustered = make(Kind::kLeafnode, 1, 7);
    const auto routed = make(Kind::kRoute, 2, 7);
    const auto client = make(Kind::kClient, 3);
    const LeafSource link = LeafSource::of(leaf_link(9), 0);
    const LeafSource of_cluster = LeafSource::of(leaf_link(9), 7);
    const LeafSource of_another = LeafSource::of(leaf_link(9), 8);
    EXPECT_FALSE(LeafSource::of(*direct).concerns(link));
    EXPECT_TRUE(LeafSource::of(*direct).concerns(LeafSource::of(leaf_link(8), 0)));
    EXPECT_FALSE(LeafSource::of(*clustered).concerns(of_cluster));
    EXPECT_FALSE(LeafSource::of(*routed).concerns(of_cluster));
    EXPECT_TRUE(LeafSource::of(*clustered).concerns(of_another));
    EXPECT_TRUE(LeafSource::of(*routed).concerns(link));
    EXPECT_TRUE(LeafSource::of(*client).concerns(of_cluster));
    EXPECT_FALSE(LeafSource::nobody().concerns(link));
}

TEST(LeafInterestTest, TwoSourcesConcernEverybody) {
    const LeafSource one = LeafSource::of(leaf_link(1), 0);
    const LeafSource two = LeafSource::of(leaf_link(2), 7);
    EXPECT_EQ(one.with(one), one);
    EXPECT_EQ(one.with(LeafSource::nobody()), one);
    EXPECT_EQ(LeafSource::nobody().with(two), two);
    EXPECT_EQ(one.with(two), LeafSource::everybody());
    EXPECT_EQ(LeafSource::everybody().with(two), LeafSource::everybody());
    EXPECT_EQ(two.with(LeafSource::everybody()), LeafSource::everybody());
}

TEST(LeafInterestTest, AnIsolatedLinkIsNotToldOfLeafnodes) {
    const LeafRole isolated{.is_isolated = true};
    EXPECT_FALSE(is_announced_over(isolated, *make(Kind::kLeafnode, 1)));
    EXPECT_FALSE(is_announced_over(isolated, *make(Kind::kHub, 1)));
    EXPECT_FALSE(is_announced_over(isolated, *make(Kind::kRoute, 2, 7)));
    EXPECT_TRUE(is_announced_over(isolated, *make(Kind::kRoute, 2)));
    EXPECT_TRUE(is_announced_over(isolated, *make(Kind::kClient, 3)));
}

TEST(LeafInterestTest, MembersCountByTheirWeight) {
    const auto one = make(Kind::kClient, 1);
    const auto two = make(Kind::kLeafnode, 2);
    std::vector<interest::Subscription*> plain{two.get()};
    EXPECT_EQ(summarize({}, plain).sole, LeafSource::of(leaf_link(2), 0));
    plain.push_back(one.get());
    EXPECT_EQ(summarize({}, plain).sole, LeafSource::everybody());
    EXPECT_EQ(summarize({}, {}).sole, LeafSource::nobody());
    const auto member = make(Kind::kClient, 1, 0, "q");
    const auto members = make(Kind::kLeafnode, 2, 0, "q", 3);
    const auto own = make(Kind::kLeafnode, 9, 0, "q", 5);
    std::vector<interest::Subscription*> group{member.get(), members.get(), own.get()};
    const LeafInterestSummary summary = summarize({}, group);
    EXPECT_EQ(summary.members_for(LeafSource::of(leaf_link(9), 0)), 4U);
    EXPECT_EQ(summary.members_for(LeafSource::of(leaf_link(2), 0)), 6U);
    EXPECT_EQ(summary.members_for(LeafSource::of(leaf_link(5), 0)), 9U);
}

TEST(LeafInterestTest, LoopSubjectsAreKnownByTheirPrefix) {
    EXPECT_TRUE(is_loop_subject("$LDS.abc"));
    EXPECT_FALSE(is_loop_subject("$LDSx"));
    EXPECT_FALSE(is_loop_subject("a.$LDS.b"));
}

}  // namespace
}  // namespace nuring::gateway
