// SPDX-License-Identifier: Apache-2.0
#include "proto/websocket_deflate.h"

#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::proto {
namespace {

using Status = WebsocketInflater::Status;

constexpr uint64_t kPlenty = 1U << 24;

struct Inflated {
    Status status = Status::kNeedInput;
    std::string text;
};

// The message in pieces of `piece` bytes, into `room` bytes at a time.
Inflated inflate_message(WebsocketInflater* inflater, std::string_view message, size_t piece,
                         size_t room, uint64_t limit = kPlenty) {
    Inflated result;
    inflater->begin_message(limit);
    std::string out(room, '\0');
    size_t at = 0;
    do {
        std::string_view input = message.substr(at, piece);
        at += input.size();
        const bool last = at == message.size();
        do {
            size_t written = 0;
            result.status = inflater->take(&input, last, out.data(), room, &written);
            EXPECT_LE(written, room);
            result.text.append(out, 0, written);
        } while (result.status == Status::kMore);
        if (result.status != Status::kNeedInput) break;
        EXPECT_TRUE(input.empty());
    } while (at < message.size());
    return result;
}

std::string deflate_message(WebsocketDeflater* deflater, std::string_view text, size_t piece) {
    std::string out(WebsocketDeflater::bound(text.size()), '\0');
    size_t size = 0;
    for (size_t at = 0; at < text.size(); at += piece) {
        const bool last = at + piece >= text.size();
        size += deflater->add(text.substr(at, piece), last, out.data() + size, out.size() - size);
    }
    out.resize(size);
    return out;
}

std::string repeated_text(std::string_view word, size_t size) {
    std::string text;
    while (text.size() < size) text += word;
    return text;
}

void expect_same(std::string_view message, const std::string& text) {
    for (const size_t piece : {message.size() + 1, size_t{1}, size_t{3}}) {
        for (const size_t room : {size_t{1}, size_t{7}, size_t{100000}}) {
            WebsocketInflater inflater(DeflateWindow::kPerMessage);
            const Inflated result = inflate_message(&inflater, message, piece, room);
            EXPECT_EQ(result.status, Status::kDone);
            EXPECT_EQ(result.text, text);
        }
    }
}

// RFC 7692, 7.2.3.
TEST(WebsocketDeflateTest, MessagesOfTheStandardAreRead) {
    const auto bytes = [](std::initializer_list<int> list) {
        std::string text;
        for (const int byte : list) text += static_cast<char>(byte);
        return text;
    };
    expect_same(bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}), "Hello");
    // A block without compression.
    expect_same(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 'H', 'e', 'l', 'l', 'o', 0x00}), "Hello");
    // A block with the final bit.
    expect_same(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00}), "Hello");
    // Two blocks.
    expect_same(
        bytes({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00}),
        "Hello");
    // An empty message, as a block and as nothing at all.
    expect_same(bytes({0x00}), "");
    expect_same("", "");
}

TEST(WebsocketDeflateTest, AWindowMayServeManyMessages) {
    const auto bytes = [](std::initializer_list<int> list) {
        std::string text;
        for (const int byte : list) text += static_cast<char>(byte);
        return text;
    };
    const std::string first = bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00});
    const std::string second = bytes({0xf2, 0x00, 0x11, 0x00, 0x00});  // refers to the first
    for (const size_t piece : {size_t{1}, size_t{100}}) {
        WebsocketInflater kept(DeflateWindow::kPerConnection);
        EXPECT_EQ(inflate_message(&kept, first, piece, 64).text, "Hello");
        EXPECT_EQ(inflate_message(&kept, second, piece, 64).text, "Hello");
        WebsocketInflater fresh(DeflateWindow::kPerMessage);
        EXPECT_EQ(inflate_message(&fresh, first, piece, 64).text, "Hello");
        EXPECT_EQ(inflate_message(&fresh, second, piece, 64).status, Status::kCorrupt);
    }
    // The window outlives a final block.
    WebsocketInflater kept(DeflateWindow::kPerConnection);
    const std::string final_block = bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00});
    EXPECT_EQ(inflate_message(&kept, final_block, 100, 64).text, "Hello");
    EXPECT_EQ(inflate_message(&kept, second, 100, 64).text, "Hello");
}

TEST(WebsocketDeflateTest, WhatIsCompressedComesBack) {
    std::mt19937 random(11);
    std::string noise(70000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    const std::vector<std::string> texts = {"x", repeated_text("PUB a.b 5\r\nhello\r\n", 100), noise,
                                            repeated_text("MSG a 1 100\r\n", 300000),
                                            noise.substr(0, 65)};
    for (const DeflateWindow window : {DeflateWindow::kPerMessage, DeflateWindow::kPerConnection}) {
        WebsocketDeflater deflater(window);
        WebsocketInflater inflater(window);
        for (const std::string& text : texts) {
            for (const size_t piece : {size_t{1000}, text.size()}) {
                const std::string message = deflate_message(&deflater, text, piece);
                const Inflated result = inflate_message(&inflater, message, 4096, 16384);
                EXPECT_EQ(result.status, Status::kDone);
                EXPECT_TRUE(result.text == text);
            }
        }
    }
}

TEST(WebsocketDeflateTest, DamagedAndCutMessagesAreCorrupt) {
    WebsocketDeflater deflater(DeflateWindow::kPerMessage);
    const std::string message =
        deflate_message(&deflater, repeated_text("MSG foo.bar 1 5\r\nhello\r\n", 400), 400);
    WebsocketInflater inflater(DeflateWindow::kPerMessage);
    size_t whole = 0;
    for (size_t size = 1; size < message.size(); ++size) {
        const Inflated cut =
            inflate_message(&inflater, std::string_view(message).substr(0, size), 5, 64);
        if (cut.status == Status::kDone) ++whole;
    }
    EXPECT_EQ(whole, 0U);
    EXPECT_EQ(inflate_message(&inflater, "\xff\xff\xff", 1, 64).status, Status::kCorrupt);
    // It serves the next message all the same.
    EXPECT_EQ(inflate_message(&inflater, message, 5, 64).status, Status::kDone);
}

// CVE-2026-27571: a message was inflated whole before its size was looked at.
TEST(WebsocketDeflateTest, ABombIsStoppedAtTheLimit) {
    WebsocketDeflater deflater(DeflateWindow::kPerMessage);
    const std::string bomb = deflate_message(&deflater, std::string(8U << 20, '\0'), 8U << 20);
    EXPECT_LT(bomb.size(), 64U * 1024);
    WebsocketInflater inflater(DeflateWindow::kPerMessage);
    const Inflated stopped = inflate_message(&inflater, bomb, bomb.size(), 4096, 10000);
    EXPECT_EQ(stopped.status, Status::kTooLarge);
    EXPECT_EQ(stopped.text.size(), 10000U);
    const Inflated fits = inflate_message(&inflater, bomb, bomb.size(), 4096, 8U << 20);
    EXPECT_EQ(fits.status, Status::kDone);
    const Inflated none = inflate_message(&inflater, bomb, bomb.size(), 4096, 0);
    EXPECT_EQ(none.status, Status::kTooLarge);
    EXPECT_EQ(none.text, "");
}

}  // namespace
}  // namespace nuring::proto
