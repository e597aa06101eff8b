// SPDX-License-Identifier: Apache-2.0
// Goal: a link that begins to compress in the middle of its input loses and repeats nothing, whatever pauses
// it.
// Method: a link that echoes lines, begins with "s2", pauses with "pause"; the peer decodes what it answers.
#include "core/link/s2_channel.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/link/link.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/s2.h"
#include "tests/support/worker_stage.h"

namespace nuring::link {
namespace {

using test::WorkerStage;

class LineEcho final : public Link {
  public:
    LineEcho(server::WorkerState& state, int fd) : Link(state.host, fd, proto::Kind::kRoute) { start(); }
    void go_on() { resume(PauseReason::kRoom); }
    void trust() { s2_channel()->trust_peer(); }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

    size_t lines = 0;
    size_t pauses = 0;

  private:
    size_t consume(const char* begin, const char* end) override {
        const char* at = begin;
        while (at < end && open() && !paused() && !input_changed()) {
            const char* line_end = std::find(at, end, '\n');
            if (line_end == end) break;
            const std::string_view line(at, static_cast<size_t>(line_end - at));
            at = line_end + 1;
            take_line(line);
        }
        return static_cast<size_t>(at - begin);
    }
    void take_line(std::string_view line) {
        ++lines;
        if (line.starts_with("quiet")) return;
        if (line == "pause") {
            ++pauses;
            return pause(PauseReason::kRoom);
        }
        if (line == "s2") start_compression(proto::S2Mode::kFast);
        if (line == "better") s2_channel()->set_mode(proto::S2Mode::kBetter);
        queue(fmt::format("<{}>", line));
        if (line == "large") queue(std::string(400'000, 'l'));
        if (line == "close") close(CloseReason::kProtocolViolation);
    }
    void on_close() override {}
};

std::string chunk_of(std::string_view text, proto::S2Mode mode) {
    std::string chunk(proto::s2_chunk_bound(text.size(), mode), '\0');
    chunk.resize(proto::write_s2_chunk(text, mode, chunk.data()));
    return chunk;
}

std::string stream_of(std::string_view text, proto::S2Mode mode = proto::S2Mode::kStored) {
    return std::string(proto::kS2Identifier) + chunk_of(text, mode);
}

std::string decoded(std::string_view stream) {
    proto::S2Reader reader;
    std::string text;
    for (;;) {
        std::string_view bytes;
        const proto::S2Status status = reader.next(&stream, &bytes);
        if (status != proto::S2Status::kBytes) {
            EXPECT_EQ(status, proto::S2Status::kNeedMore);
            return text;
        }
        text += bytes;
    }
}

class S2ChannelTest : public testing::Test {
  protected:
    test::SimPeer& accept() {
        return stage.accept_as(
            0, [this](server::WorkerState& state, int fd) { echo = new LineEcho(state, fd); });
    }
    // A connection that is compressed.
    test::SimPeer& begin() {
        test::SimPeer& peer = accept();
        EXPECT_EQ(decoded(peer.ask("s2\n")), "<s2>");
        return peer;
    }
    // Everything that comes of it, also in later turns.
    std::string settle(test::SimPeer& peer) {
        std::string heard;
        for (int i = 0; i < 50; ++i) {
            heard += peer.hear();
            stage.pass(1'000'000);
        }
        return heard + peer.hear();
    }

    WorkerStage stage{1};
    LineEcho* echo = nullptr;
};

TEST_F(S2ChannelTest, WhatFollowsInTheSameInputIsCompressed) {
    test::SimPeer& peer = accept();
    const std::string heard = peer.ask("one\ns2\n" + stream_of("two\nthree\n"));
    ASSERT_TRUE(heard.starts_with("<one>")) << heard;
    EXPECT_EQ(decoded(heard.substr(5)), "<s2><two><three>");
}

TEST_F(S2ChannelTest, TheSwitchMayBeSplitAnywhere) {
    test::SimPeer& peer = accept();
    std::string heard;
    for (const char each : "one\ns2\n" + stream_of("two\nthree\n")) heard += peer.ask(std::string(1, each));
    ASSERT_TRUE(heard.starts_with("<one>")) << heard;
    EXPECT_EQ(decoded(heard.substr(5)), "<s2><two><three>");
}

TEST_F(S2ChannelTest, LinesMayLieInSeveralChunksOfEitherKind) {
    test::SimPeer& peer = begin();
    const std::string text = "first " + std::string(5000, 'x') + "\nsecond\n";
    const std::string heard = peer.ask(stream_of(text.substr(0, 3000), proto::S2Mode::kFast) +
                                       chunk_of(text.substr(3000), proto::S2Mode::kStored));
    EXPECT_EQ(decoded(std::string(proto::kS2Identifier) + heard), "<" + text.substr(0, 5006) + "><second>");
}

TEST_F(S2ChannelTest, ALevelMayChangeWhileMuchWaits) {
    test::SimPeer& peer = begin();
    std::string said = "first\nbetter\n";
    std::string expected = "<first><better>";
    for (int i = 0; i < 30'000; ++i) {
        said += fmt::format("line {}\n", i);
        expected += fmt::format("<line {}>", i);
    }
    std::string heard = peer.ask(stream_of(said));
    heard += settle(peer);
    EXPECT_LT(heard.size(), expected.size() / 2);
    EXPECT_TRUE(decoded(std::string(proto::kS2Identifier) + heard) == expected);
}

TEST_F(S2ChannelTest, APausedLinkReadsTheRestOfAChunkLater) {
    for (const proto::S2Mode mode : {proto::S2Mode::kStored, proto::S2Mode::kFast}) {
        test::SimPeer& peer = begin();
        const size_t before = echo->lines;
        std::string text;
        for (int i = 0; i < 1000; ++i) text += i % 100 == 50 ? "pause\n" : "quiet\n";
        peer.say(stream_of(text, mode) + chunk_of("end\n", mode));
        std::string heard = peer.hear();
        while (echo->pauses < 10 || heard.empty()) {
            const size_t pauses = echo->pauses;
            stage.on_worker(0, [this](server::WorkerState&) { echo->go_on(); });
            heard += settle(peer);
            ASSERT_TRUE(echo->pauses > pauses || !heard.empty());
        }
        EXPECT_EQ(echo->lines - before, 1001U);
        EXPECT_EQ(decoded(std::string(proto::kS2Identifier) + heard), "<end>");
    }
}

TEST_F(S2ChannelTest, ALargeChunkTakesSeveralTurns) {
    test::SimPeer& peer = begin();
    echo->trust();
    const size_t before = echo->lines;
    std::string text;
    while (text.size() < 4U << 20) text += "quiet line of thirty bytes    \n";
    text.resize(text.rfind('\n', (4U << 20) - 1) + 1);
    const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    const std::string stream =
        stream_of(text, proto::S2Mode::kFast) + chunk_of("end\n", proto::S2Mode::kStored);
    peer.say(stream);
    (void)peer.hear();
    EXPECT_LE(echo->lines - before, lines / 2);
    std::string heard = settle(peer);
    heard += peer.ask(stream.substr(stream.size() - peer.unsaid()));
    heard += settle(peer);
    EXPECT_EQ(echo->lines - before, lines + 1);
    EXPECT_EQ(decoded(std::string(proto::kS2Identifier) + heard), "<end>");
}

TEST_F(S2ChannelTest, ChunksOfAStrangerAreSmall) {
    test::SimPeer& peer = begin();
    (void)peer.ask(stream_of(std::string((1U << 20) + 1, '\n'), proto::S2Mode::kFast));
    stage.pass(3'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST_F(S2ChannelTest, AStreamThatIsCorruptEndsTheLink) {
    test::SimPeer& peer = begin();
    std::string stream = stream_of("one\n");
    stream.back() ^= 1;
    (void)peer.ask(stream);
    stage.pass(3'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
}

TEST_F(S2ChannelTest, EverythingLeavesBeforeTheEnd) {
    test::SimPeer& peer = begin();
    std::string heard = peer.ask(stream_of("large\nlarge\nclose\n"));
    heard += settle(peer);
    const std::string large = "<large>" + std::string(400'000, 'l');
    EXPECT_EQ(decoded(std::string(proto::kS2Identifier) + heard), large + large + "<close>");
    stage.pass(3'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
}

}  // namespace
}  // namespace nuring::link
