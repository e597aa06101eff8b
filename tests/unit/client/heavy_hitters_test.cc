// SPDX-License-Identifier: Apache-2.0
#include "core/client/heavy_hitters.h"

#include <map>

#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::client {
namespace {

constexpr uint64_t kSurveySecond_ns = 1'000'000'000;
using Sketch = SpaceSaving<uint64_t>;

std::map<uint64_t, uint64_t> messages_of(const Sketch& sketch) {
    std::map<uint64_t, uint64_t> messages;
    sketch.for_each([&](uint64_t key, const Sketch::Entry& entry) {
        EXPECT_EQ(entry.label, key);
        messages[key] = entry.messages;
    });
    return messages;
}

TEST(SpaceSavingTest, CountsExactlyWhileAllHaveRoom) {
    Sketch sketch;
    for (uint64_t round = 0; round < 3; ++round) {
        for (uint64_t key = 0; key < Sketch::kCapacity; ++key) {
            sketch.add(key, key + 1, 10, [&](uint64_t* label) { *label = key; });
        }
    }
    const auto messages = messages_of(sketch);
    ASSERT_EQ(messages.size(), Sketch::kCapacity);
    for (const auto& [key, count] : messages) EXPECT_EQ(count, 3 * (key + 1));
}

// Against exact counts: who has more than its share of the table is in it, and nobody is told more of.
TEST(SpaceSavingTest, KeepsTheHeavyAmongManyAndNeverSaysTooMuch) {
    Sketch sketch;
    std::map<uint64_t, uint64_t> exact;
    base::Prng prng(42);
    constexpr uint64_t kHeavy = 5;
    constexpr int kMessages = 100'000;
    for (int i = 0; i < kMessages; ++i) {
        const uint64_t key = prng.next() % 2 == 0 ? prng.next() % kHeavy : 100 + prng.next() % 10'000;
        ++exact[key];
        sketch.add(key, 1, 0, [&](uint64_t* label) { *label = key; });
    }
    const auto messages = messages_of(sketch);
    for (uint64_t key = 0; key < kHeavy; ++key) {
        ASSERT_TRUE(messages.contains(key)) << key;
        EXPECT_GT(messages.at(key), exact[key] * 9 / 10);
    }
    for (const auto& [key, count] : messages) EXPECT_LE(count, exact[key]);
}

struct Traffic {
    // Single messages, as the data path notes them.
    void publish(uint64_t cid, uint64_t count, uint64_t now_ns) {
        for (uint64_t i = 0; i < count; ++i) {
            if (!hitters.due(1)) continue;
            hitters.note({.account = nullptr, .subject = "s", .subject_hash = cid, .cid = cid,
                          .link = {}, .bytes_each = 10},
                         now_ns);
        }
    }
    static uint64_t messages_in(const HeavyHitters::Window& window, uint64_t cid) {
        uint64_t messages = 0;
        window.connections.for_each([&](uint64_t key, const HeavyHitters::Connections::Entry& entry) {
            if (key == cid) messages += entry.messages;
        });
        return messages;
    }
    uint64_t messages_of(uint64_t cid) const {
        return messages_in(hitters.current(), cid) + messages_in(hitters.previous(), cid);
    }
    HeavyHitters hitters{true, 7};
};

TEST(HeavyHittersTest, LittleTrafficIsCountedExactly) {
    Traffic traffic;
    for (uint64_t i = 0; i < 20; ++i) {
        traffic.publish(1, 30, kSurveySecond_ns + i * kSurveySecond_ns / 10);
        traffic.publish(2, 10, kSurveySecond_ns + i * kSurveySecond_ns / 10);
    }
    EXPECT_EQ(traffic.messages_of(1), 600);
    EXPECT_EQ(traffic.messages_of(2), 200);
}

TEST(HeavyHittersTest, MuchTrafficIsEstimatedFromSamples) {
    Traffic traffic;
    for (uint64_t i = 0; i < 50; ++i) {
        for (int round = 0; round < 100; ++round) {
            traffic.publish(1, 300, kSurveySecond_ns + i * kSurveySecond_ns / 10);
            traffic.publish(2, 100, kSurveySecond_ns + i * kSurveySecond_ns / 10);
        }
    }
    EXPECT_NEAR(static_cast<double>(traffic.messages_of(1)), 1'500'000, 75'000);
    EXPECT_NEAR(static_cast<double>(traffic.messages_of(2)), 500'000, 75'000);
}

TEST(HeavyHittersTest, WhatIsOldIsForgotten) {
    Traffic traffic;
    traffic.publish(1, 100, kSurveySecond_ns);
    uint64_t now_ns = kSurveySecond_ns + HeavyHitters::kWindow_ns;
    traffic.hitters.refresh(now_ns);
    EXPECT_EQ(traffic.messages_of(1), 100);
    traffic.publish(2, 50, now_ns);
    now_ns += HeavyHitters::kWindow_ns;
    traffic.hitters.refresh(now_ns);
    EXPECT_EQ(traffic.messages_of(1), 0);
    EXPECT_EQ(traffic.messages_of(2), 50);
    traffic.hitters.refresh(now_ns + 5 * HeavyHitters::kWindow_ns);
    EXPECT_EQ(traffic.messages_of(2), 0);
}

TEST(HeavyHittersTest, SwitchedOffItLooksAtNothing) {
    HeavyHitters hitters(false, 7);
    for (int i = 0; i < 1000; ++i) EXPECT_FALSE(hitters.due(1'000'000));
}

}  // namespace
}  // namespace nuring::client
