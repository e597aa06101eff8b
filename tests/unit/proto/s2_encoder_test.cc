// SPDX-License-Identifier: Apache-2.0
#include "proto/s2_encoder.h"

#include <snappy.h>

#include <memory>
#include <random>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "proto/s2.h"

namespace nuring::proto {
namespace {

std::string noise(size_t size, unsigned seed) {
    std::mt19937 random(seed);
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
}

std::string frames(size_t size) {
    std::mt19937 random(5);
    std::string text;
    while (text.size() < size) {
        const std::string body = fmt::format(R"({{"order":{},"customer":"cust-{:06}","status":"paid","amount":{}}})",
                                             random() % 1000000, random() % 50000, random() % 500);
        text += fmt::format("RMSG $G orders.eu.{} {}\r\n{}\r\n", random() % 500, body.size(), body);
    }
    return text.substr(0, size);
}

class S2EncoderTest : public testing::Test {
  protected:
    // The block; it must be what was encoded.
    std::string encoded(std::string_view text) {
        std::string block(text.size() + text.size() / 8 + 20, '\0');
        block.resize(encoder->encode(text, block.data(), block.size()));
        std::string_view tags = block;
        uint32_t size = 0;
        EXPECT_TRUE(take_s2_block_size(&tags, &size));
        EXPECT_EQ(size, text.size());
        std::string back(text.size() + kS2Slack, '\0');
        EXPECT_TRUE(decode_s2_block(tags, back.data(), text.size()));
        EXPECT_TRUE(std::string_view(back).substr(0, text.size()) == text) << text.size();
        return block;
    }

    const std::unique_ptr<S2Encoder> encoder = std::make_unique<S2Encoder>();
};

TEST_F(S2EncoderTest, TextsOfAllSizesComeBack) {
    const std::string some = noise(20, 1);
    const std::string all = frames(S2Encoder::kBlockMax);
    for (size_t size = 1; size <= 400; ++size) {
        (void)encoded(all.substr(0, size));
        (void)encoded(std::string(size, 'x'));
        (void)encoded(some.substr(0, size) + std::string(size, 'y') + some);
        (void)encoded(noise(size, static_cast<unsigned>(size)));
    }
    for (size_t size = 401; size < all.size(); size = size * 5 / 4) (void)encoded(all.substr(0, size));
    (void)encoded(all);
    (void)encoded(noise(S2Encoder::kBlockMax, 2));
}

// A piece that comes again, but for one byte: a copy, a literal, and a repeat of the same distance.
TEST_F(S2EncoderTest, CopiesAndRepeatsOfAllSizesComeBack) {
    const std::string piece = noise(1500, 3);
    for (const size_t distance : {size_t{0}, size_t{3000}}) {
        std::string text = piece + noise(distance, 4) + piece;
        const size_t again = piece.size() + distance;
        for (size_t size = 0; size < piece.size(); ++size) {
            text[again + size] ^= 1;
            EXPECT_LT(encoded(text).size(), text.size() - piece.size() / 2) << size;
            text[again + size] ^= 1;
        }
    }
}

TEST_F(S2EncoderTest, LongRunsBecomeRepeats) {
    for (const size_t size : {size_t{1000}, size_t{50'000}, S2Encoder::kBlockMax}) {
        EXPECT_LT(encoded(std::string(size, 'x')).size(), 32U);
    }
    std::string pattern;
    while (pattern.size() < 50'000) pattern += "pattern of 20 bytes ";
    EXPECT_LT(encoded(pattern).size(), 60U);
}

TEST_F(S2EncoderTest, BlocksAreSmallerThanThoseOfSnappy) {
    for (const size_t size : {size_t{4096}, size_t{32'768}, S2Encoder::kBlockMax}) {
        const std::string text = frames(size);
        std::string snappy_block;
        snappy::Compress(text.data(), text.size(), &snappy_block);
        EXPECT_LT(encoded(text).size(), snappy_block.size()) << size;
    }
}

TEST_F(S2EncoderTest, NothingIsWrittenBeyondTheRoom) {
    const std::string texts[] = {frames(3000), noise(3000, 6), std::string(3000, 'z'),
                                 noise(1000, 7) + frames(2000)};
    for (const std::string& text : texts) {
        const size_t needed = encoded(text).size();
        for (size_t room = 0; room < needed + 20; room += 7) {
            std::string out(room + 1, '#');
            const size_t size = encoder->encode(text, out.data(), room);
            EXPECT_EQ(out.back(), '#');
            EXPECT_TRUE(size == 0 || size == needed) << size;
            EXPECT_TRUE(size <= room);
        }
    }
}

// What the tables hold of one block says nothing about the next one.
TEST_F(S2EncoderTest, ABlockDoesNotDependOnTheOneBefore) {
    const std::string text = frames(20'000);
    const std::string first = encoded(text);
    (void)encoded(noise(S2Encoder::kBlockMax, 8));
    (void)encoded(frames(300));
    EXPECT_EQ(encoded(text), first);
}

TEST_F(S2EncoderTest, ChunksAreWrittenAndRead) {
    for (const std::string& text : {frames(S2Encoder::kBlockMax), noise(5000, 9), std::string("PING\r\n")}) {
        std::string chunk(s2_chunk_bound(text.size(), S2Mode::kBetter), '\0');
        chunk.resize(write_s2_chunk(text, S2Mode::kBetter, chunk.data(), encoder.get()));
        const std::string stream = std::string(kS2Identifier) + chunk;
        S2Reader reader;
        std::string_view input = stream;
        std::string_view bytes;
        EXPECT_EQ(reader.next(&input, &bytes), S2Status::kBytes);
        EXPECT_TRUE(bytes == text);
        EXPECT_LE(chunk.size(), text.size() + 8);
    }
}

}  // namespace
}  // namespace nuring::proto
