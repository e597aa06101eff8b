// SPDX-License-Identifier: Apache-2.0
// Goal: a Sublist answers like the reference's (truth tables and cases of server/sublist_test.go
// 2.0.0-RC19), and like a plain list of patterns under random changes, for every worker's view.
#include "core/interest/sublist.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "core/base/prng.h"
#include "tests/unit/interest/interest_fixture.h"

namespace nuring::interest {
namespace {

class SublistTest : public testing::Test {
  protected:
    size_t local_count(std::string_view subject) { return match(sublist_, subject).local.size(); }
    // Sizes of the groups, by name.
    std::map<std::string, size_t> groups(std::string_view subject) {
        std::map<std::string, size_t> sizes;
        for (const auto& [name, members] : match(sublist_, subject).queues) {
            sizes[name] = members.size();
        }
        return sizes;
    }

    Sublist sublist_{SublistOptions{.worker_count = 4}};
    Subscribed subscribed_{sublist_};
};

TEST_F(SublistTest, PatternsMatchSubjectsAsInTheTruthTable) {
    const std::vector<std::string> subjects = {
        "foo",  "foo.bar", "foo.bar.baz", "bar", "foo.", "foo..bar", ".foo",
        "",     "foo.*",   "foo.>",       ">",   "*",    "foo.**",   "f*"};
    const std::vector<std::pair<std::string, std::string>> table = {
        {"foo", "Y             "},       {"*", "Y  Y      YY Y"},
        {"foo.*", " Y      YY  Y "},     {"foo.>", " YY     YY  Y "},
        {">", "YYYY    YYYYYY"},         {"*.*", " Y      YY  Y "},
        {"foo.*.baz", "  Y           "}, {"*.bar", " Y            "},
        {"*.>", " YY     YY  Y "},       {"foo.**", "            Y "},
        {"f*", "             Y"}};
    for (const auto& [pattern, row] : table) {
        Sublist sublist(SublistOptions{});
        Subscribed subscribed(sublist);
        subscribed.add(pattern);
        for (size_t i = 0; i < subjects.size(); ++i) {
            const bool expected = row[i] == 'Y';
            EXPECT_EQ(match(sublist, subjects[i]).local.size(), expected ? 1U : 0U)
                << pattern << " x " << subjects[i];
            EXPECT_EQ(sublist.has_interest(kWorker0, subjects[i]), expected)
                << pattern << " x " << subjects[i];
            EXPECT_EQ(model_matches(pattern, subjects[i]), expected);
        }
    }
}

TEST_F(SublistTest, PlainTokensWithWildcardBytesMatchAsText) {
    const std::vector<std::string> texts = {"*bar",        "foo*", "foo*bar",     "foo.***.bar",
                                            ">bar",        "foo>", "foo>bar",     "foo.>>>.bar",
                                            "foo.*-",      "foo.>-"};
    for (const std::string& text : texts) subscribed_.add(text);
    for (const std::string& text : texts) EXPECT_EQ(local_count(text), 1U) << text;
    EXPECT_EQ(local_count("foo.bar"), 0U);
    const SubscriptionPtr absent = make_subscription("foo.bar");
    EXPECT_FALSE(sublist_.remove(absent.get()));
    EXPECT_EQ(sublist_.count(), texts.size());
}

TEST_F(SublistTest, CountsSubscriptions) {
    for (const char* pattern : {"foo", "bar", "foo.bar"}) subscribed_.add(pattern);
    EXPECT_EQ(sublist_.count(), 3U);
    const SublistStats stats = sublist_.stats();
    EXPECT_EQ(stats.num_subscriptions, 3U);
    EXPECT_EQ(stats.num_inserts, 3U);
    EXPECT_EQ(stats.num_removes, 0U);
    EXPECT_EQ(stats.num_matches, 0U);
    match(sublist_, "foo");
    EXPECT_EQ(sublist_.stats().num_matches, 1U);
}

TEST_F(SublistTest, EmptyListMatchesNothing) {
    EXPECT_EQ(match(sublist_, "foo"), PlainResult());
    EXPECT_EQ(match(sublist_, "bar"), PlainResult());
    EXPECT_FALSE(sublist_.has_interest(kWorker0, "foo"));
    MatchResult result;
    sublist_.match(kWorker0, "foo", sublist_.hash("foo"), &result);
    EXPECT_TRUE(result.empty());
    EXPECT_EQ(result.fanout(), 0U);
}

TEST_F(SublistTest, LiteralsAndWildcardsAreFoundTogether) {
    subscribed_.add("a.b.c");
    EXPECT_EQ(local_count("a.b.c"), 1U);
    for (const char* pattern : {"a.*.c", "a.b.*", "a.>", ">", "*.b.c", "*.>"}) {
        const size_t before = local_count("a.b.c");
        subscribed_.add(pattern);
        EXPECT_EQ(local_count("a.b.c"), before + 1) << pattern;
    }
}

TEST_F(SublistTest, RemovalIsByIdentityNotByText) {
    const SubscriptionPtr own = make_subscription("a.b.c.d");
    const SubscriptionPtr shorter = make_subscription("a.b.c");
    const SubscriptionPtr twin = make_subscription("a.b.c.d");
    sublist_.insert(own.get());
    EXPECT_FALSE(sublist_.remove(shorter.get()));
    EXPECT_FALSE(sublist_.remove(twin.get()));
    EXPECT_EQ(sublist_.count(), 1U);
    EXPECT_TRUE(sublist_.remove(own.get()));
    EXPECT_FALSE(sublist_.remove(own.get()));
    EXPECT_EQ(sublist_.count(), 0U);
    EXPECT_EQ(local_count("a.b.c.d"), 0U);
}

TEST_F(SublistTest, RemovalAmongSeveralIsByIdentityToo) {
    for (const char* queue : {"", "workers"}) {
        for (const char* pattern : {"a.b", "a.*"}) {
            Subscribed members(sublist_);
            members.add(pattern, queue);
            members.add(pattern, queue);
            const SubscriptionPtr twin = make_subscription(pattern, queue);
            EXPECT_FALSE(sublist_.remove(twin.get())) << pattern << " " << queue;
            EXPECT_EQ(sublist_.count(), 2U);
        }
    }
}

TEST_F(SublistTest, WildcardRemovalIsByIdentityToo) {
    for (const char* pattern : {"a.*", "a.>", ">", "*"}) {
        const SubscriptionPtr own = make_subscription(pattern);
        const SubscriptionPtr twin = make_subscription(pattern);
        sublist_.insert(own.get());
        EXPECT_FALSE(sublist_.remove(twin.get()));
        EXPECT_TRUE(sublist_.remove(own.get()));
        EXPECT_FALSE(sublist_.remove(own.get()));
    }
    EXPECT_EQ(sublist_.node_count(), 0U);
}

TEST_F(SublistTest, RemovesLiteralAndWildcardsInTurn) {
    const SubscriptionPtr literal = make_subscription("a.b.c.d");
    const SubscriptionPtr star = make_subscription("a.b.*.d");
    const SubscriptionPtr tail = make_subscription("a.b.>");
    for (const auto* each : {&literal, &star, &tail}) sublist_.insert(each->get());
    EXPECT_EQ(local_count("a.b.c.d"), 3U);
    EXPECT_TRUE(sublist_.remove(literal.get()));
    EXPECT_EQ(sublist_.count(), 2U);
    EXPECT_TRUE(sublist_.remove(tail.get()));
    EXPECT_EQ(sublist_.count(), 1U);
    EXPECT_EQ(local_count("a.b.c.d"), 1U);
    EXPECT_TRUE(sublist_.remove(star.get()));
    EXPECT_EQ(sublist_.count(), 0U);
    EXPECT_EQ(local_count("a.b.c.d"), 0U);
}

TEST_F(SublistTest, RemovedPatternsLeaveNoNodesBehind) {
    EXPECT_EQ(sublist_.node_count(), 0U);
    const SubscriptionPtr deep = make_subscription("a.b.*.d.e.>");
    sublist_.insert(deep.get());
    EXPECT_EQ(sublist_.node_count(), 5U);  // `>` needs none
    const SubscriptionPtr branch = make_subscription("a.b.*.x");
    sublist_.insert(branch.get());
    EXPECT_EQ(sublist_.node_count(), 6U);
    EXPECT_TRUE(sublist_.remove(deep.get()));
    EXPECT_EQ(sublist_.node_count(), 4U);
    EXPECT_TRUE(sublist_.remove(branch.get()));
    EXPECT_EQ(sublist_.node_count(), 0U);
}

TEST_F(SublistTest, ManySubscriptionsOnOneSubject) {
    for (int i = 0; i < 512; ++i) subscribed_.add("foo");
    EXPECT_EQ(local_count("foo"), 512U);
    for (const size_t i : {256U, 0U, 511U}) EXPECT_TRUE(sublist_.remove(subscribed_.all()[i].get()));
    EXPECT_EQ(local_count("foo"), 509U);
}

TEST_F(SublistTest, RemovesAllOfOneClient) {
    std::vector<SubscriptionPtr> all;
    for (int i = 0; i < 10; ++i) all.push_back(make_subscription("a.b.c.d.e.f." + std::to_string(i)));
    all.push_back(make_subscription(">"));
    all.push_back(make_subscription("foo.*"));
    for (int i = 0; i < 2; ++i) {
        all.push_back(make_subscription("foo", "bar"));
        all.push_back(make_subscription("foo.bar", "baz"));
    }
    std::vector<Subscription*> pointers;
    for (const SubscriptionPtr& each : all) {
        sublist_.insert(each.get());
        pointers.push_back(each.get());
    }
    EXPECT_EQ(sublist_.count(), 16U);
    EXPECT_EQ(sublist_.remove_batch(pointers), 16U);
    EXPECT_EQ(sublist_.count(), 0U);
    EXPECT_EQ(sublist_.node_count(), 0U);
    EXPECT_EQ(sublist_.remove_batch(pointers), 0U);
}

TEST_F(SublistTest, QueueGroupsGrowAndShrink) {
    using Groups = std::map<std::string, size_t>;
    Subscription* bar1 = subscribed_.add("foo", "bar");
    EXPECT_EQ(groups("foo"), (Groups{{"bar", 1}}));
    Subscription* baz1 = subscribed_.add("foo", "baz");
    EXPECT_EQ(groups("foo"), (Groups{{"bar", 1}, {"baz", 1}}));
    Subscription* own = subscribed_.add("foo");
    EXPECT_EQ(groups("foo"), (Groups{{"bar", 1}, {"baz", 1}}));
    EXPECT_EQ(local_count("foo"), 1U);
    Subscription* bar2 = subscribed_.add("foo", "bar");
    Subscription* baz2 = subscribed_.add("foo", "baz");
    EXPECT_EQ(groups("foo"), (Groups{{"bar", 2}, {"baz", 2}}));
    EXPECT_EQ(local_count("foo"), 1U);
    EXPECT_TRUE(sublist_.remove(own));
    EXPECT_EQ(local_count("foo"), 0U);
    EXPECT_TRUE(sublist_.remove(bar1));
    EXPECT_EQ(groups("foo"), (Groups{{"bar", 1}, {"baz", 2}}));
    EXPECT_TRUE(sublist_.remove(bar2));
    EXPECT_EQ(groups("foo"), (Groups{{"baz", 2}}));
    EXPECT_TRUE(sublist_.remove(baz1));
    EXPECT_TRUE(sublist_.remove(baz2));
    EXPECT_EQ(groups("foo"), Groups());
}

TEST_F(SublistTest, EqualQueueNamesUnderDifferentPatternsAreOneGroup) {
    for (const char* pattern : {"foo.bar", "foo.*", ">"}) {
        subscribed_.add(pattern, "other");
        subscribed_.add(pattern, "q");
    }
    const PlainResult result = match(sublist_, "foo.bar");
    EXPECT_EQ(result.queues.size(), 2U);
    EXPECT_EQ(result.queues.at("q").size(), 3U);
    EXPECT_EQ(result.queues.at("other").size(), 3U);
}

TEST_F(SublistTest, ManyQueueGroupsAreMergedByName) {
    constexpr int kGroups = 300;
    for (const char* pattern : {"foo.bar", "foo.*"}) {
        for (int i = 0; i < kGroups; ++i) subscribed_.add(pattern, "q" + std::to_string(i));
    }
    MatchResult result;
    sublist_.match(kWorker0, "foo.bar", sublist_.hash("foo.bar"), &result);
    ASSERT_EQ(result.queue_group_count(), 300U);
    std::set<std::string> names;
    for (uint32_t i = 0; i < result.queue_group_count(); ++i) {
        const QueueGroup group = result.queue_group(i);
        names.emplace(group.name);
        ASSERT_EQ(group.members.size(), 2U);
        for (const QueueMember& member : group.members) {
            EXPECT_EQ(member.subscription->queue(), group.name);
        }
    }
    EXPECT_EQ(names.size(), 300U);
    // The same result again, for fewer groups.
    for (const char* pattern : {"few.groups", "few.*"}) {
        for (int i = 0; i < 40; ++i) subscribed_.add(pattern, "few" + std::to_string(i));
    }
    sublist_.match(kWorker0, "few.groups", sublist_.hash("few.groups"), &result);
    EXPECT_EQ(result.queue_group_count(), 40U);
}

TEST_F(SublistTest, AGroupIsFoundByItsNameAmongFewAndMany) {
    const auto name_of = [](int number) { return "q" + std::to_string(number); };
    for (int count = 0; count <= 40; ++count) {
        MatchResult result;
        sublist_.match(kWorker0, "foo", sublist_.hash("foo"), &result);
        for (int i = 0; i < 40; ++i) {
            const std::string name = name_of(i);
            const auto group = result.find_queue_group(name, sublist_.hash(name));
            ASSERT_EQ(group.has_value(), i < count) << name << " of " << count;
            if (i >= count) continue;
            EXPECT_EQ(group->name, name);
            EXPECT_EQ(group->members.size(), 1U);
        }
        subscribed_.add("foo", name_of(count));
    }
}

TEST_F(SublistTest, AGroupAmongManyMayGoAndComeAgain) {
    std::vector<Subscription*> members;
    for (int i = 0; i < 40; ++i) members.push_back(subscribed_.add("foo", "q" + std::to_string(i)));
    for (int i : {5, 39, 0}) {
        EXPECT_TRUE(sublist_.remove(members[static_cast<size_t>(i)]));
        EXPECT_EQ(groups("foo").size(), 39U);
        EXPECT_EQ(groups("foo").count("q" + std::to_string(i)), 0U);
        subscribed_.add("foo", "q" + std::to_string(i));
        EXPECT_EQ(groups("foo").size(), 40U);
    }
}

TEST_F(SublistTest, MembersCountByWeight) {
    SubscriptionSpec spec;
    spec.link = base::LinkHandle(kWorker1, 1, 1);
    spec.subject = "foo";
    spec.queue = "bar";
    spec.weight = 10;
    spec.kind = proto::Kind::kRoute;
    const SubscriptionPtr remote1(Subscription::create(spec));
    const SubscriptionPtr remote2(Subscription::create(spec));
    Subscription* local1 = subscribed_.add("foo", "bar");
    subscribed_.add("foo", "bar");
    sublist_.insert(remote1.get());
    sublist_.insert(remote2.get());
    EXPECT_EQ(sublist_.count(), 4U);
    const auto weight = [this] {
        MatchResult result;
        sublist_.match(kWorker0, "foo", sublist_.hash("foo"), &result);
        EXPECT_EQ(result.queue_group_count(), 1U);
        return result.queue_group(0).weight;
    };
    EXPECT_EQ(weight(), 22U);
    EXPECT_TRUE(sublist_.remove(local1));
    EXPECT_TRUE(sublist_.remove(remote1.get()));
    EXPECT_EQ(weight(), 11U);
    sublist_.set_weight(remote2.get(), 1);
    EXPECT_EQ(weight(), 2U);
    EXPECT_TRUE(sublist_.remove(remote2.get()));
}

TEST_F(SublistTest, EachWorkerSeesItsOwnAndTheOthersByName) {
    const Subscription* own = subscribed_.add("foo", {}, kWorker0);
    subscribed_.add("foo", {}, kWorker1);
    subscribed_.add("foo.*", {}, kWorker1);
    subscribed_.add("*", {}, base::WorkerId{3});
    const Subscription* member = subscribed_.add("foo", "q", kWorker1);
    PlainResult at0;
    at0.local = {own->serial()};
    at0.remote_workers = {1, 3};
    at0.queues["q"] = {member->serial()};
    EXPECT_EQ(match(sublist_, "foo", kWorker0), at0);
    EXPECT_EQ(match(sublist_, "foo", kWorker1).remote_workers, (std::vector<uint32_t>{0, 3}));
    EXPECT_EQ(match(sublist_, "foo", base::WorkerId{2}).remote_workers,
              (std::vector<uint32_t>{0, 1, 3}));
    EXPECT_TRUE(match(sublist_, "foo", base::WorkerId{2}).local.empty());
    MatchResult result;
    sublist_.match(kWorker0, "foo", sublist_.hash("foo"), &result);
    ASSERT_EQ(result.queue_group_count(), 1U);
    EXPECT_EQ(result.queue_group(0).workers, WorkerSet::from_words({2, 0}));
}

TEST_F(SublistTest, OnlyPlainSubscriptionsOfOneWorkerAreLocal) {
    MatchResult match;
    const auto matched = [&](std::string_view subject) -> const MatchResult& {
        match.reset();
        sublist_.match(kWorker0, subject, sublist_.hash(subject), &match);
        return match;
    };
    subscribed_.add("here");
    EXPECT_TRUE(matched("here").is_local());
    EXPECT_TRUE(matched("nowhere").is_local());
    subscribed_.add("here", {}, kWorker1);
    EXPECT_FALSE(matched("here").is_local());
    EXPECT_TRUE(matched("here").is_plain());
    subscribed_.add("group", "queue");
    EXPECT_FALSE(matched("group").is_local());
    EXPECT_FALSE(matched("group").is_plain());
}

TEST(WorkerSetTest, AUnionHasTheMembersOfBoth) {
    WorkerSet both = WorkerSet::from_words({5, 0});
    both |= WorkerSet::from_words({6, 1});
    EXPECT_EQ(both, WorkerSet::from_words({7, 1}));
}

TEST_F(SublistTest, LongSubjectsHaveNoTokenLimit) {
    std::string pattern = "a";
    std::string subject = "a";
    for (int i = 0; i < 1000; ++i) {
        pattern += i % 2 == 0 ? ".*" : ".b";
        subject += i % 2 == 0 ? ".x" : ".b";
    }
    subscribed_.add(pattern);
    subscribed_.add(subject);
    subscribed_.add("a.x.>");
    EXPECT_EQ(local_count(subject), 3U);
    EXPECT_EQ(local_count(subject + ".y"), 1U);
}

// 200 k removals from the front of one subject would take minutes if each walked the list.
TEST_F(SublistTest, RemovalFromACrowdedSubjectDoesNotWalk) {
    constexpr int kCrowd = 100'000;
    std::vector<SubscriptionPtr> all;
    for (int i = 0; i < kCrowd; ++i) {
        all.push_back(make_subscription("crowd"));
        all.push_back(make_subscription("crowd.*", "q"));
    }
    for (const SubscriptionPtr& each : all) sublist_.insert(each.get());
    EXPECT_EQ(sublist_.count(), all.size());
    EXPECT_EQ(local_count("crowd"), static_cast<size_t>(kCrowd));
    for (const SubscriptionPtr& each : all) ASSERT_TRUE(sublist_.remove(each.get()));
    EXPECT_EQ(sublist_.count(), 0U);
}

TEST_F(SublistTest, ClearedResultsKeepTheirMemoryResetOnesDoNot) {
    for (int i = 0; i < 100; ++i) {
        subscribed_.add("foo");
        subscribed_.add("foo", "q");
        subscribed_.add("plain");
    }
    MatchResult locals;
    sublist_.match(kWorker0, "plain", sublist_.hash("plain"), &locals);
    EXPECT_GE(locals.heap_bytes(), 100 * sizeof(void*));
    MatchResult result;
    EXPECT_EQ(result.heap_bytes(), 0U);
    sublist_.match(kWorker0, "foo", sublist_.hash("foo"), &result);
    const size_t bytes = result.heap_bytes();
    EXPECT_GE(bytes, 100 * sizeof(void*) + 100 * sizeof(QueueMember));
    result.clear();
    EXPECT_TRUE(result.empty());
    EXPECT_EQ(result.heap_bytes(), bytes);
    result.reset();
    EXPECT_TRUE(result.empty());
    EXPECT_EQ(result.heap_bytes(), 0U);
}

// A match that was made before any of the three steps is outdated by it.
TEST_F(SublistTest, CopiesTakeTheirPlaceUncounted) {
    for (const std::string_view pattern : {"foo.bar", "foo.*", "*.bar"}) {
        for (const std::string_view queue : {"", "q"}) {
            Subscription* const original = subscribed_.add(pattern, queue);
            const SubscriptionPtr copy = make_subscription(pattern, queue, kWorker1);
            const SublistStats before = sublist_.stats();
            const auto outdates = [&](auto step) {
                MatchResult result;
                Generations generations;
                sublist_.match(kWorker0, "foo.bar", sublist_.hash("foo.bar"), &result, &generations);
                step();
                EXPECT_FALSE(generations.current());
            };
            if (queue.empty()) {
                outdates([&] { sublist_.add_copy(copy.get()); });
                EXPECT_EQ(local_count("foo.bar"), 1U);
                EXPECT_EQ(match(sublist_, "foo.bar").remote_workers, std::vector<uint32_t>{1});
                outdates([&] { sublist_.remove_original(original); });
            } else {
                outdates([&] { sublist_.replace(original, copy.get()); });
                EXPECT_EQ(groups("foo.bar")["q"], 1U);
            }
            EXPECT_EQ(local_count("foo.bar"), 0U);
            EXPECT_EQ(sublist_.own_interest(kWorker0, pattern, queue), 1U);
            EXPECT_EQ(sublist_.stats().num_inserts, before.num_inserts);
            EXPECT_EQ(sublist_.stats().num_removes, before.num_removes);
            EXPECT_TRUE(sublist_.remove(copy.get()));
            EXPECT_EQ(sublist_.count(), 0U);
            EXPECT_FALSE(sublist_.has_interest(kWorker0, "foo.bar"));
        }
    }
}

TEST_F(SublistTest, TableMemoryComesBackAfterABurst) {
    constexpr int kBurst = 50'000;
    std::vector<SubscriptionPtr> all;
    std::vector<Subscription*> pointers;
    for (int i = 0; i < kBurst; ++i) {
        all.push_back(make_subscription("burst." + std::to_string(i)));
        pointers.push_back(all.back().get());
        sublist_.insert(all.back().get());
    }
    EXPECT_LT(sublist_.heap_bytes(), kBurst * 20U);
    EXPECT_EQ(sublist_.remove_batch(pointers), pointers.size());
    EXPECT_LT(sublist_.heap_bytes(), 16384U);
}

TEST_F(SublistTest, PatternsThatComeAndGoLeaveNoMemoryBehind) {
    const auto come_and_go = [this](int first, int end) {
        for (int i = first; i < end; ++i) {
            const SubscriptionPtr some = make_subscription("a." + std::to_string(i) + ".*");
            sublist_.insert(some.get());
            ASSERT_TRUE(sublist_.remove(some.get()));
        }
    };
    come_and_go(0, 100);
    const size_t bytes = sublist_.heap_bytes();
    come_and_go(100, 10'000);
    EXPECT_LE(sublist_.heap_bytes(), bytes);
}

// Random patterns and subjects of few tokens, so that they meet often.
class RandomSubjects {
  public:
    explicit RandomSubjects(base::Prng& prng) : prng_(prng) {}

    std::string pattern() { return make(25, true); }
    std::string subject() { return make(4, false); }

  private:
    std::string make(uint32_t wildcard_percent, bool is_pattern) {
        static constexpr const char* kTokens[] = {"a", "b", "cc", "foo", "a*", ">>", "longer-token"};
        std::string text;
        const uint32_t count = 1 + prng_.below(4);
        for (uint32_t i = 0; i < count; ++i) {
            if (i > 0) text += '.';
            if (!is_pattern && prng_.percent(3)) continue;  // an empty token
            if (prng_.percent(wildcard_percent)) {
                if ((!is_pattern || i + 1 == count) && prng_.percent(40)) {
                    text += '>';
                } else {
                    text += '*';
                }
                continue;
            }
            text += kTokens[prng_.below(std::size(kTokens))];
        }
        return text;
    }

    base::Prng& prng_;
};

TEST(SublistRandomTest, AgreesWithThePlainModel) {
    const uint64_t seed = static_cast<uint64_t>(
        std::chrono::steady_clock::now().time_since_epoch().count());
    std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
    base::Prng prng(seed);
    RandomSubjects random(prng);
    for (int round = 0; round < 4; ++round) {
        const SublistOptions options =
            round % 2 == 0 ? SublistOptions::large(3)
                           : SublistOptions{.worker_count = 3, .literal_shards = 1,
                                            .literal_generations = 1, .wildcard_shards = 1,
                                            .wildcard_generations = 1, .hash_seed = prng.next()};
        Sublist sublist(options);
        Model model;
        std::vector<SubscriptionPtr> all;
        for (int step = 0; step < 2000; ++step) {
            const bool growing = step % 1000 < 600;
            if (all.empty() || prng.percent(growing ? 70 : 30)) {
                const std::string queue =
                    prng.percent(40) ? "q" + std::to_string(prng.below(30)) : "";
                all.push_back(make_subscription(random.pattern(), queue,
                                                static_cast<base::WorkerId>(prng.below(3))));
                sublist.insert(all.back().get());
                model.insert(all.back().get());
            } else {
                std::swap(all[prng.below(static_cast<uint32_t>(all.size()))], all.back());
                model.remove(all.back().get());
                ASSERT_TRUE(sublist.remove(all.back().get()));
                all.pop_back();
            }
            ASSERT_EQ(sublist.count(), model.count());
            const std::string subject = random.subject();
            const base::WorkerId self{static_cast<uint16_t>(prng.below(3))};
            const PlainResult expected = model.match(subject, self);
            ASSERT_EQ(match(sublist, subject, self), expected) << subject;
            ASSERT_EQ(sublist.has_interest(self, subject), expected != PlainResult()) << subject;
        }
        while (!all.empty()) {
            ASSERT_TRUE(sublist.remove(all.back().get()));
            all.pop_back();
        }
        EXPECT_EQ(sublist.node_count(), 0U);
    }
}

TEST(SublistRandomTest, LiteralTableSurvivesGrowthAndRemovals) {
    base::Prng prng(7);
    Sublist sublist(SublistOptions{.literal_shards = 1, .literal_generations = 1});
    std::map<std::string, SubscriptionPtr> live;
    for (int step = 0; step < 60'000; ++step) {
        const uint32_t range = step < 30'000 ? 8192 : 64;
        const std::string subject = "s." + std::to_string(prng.below(range));
        const auto found = live.find(subject);
        ASSERT_EQ(match(sublist, subject).local.size(), found == live.end() ? 0U : 1U) << step;
        if (found == live.end()) {
            SubscriptionPtr added = make_subscription(subject);
            sublist.insert(added.get());
            live.emplace(subject, std::move(added));
        } else {
            ASSERT_TRUE(sublist.remove(found->second.get()));
            live.erase(found);
        }
    }
    ASSERT_EQ(sublist.count(), live.size());
    for (const auto& [subject, subscription] : live) {
        ASSERT_EQ(match(sublist, subject).local.size(), 1U);
        ASSERT_TRUE(sublist.remove(subscription.get()));
    }
}

}  // namespace
}  // namespace nuring::interest
