// SPDX-License-Identifier: Apache-2.0
// Blocks of messages that stay in the receive buffer until all workers that share them have had them. The
// ring of the stage overwrites a buffer when it is returned.
#include <cstdint>
#include <string>

#include "core/link/lent_input.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::delivery {
namespace {

using link::LentInput;
using test::count_of;
using test::SimPeer;
using test::WorkerStage;

constexpr size_t kBlock = 6'000;

class SharedBlockTest : public testing::Test {
  protected:
    SharedBlockTest() {
        for (SimPeer* peer : {&first, &second}) EXPECT_EQ(peer->ask("SUB a 1\r\nPING\r\n"), "PONG\r\n");
        for (uint32_t worker : {1, 2}) stage.pause(worker, true);
    }
    // A message that has no subscribers here, so that no worker is left with it.
    static std::string publish(char letter, size_t size = kBlock) {
        return fmt::format("PUB a {}\r\n{}\r\n", size, std::string(size, letter));
    }
    static std::string frame(char letter, size_t size = kBlock) {
        return fmt::format("MSG a 1 {}\r\n{}\r\n", size, std::string(size, letter));
    }
    size_t kept() { return stage.ring(0).lent_buffer_count(); }
    uint64_t shared() { return stage.state(0).host.input.shared_count(); }

    WorkerStage stage{3};
    SimPeer& first = stage.client(1);
    SimPeer& second = stage.client(2);
    SimPeer& sends = stage.client(0);
};

TEST_F(SharedBlockTest, StaysUntilTheLastWorkerHasHadIt) {
    EXPECT_EQ(sends.ask(publish('a') + "PING\r\n"), "PONG\r\n");
    EXPECT_EQ(shared(), 2U);
    EXPECT_EQ(kept(), 1U);
    stage.pause(1, false);
    EXPECT_EQ(first.hear(), frame('a'));
    EXPECT_EQ(sends.ask("PING\r\n"), "PONG\r\n");
    EXPECT_EQ(kept(), 1U);
    stage.pause(2, false);
    EXPECT_EQ(second.hear(), frame('a'));
    EXPECT_EQ(sends.ask("PING\r\n"), "PONG\r\n");
    EXPECT_EQ(kept(), 0U);
}

TEST_F(SharedBlockTest, ManyRunsOfOneBufferKeepItOnce) {
    std::string input;
    for (int i = 0; i < 4; ++i) input += publish('a') + "PUB b 1\r\nx\r\n";
    EXPECT_EQ(sends.ask(input + "PING\r\n"), "PONG\r\n");
    EXPECT_EQ(shared(), 8U);
    EXPECT_EQ(kept(), 1U);
}

TEST_F(SharedBlockTest, IsCopiedWhereTooManyBuffersAreKept) {
    std::string expected;
    for (uint32_t i = 0; i < LentInput::kKeptMax + 4; ++i) {
        const char letter = static_cast<char>('a' + i);
        EXPECT_EQ(sends.ask(publish(letter) + "PING\r\n"), "PONG\r\n");
        expected += frame(letter);
    }
    EXPECT_EQ(kept(), LentInput::kKeptMax);
    EXPECT_EQ(shared(), 2 * LentInput::kKeptMax);
    for (uint32_t worker : {1, 2}) stage.pause(worker, false);
    EXPECT_EQ(first.hear(), expected);
    EXPECT_EQ(second.hear(), expected);
    EXPECT_EQ(sends.ask("PING\r\n"), "PONG\r\n");
    EXPECT_EQ(kept(), 0U);
}

TEST_F(SharedBlockTest, OneThatIsSmallOrForOneWorkerIsCopied) {
    EXPECT_EQ(sends.ask(publish('a', 4'000) + "PING\r\n"), "PONG\r\n");
    second.offer("UNSUB 1\r\n");
    stage.pause(2, false);
    EXPECT_EQ(second.hear(), frame('a', 4'000));
    EXPECT_EQ(sends.ask(publish('b') + "PING\r\n"), "PONG\r\n");
    EXPECT_EQ(shared(), 0U);
    stage.pause(1, false);
    EXPECT_EQ(first.hear(), frame('a', 4'000) + frame('b'));
}

TEST_F(SharedBlockTest, OutlivesItsPublisher) {
    EXPECT_EQ(sends.ask(publish('a') + "PING\r\n"), "PONG\r\n");
    sends.stream().close();
    stage.settle();
    for (uint32_t worker : {1, 2}) stage.pause(worker, false);
    EXPECT_EQ(first.hear(), frame('a'));
    EXPECT_EQ(second.hear(), frame('a'));
}

}  // namespace
}  // namespace nuring::delivery
