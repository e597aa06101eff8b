// SPDX-License-Identifier: Apache-2.0
// What permissions cost a publish: the cached answer, and the walk over the user's patterns.
#include "core/auth/permissions.h"

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "core/auth/permission_cache.h"
#include "fmt/format.h"

namespace nuring::auth {
namespace {

Permissions rules(int count) {
    config::Permissions permissions;
    for (int i = 0; i < count; ++i) {
        permissions.publish.allow.push_back(fmt::format("orders.*.region{}.>", i));
    }
    permissions.publish.deny = {"orders.secret.>", "*.internal.>"};
    return Permissions(permissions);
}

std::vector<std::string> subjects(int count) {
    std::vector<std::string> result;
    for (int i = 0; i < count; ++i) result.push_back(fmt::format("orders.eu.region3.berlin.{:05}", i));
    return result;
}

// As Client::permits_publish() does it, over so many subjects in turn.
void cached(benchmark::State& state) {
    const Permissions permissions = rules(8);
    const std::vector<std::string> texts = subjects(static_cast<int>(state.range(0)));
    PermissionCache cache;
    uint64_t misses = 0;
    size_t next = 0;
    for (auto _ : state) {
        const std::string& subject = texts[next];
        if (++next == texts.size()) next = 0;
        PermissionCache::Answer answer = cache.find(subject);
        if (answer == PermissionCache::Answer::kUnknown) {
            ++misses;
            cache.remember(subject, permissions.may_publish(subject));
        }
        benchmark::DoNotOptimize(answer);
    }
    state.counters["miss_share"] = static_cast<double>(misses) / static_cast<double>(state.iterations());
}
BENCHMARK(cached)->Arg(1)->Arg(16)->Arg(64);

void walk(benchmark::State& state) {
    const Permissions permissions = rules(static_cast<int>(state.range(0)));
    std::string subject = subjects(1)[0];
    for (auto _ : state) {
        benchmark::DoNotOptimize(subject);
        benchmark::DoNotOptimize(permissions.may_publish(subject));
    }
}
BENCHMARK(walk)->Arg(1)->Arg(8)->Arg(64);

}  // namespace
}  // namespace nuring::auth

BENCHMARK_MAIN();
