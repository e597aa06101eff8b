// SPDX-License-Identifier: Apache-2.0
// The cases of the Autobahn test suite that concern a server's reading (chapters 1 to 7, 9, 10), as
// frames in and events out, each whole and byte by byte, and the texts of nats-server for each fault.
#include "proto/websocket_frames.h"

#include <random>

#include "gtest/gtest.h"

namespace nuring::proto {
namespace {

using Kind = WebsocketEvent::Kind;
using Masks = WebsocketReader::Masks;

constexpr WebsocketMask::Key kKey = {0x37, 0xfa, 0x21, 0x3d};

// A frame with a mask, any first byte and a length in the shortest form.
std::string frame(uint8_t first, std::string_view payload) {
    WebsocketFrame head;
    head.payload_size = payload.size();
    head.mask = kKey;
    std::string whole(kWebsocketHeadSizeMax, '\0');
    whole.resize(write_websocket_head(head, whole.data()));
    whole[0] = static_cast<char>(first);
    const size_t head_size = whole.size();
    whole += payload;
    WebsocketMask(kKey).apply(whole.data() + head_size, payload.size());
    return whole;
}

// The events of a stream in a short form, payload joined: "[abc]" a message, "[abc" an unfinished one,
// "{z abc}" a compressed one, "ping(x)", "close(1000,bye)", "error(text)".
std::string events_of(std::string stream, size_t piece, Masks masks = Masks::kNeeded,
                      bool compression = false) {
    WebsocketReader reader(masks, compression);
    std::string text;
    bool open = false;
    for (size_t at = 0; at < stream.size(); at += piece) {
        char* begin = stream.data() + at;
        char* end = stream.data() + std::min(at + piece, stream.size());
        for (;;) {
            const WebsocketEvent event = reader.next(begin, end);
            switch (event.kind) {
                case Kind::kNeedMore:
                    EXPECT_EQ(begin, end);
                    break;
                case Kind::kPayload:
                    if (!open) text += event.compressed ? "{z " : "[";
                    open = true;
                    text += event.payload;
                    if (event.message_end) {
                        text += event.compressed ? "}" : "]";
                        open = false;
                    }
                    EXPECT_EQ(reader.in_message(), open);
                    break;
                case Kind::kPing:
                    text.append("ping(").append(event.payload).append(")");
                    break;
                case Kind::kPong:
                    text.append("pong(").append(event.payload).append(")");
                    break;
                case Kind::kClose:
                    text += "close(";
                    if (event.has_close_code) text += std::to_string(event.number) + ",";
                    text.append(event.payload).append(event.text_is_utf8 ? ")" : "!)");
                    return text;
                case Kind::kError:
                    return text + "error(" + to_text(event.error, event.number) + ")";
            }
            if (event.kind == Kind::kNeedMore) break;
        }
    }
    return text;
}

void expect(const std::string& stream, const std::string& events, Masks masks = Masks::kNeeded,
            bool compression = false) {
    for (const size_t piece : {stream.size(), size_t{1}, size_t{2}, size_t{3}, size_t{7}}) {
        EXPECT_EQ(events_of(stream, std::max<size_t>(piece, 1), masks, compression), events)
            << piece;
    }
}

TEST(WebsocketFramesTest, MessagesOfAnyLengthArriveWhole) {
    for (const size_t size :
         {0U, 1U, 124U, 125U, 126U, 127U, 128U, 65534U, 65535U, 65536U, 70000U}) {
        std::string payload(size, '*');
        for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>('a' + i % 26);
        for (const size_t piece : {size_t{997}, size_t{1U << 20}}) {
            EXPECT_EQ(events_of(frame(0x82, payload), piece), "[" + payload + "]") << size;
        }
    }
}

TEST(WebsocketFramesTest, TextAndBinaryAreTheSame) {
    expect(frame(0x81, "\xff\xfe") + frame(0x82, "b"), "[\xff\xfe][b]");
}

TEST(WebsocketFramesTest, LengthsNeedNotBeShort) {
    std::string long_form = {'\x82', '\xff', 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 'h', 'i'};
    expect(long_form, "[hi]");
    std::string middle = {'\x82', '\xfe', 0, 2, 0, 0, 0, 0, 'h', 'i'};
    expect(middle, "[hi]");
}

TEST(WebsocketFramesTest, FragmentsMakeOneMessageWithControlFramesBetween) {
    expect(frame(0x02, "ab") + frame(0x89, "1") + frame(0x00, "") + frame(0x8a, "") +
               frame(0x80, "c") + frame(0x82, "d"),
           "[abping(1)pong()c][d]");
    expect(frame(0x02, "") + frame(0x00, "") + frame(0x80, ""), "[]");
}

TEST(WebsocketFramesTest, PingsUpTo125BytesAreRead) {
    const std::string payload(125, 'p');
    expect(frame(0x89, payload) + frame(0x89, "") + frame(0x89, std::string("\0\xff", 2)),
           "ping(" + payload + ")ping()ping(" + std::string("\0\xff", 2) + ")");
}

TEST(WebsocketFramesTest, FaultsHaveTheTextsOfNatsServer) {
    expect(frame(0x92, ""), "error(RSV2 and RSV3 must be clear)");
    expect(frame(0xa2, ""), "error(RSV2 and RSV3 must be clear)");
    expect(frame(0xf2, ""), "error(RSV2 and RSV3 must be clear)");
    expect(frame(0xc2, ""),
           "error(compressed frame received without negotiated permessage-deflate)");
    expect(std::string("\x82\x02hi", 4), "error(mask bit missing)");
    expect(frame(0x89, std::string(126, 'x')),
           "error(control frame length bigger than maximum allowed of 125 bytes)");
    expect(std::string("\x88\xff", 2),
           "error(control frame length bigger than maximum allowed of 125 bytes)");
    expect(frame(0x09, "x"), "error(control frame does not have final bit set)");
    expect(frame(0xc9, "x"), "error(control frame must not be compressed)", Masks::kNeeded, true);
    expect(frame(0x02, "a") + frame(0x82, "b"),
           "[aerror(new message started before final frame for previous message was received)");
    expect(frame(0x82, "a") + frame(0x80, "b"), "[a]error(invalid continuation frame)");
    expect(frame(0x00, "b"), "error(invalid continuation frame)");
    expect(frame(0x42, "a") + frame(0xc0, "b"), "{z aerror(invalid continuation frame)",
           Masks::kNeeded, true);
    for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
        expect(frame(static_cast<uint8_t>(0x80 | opcode), "x"),
               "error(unknown opcode " + std::to_string(opcode) + ")");
    }
}

// CVE-2026-27889: such a length became a negative size.
TEST(WebsocketFramesTest, ALengthWithItsTopBitSetIsRefused) {
    for (const char top : {'\x80', '\xff'}) {
        std::string stream = {'\x82', '\xff', top, 0, 0, 0, 0, 0, 0, 1};
        expect(stream, "error(invalid 64-bit payload length)");
    }
    std::string largest = {'\x82', '\xff', '\x7f', '\xff', '\xff', '\xff', '\xff', '\xff',
                           '\xff', '\xff', 0,      0,      0,      0,      'x'};
    expect(largest, "[x");
}

TEST(WebsocketFramesTest, CloseFramesAreChecked) {
    expect(frame(0x88, ""), "close()");
    expect(frame(0x88, "\x03\xe8"), "close(1000,)");
    expect(frame(0x88,
                 "\x03\xe8"
                 "bye"),
           "close(1000,bye)");
    expect(frame(0x88, "\x03\xe8" + std::string(123, 'x')),
           "close(1000," + std::string(123, 'x') + ")");
    expect(frame(0x88, "\x03\xe8\xce\xba\xe1"), "close(1000,\xce\xba\xe1!)");
    expect(frame(0x88, "x"), "error(close frame payload cannot be 1 byte)");
    for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
        const std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
        expect(frame(0x88, payload),
               "error(invalid close status code " + std::to_string(code) + ")");
    }
    for (const int code :
         {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1014, 3000, 3999, 4999}) {
        const std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
        expect(frame(0x88, payload), "close(" + std::to_string(code) + ",)");
    }
}

TEST(WebsocketFramesTest, CompressionIsMarkedForTheWholeMessage) {
    expect(frame(0x42, "a") + frame(0x80, "b") + frame(0x82, "c"), "{z ab}[c]", Masks::kNeeded,
           true);
}

TEST(WebsocketFramesTest, MasksFollowTheRole) {
    const std::string plain("\x82\x02hi", 4);
    expect(plain + frame(0x82, "yo"), "[hi][yo]", Masks::kOptional);
    expect(plain + frame(0x82, "yo"), "[hi]error(mask bit set by a server)", Masks::kRefused);
}

TEST(WebsocketFramesTest, HeadsAreWrittenInTheShortestForm) {
    const auto head = [](uint64_t size, bool masked) {
        WebsocketFrame frame;
        frame.payload_size = size;
        if (masked) frame.mask = kKey;
        std::string out(kWebsocketHeadSizeMax, '\0');
        out.resize(write_websocket_head(frame, out.data()));
        return out;
    };
    EXPECT_EQ(head(125, false), std::string("\x82\x7d", 2));
    EXPECT_EQ(head(126, false), std::string("\x82\x7e\x00\x7e", 4));
    EXPECT_EQ(head(65535, false), std::string("\x82\x7e\xff\xff", 4));
    EXPECT_EQ(head(65536, false), std::string("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
    EXPECT_EQ(head(1, true), std::string("\x82\x81\x37\xfa\x21\x3d", 6));
    EXPECT_EQ(head(65536, true).size(), kWebsocketHeadSizeMax);
}

TEST(WebsocketFramesTest, ControlFramesAreWrittenWhole) {
    EXPECT_EQ(make_websocket_control(WebsocketOpcode::kPong, "abc", std::nullopt),
              "\x8a\x03"
              "abc");
    expect(make_websocket_control(WebsocketOpcode::kClose, make_websocket_close(1001, "bye"), kKey),
           "close(1001,bye)");
}

TEST(WebsocketFramesTest, TextsOfCloseFramesAreCutBehindACharacter) {
    const std::string fits(123, 'x');
    EXPECT_EQ(make_websocket_close(1000, fits), "\x03\xe8" + fits);
    EXPECT_EQ(make_websocket_close(1000, fits + "x"), "\x03\xe8" + std::string(120, 'x') + "...");
    std::string wide;
    for (int i = 0; i < 62; ++i) wide += "\xc3\xa9";
    EXPECT_EQ(make_websocket_close(1000, "x" + wide), "\x03\xe8x" + wide.substr(0, 118) + "...");
}

TEST(WebsocketMaskTest, PiecesOfAnySizeAreTheSameAsTheWhole) {
    std::mt19937 random(7);
    std::string plain(300, '\0');
    for (char& c : plain) c = static_cast<char>(random());
    std::string model = plain;
    for (size_t i = 0; i < model.size(); ++i) {
        model[i] = static_cast<char>(static_cast<uint8_t>(model[i]) ^ kKey[i % 4]);
    }
    for (int round = 0; round < 200; ++round) {
        std::string masked = plain;
        WebsocketMask mask(kKey);
        for (size_t at = 0; at < masked.size();) {
            const size_t size = std::min<size_t>(random() % 70, masked.size() - at);
            mask.apply(masked.data() + at, size);
            at += size;
        }
        ASSERT_EQ(masked, model);
    }
}

}  // namespace
}  // namespace nuring::proto
