// SPDX-License-Identifier: Apache-2.0
// A third kind of channel, in clear text: what a link queues leaves in frames, what comes in frames is
// consumed, and the last words of the channel follow the link's.
#include "core/link/channel.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::link {
namespace {

using test::WorkerStage;

// A frame is "<length>:<bytes>"; "0:" ends the stream; "?" is answered by "!" in between.
class FrameChannel final : public Channel {
  public:
    FrameChannel(Link& link, runtime::SlabPool& slabs) : Channel(link), wire_(slabs) {}

    void receive(char* bytes, size_t size) override {
        if (!link_.open()) return ignore(size);
        for (size_t at = 0; at < size;) {
            if (left_ > 0) {
                const size_t part = std::min(left_, size - at);
                left_ -= part;
                pass_up(bytes + at, part);
                if (!link_.open()) return;
                at += part;
                continue;
            }
            const char next = bytes[at++];
            if (next == '?') {
                wire_.append("!");
                mark_dirty();
            } else if (next == ':') {
                left_ = std::exchange(length_, 0);
                if (left_ == 0) return end_input(/*is_failure=*/false);
            } else {
                length_ = length_ * 10 + static_cast<size_t>(next - '0');
            }
        }
    }
    Outbound& ready() override {
        Outbound& plain = pending();
        if (framed_ == 0 && !plain.empty()) {
            std::array<iovec, 4> parts;
            const unsigned count = plain.gather(parts);
            for (unsigned i = 0; i < count; ++i) framed_ += parts[i].iov_len;
            wire_.append(fmt::format("{}:", framed_));
            for (unsigned i = 0; i < count; ++i) {
                wire_.append({static_cast<const char*>(parts[i].iov_base), parts[i].iov_len});
            }
        }
        if (!ended_ && is_last(plain, framed_)) {
            ended_ = true;
            wire_.append("0:");
        }
        return wire_;
    }
    void sent(uint64_t size) override {
        wire_.consume(size);
        if (!wire_.empty()) return mark_dirty();
        if (framed_ > 0) took(std::exchange(framed_, 0));
    }

  private:
    bool is_done() const override { return ended_; }

    Outbound wire_;
    uint64_t framed_ = 0;
    size_t length_ = 0;
    size_t left_ = 0;
    bool ended_ = false;
};

// Answers each line with itself; "pause" stops its reading, "close" ends it.
class Echo final : public Link {
  public:
    Echo(server::WorkerState& state, int fd) : Link(state.host, fd, proto::Kind::kClient) {
        push_channel(std::make_unique<FrameChannel>(*this, state.host.slabs));
        start();
    }
    void go_on() { resume(PauseReason::kRoom); }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    size_t consume(const char* begin, const char* end) override {
        const char* at = begin;
        while (at < end && open() && !paused()) {
            const char* line_end = std::find(at, end, '\n');
            if (line_end == end) break;
            const std::string_view line(at, static_cast<size_t>(line_end - at));
            at = line_end + 1;
            queue(fmt::format("<{}>", line));
            if (line == "pause") pause(PauseReason::kRoom);
            if (line == "close") close(CloseReason::kProtocolViolation);
        }
        return static_cast<size_t>(at - begin);
    }
    void on_close() override {}
};

class ChannelTest : public testing::Test {
  protected:
    test::SimPeer& accept() {
        return stage.accept_as(0, [this](server::WorkerState& state, int fd) {
            echo = new Echo(state, fd);
        });
    }

    WorkerStage stage{1};
    Echo* echo = nullptr;
};

TEST_F(ChannelTest, FramesAreTakenApartAndMade) {
    EXPECT_EQ(accept().ask("4:one\n"), "5:<one>");
}

TEST_F(ChannelTest, ALineMayLieInSeveralFramesAndAFrameInSeveralPieces) {
    test::SimPeer& peer = accept();
    EXPECT_EQ(peer.ask("2:on1:e"), "");
    EXPECT_EQ(peer.ask("6:"), "");
    EXPECT_EQ(peer.ask("\nt"), "5:<one>");
    EXPECT_EQ(peer.ask("wo\n3"), "5:<two>");
    EXPECT_EQ(peer.ask("e"), "");
}

TEST_F(ChannelTest, AChannelMaySpeakForItself) {
    EXPECT_EQ(accept().ask("4:one\n?4:two\n"), "!10:<one><two>");
}

TEST_F(ChannelTest, APausedLinkKeepsWhatItsChannelHasTakenApart) {
    test::SimPeer& peer = accept();
    EXPECT_EQ(peer.ask("6:pause\n4:one\n3:two"), "7:<pause>");
    stage.on_worker(0, [this](server::WorkerState&) { echo->go_on(); });
    EXPECT_EQ(peer.ask("1:\n"), "5:<one>5:<two>");
}

TEST_F(ChannelTest, TheLastWordsOfTheChannelFollowThoseOfTheLink) {
    test::SimPeer& peer = accept();
    EXPECT_EQ(peer.ask("6:close\n4:one\n"), "7:<close>0:");
    stage.pass(3'000'000'000);
    EXPECT_TRUE(peer.ended());
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST_F(ChannelTest, TheEndThatThePeerAnnouncesClosesTheLink) {
    test::SimPeer& peer = accept();
    EXPECT_EQ(peer.ask("4:one\n0:4:two\n"), "5:<one>0:");
    stage.pass(3'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST_F(ChannelTest, APausedLinkFindsTheEndWhenItReadsOn) {
    test::SimPeer& peer = accept();
    EXPECT_EQ(peer.ask("6:pause\n4:one\n0:"), "7:<pause>");
    stage.on_worker(0, [this](server::WorkerState&) { echo->go_on(); });
    EXPECT_EQ(peer.hear(), "5:<one>0:");
    stage.pass(3'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST_F(ChannelTest, ALinkThatPausesForTwoReasonsReadsOnWhenNoneIsLeft) {
    test::SimPeer& peer = accept();
    EXPECT_EQ(peer.ask("6:pause\n"), "7:<pause>");
    stage.on_worker(0, [this](server::WorkerState&) {
        echo->pause(PauseReason::kSync);
        echo->go_on();
    });
    EXPECT_EQ(peer.ask("4:one\n"), "");
    stage.on_worker(0, [this](server::WorkerState&) { echo->resume(PauseReason::kSync); });
    EXPECT_EQ(peer.hear(), "5:<one>");
}

}  // namespace
}  // namespace nuring::link
