// SPDX-License-Identifier: Apache-2.0
#include "bench/load/frames.h"

#include <gtest/gtest.h>

#include <cstring>

namespace nuring::bench {
namespace {

FrameBatch::Plan small_plan() {
    FrameBatch::Plan plan;
    plan.subjects = {"a.1", "a.2", "a.3"};
    plan.payload_size = 16;
    plan.bytes_wanted = 100;
    return plan;
}

TEST(FramesTest, FramesAreThoseOfTheProtocol) {
    EXPECT_EQ(publish_frame("s", "", "xy"), "PUB s 2\r\nxy\r\n");
    EXPECT_EQ(publish_frame("s", "r", "xy"), "PUB s r 2\r\nxy\r\n");
    EXPECT_EQ(message_frame("s", "7", "", "xy"), "MSG s 7 2\r\nxy\r\n");
    EXPECT_EQ(message_frame("s", "7", "r", ""), "MSG s 7 r 0\r\n\r\n");
}

TEST(FrameBatchTest, HoldsEverySubjectEquallyOften) {
    const FrameBatch batch(small_plan());
    EXPECT_EQ(batch.messages() % 3, 0U);
    EXPECT_GE(batch.bytes().size(), 100U);
    EXPECT_EQ(batch.bytes().size(), batch.messages() * batch.frame_size());
    EXPECT_TRUE(batch.bytes().starts_with("PUB a.1 16\r\n"));
    EXPECT_EQ(batch.bytes().substr(batch.frame_size(), 8), "PUB a.2 ");
}

TEST(FrameBatchTest, CountsOnlyWholeMessages) {
    FrameBatch::Plan plan = small_plan();
    plan.ping_at_end = true;
    const FrameBatch batch(plan);
    EXPECT_TRUE(batch.bytes().ends_with("PING\r\n"));
    EXPECT_EQ(batch.messages_in(0), 0U);
    EXPECT_EQ(batch.messages_in(batch.frame_size() - 1), 0U);
    EXPECT_EQ(batch.messages_in(batch.frame_size()), 1U);
    EXPECT_EQ(batch.messages_in(batch.bytes().size()), batch.messages());
}

TEST(FrameBatchTest, StampsNumberThePayloads) {
    FrameBatch batch(small_plan());
    batch.stamp(5, 1000);
    ASSERT_GT(batch.messages(), 1U);
    for (uint64_t i = 0; i < batch.messages(); ++i) {
        const std::string_view frame =
            batch.bytes().substr(i * batch.frame_size(), batch.frame_size());
        uint64_t stamp = 0;
        std::memcpy(&stamp, frame.data() + frame.find('\n') + 1, sizeof stamp);
        EXPECT_EQ(stamp, uint64_t{5} << kStampNumberBits | (1000 + i));
        EXPECT_TRUE(frame.ends_with("\r\n"));
    }
}

}  // namespace
}  // namespace nuring::bench
