// SPDX-License-Identifier: Apache-2.0
#include "proto/subject.h"

#include <benchmark/benchmark.h>

namespace nuring::proto {
namespace {

constexpr std::string_view kSubject = "orders.eu.de.berlin.12345";

template <bool (*check)(std::string_view)>
void check_one(benchmark::State& state) {
    std::string_view subject = kSubject;
    for (auto _ : state) {
        benchmark::DoNotOptimize(subject);
        benchmark::DoNotOptimize(check(subject));
    }
}
BENCHMARK(check_one<is_valid_subject>)->Name("is_valid_subject");
BENCHMARK(check_one<is_valid_literal_subject>)->Name("is_valid_literal_subject");
BENCHMARK(check_one<is_literal>)->Name("is_literal");

using Relation = bool(std::string_view, std::string_view);

void relate_two(benchmark::State& state, Relation* relate, std::string_view other) {
    std::string_view subject = kSubject;
    for (auto _ : state) {
        benchmark::DoNotOptimize(subject);
        benchmark::DoNotOptimize(relate(subject, other));
    }
}
BENCHMARK_CAPTURE(relate_two, matches_single, matches_literal, "orders.*.de.*.12345");
BENCHMARK_CAPTURE(relate_two, matches_tail, matches_literal, "orders.>");
BENCHMARK_CAPTURE(relate_two, is_subset, is_subset, "orders.*.de.>");
BENCHMARK_CAPTURE(relate_two, subjects_collide, subjects_collide, "*.eu.*.berlin.*");

void tokens(benchmark::State& state) {
    std::string_view subject = kSubject;
    for (auto _ : state) {
        benchmark::DoNotOptimize(subject);
        size_t size = 0;
        for (const std::string_view token : SubjectTokens(subject)) size += token.size();
        benchmark::DoNotOptimize(size);
    }
}
BENCHMARK(tokens);

}  // namespace
}  // namespace nuring::proto

BENCHMARK_MAIN();
