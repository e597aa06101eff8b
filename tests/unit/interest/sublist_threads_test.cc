// SPDX-License-Identifier: Apache-2.0
// Goal: workers that insert, remove and match at the same time see whole results, their own changes at
// once, and acknowledged changes of others; run it under ThreadSanitizer too.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "core/base/prng.h"
#include "core/interest/match_cache.h"
#include "tests/unit/interest/interest_fixture.h"

namespace nuring::interest {
namespace {

constexpr uint32_t kWorkers = 4;

// Every entry of a result belongs to its subject and queue.
void expect_whole(const MatchEntry& entry, base::WorkerId self) {
    for (const Subscription* each : entry.result().local()) {
        ASSERT_EQ(each->worker(), self);
        ASSERT_FALSE(each->is_queue());
        ASSERT_TRUE(model_matches(each->subject(), entry.subject()));
    }
    ASSERT_FALSE(entry.result().remote_workers().contains(self));
    for (uint32_t i = 0; i < entry.result().queue_group_count(); ++i) {
        const QueueGroup group = entry.result().queue_group(i);
        ASSERT_FALSE(group.members.empty());
        ASSERT_TRUE(group.name == "q0" || group.name == "q1");
        for (const QueueMember& member : group.members) {
            if (member.link.worker() != self) continue;
            ASSERT_EQ(member.subscription->queue(), group.name);
            ASSERT_EQ(member.subscription->serial(), member.serial);
        }
    }
}

void churn(Sublist& sublist, base::WorkerId self, int steps) {
    base::Prng prng(base::index_of(self) + 1);
    MatchCache cache(self, MatchCacheOptions{.entries_max = 256});
    std::vector<SubscriptionPtr> own;
    static constexpr const char* kSubjects[] = {"a", "b", "a.b", "a.c", "a.b.c", "b.b"};
    static constexpr const char* kPatterns[] = {"a", "b",   "a.b", "a.c", "a.b.c", "a.*",
                                                ">", "*.b", "a.>", "b.*", "*",     "a.*.c"};
    for (int step = 0; step < steps; ++step) {
        if (own.empty() || (own.size() < 20 && prng.percent(50))) {
            const char* queues[] = {"", "", "q0", "q1"};
            own.push_back(make_subscription(kPatterns[prng.below(std::size(kPatterns))],
                                            queues[prng.below(4)], self));
            Subscription* added = own.back().get();
            sublist.insert(added);
            if (proto::Kind::kClient == added->kind() && !added->is_queue() &&
                added->subject() == "a.b") {
                const auto local = cache.find(sublist, "a.b").result().local();
                ASSERT_NE(std::find(local.begin(), local.end(), added), local.end());
            }
        } else if (prng.percent(30)) {
            std::swap(own[prng.below(static_cast<uint32_t>(own.size()))], own.back());
            ASSERT_TRUE(sublist.remove(own.back().get()));
            own.pop_back();
        }
        expect_whole(cache.find(sublist, kSubjects[prng.below(std::size(kSubjects))]), self);
    }
    std::vector<Subscription*> rest;
    for (const SubscriptionPtr& each : own) rest.push_back(each.get());
    ASSERT_EQ(sublist.remove_batch(rest), rest.size());
}

TEST(SublistThreadsTest, ResultsStayWholeUnderChurn) {
    Sublist sublist(SublistOptions{.worker_count = kWorkers});
    std::vector<std::thread> threads;
    for (uint16_t i = 0; i < kWorkers; ++i) {
        threads.emplace_back([&sublist, i] { churn(sublist, base::WorkerId{i}, 4000); });
    }
    for (std::thread& each : threads) each.join();
    EXPECT_EQ(sublist.count(), 0U);
    EXPECT_EQ(sublist.node_count(), 0U);
    MatchResult result;
    sublist.match(kWorker0, "a.b", sublist.hash("a.b"), &result);
    EXPECT_TRUE(result.empty());
}

// A worker acknowledges each change by a relaxed-as-possible flag (release); whoever reads it must
// match accordingly, through a warm cache.
TEST(SublistThreadsTest, AcknowledgedChangesAreSeenByEveryCache) {
    constexpr int kRounds = 2000;
    Sublist sublist(SublistOptions{.worker_count = kWorkers});
    std::atomic<int> acknowledged{0};
    std::atomic<uint32_t> seen{0};
    std::vector<std::thread> readers;
    for (uint16_t i = 1; i < kWorkers; ++i) {
        readers.emplace_back([&, i] {
            MatchCache cache(base::WorkerId{i});
            for (int round = 1; round <= kRounds; ++round) {
                while (acknowledged.load(std::memory_order_acquire) != round) {
                    cache.find(sublist, "news.today");
                    std::this_thread::yield();
                }
                const bool expected = round % 2 == 1;
                const MatchResult& result = cache.find(sublist, "news.today").result();
                EXPECT_EQ(result.remote_workers().contains(kWorker0), expected) << round;
                seen.fetch_add(1, std::memory_order_release);
            }
        });
    }
    static constexpr const char* kPatterns[] = {"news.today", "news.*", "*.today"};
    SubscriptionPtr subscription;
    for (int round = 1; round <= kRounds; ++round) {
        if (round % 2 == 1) {
            subscription = make_subscription(kPatterns[round / 2 % 3]);
            sublist.insert(subscription.get());
        } else {
            sublist.remove(subscription.get());
            subscription.reset();
        }
        seen.store(0, std::memory_order_relaxed);
        acknowledged.store(round, std::memory_order_release);
        while (seen.load(std::memory_order_acquire) != kWorkers - 1) std::this_thread::yield();
    }
    for (std::thread& each : readers) each.join();
}

// Literal tables grow and shrink under readers that prefetch without a lock.
TEST(SublistThreadsTest, TablesGrowUnderReaders) {
    constexpr int kSubjects = 5000;
    Sublist sublist(SublistOptions{.worker_count = 2, .literal_shards = 1, .literal_generations = 1});
    std::atomic<bool> done{false};
    std::thread reader([&] {
        MatchResult result;
        base::Prng prng(5);
        while (!done.load(std::memory_order_acquire)) {
            const std::string subject = "s." + std::to_string(prng.below(kSubjects));
            const uint64_t hash = sublist.hash(subject);
            sublist.prefetch(hash);
            sublist.prefetch_subscriptions(kWorker1, hash);
            sublist.match(kWorker1, subject, hash, &result);
            ASSERT_LE(result.plain_count(), 1U);
            ASSERT_TRUE(result.local().empty());
        }
    });
    for (int round = 0; round < 3; ++round) {
        std::vector<SubscriptionPtr> all;
        std::vector<Subscription*> pointers;
        for (int i = 0; i < kSubjects; ++i) {
            all.push_back(make_subscription("s." + std::to_string(i)));
            pointers.push_back(all.back().get());
            sublist.insert(all.back().get());
        }
        EXPECT_EQ(sublist.remove_batch(pointers), pointers.size());
    }
    done.store(true, std::memory_order_release);
    reader.join();
}

}  // namespace
}  // namespace nuring::interest
