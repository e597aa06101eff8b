// SPDX-License-Identifier: Apache-2.0
// Hand-over of records between two workers: what a message costs when its subscriber lives elsewhere.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "core/runtime/mailbox.h"

namespace nuring::runtime {
namespace {

constexpr size_t kCapacity = size_t{1} << 20;

void write_record(Mailbox& box, RecordHeader* record, size_t size) {
    std::memset(record + 1, 'x', size - sizeof *record);
    box.commit(record);
}

// One thread plays both sides: the instructions alone, in batches as a turn makes them.
void BM_HandOverOneThread(benchmark::State& state) {
    const auto size = static_cast<size_t>(state.range(0));
    const auto batch = static_cast<uint32_t>(state.range(1));
    Mailbox box(kCapacity);
    uint64_t taken = 0;
    for (auto _ : state) {
        for (uint32_t i = 0; i < batch; ++i) write_record(box, box.reserve(size, 1), size);
        box.publish();
        while (const RecordHeader* record = box.next()) {
            benchmark::DoNotOptimize(record);
            box.consume(record);
            ++taken;
        }
        box.release();
    }
    state.SetItemsProcessed(static_cast<int64_t>(taken));
}
BENCHMARK(BM_HandOverOneThread)->Args({64, 1})->Args({64, 100})->Args({256, 100})->Args({4096, 100});

// Two threads, each on its own cache: the receiver takes what it finds, the sender waits for room.
void BM_HandOverTwoThreads(benchmark::State& state) {
    const auto size = static_cast<size_t>(state.range(0));
    constexpr uint32_t kBatch = 100;
    Mailbox box(kCapacity);
    std::atomic<bool> stop{false};
    std::thread receiver([&] {
        while (!stop.load(std::memory_order_relaxed)) {
            while (const RecordHeader* record = box.next()) {
                benchmark::DoNotOptimize(record);
                box.consume(record);
            }
            box.release();
        }
    });
    for (auto _ : state) {
        for (uint32_t i = 0; i < kBatch; ++i) {
            RecordHeader* record = nullptr;
            while ((record = box.reserve(size, 1)) == nullptr) box.publish();
            write_record(box, record, size);
        }
        box.publish();
    }
    stop.store(true, std::memory_order_relaxed);
    receiver.join();
    state.SetItemsProcessed(state.iterations() * kBatch);
}
BENCHMARK(BM_HandOverTwoThreads)->Arg(64)->Arg(256)->Arg(4096)->UseRealTime();

}  // namespace
}  // namespace nuring::runtime

BENCHMARK_MAIN();
