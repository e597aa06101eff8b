// SPDX-License-Identifier: Apache-2.0
#include "core/link/worker_loads.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nuring::link {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kNow = 10'000'000'000;

base::WorkerId worker(uint32_t index) {
    return static_cast<base::WorkerId>(index);
}

// How many of so many new clients go to each worker.
std::vector<int> place(WorkerLoads& loads, uint32_t workers, int clients, uint64_t now_ns = kNow) {
    std::vector<int> counts(workers);
    for (int i = 0; i < clients; ++i) ++counts[index_of(loads.take_place(now_ns))];
    return counts;
}

TEST(WorkerLoadsTest, IdleWorkersGetEqualShares) {
    WorkerLoads loads(3);
    EXPECT_THAT(place(loads, 3, 30), ElementsAre(10, 10, 10));
}

TEST(WorkerLoadsTest, TheFewestClientsDecideWhileLoadsAreNear) {
    WorkerLoads loads(2);
    loads.set_busy(worker(0), 0.1, kNow);
    loads.set_busy(worker(1), 0.25, kNow);
    for (int i = 0; i < 44; ++i) loads.add_client(worker(0));
    for (int i = 0; i < 40; ++i) loads.add_client(worker(1));
    EXPECT_THAT(place(loads, 2, 4), ElementsAre(0, 4));
}

TEST(WorkerLoadsTest, ABusyWorkerGetsNoMore) {
    WorkerLoads loads(2);
    for (uint32_t i : {0, 1}) loads.add_client(worker(i));
    loads.set_busy(worker(0), 0.9, kNow);
    loads.set_busy(worker(1), 0.05, kNow);
    EXPECT_EQ(loads.take_place(kNow), worker(1));
}

TEST(WorkerLoadsTest, ABurstSpreadsAsSoonAsItsExpectedCostMakesUpForTheDifference) {
    WorkerLoads loads(2);
    for (int i = 0; i < 10; ++i) loads.add_client(worker(0));
    for (int i = 0; i < 10; ++i) loads.add_client(worker(1));
    loads.set_busy(worker(0), 0.6, kNow);
    loads.set_busy(worker(1), 0.2, kNow);  // 40 permille for each client
    const std::vector<int> counts = place(loads, 2, 40);
    EXPECT_GT(counts[0], 10);
    EXPECT_GT(counts[1], counts[0]);
}

TEST(WorkerLoadsTest, ABusyWorkerIsNotAvoidedForEver) {
    WorkerLoads loads(2);
    loads.set_busy(worker(0), 1, kNow);
    loads.set_busy(worker(1), 0, kNow);
    for (int i = 0; i < 1000; ++i) {
        // All new clients are idle.
        (void)loads.take_place(kNow);
        loads.set_busy(worker(1), 0, kNow);
    }
    EXPECT_GT(loads.clients(worker(0)), 200);
}

TEST(WorkerLoadsTest, AWorkerThatHasSleptIsIdle) {
    WorkerLoads loads(2);
    loads.set_busy(worker(0), 1, kNow);
    loads.set_busy(worker(1), 0, kNow);
    EXPECT_EQ(loads.busy_permille(worker(0), kNow + 1'000'000'000), 1000U);
    const uint64_t later_ns = kNow + WorkerLoads::kOld_ns + 1;
    EXPECT_EQ(loads.busy_permille(worker(0), later_ns), 0U);
    EXPECT_EQ(loads.take_place(later_ns), worker(0));
}

TEST(WorkerLoadsTest, OneWorkerGetsAll) {
    WorkerLoads loads(1);
    loads.set_busy(worker(0), 1, kNow);
    EXPECT_THAT(place(loads, 1, 100), ElementsAre(100));
}

TEST(WorkerLoadsTest, ABusyWorkerThatHasNoClientsGetsNone) {
    WorkerLoads loads(2);
    loads.set_busy(worker(0), 0.9, kNow);
    EXPECT_EQ(loads.take_place(kNow), worker(1));
}

TEST(WorkerLoadsTest, ASmallCrowdIsNone) {
    WorkerLoads loads(2);
    for (int i = 0; i < 3; ++i) loads.add_client(worker(0));
    loads.set_busy(worker(1), 0.9, kNow);
    EXPECT_EQ(loads.take_place(kNow), worker(0));
}

TEST(WorkerLoadsTest, ACrowdedWorkerIsNotComparedWith) {
    WorkerLoads loads(2);
    for (int i = 0; i < 80; ++i) loads.add_client(worker(0));
    for (int i = 0; i < 10; ++i) loads.add_client(worker(1));
    loads.set_busy(worker(1), 0.9, kNow);
    EXPECT_EQ(loads.take_place(kNow), worker(1));
}

TEST(WorkerLoadsTest, NewClientsCostAsMuchAsThoseThatWereMeasured) {
    WorkerLoads loads(2);
    for (int i = 0; i < 3; ++i) {
        for (uint32_t each : {0, 1}) loads.add_client(worker(each));
    }
    loads.set_busy(worker(0), 0.6, kNow);
    loads.set_busy(worker(1), 0.1, kNow);
    // 117 permille for each: three go to the quieter worker, then the two take turns.
    EXPECT_THAT(place(loads, 2, 12), ElementsAre(5, 7));
}

TEST(WorkerLoadsTest, AMeasurementIncludesAllThatCameBefore) {
    WorkerLoads loads(2);
    for (int i = 0; i < 6; ++i) loads.add_client(worker(0));
    EXPECT_THAT(place(loads, 2, 5), ElementsAre(0, 5));
    loads.set_busy(worker(0), 0.9, kNow);
    loads.set_busy(worker(1), 0.3, kNow);
    EXPECT_EQ(loads.take_place(kNow), worker(1));
}

TEST(WorkerLoadsTest, WhatMovesToAWorkerCountsThereUntilItIsMeasured) {
    WorkerLoads loads(2);
    for (int i = 0; i < 10; ++i) loads.add_client(worker(0));
    for (int i = 0; i < 10; ++i) loads.add_client(worker(1));
    loads.set_busy(worker(0), 0.6, kNow);
    loads.set_busy(worker(1), 0.1, kNow);
    EXPECT_TRUE(loads.has_room(worker(1), 500, kNow));
    EXPECT_FALSE(loads.has_room(worker(1), 501, kNow));
    loads.move_client(worker(0), worker(1), 500);
    EXPECT_EQ(loads.clients(worker(0)), 9);
    EXPECT_EQ(loads.clients(worker(1)), 11);
    EXPECT_FALSE(loads.has_room(worker(1), 1, kNow));
    EXPECT_EQ(loads.take_place(kNow), worker(0)) << "both are as busy, and it has fewer clients";
    loads.set_busy(worker(1), 0.1, kNow);
    EXPECT_TRUE(loads.has_room(worker(1), 500, kNow));
}

TEST(WorkerLoadsTest, AShareIsAtMostTheWholeWorker) {
    WorkerLoads loads(1);
    loads.set_busy(worker(0), 1.5, kNow);
    EXPECT_EQ(loads.busy_permille(worker(0), kNow), 1000U);
    loads.set_busy(worker(0), -0.5, kNow);
    EXPECT_EQ(loads.busy_permille(worker(0), kNow), 0U);
}

}  // namespace
}  // namespace nuring::link
