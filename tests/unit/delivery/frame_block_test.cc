// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/frame_block.h"

#include <string>
#include <string_view>
#include <vector>

#include "core/delivery/deliver.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using test::SimPeer;
using test::WorkerStage;

// "PUB a 6" with the numbers below `count` as payloads, and the frames that a subscriber gets of it.
struct Stream {
    explicit Stream(uint32_t count) {
        for (uint32_t i = 0; i < count; ++i) published += fmt::format("PUB a 6\r\n{:06}\r\n", i);
        this->count = count;
    }
    std::string frames(std::string_view sid) const {
        std::string text;
        for (uint32_t i = 0; i < count; ++i) text += fmt::format("MSG a {} 6\r\n{:06}\r\n", sid, i);
        return text;
    }

    std::string published;
    uint32_t count;
};

TEST(FrameBlockTest, FramesAreBuiltForTheSecondInARowWithOneSid) {
    std::string text = " 1\r\nx\r\n";
    const size_t size = text.size();
    text += text;
    text.append(64, ' ');
    MessageRun run;
    run.subject = "a";
    run.tail = text.data();
    run.tail_size = run.stride = size;
    run.count = 2;
    FrameBlock block;
    EXPECT_EQ(block.frames_for(run, "1"), "") << "before any run";
    block.begin_run(&run);
    EXPECT_EQ(block.frames_for(run, "1"), "");
    EXPECT_EQ(block.frames_for(run, "1"), "MSG a 1 1\r\nx\r\nMSG a 1 1\r\nx\r\n");
    EXPECT_EQ(block.frames_for(run, "22"), "");
    EXPECT_EQ(block.frames_for(run, "22"), "MSG a 22 1\r\nx\r\nMSG a 22 1\r\nx\r\n");
    MessageRun renamed = run;
    renamed.subject = "b";
    EXPECT_EQ(block.frames_for(renamed, "22"), "");
    const std::string long_sid(FrameBlock::kSidMax + 1, '1');
    EXPECT_EQ(block.frames_for(run, long_sid), "");
    EXPECT_EQ(block.frames_for(run, long_sid), "");
    MessageRun inner = run;
    block.begin_run(&inner);
    EXPECT_EQ(block.frames_for(run, "22"), "") << "another run has begun";
    EXPECT_EQ(block.frames_for(run, "22"), "");
}

TEST(FrameBlockTest, ManySubscribersOfAllSidsGetAllMessagesInOrder) {
    for (const uint32_t count : {3U, 4U, 100U, 5000U}) {
        WorkerStage stage(2);
        const Stream stream(count);
        std::vector<SimPeer*> subscribers;
        const std::vector<std::string> sids = {"1", "1", "1", "2", "1", "1234567890123456789012345", "1", "1"};
        for (size_t i = 0; i < sids.size(); ++i) {
            for (const uint32_t worker : {0U, 1U}) {
                subscribers.push_back(&stage.client(worker));
                subscribers.back()->ask(fmt::format("SUB a {}\r\n", sids[i]));
            }
        }
        stage.client(0).say(stream.published);
        for (size_t i = 0; i < subscribers.size(); ++i) {
            EXPECT_EQ(subscribers[i]->hear(), stream.frames(sids[i / 2])) << count << " to " << i;
        }
    }
}

TEST(FrameBlockTest, WhoTakesOnlyAFewGetsThoseOnly) {
    WorkerStage stage(1);
    const Stream stream(2000);
    std::vector<SimPeer*> all;
    for (int i = 0; i < 6; ++i) {
        all.push_back(&stage.client(0));
        all.back()->ask("SUB a 1\r\n");
    }
    all[2]->ask("UNSUB 1 3\r\n");
    all[4]->ask("UNSUB 1 1500\r\n");
    stage.client(0).say(stream.published);
    for (size_t i = 0; i < all.size(); ++i) {
        const Stream expected(i == 2 ? 3 : i == 4 ? 1500 : 2000);
        EXPECT_EQ(all[i]->hear(), expected.frames("1")) << i;
    }
}

}  // namespace
}  // namespace nuring::delivery
