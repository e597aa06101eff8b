// SPDX-License-Identifier: Apache-2.0
#include "core/link/byte_buffer.h"

#include <string>

#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::link {
namespace {

std::string text_of(ByteBuffer& buffer) {
    return buffer.empty() ? std::string() : std::string(buffer.begin(), buffer.size());
}

TEST(ByteBufferTest, HoldsNoMemoryUntilUsedAndAfterShrink) {
    ByteBuffer buffer;
    EXPECT_EQ(buffer.capacity(), 0U);
    buffer.append("", 0);
    EXPECT_EQ(buffer.capacity(), 0U);
    buffer.append("abc", 3);
    buffer.shrink();  // not empty: nothing is lost
    EXPECT_EQ(text_of(buffer), "abc");
    buffer.clear();
    EXPECT_GT(buffer.capacity(), 0U);
    buffer.shrink();
    EXPECT_EQ(buffer.capacity(), 0U);
}

TEST(ByteBufferTest, SwapsContents) {
    ByteBuffer a;
    ByteBuffer b;
    a.append("left", 4);
    a.swap(b);
    EXPECT_TRUE(a.empty());
    EXPECT_EQ(a.capacity(), 0U);
    EXPECT_EQ(text_of(b), "left");
}

TEST(ByteBufferTest, AgreesWithAString) {
    base::Prng prng(9);
    ByteBuffer buffer;
    std::string model;
    for (int step = 0; step < 20'000; ++step) {
        const uint32_t choice = prng.below(10);
        if (choice < 5) {
            const std::string text(prng.below(500), static_cast<char>('a' + step % 26));
            buffer.append(text.data(), text.size());
            model += text;
        } else if (choice < 8) {
            const size_t size = prng.below(static_cast<uint32_t>(model.size()) + 1);
            if (!model.empty()) buffer.erase_front(size);
            model.erase(0, size);
        } else if (choice == 8) {
            buffer.reserve(prng.below(10'000));
        } else if (prng.percent(30)) {
            buffer.clear();
            model.clear();
            buffer.shrink();
        }
        ASSERT_EQ(text_of(buffer), model);
        ASSERT_GE(buffer.capacity(), buffer.size());
    }
    // The slack may be read.
    buffer.append("x", 1);
    std::memset(buffer.end(), 0, ring::kReceiveSlackBytes);
}

}  // namespace
}  // namespace nuring::link
