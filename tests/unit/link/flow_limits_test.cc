// SPDX-License-Identifier: Apache-2.0
#include "core/link/flow_limits.h"

#include <algorithm>

#include "gtest/gtest.h"

namespace nuring::link {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;

TEST(FlowLimitsTest, AllThatIsOnItsWayFitsAboveTheThreshold) {
    for (uint64_t max_pending = 1024; max_pending <= 1024 * kMiB; max_pending *= 2) {
        for (const uint32_t workers : {1U, 2U, 3U, 8U, 64U}) {
            for (const size_t capacity : {size_t{4096}, size_t{256 * 1024}, size_t{2 * kMiB}}) {
                const FlowLimits limits = flow_limits(max_pending, workers, capacity);
                const uint64_t others = workers - 1;
                const uint64_t of_each =
                    limits.run_bytes + limits.mailbox_bytes + 2 * limits.counted_bytes;
                const uint64_t on_its_way = 2 * limits.turn_bytes + 3 * others * of_each;
                EXPECT_LE(limits.stall_from_bytes + on_its_way, max_pending);
                EXPECT_GE(limits.stall_from_bytes, max_pending / 2);
                EXPECT_LE(limits.stall_from_bytes, max_pending - max_pending / 4);
                EXPECT_LE(limits.mailbox_bytes, capacity);
                EXPECT_LE(limits.throttled_mailbox_bytes, limits.mailbox_bytes);
                EXPECT_LE(limits.throttled_turn_bytes, limits.turn_bytes);
                EXPECT_GT(limits.counted_bytes, 0U);
                EXPECT_LE(limits.throttled_counted_bytes, limits.counted_bytes);
                EXPECT_GT(limits.throttled_counted_bytes, 0U);
            }
        }
    }
}

TEST(FlowLimitsTest, WithTheSmallestMaxPendingAWorkerWithNothingToDoIsNotBehind) {
    const FlowLimits limits = flow_limits(1, 64, 4096);
    EXPECT_EQ(limits.counted_bytes, 1U);
    EXPECT_EQ(limits.throttled_counted_bytes, 1U);
}

TEST(FlowLimitsTest, TheDefaultOfMaxPendingLeavesTheMailboxesOfTwoWorkersWhole) {
    const FlowLimits limits = flow_limits(64 * kMiB, 2, 2 * kMiB);
    EXPECT_EQ(limits.mailbox_bytes, 2 * kMiB);
    EXPECT_EQ(limits.turn_bytes, kTurnBytesMax);
    EXPECT_EQ(limits.run_bytes, 32U * 1024);
    EXPECT_EQ(flow_limits(64 * kMiB, 1, 2 * kMiB).stall_from_bytes, 48 * kMiB);
}

}  // namespace
}  // namespace nuring::link
