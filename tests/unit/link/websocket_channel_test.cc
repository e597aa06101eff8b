// SPDX-License-Identifier: Apache-2.0
// Links over WebSocket on a simulated network: with a peer whose frames are made here, and with one another.
#include "core/link/websocket_channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/prng.h"
#include "core/link/handover.h"
#include "core/link/link.h"
#include "proto/websocket_deflate.h"
#include "proto/websocket_frames.h"
#include "tests/support/worker_stage.h"

namespace nuring::link {
namespace {

using proto::WebsocketOpcode;
using test::SimPeer;
using test::WorkerStage;

constexpr proto::WebsocketMask::Key kTestMask = {1, 2, 3, 4};
constexpr uint64_t kTestMessageMax = 64 * 1024 * 1024;

// What one end has seen; outlives its link.
struct Heard {
    std::string bytes;
    CloseReason reason = CloseReason::kNone;
};

// A kind of link that keeps what it hears; it may take a little at a time, and wait to be resumed.
class Framed final : public Link {
  public:
    Framed(LinkHost& host, int fd, const WebsocketTerms& terms, Heard& heard, size_t portion,
           proto::Kind kind = proto::Kind::kRoute)
        : Link(host, Handover{.fd = fd, .cid = 1, .engine = nullptr, .received = {}}, kind),
          heard_(heard),
          portion_(portion) {
        start_websocket(terms, kTestMessageMax);
        resume(PauseReason::kHandover);
    }
    void say(std::string_view bytes) { queue(bytes); }

    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  protected:
    size_t consume(const char* begin, const char* end) override {
        size_t size = static_cast<size_t>(end - begin);
        if (portion_ > 0 && size > 0) {
            size = std::min(size, portion_);
            pause(PauseReason::kRoom);
        }
        heard_.bytes.append(begin, size);
        return size;
    }
    void on_close() override { heard_.reason = close_reason(); }

  private:
    Heard& heard_;
    const size_t portion_;
};

std::string framed(std::string_view payload, bool compressed = false, bool final = true,
                   WebsocketOpcode opcode = WebsocketOpcode::kBinary) {
    char head[proto::kWebsocketHeadSizeMax];
    const proto::WebsocketFrame frame = {.opcode = opcode,
                                         .final = final,
                                         .compressed = compressed,
                                         .payload_size = payload.size(),
                                         .mask = kTestMask};
    std::string whole(head, proto::write_websocket_head(frame, head));
    const size_t head_size = whole.size();
    whole += payload;
    proto::WebsocketMask(kTestMask).apply(whole.data() + head_size, payload.size());
    return whole;
}

std::string deflated(std::string_view text) {
    proto::WebsocketDeflater deflater(proto::DeflateWindow::kPerMessage);
    std::string packed(proto::WebsocketDeflater::bound(text.size()), '\0');
    packed.resize(deflater.add(text, /*last=*/true, packed.data(), packed.size()));
    return packed;
}

// Half noise, half repetition.
std::string mixed_text(size_t size) {
    base::Prng prng(7);
    std::string text;
    while (text.size() < size) {
        text += "the same again and again ";
        for (int i = 0; i < 25; ++i) text += static_cast<char>(prng.next());
    }
    text.resize(size);
    return text;
}

class WebsocketChannelTest : public testing::Test {
  protected:
    SimPeer& accept(const WebsocketTerms& terms, size_t portion = 0,
                    proto::Kind kind = proto::Kind::kRoute) {
        return stage_.accept_as(0, [&, this](server::WorkerState& state, int fd) {
            handle_ = (new Framed(state.host, fd, terms, heard_, portion, kind))->handle();
        });
    }
    void on_link(const std::function<void(Framed&)>& act) {
        stage_.on_worker(0, [&, this](server::WorkerState& state) {
            act(static_cast<Framed&>(*state.host.table.find(handle_)));
        });
        stage_.settle();
    }
    void resume() {
        stage_.on_worker(0, [this](server::WorkerState& state) {
            if (Link* link = state.host.table.find(handle_)) link->resume(PauseReason::kRoom);
        });
        stage_.settle();
    }

    Heard heard_;
    base::LinkHandle handle_;
    WorkerStage stage_{1};
};

TEST_F(WebsocketChannelTest, ADenseMessageIsReadInSeveralTurns) {
    SimPeer& peer = accept({.compression = true});
    const std::string text(20 << 20, 'x');
    const std::string frame = framed(deflated(text), /*compressed=*/true);
    ASSERT_LT(frame.size(), 200'000U);
    size_t most = 0;
    std::string_view rest = frame;
    for (size_t before = 0;; before = heard_.bytes.size()) {
        rest.remove_prefix(peer.offer(rest));
        if (!stage_.step(UINT64_MAX, /*timers=*/true) || heard_.bytes.size() == text.size()) break;
        most = std::max(most, heard_.bytes.size() - before);
    }
    EXPECT_EQ(heard_.bytes.size(), text.size());
    EXPECT_LE(most, WebsocketChannel::kInflatedPerTurnMax + WebsocketTools::kRoomBytes);
}

TEST_F(WebsocketChannelTest, PingsOfAPeerThatReadsNothingAreAnsweredInPart) {
    SimPeer& peer = accept({});
    constexpr size_t kPings = 20'000;
    for (size_t i = 0; i < kPings; ++i) {
        std::string payload = std::to_string(i);
        payload.resize(proto::kWebsocketControlPayloadMax, ' ');
        peer.say(framed(payload, false, true, WebsocketOpcode::kPing));
    }
    std::string answers = peer.hear();
    proto::WebsocketReader reader(proto::WebsocketReader::Masks::kRefused, /*compression=*/false);
    char* begin = answers.data();
    char* const end = begin + answers.size();
    size_t count = 0;
    size_t last = 0;
    for (;;) {
        const proto::WebsocketEvent event = reader.next(begin, end);
        if (event.kind == proto::WebsocketEvent::Kind::kNeedMore) break;
        ASSERT_EQ(event.kind, proto::WebsocketEvent::Kind::kPong);
        last = static_cast<size_t>(std::stoul(std::string(event.payload)));
        ++count;
    }
    EXPECT_EQ(last, kPings - 1);  // the newest is always answered
    EXPECT_GT(count, 0U);
    EXPECT_LT(count, kPings);
}

TEST_F(WebsocketChannelTest, APausedLinkLosesNothing) {
    const std::string text = mixed_text(3'000);
    const std::string packed = deflated(text);
    std::string stream = framed(packed.substr(0, 100), true, /*final=*/false);
    stream += framed("", false, true, WebsocketOpcode::kPing);
    stream += framed(packed.substr(100), false, true, WebsocketOpcode::kContinuation);
    stream += framed(text.substr(0, 10), false, /*final=*/false);
    stream += framed(text.substr(10), false, true, WebsocketOpcode::kContinuation);
    stream += framed(packed, true);
    for (const size_t piece : {stream.size(), size_t{1}, size_t{97}}) {
        heard_ = {};
        SimPeer& peer = accept({.compression = true}, /*portion=*/100);
        for (size_t at = 0; at < stream.size(); at += piece) {
            peer.say(std::string_view(stream).substr(at, piece));
            resume();
        }
        for (int i = 0; i < 1000 && heard_.bytes.size() < 3 * text.size(); ++i) resume();
        EXPECT_EQ(heard_.bytes, text + text + text) << "in pieces of " << piece;
        EXPECT_EQ(heard_.reason, CloseReason::kNone);
        // A link that is paused does not see the end of the stream.
        peer.stream().close();
        for (int i = 0; i < 10; ++i) resume();
        EXPECT_NE(heard_.reason, CloseReason::kNone);
    }
}

// Frames of clients leave from where they are queued; others are copied, in batches.
TEST_F(WebsocketChannelTest, PongsStandBetweenFramesAndTheEndBehindThem) {
    base::Prng prng(11);
    const std::string text = mixed_text(60'000);
    for (const proto::Kind kind : {proto::Kind::kClient, proto::Kind::kRoute}) {
        SimPeer& peer = accept({}, /*portion=*/0, kind);
        std::string said;
        std::string heard;
        for (size_t i = 0; i < 300; ++i) {
            const std::string piece = text.substr(prng.below(100), prng.below(60'000));
            on_link([&](Framed& link) { link.say(piece); });  // there is no room for all of it
            said += piece;
            if (i % 3 == 0) {
                peer.say(framed(std::to_string(i), false, true, WebsocketOpcode::kPing));
            }
            if (i % 10 == 9) heard += peer.hear();
        }
        on_link([](Framed& link) { link.close(CloseReason::kServerShutdown); });
        stage_.settle();
        heard += peer.hear();

        proto::WebsocketReader reader(proto::WebsocketReader::Masks::kRefused, false);
        char* begin = heard.data();
        char* const end = begin + heard.size();
        std::string payload;
        size_t pong_count = 0;
        proto::WebsocketEvent event;
        while ((event = reader.next(begin, end)).kind != proto::WebsocketEvent::Kind::kClose) {
            ASSERT_NE(event.kind, proto::WebsocketEvent::Kind::kNeedMore);
            ASSERT_NE(event.kind, proto::WebsocketEvent::Kind::kError);
            if (event.kind == proto::WebsocketEvent::Kind::kPong) ++pong_count;
            if (event.kind == proto::WebsocketEvent::Kind::kPayload) payload += event.payload;
        }
        EXPECT_EQ(event.number, proto::kWebsocketGoingAway);
        EXPECT_EQ(begin, end);
        EXPECT_TRUE(payload == said);
        EXPECT_EQ(pong_count, 100U);
    }
}

TEST_F(WebsocketChannelTest, LinksUnderstandOneAnother) {
    const std::string text = mixed_text(700'000);
    for (const proto::Kind kind : {proto::Kind::kClient, proto::Kind::kRoute}) {
        for (const int options : {0, 1, 2, 3}) {
            const bool compression = (options & 1) != 0;
            const bool masks_optional = (options & 2) != 0;
            const WebsocketTerms terms = {.compression = compression,
                                          .masks_optional = masks_optional};
            WebsocketTerms dialer_terms = terms;
            dialer_terms.dialed = true;
            WorkerStage stage(1);
            Heard accepted;
            Heard dialed;
            const int listener = stage.net.listen(0);
            sim::SimStream& stream = stage.net.connect(stage.net.listener_of(listener)->port);
            auto& waiting = stage.net.listener_of(listener)->waiting;
            while (waiting.empty()) stage.net.step();
            const int accepted_fd = stage.net.add_descriptor(*waiting.front());
            waiting.pop_front();
            const int dialed_fd = stage.net.add_descriptor(stream);
            stage.on_worker(0, [&](server::WorkerState& state) {
                auto* one = new Framed(state.host, accepted_fd, terms, accepted, 0, kind);
                auto* other = new Framed(state.host, dialed_fd, dialer_terms, dialed, 0);
                one->say(text);
                one->say("short");
                other->say(text);
                other->say("short");
            });
            stage.settle();
            EXPECT_EQ(accepted.bytes, text + "short");
            EXPECT_EQ(dialed.bytes, text + "short");
            stage.on_worker(0, [&](server::WorkerState& state) {
                for (const base::LinkHandle handle : state.host.handles())
                    state.host.table.find(handle)->close(CloseReason::kClientClosed);
            });
            stage.pass(5'000'000'000);
            EXPECT_EQ(stage.link_count(), 0U);
        }
    }
}

}  // namespace
}  // namespace nuring::link
