// SPDX-License-Identifier: Apache-2.0
// Goal: what a MatchCache answers is what its Sublist would answer now; it stays bounded, and only
// what concerns a subject makes it look again.
#include "core/interest/match_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/base/prng.h"
#include "tests/unit/interest/interest_fixture.h"

namespace nuring::interest {
namespace {

class MatchCacheTest : public testing::Test {
  protected:
    size_t local_count(std::string_view subject) {
        return cache_.find(sublist_, subject).result().local().size();
    }
    // Asks often enough to be admitted.
    void warm(std::string_view subject) {
        for (int i = 0; i < 3; ++i) cache_.find(sublist_, subject);
    }

    Sublist sublist_{SublistOptions::large(2)};
    Subscribed subscribed_{sublist_};
    MatchCache cache_{kWorker0};
};

TEST_F(MatchCacheTest, SeesLaterWildcardsThroughTheCache) {
    subscribed_.add("foo.*");
    subscribed_.add("foo.bar");
    warm("foo.baz");
    warm("foo.bar");
    EXPECT_EQ(local_count("foo.baz"), 1U);
    EXPECT_EQ(local_count("foo.bar"), 2U);
    subscribed_.add("foo.>");
    EXPECT_EQ(local_count("foo.bar"), 3U);
}

TEST_F(MatchCacheTest, SecondAppearanceIsAdmittedThirdIsAHit) {
    subscribed_.add("foo");
    EXPECT_EQ(local_count("foo"), 1U);
    EXPECT_EQ(cache_.stats().refused, 1U);
    EXPECT_EQ(local_count("foo"), 1U);
    EXPECT_EQ(cache_.stats().entries, 1U);
    EXPECT_EQ(local_count("foo"), 1U);
    const MatchCacheStats stats = cache_.stats();
    EXPECT_EQ(stats.hits, 1U);
    EXPECT_EQ(stats.misses, 2U);
    EXPECT_EQ(stats.lookups(), 3U);
    EXPECT_EQ(stats.fanout_max, 1U);
    EXPECT_EQ(stats.fanout_sum, 1U);
}

TEST_F(MatchCacheTest, EmptyResultsAreCachedToo) {
    warm("nobody");
    const uint64_t hits = cache_.stats().hits;
    EXPECT_TRUE(cache_.find(sublist_, "nobody").result().empty());
    EXPECT_EQ(cache_.stats().hits, hits + 1);
    subscribed_.add("nobody");
    EXPECT_EQ(local_count("nobody"), 1U);
}

TEST_F(MatchCacheTest, UnrelatedChangesLeaveEntriesValid) {
    subscribed_.add("foo.bar");
    subscribed_.add("foo.*");
    warm("foo.bar");
    const MatchMemo memo(cache_.find(sublist_, "foo.bar"));
    const uint64_t rebuilds = cache_.stats().rebuilds;
    // Of 1024 literal generations and 64 of first tokens, a hundred others hit a few by chance.
    int outdated = 0;
    for (int i = 0; i < 100; ++i) {
        subscribed_.add("_INBOX." + std::to_string(i));
        if (!memo.current()) {
            ++outdated;
            cache_.find(sublist_, "foo.bar");
        }
    }
    EXPECT_LE(outdated, 3);
    subscribed_.add("other.*");
    cache_.find(sublist_, "foo.bar");
    EXPECT_LE(cache_.stats().rebuilds, rebuilds + 4);
}

TEST_F(MatchCacheTest, EachKindOfChangeOutdatesAMemo) {
    for (const char* pattern : {"foo.bar", "foo.*", "foo.>", "*.bar", ">"}) {
        warm("foo.bar");
        const MatchMemo memo(cache_.find(sublist_, "foo.bar"));
        EXPECT_TRUE(memo.current());
        const SubscriptionPtr subscription = make_subscription(pattern);
        sublist_.insert(subscription.get());
        EXPECT_FALSE(memo.current()) << pattern;
        EXPECT_EQ(local_count("foo.bar"), 1U) << pattern;
        EXPECT_TRUE(memo.current());  // rebuilt in place
        sublist_.remove(subscription.get());
        EXPECT_FALSE(memo.current()) << pattern;
        EXPECT_EQ(local_count("foo.bar"), 0U) << pattern;
    }
}

TEST_F(MatchCacheTest, OtherWorkersSeeAChangeAtOnce) {
    MatchCache other(kWorker1);
    for (int i = 0; i < 3; ++i) other.find(sublist_, "foo");
    Subscription* subscription = subscribed_.add("foo", {}, kWorker0);
    EXPECT_TRUE(other.find(sublist_, "foo").result().remote_workers().contains(kWorker0));
    EXPECT_TRUE(other.find(sublist_, "foo").result().local().empty());
    sublist_.remove(subscription);
    EXPECT_TRUE(other.find(sublist_, "foo").result().empty());
}

TEST_F(MatchCacheTest, TheOnlyPlainSubscriptionOfOtherWorkersIsNamed) {
    const auto find = [&]() -> const MatchResult& { return cache_.find(sublist_, "foo").result(); };
    EXPECT_EQ(find().lone_remote(), 0U);
    Subscription* first = subscribed_.add("foo", {}, kWorker1);
    EXPECT_EQ(find().lone_remote(), first->serial());
    EXPECT_TRUE(find().is_lone_remote());
    Subscription* second = subscribed_.add("*", {}, kWorker1);
    EXPECT_EQ(find().lone_remote(), 0U);
    EXPECT_FALSE(find().is_lone_remote());
    sublist_.remove(first);
    EXPECT_EQ(find().lone_remote(), second->serial());
    subscribed_.add("foo", "group", kWorker1);
    EXPECT_EQ(find().lone_remote(), second->serial());
    EXPECT_FALSE(find().is_lone_remote()) << "a queue member, too";
    subscribed_.add("foo", {}, kWorker0);
    EXPECT_EQ(find().lone_remote(), second->serial());
    EXPECT_FALSE(find().is_lone_remote()) << "one of this worker, too";
}

TEST_F(MatchCacheTest, WeightChangesAreSeen) {
    Subscription* member = subscribed_.add("foo", "q");
    warm("foo");
    EXPECT_EQ(cache_.find(sublist_, "foo").result().queue_group(0).weight, 1U);
    sublist_.set_weight(member, 5);
    EXPECT_EQ(cache_.find(sublist_, "foo").result().queue_group(0).weight, 5U);
}

TEST_F(MatchCacheTest, AccountsAreKeptApart) {
    Sublist second(SublistOptions{});  // with the same hash seed
    Subscribed subscribed_second(second);
    subscribed_.add("foo");
    subscribed_second.add("foo");
    subscribed_second.add("foo");
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(cache_.find(sublist_, "foo").result().local().size(), 1U);
        EXPECT_EQ(cache_.find(second, "foo").result().local().size(), 2U);
    }
    EXPECT_EQ(cache_.stats().entries, 2U);
}

TEST_F(MatchCacheTest, DropForgetsAnAccountAndItsMemos) {
    auto gone = std::make_unique<Sublist>(SublistOptions{});
    for (int i = 0; i < 3; ++i) {
        cache_.find(*gone, "foo");
        cache_.find(*gone, "a subject that does not fit into the inline text of an entry, for sure");
    }
    warm("foo");
    const MatchMemo memo(cache_.find(*gone, "foo"));
    cache_.find(*gone, "once only");
    const MatchMemo scratch(cache_.find(*gone, "once only more"));
    EXPECT_TRUE(memo.current());
    EXPECT_TRUE(scratch.current());
    cache_.drop(gone.get());
    gone.reset();
    EXPECT_FALSE(memo.current());
    EXPECT_FALSE(scratch.current());
    EXPECT_EQ(cache_.stats().entries, 1U);
}

TEST_F(MatchCacheTest, DropFreesEntriesAndForgetsScratchOnes) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 8});
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 8; ++i) {
            for (int j = 0; j < 2; ++j) small.find(sublist_, std::to_string(i));
        }
        EXPECT_EQ(small.stats().entries, 8U);
        const MatchMemo scratch(small.find(sublist_, "once." + std::to_string(round)));
        EXPECT_TRUE(scratch.current());
        small.drop(&sublist_);
        EXPECT_EQ(small.stats().entries, 0U);
        EXPECT_FALSE(scratch.current());
    }
}

TEST_F(MatchCacheTest, LongSubjectsAreCached) {
    const std::string subject = std::string(3000, 'x') + "." + std::string(500, 'y');
    subscribed_.add(subject);
    warm(subject);
    const uint64_t hits = cache_.stats().hits;
    EXPECT_EQ(cache_.find(sublist_, subject).subject(), subject);
    EXPECT_EQ(local_count(subject), 1U);
    EXPECT_EQ(cache_.stats().hits, hits + 2);
    EXPECT_EQ(local_count(""), 0U);
}

TEST_F(MatchCacheTest, FloodOfDistinctSubjectsLeavesHotEntriesAndMemoryAlone) {
    subscribed_.add("bench.*");
    std::vector<std::string> hot;
    for (int i = 0; i < 100; ++i) hot.push_back("hot." + std::to_string(i));
    for (const std::string& subject : hot) warm(subject);
    for (int i = 0; i < 300'000; ++i) {
        ASSERT_EQ(local_count("bench." + std::to_string(i)), 1U);
        if (i % 64 == 0) cache_.find(sublist_, hot[static_cast<size_t>(i / 64) % hot.size()]);
    }
    const MatchCacheStats before = cache_.stats();
    EXPECT_LT(before.entries, 20'000U);
    EXPECT_EQ(before.result_bytes, 0U);
    for (const std::string& subject : hot) cache_.find(sublist_, subject);
    EXPECT_EQ(cache_.stats().hits, before.hits + hot.size());
}

TEST_F(MatchCacheTest, TenThousandHotSubjectsFit) {
    subscribed_.add("bench.*");
    std::vector<std::string> hot;
    for (int i = 0; i < 10'000; ++i) hot.push_back("bench." + std::to_string(i));
    for (int round = 0; round < 3; ++round) {
        for (const std::string& subject : hot) cache_.find(sublist_, subject);
    }
    const uint64_t hits = cache_.stats().hits;
    for (const std::string& subject : hot) cache_.find(sublist_, subject);
    EXPECT_GT(cache_.stats().hits - hits, 9900U);
}

TEST_F(MatchCacheTest, CycleOverMoreSubjectsThanFitFindsMostOfThem) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 1024});
    std::vector<std::string> cycle;
    for (int i = 0; i < 1280; ++i) cycle.push_back("cycle." + std::to_string(i));
    for (int round = 0; round < 20; ++round) {
        for (const std::string& subject : cycle) small.find(sublist_, subject);
    }
    const uint64_t hits = small.stats().hits;
    for (const std::string& subject : cycle) small.find(sublist_, subject);
    EXPECT_GT(small.stats().hits - hits, 640U);
}

TEST_F(MatchCacheTest, EntriesStayBounded) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 64});
    EXPECT_EQ(small.capacity(), 64U);
    subscribed_.add("s.>");
    base::Prng prng(3);
    for (int i = 0; i < 50'000; ++i) {
        const std::string subject = "s." + std::to_string(prng.below(200));
        ASSERT_EQ(small.find(sublist_, subject).result().local().size(), 1U);
        ASSERT_EQ(small.find(sublist_, subject).subject(), subject);
    }
    EXPECT_LE(small.stats().entries, 64U);
    EXPECT_GT(small.stats().hits, 10'000U);  // 64 of 200: 16'000 at best
}

TEST_F(MatchCacheTest, ResultMemoryStaysBounded) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 1024, .result_bytes_max = 64 * 1024});
    for (int i = 0; i < 100; ++i) subscribed_.add("wide.*");
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 400; ++i) {
            const std::string subject = "wide." + std::to_string(i);
            ASSERT_EQ(small.find(sublist_, subject).result().local().size(), 100U);
        }
    }
    EXPECT_LE(small.stats().result_bytes, 64U * 1024U);
    EXPECT_GT(small.stats().entries, 10U);
}

TEST_F(MatchCacheTest, MemoryOfLongSubjectsStaysBounded) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 1024, .result_bytes_max = 64 * 1024});
    const std::string tail(4000, 'x');
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 400; ++i) small.find(sublist_, std::to_string(i) + "." + tail);
    }
    EXPECT_LE(small.stats().result_bytes, 64U * 1024U);
    EXPECT_GE(small.stats().result_bytes, small.stats().entries * tail.size());
    EXPECT_GT(small.stats().entries, 10U);
    small.drop(&sublist_);
    EXPECT_EQ(small.stats().result_bytes, 0U);
}

TEST_F(MatchCacheTest, PinnedResultsStayWhereMemoryRunsOut) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 1024, .result_bytes_max = 64 * 1024});
    for (int i = 0; i < 100; ++i) subscribed_.add("wide.*");
    for (int i = 0; i < 2; ++i) small.find(sublist_, "wide.pinned");
    const MatchEntry& entry = small.find(sublist_, "wide.pinned");
    {
        const MatchPin pin(entry);
        for (int round = 0; round < 3; ++round) {
            for (int i = 0; i < 400; ++i) small.find(sublist_, "wide." + std::to_string(i));
        }
        EXPECT_GT(small.stats().evictions, 400U);
        EXPECT_EQ(entry.subject(), "wide.pinned");
        EXPECT_EQ(&small.find(sublist_, "wide.pinned"), &entry);
    }
}

TEST_F(MatchCacheTest, ResultTooLargeToKeepIsNotRecomputedInARow) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 64, .result_bytes_max = 4096});
    for (int i = 0; i < 1000; ++i) subscribed_.add("wide");
    for (int i = 0; i < 3; ++i) small.find(sublist_, "wide");
    const uint64_t matches = sublist_.stats().num_matches;
    for (int i = 0; i < 10; ++i) {
        ASSERT_EQ(small.find(sublist_, "wide").result().local().size(), 1000U);
    }
    EXPECT_EQ(sublist_.stats().num_matches, matches);
    subscribed_.add("wide");
    EXPECT_EQ(small.find(sublist_, "wide").result().local().size(), 1001U);
    EXPECT_EQ(small.find(sublist_, "narrow").result().local().size(), 0U);
    EXPECT_EQ(small.find(sublist_, "wide").result().local().size(), 1001U);
    EXPECT_LE(small.stats().result_bytes, 4096U);
}

TEST_F(MatchCacheTest, ALargeResultLeavesNoScratchMemoryBehind) {
    for (int i = 0; i < 10'000; ++i) subscribed_.add("wide");
    EXPECT_GT(cache_.find(sublist_, "wide").result().heap_bytes(), 64U * 1024U);
    EXPECT_EQ(cache_.find(sublist_, "narrow").result().heap_bytes(), 0U);
}

TEST_F(MatchCacheTest, ASmallResultIsAdmittedAfterOneThatIsTooLarge) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 64, .result_bytes_max = 4096});
    for (int i = 0; i < 1000; ++i) subscribed_.add("wide");
    for (int i = 0; i < 3; ++i) small.find(sublist_, "wide");
    EXPECT_EQ(small.stats().entries, 0U);
    for (int i = 0; i < 2; ++i) small.find(sublist_, "narrow");
    EXPECT_EQ(small.stats().entries, 1U);
}

TEST_F(MatchCacheTest, ARebuiltResultCountsOnce) {
    for (int i = 0; i < 10; ++i) subscribed_.add("foo");
    warm("foo");
    const uint64_t bytes = cache_.stats().result_bytes;
    EXPECT_GT(bytes, 0U);
    const SubscriptionPtr brief = make_subscription("foo");
    sublist_.insert(brief.get());
    EXPECT_EQ(local_count("foo"), 11U);
    EXPECT_TRUE(sublist_.remove(brief.get()));
    EXPECT_EQ(local_count("foo"), 10U);
    EXPECT_EQ(cache_.stats().result_bytes, bytes);
}

TEST_F(MatchCacheTest, PinnedEntriesAreNeitherRebuiltNorReused) {
    Subscription* first = subscribed_.add("foo");
    warm("foo");
    const MatchEntry& entry = cache_.find(sublist_, "foo");
    {
        const MatchPin pin(entry);
        const MatchPin again(entry);
        Subscription* second = subscribed_.add("foo");
        EXPECT_EQ(local_count("foo"), 2U);
        ASSERT_EQ(entry.result().local().size(), 1U);
        EXPECT_EQ(entry.result().local()[0], first);
        sublist_.remove(second);
        sublist_.remove(first);
        EXPECT_EQ(local_count("foo"), 0U);
        EXPECT_EQ(entry.result().local()[0], first);
        sublist_.insert(first);
    }
    EXPECT_EQ(local_count("foo"), 1U);
    EXPECT_EQ(&cache_.find(sublist_, "foo"), &entry);

    const MatchEntry& scratch = cache_.find(sublist_, "once");
    const MatchPin pin(scratch);
    EXPECT_NE(&cache_.find(sublist_, "once more"), &scratch);
    EXPECT_EQ(scratch.subject(), "once");
}

TEST_F(MatchCacheTest, FullSetOfPinnedEntriesFallsBackToScratch) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 8});
    std::vector<std::unique_ptr<MatchPin>> pins;
    for (int i = 0; i < 8; ++i) {
        const std::string subject = "s" + std::to_string(i);
        small.find(sublist_, subject);
        pins.push_back(std::make_unique<MatchPin>(small.find(sublist_, subject)));
    }
    EXPECT_EQ(small.stats().entries, 8U);
    subscribed_.add("more");
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(small.find(sublist_, "more").result().local().size(), 1U);
    }
    EXPECT_EQ(small.stats().entries, 8U);
}

TEST_F(MatchCacheTest, MemoOfAReusedEntryIsNotCurrent) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 8});
    for (int i = 0; i < 2; ++i) small.find(sublist_, "first");
    const MatchMemo memo(small.find(sublist_, "first"));
    EXPECT_TRUE(memo.current());
    for (int i = 0; i < 200; ++i) {
        for (int j = 0; j < 3; ++j) small.find(sublist_, "other." + std::to_string(i));
    }
    EXPECT_FALSE(memo.current());
    EXPECT_FALSE(MatchMemo().current());
}

TEST_F(MatchCacheTest, AnEntryInUseOutlivesThoseThatAreNot) {
    MatchCache small(kWorker0, MatchCacheOptions{.entries_max = 8});
    const auto misses_of_hot = [&] {
        const uint64_t before = small.stats().misses;
        small.find(sublist_, "hot");
        return small.stats().misses - before;
    };
    for (int i = 0; i < 2; ++i) small.find(sublist_, "hot");
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(misses_of_hot(), 0U) << i;
        for (int j = 0; j < 2; ++j) small.find(sublist_, "other." + std::to_string(i));
    }
    EXPECT_GT(small.stats().evictions, 10U);
}

TEST_F(MatchCacheTest, MemoOfAReusedScratchEntryIsNotCurrent) {
    MatchCache fresh(kWorker0);
    // A subject that comes for the first time is not admitted.
    const MatchMemo memo(fresh.find(sublist_, "first"));
    EXPECT_TRUE(memo.current());
    fresh.find(sublist_, "second");
    EXPECT_EQ(fresh.stats().entries, 0U);
    EXPECT_FALSE(memo.current());
}

TEST(MatchCacheRandomTest, AgreesWithThePlainModel) {
    base::Prng prng(11);
    Sublist sublist(SublistOptions{.worker_count = 2, .hash_seed = 99});
    MatchCache caches[2] = {
        MatchCache(kWorker0, MatchCacheOptions{.entries_max = 64, .result_bytes_max = 2048}),
        MatchCache(kWorker1)};
    Model model;
    std::vector<SubscriptionPtr> all;
    const auto token = [&] { return std::string(1, static_cast<char>('a' + prng.below(4))); };
    for (int step = 0; step < 20'000; ++step) {
        if (prng.percent(20)) {
            if (all.size() < 60 && (all.empty() || prng.percent(50))) {
                std::string pattern = prng.percent(20) ? "*" : token();
                if (prng.percent(70)) pattern += prng.percent(30) ? ".*" : "." + token();
                if (prng.percent(20)) pattern += ".>";
                all.push_back(make_subscription(pattern, prng.percent(30) ? token() : "",
                                                static_cast<base::WorkerId>(prng.below(2))));
                sublist.insert(all.back().get());
                model.insert(all.back().get());
            } else {
                std::swap(all[prng.below(static_cast<uint32_t>(all.size()))], all.back());
                model.remove(all.back().get());
                ASSERT_TRUE(sublist.remove(all.back().get()));
                all.pop_back();
            }
        }
        std::string subject = token();
        for (uint32_t i = prng.below(3); i > 0; --i) subject += "." + token();
        MatchCache& cache = caches[prng.below(2)];
        ASSERT_EQ(plain(cache.find(sublist, subject).result()), model.match(subject, cache.self()))
            << subject;
    }
    EXPECT_GT(caches[0].stats().hits, 100U);
    EXPECT_GT(caches[1].stats().rebuilds, 100U);
    for (const SubscriptionPtr& each : all) sublist.remove(each.get());
}

}  // namespace
}  // namespace nuring::interest
