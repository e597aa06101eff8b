// SPDX-License-Identifier: Apache-2.0
// What other servers are told of, and what they have told us.
#include <gtest/gtest.h>

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/prng.h"
#include "core/interest/interest_observer.h"
#include "core/interest/sublist.h"
#include "core/interest/subscriber_set.h"
#include "tests/unit/interest/interest_fixture.h"

namespace nuring::interest {
namespace {

class Observed final : public InterestObserver {
  public:
    void on_interest_changed(const Subscription& subscription) override {
        changes.push_back(std::string(subscription.subject()) + " " + std::string(subscription.queue()));
    }
    void on_leaf_interest_changed(const Subscription& subscription) override {
        for_leafs.push_back(std::string(subscription.subject()) + " " + std::string(subscription.queue()));
    }
    std::vector<std::string> take() { return std::exchange(changes, {}); }
    std::vector<std::string> take_for_leafs() { return std::exchange(for_leafs, {}); }

    std::vector<std::string> changes;
    std::vector<std::string> for_leafs;  // what concerns nobody else
};

SubscriptionPtr make(proto::Kind kind, std::string_view subject, std::string_view queue = {},
                     uint32_t slot = 1, uint32_t weight = 1, uint32_t origin_cluster = 0) {
    static uint64_t serial = 1'000'000;
    SubscriptionSpec spec;
    spec.link = base::LinkHandle(kWorker0, slot, 1);
    spec.serial = ++serial;
    spec.subject = subject;
    spec.queue = queue;
    spec.weight = weight;
    spec.origin_cluster = origin_cluster;
    spec.kind = kind;
    spec.owner = &serial;  // anybody
    return SubscriptionPtr(Subscription::create(spec));
}

MatchResult result_of(Sublist& sublist, std::string_view subject) {
    MatchResult result;
    sublist.match(kWorker0, subject, sublist.hash(subject), &result);
    return result;
}

using Strings = std::vector<std::string>;

TEST(OwnInterestTest, TheFirstPlainSubscriptionAndTheLastAreAChange) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    for (const std::string subject : {"a.b", "a.*", "*.b", "a.>", ">"}) {
        const auto first = make(proto::Kind::kClient, subject);
        const auto second = make(proto::Kind::kSystem, subject);
        sublist.insert(first.get());
        EXPECT_EQ(observed.take(), Strings{subject + " "});
        sublist.insert(second.get());
        EXPECT_EQ(sublist.own_interest(kWorker0, subject, {}), 2U);
        EXPECT_TRUE(sublist.remove(first.get()));
        EXPECT_EQ(observed.take(), Strings());
        EXPECT_EQ(sublist.own_interest(kWorker0, subject, {}), 1U);
        EXPECT_TRUE(sublist.remove(second.get()));
        EXPECT_EQ(observed.take(), Strings{subject + " "});
        EXPECT_EQ(sublist.own_interest(kWorker0, subject, {}), 0U);
        EXPECT_FALSE(sublist.remove(second.get()));
        EXPECT_EQ(observed.take(), Strings());
    }
}

TEST(OwnInterestTest, EachMemberOfAGroupIsAChange) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    const auto plain = make(proto::Kind::kClient, "a");
    const auto first = make(proto::Kind::kClient, "a", "q");
    const auto second = make(proto::Kind::kClient, "a", "q");
    sublist.insert(first.get());
    sublist.insert(plain.get());
    sublist.insert(second.get());
    EXPECT_EQ(observed.take(), (Strings{"a q", "a ", "a q"}));
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", "q"), 2U);
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", "other"), 0U);
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", {}), 1U);
    EXPECT_TRUE(sublist.remove(first.get()));
    EXPECT_TRUE(sublist.remove(second.get()));
    EXPECT_EQ(observed.take(), (Strings{"a q", "a q"}));
    EXPECT_TRUE(sublist.remove(plain.get()));
}

TEST(OwnInterestTest, MembersThatLeaveTogetherAreOneChange) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    std::vector<SubscriptionPtr> owned;
    std::vector<Subscription*> all;
    for (const char* subject : {"a", "a.*"}) {
        for (const char* queue : {"q", "q", "r", "q", ""}) {
            owned.push_back(make(proto::Kind::kClient, subject, queue));
            all.push_back(owned.back().get());
            sublist.insert(all.back());
        }
    }
    observed.take();
    EXPECT_EQ(sublist.remove_batch(all), all.size());
    EXPECT_EQ(observed.take(), (Strings{"a q", "a r", "a ", "a.* q", "a.* r", "a.* "}));
}

TEST(OwnInterestTest, AResultThatIsUsedAgainKnowsOnlyItsOwnGroups) {
    Sublist sublist({});
    std::vector<SubscriptionPtr> all;
    const auto add = [&](const char* subject, int number) {
        all.push_back(make(proto::Kind::kClient, subject, "q" + std::to_string(number)));
        sublist.insert(all.back().get());
    };
    for (int i = 0; i < 40; ++i) add("many", i);
    for (int i : {5, 6}) add("few", i);
    MatchResult result;
    for (const auto& [subject, count] : {std::pair("many", 40U), {"few", 2U}}) {
        sublist.match(kWorker0, subject, sublist.hash(subject), &result);
        EXPECT_EQ(result.queue_group_count(), count);
        EXPECT_TRUE(result.find_queue_group("q5", sublist.hash("q5")).has_value());
        EXPECT_EQ(result.find_queue_group("q7", sublist.hash("q7")).has_value(), count == 40);
    }
    for (const SubscriptionPtr& each : all) sublist.remove(each.get());
}

TEST(OwnInterestTest, WhatOthersHaveToldUsIsNotOurs) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    const auto route = make(proto::Kind::kRoute, "a");
    const auto gateway = make(proto::Kind::kGateway, "a");
    const auto import = make(proto::Kind::kAccount, "a");
    const auto members = make(proto::Kind::kRoute, "a", "q", 1, 3);
    for (const auto* each : {&route, &gateway, &import, &members}) sublist.insert(each->get());
    EXPECT_EQ(observed.take(), Strings());
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", {}), 0U);
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", "q"), 0U);
    const auto client = make(proto::Kind::kClient, "a");
    sublist.insert(client.get());
    EXPECT_EQ(observed.take(), Strings{"a "});
    EXPECT_TRUE(sublist.remove(client.get()));
    EXPECT_EQ(observed.take(), Strings{"a "});
    for (const auto* each : {&route, &gateway, &import, &members}) {
        EXPECT_TRUE(sublist.remove(each->get()));
    }
    EXPECT_EQ(observed.take(), Strings());
}

TEST(OwnInterestTest, APeerIsNamedOnceForAllItsPatterns) {
    Sublist sublist({});
    std::vector<SubscriptionPtr> all;
    for (const char* subject : {"a.b", "a.*", ">"}) all.push_back(make(proto::Kind::kRoute, subject, {}, 7));
    all.push_back(make(proto::Kind::kRoute, "a.b", {}, 8));
    for (const SubscriptionPtr& each : all) sublist.insert(each.get());
    const MatchResult result = result_of(sublist, "a.b");
    EXPECT_FALSE(result.empty());
    EXPECT_TRUE(result.local().empty());
    EXPECT_TRUE(result.remote_workers().empty());
    ASSERT_EQ(result.servers().size(), 2U);
    EXPECT_NE(result.servers()[0], result.servers()[1]);
    for (const SubscriptionPtr& each : all) EXPECT_TRUE(sublist.remove(each.get()));
    EXPECT_TRUE(result_of(sublist, "a.b").empty());
}

TEST(OwnInterestTest, AMatchNamesAsManyServicesAsItCanCount) {
    Sublist sublist(SublistOptions{});
    std::vector<SubscriptionPtr> imports;
    std::vector<Subscription*> all;
    for (size_t i = 0; i <= UINT16_MAX; ++i) {
        imports.push_back(make(proto::Kind::kAccount, "a"));
        all.push_back(imports.back().get());
        sublist.insert(all.back());
    }
    EXPECT_EQ(result_of(sublist, "a").services().size(), UINT16_MAX);
    EXPECT_EQ(sublist.remove_batch(all), all.size());
}

TEST(OwnInterestTest, OwnMembersComeBeforeThoseOfPeers) {
    Sublist sublist({});
    std::vector<SubscriptionPtr> all;
    all.push_back(make(proto::Kind::kRoute, "a.*", "q", 7, 5));
    all.push_back(make(proto::Kind::kClient, "a.b", "q", 1));
    all.push_back(make(proto::Kind::kRoute, "a.b", "q", 8, 2));
    all.push_back(make(proto::Kind::kClient, "a.>", "q", 2));
    for (const SubscriptionPtr& each : all) sublist.insert(each.get());
    const MatchResult result = result_of(sublist, "a.b");
    ASSERT_EQ(result.queue_group_count(), 1U);
    const QueueGroup group = result.queue_group(0);
    EXPECT_EQ(group.own_count, 2U);
    EXPECT_EQ(group.weight, 9U);
    ASSERT_EQ(group.members.size(), 4U);
    EXPECT_EQ(group.members[0].kind, proto::Kind::kClient);
    EXPECT_EQ(group.members[1].kind, proto::Kind::kClient);
    EXPECT_EQ(group.members[2].kind, proto::Kind::kRoute);
    EXPECT_EQ(group.members[3].kind, proto::Kind::kRoute);
    for (const SubscriptionPtr& each : all) EXPECT_TRUE(sublist.remove(each.get()));
}

// So what a group of a million clients counts for is found without a walk over it.
TEST(OwnInterestTest, MembersThatCountEverywhereComeFirst) {
    base::Prng prng(31);
    Sublist sublist({});
    using proto::Kind;
    const std::vector<Kind> kinds{Kind::kClient, Kind::kClient, Kind::kClient, Kind::kSystem,
                                  Kind::kLeafnode, Kind::kRoute, Kind::kInternal};
    std::vector<SubscriptionPtr> live;
    for (int step = 0; step < 5000; ++step) {
        if (live.size() < 3 || (live.size() < 60 && prng.below(2) == 0)) {
            const Kind kind = kinds[prng.below(static_cast<uint32_t>(kinds.size()))];
            live.push_back(make(kind, "a", "q", 1, kind == Kind::kLeafnode ? 1 + prng.below(5) : 1));
            sublist.insert(live.back().get());
        } else {
            std::swap(live[prng.below(static_cast<uint32_t>(live.size()))], live.back());
            ASSERT_TRUE(sublist.remove(live.back().get()));
            live.pop_back();
        }
        size_t everywhere = 0;
        size_t own = 0;
        for (const SubscriptionPtr& each : live) {
            everywhere += each->kind() == Kind::kClient || each->kind() == Kind::kSystem;
            own += each->is_own() ? each->weight() : 0;
        }
        ASSERT_EQ(sublist.own_interest(kWorker0, "a", "q"), own) << step;
        sublist.inspect(kWorker0, "a", "q", [&](std::span<Subscription* const> members) {
            ASSERT_EQ(members.size(), live.size());
            ASSERT_EQ(count_everywhere(members), everywhere) << step;
            for (size_t i = 0; i < members.size(); ++i) {
                ASSERT_EQ(members[i]->counts_everywhere(), i < everywhere) << step;
            }
        });
    }
    for (const SubscriptionPtr& each : live) EXPECT_TRUE(sublist.remove(each.get()));
}

// What one leafnode link is told: a walk over the subscriptions finds those that are not its own.
size_t wanted_apart_from(Sublist& sublist, base::LinkHandle link, std::string_view pattern,
                         std::string_view queue = {}) {
    size_t count = 0;
    sublist.inspect(kWorker0, pattern, queue, [&](std::span<Subscription* const> subscriptions) {
        for (const Subscription* each : subscriptions) {
            if (each->link() != link) count += each->is_queue() ? each->weight() : 1;
        }
    });
    return count;
}

TEST(LeafInterestTest, ALeafnodesSubscriptionIsAnnouncedAsIfItWereAClients) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    for (const std::string subject : {"a.b", "a.*", ">"}) {
        const auto leaf = make(proto::Kind::kLeafnode, subject);
        const auto hub = make(proto::Kind::kHub, subject, {}, 2);
        sublist.insert(leaf.get());
        EXPECT_EQ(observed.take(), Strings{subject + " "});
        sublist.insert(hub.get());
        EXPECT_EQ(observed.take(), Strings()) << "a spoke does not announce what its hub wants";
        EXPECT_EQ(observed.take_for_leafs(), Strings{subject + " "});
        EXPECT_EQ(sublist.own_interest(kWorker0, subject, {}), 1U);
        EXPECT_TRUE(sublist.remove(leaf.get()));
        EXPECT_EQ(observed.take(), Strings{subject + " "});
        EXPECT_TRUE(sublist.remove(hub.get()));
        EXPECT_EQ(observed.take_for_leafs(), Strings{subject + " "});
    }
}

TEST(LeafInterestTest, WhatNoLeafnodeLinkCanMissIsNotToldAgain) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    const auto client = make(proto::Kind::kClient, "a");
    const auto other = make(proto::Kind::kClient, "a", {}, 2);
    const auto leaf = make(proto::Kind::kLeafnode, "a", {}, 3);
    const auto route = make(proto::Kind::kRoute, "a", {}, 4);
    sublist.insert(leaf.get());
    EXPECT_EQ(observed.take(), Strings{"a "});
    // The leafnode itself was not told of its own subscription.
    sublist.insert(client.get());
    EXPECT_EQ(observed.take(), Strings());
    EXPECT_EQ(observed.take_for_leafs(), Strings{"a "});
    EXPECT_EQ(wanted_apart_from(sublist, leaf->link(), "a"), 1U);
    sublist.insert(other.get());
    sublist.insert(route.get());
    EXPECT_TRUE(sublist.remove(other.get()));
    EXPECT_TRUE(sublist.remove(route.get()));
    EXPECT_EQ(observed.take(), Strings());
    EXPECT_EQ(observed.take_for_leafs(), Strings());
    EXPECT_TRUE(sublist.remove(client.get()));
    EXPECT_EQ(observed.take_for_leafs(), Strings{"a "});
    EXPECT_EQ(wanted_apart_from(sublist, leaf->link(), "a"), 0U);
    EXPECT_TRUE(sublist.remove(leaf.get()));
}

// Leafnodes are told of it; routes and gateways are not, and need to know of all others.
TEST(LeafInterestTest, AServiceImportHidesNothingWithTheSamePattern) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    const auto import = make(proto::Kind::kAccount, "a");
    sublist.insert(import.get());
    EXPECT_EQ(observed.take_for_leafs(), Strings{"a "});
    for (const proto::Kind first : {proto::Kind::kRoute, proto::Kind::kLeafnode}) {
        const auto other = make(first, "a", {}, 2);
        const auto client = make(proto::Kind::kClient, "a", {}, 3);
        const auto changes = [&observed] {
            return observed.take().size() + observed.take_for_leafs().size();
        };
        sublist.insert(other.get());
        EXPECT_EQ(changes(), 1U);
        sublist.insert(client.get());
        EXPECT_EQ(changes(), 1U);
        EXPECT_TRUE(sublist.remove(client.get()));
        EXPECT_EQ(changes(), 1U);
        EXPECT_TRUE(sublist.remove(other.get()));
        EXPECT_EQ(changes(), 1U);
    }
    EXPECT_TRUE(sublist.remove(import.get()));
    EXPECT_EQ(observed.take(), Strings());
}

TEST(LeafInterestTest, MembersBehindALeafnodeCountAsManyAsTheyAre) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    const auto client = make(proto::Kind::kClient, "a", "q");
    const auto leaf = make(proto::Kind::kLeafnode, "a", "q", 2, 3);
    sublist.insert(leaf.get());
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", "q"), 3U);
    sublist.insert(client.get());
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", "q"), 4U);
    EXPECT_EQ(observed.take(), (Strings{"a q", "a q"}));
    sublist.set_weight(leaf.get(), 5);
    EXPECT_EQ(observed.take(), Strings{"a q"});
    EXPECT_EQ(sublist.own_interest(kWorker0, "a", "q"), 6U);
    EXPECT_EQ(wanted_apart_from(sublist, client->link(), "a", "q"), 5U);
    const MatchResult result = result_of(sublist, "a");
    EXPECT_EQ(result.queue_group(0).own_count, 1U) << "a client comes before those of a leafnode";
    EXPECT_EQ(result.queue_group(0).members[0].kind, proto::Kind::kClient);
    EXPECT_TRUE(sublist.remove(leaf.get()));
    EXPECT_TRUE(sublist.remove(client.get()));
}

TEST(LeafInterestTest, ANewWeightIsAChangeForThoseWhoCountIt) {
    Observed observed;
    Sublist sublist({.observer = &observed});
    for (const char* pattern : {"a", "b.*"}) {
        const Strings change = {std::string(pattern) + " q"};
        const auto leaf = make(proto::Kind::kLeafnode, pattern, "q", 2, 3);
        const auto route = make(proto::Kind::kRoute, pattern, "q", 3, 2);
        sublist.insert(leaf.get());
        sublist.insert(route.get());
        (void)observed.take();
        (void)observed.take_for_leafs();
        sublist.set_weight(leaf.get(), 5);
        EXPECT_EQ(sublist.own_interest(kWorker0, pattern, "q"), 5U);
        EXPECT_EQ(observed.take(), change);
        EXPECT_EQ(observed.take_for_leafs(), Strings{});
        sublist.set_weight(route.get(), 4);
        EXPECT_EQ(observed.take(), Strings{});
        EXPECT_EQ(observed.take_for_leafs(), change);
        EXPECT_TRUE(sublist.remove(leaf.get()));
        EXPECT_TRUE(sublist.remove(route.get()));
    }
}

TEST(LeafInterestTest, AMatchTellsOfWhatKindEachServerIs) {
    Sublist sublist({});
    const auto leaf = make(proto::Kind::kLeafnode, "a", {}, 1);
    const auto hub = make(proto::Kind::kHub, "*", {}, 2);
    const auto route = make(proto::Kind::kRoute, ">", {}, 3);
    for (const auto* each : {&leaf, &hub, &route}) sublist.insert(each->get());
    MatchResult result = result_of(sublist, "a");
    ASSERT_EQ(result.servers().size(), 3U);
    ASSERT_EQ(result.server_kinds().size(), 3U);
    for (size_t i = 0; i < 3; ++i) {
        for (const auto* each : {&leaf, &hub, &route}) {
            if ((*each)->link() != result.servers()[i]) continue;
            EXPECT_EQ((*each)->kind(), result.server_kinds()[i]);
        }
    }
    // The same result again.
    sublist.match(kWorker0, "b", sublist.hash("b"), &result);
    ASSERT_EQ(result.server_kinds().size(), 2U);
    for (size_t i = 0; i < 2; ++i) {
        const auto& server = result.servers()[i] == hub->link() ? hub : route;
        EXPECT_EQ(result.server_kinds()[i], server->kind());
    }
    for (const auto* each : {&leaf, &hub, &route}) EXPECT_TRUE(sublist.remove(each->get()));
}

// The changes of a leafnode link, added up, give the same interest as a walk over all subscriptions.
TEST(LeafInterestTest, ChangesLeadToWhatAWalkFinds) {
    base::Prng prng(20240611);
    Observed observed;
    Sublist sublist({.observer = &observed});
    const std::vector<proto::Kind> kinds{proto::Kind::kClient, proto::Kind::kRoute, proto::Kind::kLeafnode,
                                         proto::Kind::kLeafnode, proto::Kind::kHub};
    std::vector<SubscriptionPtr> live;
    std::map<uint32_t, std::map<std::string, size_t>> told;  // by the link's slot
    const auto link_of = [](uint32_t slot) { return base::LinkHandle(kWorker0, slot, 1); };
    for (int step = 0; step < 4000; ++step) {
        if (live.size() < 3 || (live.size() < 40 && prng.below(2) == 0)) {
            const uint32_t slot = prng.below(static_cast<uint32_t>(kinds.size()));
            const std::string subject(1, static_cast<char>('a' + prng.below(4)));
            live.push_back(make(kinds[slot], subject, prng.below(3) == 0 ? "q" : "", slot,
                                slot == 0 ? 1 : 1 + prng.below(4)));
            sublist.insert(live.back().get());
        } else {
            std::swap(live[prng.below(static_cast<uint32_t>(live.size()))], live.back());
            EXPECT_TRUE(sublist.remove(live.back().get()));
            live.pop_back();
        }
        Strings changes = observed.take();
        for (const std::string& each : observed.take_for_leafs()) changes.push_back(each);
        for (const std::string& each : changes) {
            for (const uint32_t slot : {2U, 3U, 4U}) {
                const size_t count =
                    wanted_apart_from(sublist, link_of(slot), each.substr(0, 1), each.substr(2));
                told[slot][each] = each.size() > 2 ? count : std::min<size_t>(count, 1);
            }
        }
        for (const uint32_t slot : {2U, 3U, 4U}) {
            std::map<std::string, size_t> walked;
            for (uint32_t slice = 0; slice < sublist.own_slice_count(); ++slice) {
                const auto count = [&](std::string_view pattern, std::string_view queue,
                                       std::span<Subscription* const> subscriptions) {
                    for (const Subscription* each : subscriptions) {
                        if (each->link() == link_of(slot)) continue;
                        size_t& number = walked[std::string(pattern) + " " + std::string(queue)];
                        number = queue.empty() ? 1 : number + each->weight();
                    }
                };
                sublist.for_each_interest(kWorker0, slice, count);
            }
            std::map<std::string, size_t> followed = told[slot];
            std::erase_if(followed, [](const auto& each) { return each.second == 0; });
            ASSERT_EQ(followed, walked) << "step " << step << ", link " << slot;
        }
    }
    for (const SubscriptionPtr& each : live) EXPECT_TRUE(sublist.remove(each.get()));
}

// Whatever was inserted and removed: the walk over all slices, the question for one pattern and a plain
// count agree; and who follows the changes alone arrives at the same.
TEST(OwnInterestTest, WalkQuestionAndChangesAgreeWithAPlainCount) {
    base::Prng prng(20);
    Observed observed;
    Sublist sublist({.literal_shards = 2, .wildcard_shards = 2, .observer = &observed});
    using Key = std::pair<std::string, std::string>;
    std::map<Key, size_t> counts;
    std::map<std::string, size_t> told;
    std::vector<SubscriptionPtr> live;
    const std::vector<std::string> subjects{"a", "a.b", "a.*", "*.b", "a.>", ">", "b.c.d", "b.*.d"};
    const std::vector<std::string> queues{"", "", "q", "r"};
    const std::vector<proto::Kind> kinds{proto::Kind::kClient, proto::Kind::kRoute, proto::Kind::kSystem};
    for (int step = 0; step < 4000; ++step) {
        if (live.empty() || prng.below(100) < (step < 3000 ? 55U : 20U)) {
            live.push_back(make(kinds[prng.below(3)], subjects[prng.below(8)], queues[prng.below(4)],
                                1 + prng.below(4)));
            sublist.insert(live.back().get());
            if (live.back()->is_own()) {
                ++counts[Key(live.back()->subject(), live.back()->queue())];
            }
        } else {
            std::swap(live[prng.below(static_cast<uint32_t>(live.size()))], live.back());
            const SubscriptionPtr gone = std::move(live.back());
            live.pop_back();
            ASSERT_TRUE(sublist.remove(gone.get()));
            const Key key(gone->subject(), gone->queue());
            if (gone->is_own() && --counts[key] == 0) counts.erase(key);
        }
        for (const std::string& change : observed.take()) {
            const size_t blank = change.find(' ');
            const std::string subject = change.substr(0, blank);
            const std::string queue = change.substr(blank + 1);
            const size_t count = sublist.own_interest(kWorker0, subject, queue);
            if (count == 0) {
                told.erase(change);
            } else {
                told[change] = queue.empty() ? 1 : count;
            }
        }
        if (step % 50 != 0) continue;
        std::map<Key, size_t> walked;
        for (uint32_t slice = 0; slice < sublist.own_slice_count(); ++slice) {
            sublist.for_each_own(kWorker0, slice, [&](auto pattern, auto queue, size_t count) {
                ASSERT_TRUE(walked.emplace(Key(pattern, queue), count).second) << pattern;
            });
        }
        ASSERT_EQ(walked, counts) << step;
        std::map<std::string, size_t> expected;
        for (const auto& [key, count] : counts) {
            ASSERT_EQ(sublist.own_interest(kWorker0, key.first, key.second), count);
            expected[key.first + " " + key.second] = key.second.empty() ? 1 : count;
        }
        ASSERT_EQ(told, expected) << step;
    }
    for (const SubscriptionPtr& each : live) ASSERT_TRUE(sublist.remove(each.get()));
}

TEST(OwnInterestTest, MembersOfAGroupStandInTheOrderInWhichTheyAreAsked) {
    Sublist sublist({});
    std::vector<SubscriptionPtr> all;
    using proto::Kind;
    const auto add = [&](Kind kind, uint32_t weight, uint32_t origin_cluster) {
        all.push_back(make(kind, "a", "q", static_cast<uint32_t>(all.size() + 1), weight, origin_cluster));
        sublist.insert(all.back().get());
    };
    add(Kind::kRoute, 5, 7);  // of a leafnode of another server
    for (const Kind kind : {Kind::kGateway, Kind::kLeafnode, Kind::kRoute, Kind::kClient, Kind::kHub,
                            Kind::kRoute, Kind::kGateway, Kind::kClient}) {
        add(kind, kind == Kind::kRoute ? 3 : 1, kind == Kind::kLeafnode ? 8 : 0);
    }
    const MatchResult result = result_of(sublist, "a");
    const QueueGroup group = result.queue_group(0);
    std::vector<Kind> kinds;
    for (const QueueMember& member : group.members) kinds.push_back(member.kind);
    EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kClient, Kind::kClient, Kind::kRoute, Kind::kRoute,
                                        Kind::kLeafnode, Kind::kHub, Kind::kRoute, Kind::kGateway,
                                        Kind::kGateway}));
    EXPECT_EQ(group.own_count, 2U);
    EXPECT_EQ(group.near_count, 4U);
    EXPECT_EQ(group.near_weight, 8U);
    EXPECT_EQ(group.leaf_count, 6U);
    EXPECT_EQ(group.leaf_weight, 10U);
    EXPECT_EQ(group.home_count, 7U);
    EXPECT_EQ(group.home_weight, 15U);
    EXPECT_EQ(group.weight, 17U);
    for (const auto& each : all) EXPECT_TRUE(sublist.remove(each.get()));
}

}  // namespace
}  // namespace nuring::interest
