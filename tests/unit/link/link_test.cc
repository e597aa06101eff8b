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
