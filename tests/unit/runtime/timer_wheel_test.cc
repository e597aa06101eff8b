// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/timer_wheel.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::runtime {
namespace {

constexpr uint64_t kTick = TimerWheel::kTick_ns;
constexpr uint64_t kRound = kTick * TimerWheel::kSlotCount;

struct Alarm : Timer {
    Alarm() : Timer(&fired) {}
    static void fired(Timer& timer) {
        auto& alarm = static_cast<Alarm&>(timer);
        ++alarm.count;
        if (alarm.then) alarm.then(alarm);
    }
    int count = 0;
    void (*then)(Alarm&) = nullptr;
    TimerWheel* wheel = nullptr;
    Alarm* other = nullptr;
};

TEST(TimerWheelTest, NothingArmedNeedsNoRun) {
    TimerWheel wheel;
    EXPECT_EQ(wheel.next_deadline_ns(), ring::kForever);
    wheel.run(10 * kRound);
    EXPECT_EQ(wheel.next_deadline_ns(), ring::kForever);
}

TEST(TimerWheelTest, NeverFiresEarlyAndAtMostATickLate) {
    for (const uint64_t deadline : {uint64_t{1}, kTick - 1, kTick, kTick + 1, 3 * kRound + 5}) {
        TimerWheel wheel;
        Alarm alarm;
        wheel.arm(alarm, deadline);
        wheel.run(deadline - 1);
        EXPECT_EQ(alarm.count, 0) << deadline;
        wheel.run(deadline + kTick);
        EXPECT_EQ(alarm.count, 1) << deadline;
        EXPECT_FALSE(alarm.armed());
    }
}

TEST(TimerWheelTest, FiresAfterASleepOfManyRounds) {
    TimerWheel wheel;
    Alarm soon;
    Alarm late;
    Alarm later;
    wheel.arm(soon, 5 * kTick);
    wheel.arm(late, 7 * kRound + 9 * kTick);
    wheel.arm(later, 100 * kRound);
    wheel.run(50 * kRound);
    EXPECT_EQ(soon.count, 1);
    EXPECT_EQ(late.count, 1);
    EXPECT_EQ(later.count, 0);
    wheel.run(100 * kRound);
    EXPECT_EQ(later.count, 1);
}

TEST(TimerWheelTest, ADeadlineInThePastFiresInTheNextTick) {
    TimerWheel wheel;
    wheel.run(10 * kRound);
    Alarm alarm;
    wheel.arm(alarm, 1);
    EXPECT_GT(wheel.next_deadline_ns(), 10 * kRound);
    wheel.run(10 * kRound + kTick);
    EXPECT_EQ(alarm.count, 1);
}

TEST(TimerWheelTest, RearmingMovesAndDisarmingForgets) {
    TimerWheel wheel;
    Alarm alarm;
    wheel.arm(alarm, 2 * kTick);
    wheel.arm(alarm, 20 * kTick);
    wheel.run(10 * kTick);
    EXPECT_EQ(alarm.count, 0);
    wheel.disarm(alarm);
    wheel.disarm(alarm);
    EXPECT_EQ(wheel.next_deadline_ns(), ring::kForever);
    wheel.run(30 * kTick);
    EXPECT_EQ(alarm.count, 0);
}

TEST(TimerWheelTest, ATimerMayArmItselfAgain) {
    TimerWheel wheel;
    Alarm alarm;
    alarm.wheel = &wheel;
    alarm.then = [](Alarm& self) { self.wheel->arm(self, self.deadline_ns); };
    wheel.arm(alarm, kTick);
    wheel.run(kTick);
    EXPECT_EQ(alarm.count, 1);  // once per tick, not for ever
    wheel.run(4 * kTick);
    EXPECT_EQ(alarm.count, 4);
    wheel.disarm(alarm);
}

TEST(TimerWheelTest, ATimerMayDisarmAnotherThatIsDueToo) {
    TimerWheel wheel;
    Alarm first;
    Alarm second;
    first.wheel = &wheel;
    first.other = &second;
    first.then = [](Alarm& self) { self.wheel->disarm(*self.other); };
    wheel.arm(first, kTick);
    wheel.arm(second, kTick);
    wheel.run(kTick);
    EXPECT_EQ(first.count, 1);
    EXPECT_EQ(second.count, 0);
    EXPECT_EQ(wheel.next_deadline_ns(), ring::kForever);
}

// The model is a list of deadlines; time moves as a worker moves it, or by leaps.
TEST(TimerWheelTest, AgreesWithAPlainList) {
    base::Prng prng(11);
    TimerWheel wheel;
    std::vector<std::unique_ptr<Alarm>> alarms;
    for (int i = 0; i < 50; ++i) alarms.push_back(std::make_unique<Alarm>());
    std::vector<uint64_t> deadlines(alarms.size(), 0);  // 0: not armed
    uint64_t now = kTick;
    wheel.run(now);
    for (int step = 0; step < 20'000; ++step) {
        const size_t index = prng.below(50);
        if (prng.percent(40)) {
            const uint64_t span = prng.percent(20) ? 5 * kRound : 20 * kTick;
            deadlines[index] = now + prng.next() % span;
            wheel.arm(*alarms[index], deadlines[index]);
        } else if (prng.percent(20)) {
            wheel.disarm(*alarms[index]);
            deadlines[index] = 0;
        } else {
            const uint64_t wanted = wheel.next_deadline_ns();
            if (prng.percent(40) && wanted != ring::kForever) {
                now = std::max(now, wanted);
            } else {
                now += prng.next() % (prng.percent(5) ? 3 * kRound : 2 * kTick);
            }
            for (auto& alarm : alarms) alarm->count = 0;
            wheel.run(now);
            for (size_t i = 0; i < alarms.size(); ++i) {
                if (deadlines[i] == 0 || alarms[i]->count == 0) {
                    ASSERT_EQ(alarms[i]->count, 0);
                    // At most one tick late.
                    ASSERT_TRUE(deadlines[i] == 0 || deadlines[i] + kTick > now);
                    continue;
                }
                ASSERT_EQ(alarms[i]->count, 1);
                ASSERT_LE(deadlines[i], now);
                deadlines[i] = 0;
            }
        }
        for (size_t i = 0; i < alarms.size(); ++i) {
            ASSERT_EQ(alarms[i]->armed(), deadlines[i] != 0);
            // A worker never sleeps past what is armed.
            ASSERT_TRUE(deadlines[i] == 0 ||
                        wheel.next_deadline_ns() < std::max(deadlines[i], now) + 2 * kTick);
        }
    }
    for (auto& alarm : alarms) wheel.disarm(*alarm);
}

}  // namespace
}  // namespace nuring::runtime
