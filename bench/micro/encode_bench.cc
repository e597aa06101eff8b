// SPDX-License-Identifier: Apache-2.0
// What the head of a delivered message costs.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "proto/encode_client.h"

namespace nuring::proto {
namespace {

char* out_buffer() {
    static char buffer[4096];
    return buffer;
}

void msg_head(benchmark::State& state) {
    MessageHead head = {"bench.subject", "12", ""};
    char* out = out_buffer();
    for (auto _ : state) {
        benchmark::DoNotOptimize(head);
        benchmark::DoNotOptimize(encode_msg_head(out, head, 128));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(msg_head);

void msg_head_with_reply(benchmark::State& state) {
    MessageHead head = {"bench.subject", "12", "_INBOX.abcdefghijklmnopqrstuv.01234567"};
    char* out = out_buffer();
    for (auto _ : state) {
        benchmark::DoNotOptimize(head);
        benchmark::DoNotOptimize(encode_msg_head(out, head, 128));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(msg_head_with_reply);

// A frame from a canonical PUB: start and tail are ready, the sid changes.
void msg_from_tail(benchmark::State& state) {
    const size_t payload_size = static_cast<size_t>(state.range(0));
    char start[64];
    const size_t start_size = static_cast<size_t>(encode_msg_start(start, "bench.subject") - start);
    std::string tail =
        " " + std::to_string(payload_size) + "\r\n" + std::string(payload_size, 'p') + "\r\n";
    std::string_view sid = "12";
    char* out = out_buffer();
    for (auto _ : state) {
        benchmark::DoNotOptimize(sid);
        char* at = append_short(append_short(out, {start, start_size}), sid);
        std::memcpy(at, tail.data(), tail.size());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(msg_from_tail)->Arg(16)->Arg(128)->Arg(1024);

void decimal(benchmark::State& state) {
    uint64_t value = static_cast<uint64_t>(state.range(0));
    char* out = out_buffer();
    for (auto _ : state) {
        benchmark::DoNotOptimize(value);
        benchmark::DoNotOptimize(write_decimal(out, value));
        benchmark::ClobberMemory();
    }
}
BENCHMARK(decimal)->Arg(5)->Arg(16)->Arg(128)->Arg(1048576);

}  // namespace
}  // namespace nuring::proto

BENCHMARK_MAIN();
