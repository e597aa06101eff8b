// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/pin_guard.h"

#include <unistd.h>

#include "gtest/gtest.h"

namespace nuring::runtime {
namespace {

constexpr uint64_t kMillisecond_ns = 1'000'000;

// Readings that differ by these.
class PinGuardTest : public testing::Test {
  protected:
    PinGuardTest() { EXPECT_FALSE(guard_.is_crowded(times_)); }
    bool pass(uint64_t run_ms, uint64_t delay_ms) {
        times_.run_ns += run_ms * kMillisecond_ns;
        times_.delay_ns += delay_ms * kMillisecond_ns;
        return guard_.is_crowded(times_);
    }

    PinGuard guard_;
    RunTimes times_{.run_ns = 5'000'000'000, .delay_ns = 7'000'000'000};
};

TEST_F(PinGuardTest, WhatWasBeforeTheFirstReadingDoesNotCount) {
    EXPECT_FALSE(pass(0, 0));
    EXPECT_FALSE(pass(0, 0));
}

TEST_F(PinGuardTest, ABusyThreadMayWaitALittle) {
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(pass(900, 15));
}

TEST_F(PinGuardTest, OneBadSecondIsForgiven) {
    EXPECT_FALSE(pass(500, 300));
    EXPECT_FALSE(pass(500, 1));
    EXPECT_FALSE(pass(500, 300));
}

TEST_F(PinGuardTest, TwoBadSecondsInARowAreEnough) {
    EXPECT_FALSE(pass(500, 300));
    EXPECT_TRUE(pass(500, 300));
}

TEST_F(PinGuardTest, AQuietThreadThatWaitsMoreThanItRunsIsCrowded) {
    EXPECT_FALSE(pass(1, 5));
    EXPECT_TRUE(pass(1, 5));
}

TEST(RunTimesTest, TheKernelSaysHowLongAThreadRan) {
    const auto times = read_run_times(::gettid());
    if (!times.has_value()) GTEST_SKIP() << "no schedstat here";
    EXPECT_GT(times->run_ns, 0U);
    EXPECT_FALSE(read_run_times(::gettid(), "/nowhere").has_value());
}

}  // namespace
}  // namespace nuring::runtime
