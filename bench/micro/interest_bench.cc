// SPDX-License-Identifier: Apache-2.0
// What one SUB, UNSUB and one look-up cost, at 1 k, 100 k and 1 M literal subscriptions, and what the
// match cache adds and saves. Bytes are the allocator's (mallinfo2), per subscription.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdio>
#include <string>
#include <vector>

#include "core/base/prng.h"
#include "core/interest/match_cache.h"
#include "core/interest/sublist.h"

namespace nuring::interest {
namespace {

constexpr base::WorkerId kSelf{0};

std::string subject_of(uint64_t i) {
    return "bench.sub." + std::to_string(i * 0x9e3779b97f4a7c15ULL % 100'000'000);
}

Subscription* create(const std::string& subject, uint64_t serial) {
    const std::string sid = std::to_string(serial);
    SubscriptionSpec spec;
    spec.link = base::LinkHandle(kSelf, 1, 1);
    spec.serial = serial;
    spec.subject = subject;
    spec.sid = sid;
    return Subscription::create(spec);
}

size_t heap_in_use() {
    const struct mallinfo2 usage = mallinfo2();
    return usage.uordblks + usage.hblkhd;
}

// A list with so many literal subscriptions, and subjects to look up at random.
struct Loaded {
    explicit Loaded(size_t count) : sublist(SublistOptions::large(2)), order(count) {
        for (size_t i = 0; i < count; ++i) {
            subscriptions.push_back(create(subject_of(i), i));
            sublist.insert(subscriptions.back());
        }
        base::Prng prng(1);
        for (std::string& each : order) {
            each = subject_of(prng.below(static_cast<uint32_t>(count)));
        }
    }
    ~Loaded() {
        sublist.remove_batch(subscriptions);
        for (Subscription* each : subscriptions) Subscription::destroy(each);
    }
    const std::string& next() {
        position = position + 1 == order.size() ? 0 : position + 1;
        return order[position];
    }
    const std::string& ahead(size_t distance) const {
        return order[(position + distance) % order.size()];
    }

    Sublist sublist;
    std::vector<Subscription*> subscriptions;
    std::vector<std::string> order;
    size_t position = 0;
};

void sizes(benchmark::internal::Benchmark* bench) {
    bench->Arg(1000)->Arg(100'000)->Arg(1'000'000);
}

// As a connection does it: create and insert one after the other.
void BM_Insert(benchmark::State& state) {
    const auto count = static_cast<size_t>(state.range(0));
    std::vector<std::string> subjects;
    for (size_t i = 0; i < count; ++i) subjects.push_back(subject_of(i));
    std::vector<Subscription*> subscriptions(count);
    double bytes = 0;
    for (auto _ : state) {
        state.PauseTiming();
        malloc_trim(0);
        auto sublist = std::make_unique<Sublist>(SublistOptions::large(2));
        const size_t before = heap_in_use();
        state.ResumeTiming();
        for (size_t i = 0; i < count; ++i) {
            subscriptions[i] = create(subjects[i], i);
            sublist->insert(subscriptions[i]);
        }
        state.PauseTiming();
        bytes = static_cast<double>(heap_in_use() - before) / static_cast<double>(count);
        sublist.reset();
        for (Subscription* each : subscriptions) Subscription::destroy(each);
        state.ResumeTiming();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
    state.counters["bytes_each"] = bytes;
    state.counters["ns_each"] = benchmark::Counter(
        static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate |
                                        benchmark::Counter::kInvert);
}
BENCHMARK(BM_Insert)->Apply(sizes)->Unit(benchmark::kMillisecond);

void BM_Remove(benchmark::State& state) {
    const auto count = static_cast<size_t>(state.range(0));
    Loaded loaded(count);
    for (auto _ : state) {
        if (state.range(1) != 0) {
            loaded.sublist.remove_batch(loaded.subscriptions);
        } else {
            for (Subscription* each : loaded.subscriptions) loaded.sublist.remove(each);
        }
        state.PauseTiming();
        for (Subscription* each : loaded.subscriptions) loaded.sublist.insert(each);
        state.ResumeTiming();
    }
    state.counters["ns_each"] = benchmark::Counter(
        static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate |
                                        benchmark::Counter::kInvert);
}
BENCHMARK(BM_Remove)
    ->ArgNames({"count", "batch"})
    ->ArgsProduct({{1000, 100'000, 1'000'000}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

// UNSUB + SUB of one subject among many, cold as it comes.
void BM_Replace(benchmark::State& state) {
    Loaded loaded(static_cast<size_t>(state.range(0)));
    base::Prng prng(2);
    for (auto _ : state) {
        Subscription* each =
            loaded.subscriptions[prng.below(static_cast<uint32_t>(loaded.subscriptions.size()))];
        loaded.sublist.remove(each);
        loaded.sublist.insert(each);
    }
}
BENCHMARK(BM_Replace)->Apply(sizes);

void BM_SublistMatch(benchmark::State& state) {
    Loaded loaded(static_cast<size_t>(state.range(0)));
    MatchResult result;
    for (auto _ : state) {
        const std::string& subject = loaded.next();
        loaded.sublist.match(kSelf, subject, loaded.sublist.hash(subject), &result);
        benchmark::DoNotOptimize(result.local().data());
    }
}
BENCHMARK(BM_SublistMatch)->Apply(sizes);

// Through the cache, subjects at random among all: 1 k fits, 1 M never does.
void BM_CacheRandom(benchmark::State& state) {
    Loaded loaded(static_cast<size_t>(state.range(0)));
    MatchCache cache(kSelf);
    uint64_t touched = 0;
    for (auto _ : state) {
        const std::string& subject = loaded.next();
        const MatchEntry& entry = cache.find(loaded.sublist, subject);
        touched += entry.result().local()[0]->delivered++;
    }
    benchmark::DoNotOptimize(touched);
    const MatchCacheStats stats = cache.stats();
    state.counters["hit"] = static_cast<double>(stats.hits) / static_cast<double>(stats.lookups());
}
BENCHMARK(BM_CacheRandom)->Apply(sizes);

// The same with the memory loads of later subjects begun early, as a batch of publishes may.
void BM_CacheRandomPrefetched(benchmark::State& state) {
    constexpr size_t kTableAhead = 8;
    constexpr size_t kSubscriptionAhead = 4;
    Loaded loaded(static_cast<size_t>(state.range(0)));
    MatchCache cache(kSelf);
    uint64_t touched = 0;
    for (auto _ : state) {
        const std::string& subject = loaded.next();
        cache.prefetch(loaded.sublist, loaded.sublist.hash(loaded.ahead(kTableAhead)));
        loaded.sublist.prefetch_subscriptions(
            kSelf, loaded.sublist.hash(loaded.ahead(kSubscriptionAhead)));
        const MatchEntry& entry = cache.find(loaded.sublist, subject);
        touched += entry.result().local()[0]->delivered++;
    }
    benchmark::DoNotOptimize(touched);
}
BENCHMARK(BM_CacheRandomPrefetched)->Apply(sizes);

// One wildcard subscription, so many distinct subjects in turn.
void BM_CacheWildcard(benchmark::State& state) {
    Sublist sublist(SublistOptions::large(2));
    Subscription* subscription = create("bench.*", 1);
    sublist.insert(subscription);
    MatchCache cache(kSelf);
    std::vector<std::string> subjects;
    for (int64_t i = 0; i < state.range(0); ++i) {
        subjects.push_back("bench." + std::to_string(i));
        cache.find(sublist, subjects.back());
    }
    for (int round = 0; round < 2; ++round) {
        for (const std::string& each : subjects) cache.find(sublist, each);
    }
    size_t i = 0;
    for (auto _ : state) {
        const MatchEntry& entry = cache.find(sublist, subjects[i]);
        benchmark::DoNotOptimize(entry.result().local().data());
        i = i + 1 == subjects.size() ? 0 : i + 1;
    }
    const MatchCacheStats stats = cache.stats();
    state.counters["hit"] = static_cast<double>(stats.hits) / static_cast<double>(stats.lookups());
    sublist.remove(subscription);
    Subscription::destroy(subscription);
}
BENCHMARK(BM_CacheWildcard)->Arg(1)->Arg(100)->Arg(10'000)->Arg(40'000)->Arg(1'000'000);

// A link's memo of its last subject.
void BM_Memo(benchmark::State& state) {
    Loaded loaded(1000);
    MatchCache cache(kSelf);
    const std::string subject = loaded.next();
    for (int i = 0; i < 3; ++i) cache.find(loaded.sublist, subject);
    const MatchMemo memo(cache.find(loaded.sublist, subject));
    for (auto _ : state) {
        bool current = memo.current();
        benchmark::DoNotOptimize(current);
    }
}
BENCHMARK(BM_Memo);

void BM_Hash(benchmark::State& state) {
    std::string subject(static_cast<size_t>(state.range(0)), 'x');
    uint64_t chained = 0;
    for (auto _ : state) {
        subject[0] = static_cast<char>('a' + (chained & 7));
        chained = subject_hash(subject, chained);
    }
    benchmark::DoNotOptimize(chained);
}
BENCHMARK(BM_Hash)->Arg(6)->Arg(12)->Arg(24)->Arg(48);

// The subject's subscribers change before each look-up.
void BM_Rebuild(benchmark::State& state) {
    Sublist sublist(SublistOptions::large(2));
    std::vector<Subscription*> all;
    for (int64_t i = 0; i < state.range(0); ++i) {
        all.push_back(create("foo", static_cast<uint64_t>(i)));
        sublist.insert(all.back());
    }
    MatchCache cache(kSelf);
    for (int i = 0; i < 3; ++i) cache.find(sublist, "foo");
    for (auto _ : state) {
        sublist.remove(all[0]);
        sublist.insert(all[0]);
        benchmark::DoNotOptimize(cache.find(sublist, "foo").result().local().data());
    }
    for (Subscription* each : all) {
        sublist.remove(each);
        Subscription::destroy(each);
    }
}
BENCHMARK(BM_Rebuild)->Arg(1)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace nuring::interest

BENCHMARK_MAIN();
