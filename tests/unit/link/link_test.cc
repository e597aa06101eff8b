// SPDX-License-Identifier: Apache-2.0
#include "core/link/link.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::link {
namespace {

using test::WorkerStage;

constexpr size_t kTurnBytes = 2 * 1024 * 1024;  // that a turn may deliver
constexpr size_t kHalfSlabBytes = 33'000;       // just too much for two of them in one slab

// Says as much as a turn may deliver, in the frames that fill slabs least.
class Talker final : public Link {
  public:
    Talker(server::WorkerState& state, int fd) : Link(state.host, fd, proto::Kind::kClient) { start(); }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    size_t consume(const char* begin, const char* end) override {
        const std::string frame(kHalfSlabBytes, 'x');
        for (size_t size = 0; size < kTurnBytes; size += frame.size()) {
            outbound_.append_frames("", {.first = frame.data(), .size = frame.size()}, 1);
        }
        mark_dirty();
        return static_cast<size_t>(end - begin);
    }
    void on_close() override {}
};

// "pause" stops its reading; anything else is answered, and closes it.
class Refusing final : public Link {
  public:
    Refusing(server::WorkerState& state, int fd) : Link(state.host, fd, proto::Kind::kClient) { start(); }
    void go_on() { resume(PauseReason::kRoom); }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    size_t consume(const char* begin, const char* end) override {
        constexpr std::string_view kPause = "pause\n";
        const std::string_view input(begin, static_cast<size_t>(end - begin));
        if (input.starts_with(kPause)) {
            pause(PauseReason::kRoom);
            return kPause.size();
        }
        queue("-ERR\r\n");
        close(CloseReason::kProtocolViolation);
        return input.size();
    }
    void on_close() override {}
};

// Its socket must not be closed while it holds unread input: the kernel would reset the connection.
TEST(LinkTest, ALinkThatIsClosedAsItReadsOnLingers) {
    WorkerStage stage(1);
    Refusing* link = nullptr;
    test::SimPeer& peer = stage.accept_as(
        0, [&link](server::WorkerState& state, int fd) { link = new Refusing(state, fd); });
    EXPECT_EQ(peer.ask("pause\nrefuse\n"), "");
    EXPECT_EQ(peer.ask("unread\n"), "");
    stage.on_worker(0, [link](server::WorkerState&) { link->go_on(); });
    EXPECT_EQ(peer.hear(), "-ERR\r\n");
    peer.stream().shutdown_send();
    stage.pass(1'000'000'000);
    EXPECT_FALSE(peer.stream().was_reset());
    EXPECT_EQ(stage.link_count(), 0U);
}

// The receive is being cancelled when the link is closed.
TEST(LinkTest, ALinkThatIsClosedAsItPausesLingers) {
    WorkerStage stage(1);
    Refusing* link = nullptr;
    test::SimPeer& peer = stage.accept_as(
        0, [&link](server::WorkerState& state, int fd) { link = new Refusing(state, fd); });
    stage.settle();
    stage.on_worker(0, [link](server::WorkerState&) {
        link->pause(PauseReason::kRoom);
        link->close(CloseReason::kProtocolViolation);
    });
    ASSERT_TRUE(stage.step(UINT64_MAX, /*timers=*/false));
    stage.pause(0, true);
    stage.settle();
    EXPECT_EQ(peer.ask("unread\n"), "");
    stage.pause(0, false);
    stage.settle();
    peer.stream().shutdown_send();
    stage.pass(1'000'000'000);
    EXPECT_FALSE(peer.stream().was_reset());
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST(LinkTest, OneSendTakesWhatATurnMayDeliver) {
    WorkerStage stage(1);
    stage.net.set_faults({.stream_bytes_min = 2 * kTurnBytes, .stream_bytes_max = 2 * kTurnBytes});
    const auto adopt = [](server::WorkerState& state, int fd) { new Talker(state, fd); };
    test::SimPeer& peer = stage.accept_as(0, adopt);
    const uint64_t before = stage.ring(0).stats().sends;
    EXPECT_GE(peer.ask("talk").size(), kTurnBytes);
    EXPECT_EQ(stage.ring(0).stats().sends, before + 1);
}

}  // namespace
}  // namespace nuring::link
