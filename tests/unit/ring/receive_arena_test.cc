// SPDX-License-Identifier: Apache-2.0
#include "core/ring/receive_arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <cstdint>
#include <set>
#include <string>

namespace nuring::ring {
namespace {

constexpr RingOptions kSmall = {.receive_buffer_bytes = 1000, .receive_buffer_count_max = 5};

TEST(ReceiveArenaTest, HandsOutEachBufferOnce) {
    ReceiveArena arena;
    ASSERT_TRUE(arena.create(kSmall).ok());
    EXPECT_EQ(arena.count(), 5U);
    std::set<uint32_t> taken;
    while (!arena.empty()) {
        EXPECT_TRUE(taken.insert(arena.top()).second);
        EXPECT_LT(arena.top(), arena.count());
        arena.pop();
    }
    EXPECT_EQ(taken.size(), 5U);
}

TEST(ReceiveArenaTest, TheLastThatCameBackIsTheNextToGo) {
    ReceiveArena arena;
    ASSERT_TRUE(arena.create(kSmall).ok());
    const uint32_t first = arena.top();
    arena.pop();
    const uint32_t second = arena.top();
    arena.pop();
    arena.push(first);
    arena.push(second);
    EXPECT_EQ(arena.top(), second);
    arena.pop();
    EXPECT_EQ(arena.top(), first);
}

// Each byte of a buffer and of its slack is its own: it stays while the other buffers are filled.
TEST(ReceiveArenaTest, BuffersAndTheirSlackDoNotOverlap) {
    ReceiveArena arena;
    ASSERT_TRUE(arena.create(kSmall).ok());
    const size_t size = kSmall.receive_buffer_bytes + kReceiveSlackBytes;
    for (uint32_t i = 0; i < arena.count(); ++i) {
        std::memset(arena.bytes(i), static_cast<int>(i + 1), size);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.bytes(i)) % 64, 0U);
    }
    for (uint32_t i = 0; i < arena.count(); ++i) {
        const std::string expected(size, static_cast<char>(i + 1));
        EXPECT_EQ(std::memcmp(arena.bytes(i), expected.data(), size), 0) << i;
    }
}

TEST(ReceiveArenaTest, ABufferThatDoesNotExistIsABug) {
    ReceiveArena arena;
    ASSERT_TRUE(arena.create(kSmall).ok());
    EXPECT_DEATH(arena.push(0), "");  // all are free already
    arena.pop();
    EXPECT_DEATH(arena.push(5), "");
}

}  // namespace
}  // namespace nuring::ring
