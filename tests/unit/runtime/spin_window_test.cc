// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/spin_window.h"

#include "gtest/gtest.h"

namespace nuring::runtime {
namespace {

constexpr uint64_t kLongest_ns = 50'000;

class SpinWindowTest : public testing::Test {
  protected:
    // Work, `times` times, with that between.
    void work(int times, uint64_t gap_ns) {
        for (int i = 0; i < times; ++i) window_.on_work(now_ns_ += gap_ns);
    }

    SpinWindow window_{kLongest_ns};
    uint64_t now_ns_ = 1'000'000'000;
};

TEST_F(SpinWindowTest, DoesNotSpinBeforeItKnowsTheTraffic) {
    EXPECT_FALSE(window_.lasts(now_ns_));
    work(1, 0);
    EXPECT_FALSE(window_.lasts(now_ns_));
}

TEST_F(SpinWindowTest, GrowsWithCloseTrafficUpToTheLongest) {
    work(2, kLongest_ns);
    EXPECT_EQ(window_.width_ns(), SpinWindow::kFirst_ns);
    work(1, kLongest_ns);
    EXPECT_EQ(window_.width_ns(), 2 * SpinWindow::kFirst_ns);
    work(10, 1'000);
    EXPECT_EQ(window_.width_ns(), kLongest_ns);
    EXPECT_TRUE(window_.lasts(now_ns_ + kLongest_ns - 1));
    EXPECT_FALSE(window_.lasts(now_ns_ + kLongest_ns));
}

TEST_F(SpinWindowTest, ShrinksToNothingWithRareTraffic) {
    work(10, 1'000);
    work(1, kLongest_ns + 1);
    EXPECT_EQ(window_.width_ns(), kLongest_ns / 2);
    work(5, kLongest_ns + 1);
    EXPECT_EQ(window_.width_ns(), 0U);
    EXPECT_FALSE(window_.lasts(now_ns_));
}

TEST_F(SpinWindowTest, RestsWhenItsProcessorWasTaken) {
    SpinWindow window(1'000'000);
    for (int i = 0; i < 20; ++i) window.on_work(now_ns_ += 1'000);
    EXPECT_TRUE(window.lasts(now_ns_ += 1'000));
    EXPECT_TRUE(window.lasts(now_ns_ += SpinWindow::kTaken_ns));
    EXPECT_FALSE(window.lasts(now_ns_ += SpinWindow::kTaken_ns + 1));
    const uint64_t rested_ns = now_ns_ + SpinWindow::kRest_ns;
    window.on_work(now_ns_ += 1'000);
    window.on_work(now_ns_ += 1'000);
    EXPECT_EQ(window.width_ns(), 0U);
    window.on_work(rested_ns);
    window.on_work(rested_ns + 1'000);
    EXPECT_TRUE(window.lasts(rested_ns + 2'000));
}

// A long turn that found work is no sign of another program.
TEST_F(SpinWindowTest, WorkMayTakeLong) {
    SpinWindow window(1'000'000);
    for (int i = 0; i < 20; ++i) window.on_work(now_ns_ += 1'000);
    EXPECT_TRUE(window.lasts(now_ns_ + SpinWindow::kTaken_ns + 1));
}

TEST_F(SpinWindowTest, ZeroNeverSpins) {
    SpinWindow window(0);
    for (int i = 0; i < 20; ++i) window.on_work(now_ns_ += 1);
    EXPECT_FALSE(window.lasts(now_ns_));
}

}  // namespace
}  // namespace nuring::runtime
