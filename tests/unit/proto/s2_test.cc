// SPDX-License-Identifier: Apache-2.0
#include "proto/s2.h"

#include <snappy.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/crc32c.h"
#include "tests/unit/proto/s2_vectors.h"

namespace nuring::proto {
namespace {

std::string from_hex(std::string_view hex) {
    std::string bytes;
    std::string digits;
    for (const char c : hex) {
        if (c == ' ') continue;
        digits += c;
        if (digits.size() < 2) continue;
        bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
        digits.clear();
    }
    EXPECT_TRUE(digits.empty());
    return bytes;
}

std::string hex_of(std::string_view bytes) {
    std::string hex;
    for (const char c : bytes) {
        for (const int nibble : {static_cast<uint8_t>(c) >> 4, c & 15})
            hex += "0123456789abcdef"[nibble];
    }
    return hex;
}

struct Read {
    S2Status status = S2Status::kNeedMore;
    std::string text;
    bool between = false;
    size_t held_max = 0;
};

Read read_stream(std::string_view stream, size_t piece) {
    S2Reader reader;
    Read result;
    for (size_t at = 0; at < stream.size(); at += piece) {
        std::string_view input = stream.substr(at, piece);
        for (;;) {
            std::string_view bytes;
            result.status = reader.next(&input, &bytes);
            result.held_max = std::max(result.held_max, reader.held_bytes());
            result.text += bytes;
            // What the reader gives out of its own memory has slack behind it: a sanitizer says if not.
            if (!bytes.empty() && reader.owns(bytes)) {
                const volatile char last = bytes.data()[bytes.size() + kS2Slack - 1];
                (void)last;
            }
            if (result.status == S2Status::kNeedMore) break;
            if (result.status != S2Status::kBytes) return result;
        }
        EXPECT_TRUE(input.empty());
    }
    result.between = reader.between_chunks();
    return result;
}

void expect_text(std::string_view stream, const std::string& text) {
    for (const size_t piece : {stream.size(), size_t{1}, size_t{2}, size_t{7}, size_t{100}}) {
        const Read result = read_stream(stream, piece);
        EXPECT_EQ(result.status, S2Status::kNeedMore);
        EXPECT_TRUE(result.text == text) << piece << " " << result.text.size();
        EXPECT_TRUE(result.between);
    }
}

void expect_fault(std::string_view stream, S2Status fault) {
    for (const size_t piece : {stream.size(), size_t{1}}) {
        EXPECT_EQ(read_stream(stream, piece).status, fault) << hex_of(stream.substr(0, 40));
    }
}

const std::string kBegin(kS2Identifier);

// A chunk of the given block with the sum of `text`.
std::string chunk_of(std::string_view block_hex, std::string_view text, char type = '\0') {
    const std::string block = from_hex(block_hex);
    const uint32_t sum = crc32c(text);
    const uint32_t masked = ((sum >> 15) | (sum << 17)) + 0xa282ead8U;
    const size_t size = block.size() + 4;
    std::string chunk = {type, static_cast<char>(size & 0xff), static_cast<char>(size >> 8 & 0xff),
                         static_cast<char>(size >> 16 & 0xff)};
    for (int i = 0; i < 4; ++i) chunk += static_cast<char>(masked >> (8 * i) & 0xff);
    return chunk + block;
}

std::string repeated(std::string_view word, size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += word;
    return text;
}

TEST(Crc32cTest, InstructionAndTableAgree) {
    EXPECT_EQ(crc32c(""), 0U);
    EXPECT_EQ(crc32c("a"), 0xc1d04330U);
    EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
    EXPECT_EQ(crc32c("PING\r\n"), 0xd2e9c124U);
    std::mt19937 random(3);
    std::string bytes(200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string_view view = bytes;
    for (size_t size = 0; size <= bytes.size(); ++size) {
        const uint32_t sum = crc32c(view.substr(0, size));
        EXPECT_EQ(sum, crc32c_by_table(view.substr(0, size)));
        EXPECT_EQ(sum,
                  crc32c(view.substr(size / 3, size - size / 3), crc32c(view.substr(0, size / 3))));
    }
}

TEST(S2Test, ShortStreamsOfTheReferenceAreRead) {
    const std::string begin = "ff060000 53327354774f ";
    expect_text(from_hex(begin + "01 0a0000 ab90cc24 50494e470d0a"), "PING\r\n");
    expect_text(from_hex(begin + "00 0c0000 1fa8b5fd 64 0061 1101 150053"), std::string(100, 'a'));
    expect_text(
        from_hex(begin + "00 240000 65594dbb a203 4c 524d5347204120666f6f203430300d0a61626364 1104 "
                         "19008000 04 0d0a"),
        "RMSG A foo 400\r\n" + repeated("abcd", 100) + "\r\n");
    expect_text(from_hex(begin + "00 100000 9fd79cfd f0a204 0000 1101 1d00631100"),
                std::string(70000, '\0'));
    const std::string mebibyte = "00 100000 2b13a7ba 808040 0000 1101 1d00f3ff0e";
    expect_text(from_hex(begin + mebibyte + mebibyte + mebibyte), std::string(3U << 20, '\0'));
}

TEST(S2Test, LongStreamsOfTheReferenceAreRead) {
    for (const test::S2Vector& vector : test::kS2Vectors) {
        const std::string stream = from_hex(vector.hex);
        for (const size_t piece : {stream.size(), size_t{1}, size_t{13}}) {
            const Read result = read_stream(stream, piece);
            EXPECT_EQ(result.status, S2Status::kNeedMore) << vector.writer;
            EXPECT_EQ(result.text.size(), test::kS2TextSize);
            EXPECT_EQ(crc32c(result.text), test::kS2TextSum);
            EXPECT_TRUE(result.between);
        }
    }
}

TEST(S2Test, IdentifiersPaddingAndSkippableChunksMayStandAnywhere) {
    const std::string ping = from_hex("01 0a0000 ab90cc24 50494e470d0a");
    expect_text(
        kBegin + kBegin + ping + from_hex("fe 020000 0000 99 000000 80 010000 ff") + kBegin + ping,
        "PING\r\nPING\r\n");
    expect_text(kBegin + chunk_of("", "", '\1') + chunk_of("00", "") + ping, "PING\r\n");
    expect_text("", "");
}

TEST(S2Test, AStreamThatEndsInsideOfAChunkIsNoCleanEnd) {
    const std::string stream = kBegin + from_hex("01 0a0000 ab90cc24 50494e470d0a");
    for (size_t size = 1; size < stream.size(); ++size) {
        EXPECT_EQ(read_stream(std::string_view(stream).substr(0, size), 100).between,
                  size == kBegin.size());
    }
}

TEST(S2Test, FaultyChunksAreRefused) {
    const std::string ping = from_hex("01 0a0000 ab90cc24 50494e470d0a");
    expect_fault(ping, S2Status::kCorrupt);  // no identifier
    expect_fault(from_hex("ff060000") + "S2sTwo", S2Status::kCorrupt);
    expect_fault(from_hex("ff050000") + "S2sTw", S2Status::kCorrupt);
    expect_fault(kBegin + from_hex("02 000000"), S2Status::kUnsupported);
    expect_fault(kBegin + from_hex("7f 000000"), S2Status::kUnsupported);
    expect_fault(kBegin + from_hex("00 030000 000000"), S2Status::kCorrupt);
    expect_fault(kBegin + from_hex("01 0a0000 ab90cc25 50494e470d0a"), S2Status::kBadSum);
    // Sizes are refused by the head alone: 4 MiB and 13 bytes; stored, 4 MiB and 5.
    expect_fault(kBegin + from_hex("00 0d0040"), S2Status::kCorrupt);
    expect_fault(kBegin + from_hex("01 050040"), S2Status::kCorrupt);
    // After Snappy's identifier blocks are smaller.
    const std::string snappy = from_hex("ff060000") + "sNaPpY";
    expect_text(snappy + ping, "PING\r\n");
    expect_fault(snappy + from_hex("00 100000 9fd79cfd f0a204 0000 1101 1d00631100"),
                 S2Status::kCorrupt);
    expect_text(snappy + kBegin + from_hex("00 100000 9fd79cfd f0a204 0000 1101 1d00631100"),
                std::string(70000, '\0'));
}

TEST(S2Test, FaultyBlocksAreRefused) {
    const auto refused = [](const char* hex) {
        expect_fault(kBegin + chunk_of(hex, "x"), S2Status::kCorrupt);
    };
    refused("");                  // no size
    refused("80");                // a size without an end
    refused("8080808080 01");     // of more than five bytes
    refused("81808002 0061");     // over 4 MiB
    refused("01");                // nothing
    refused("02 0061");           // too little
    refused("00 0061");           // too much
    refused("01 04");             // a literal without its bytes
    refused("01 f0");             // a length without its bytes
    refused("01 fcffffffff 61");  // a literal of 4 GiB
    refused("05 0061 01");        // a copy without its offset
    refused("05 0061 0102");      // from before the beginning
    refused("05 0061 0100");      // a repeat of nothing
    refused("05 0061 0e0000");    // offset 0 in the other forms
    refused("05 0061 0f00000000");
    refused("05 0061 0e0100 00");  // cut
    refused("05 0061 0f010000");
    refused("09 0061 0101 1500");  // a repeat without its length
    refused("09 0061 0101 1d0000");
}

TEST(S2Test, ASizeIsThatOfTheLargestBlockAtMost) {
    const auto size_of = [](std::string_view bytes) -> std::optional<uint32_t> {
        uint32_t size = 0;
        if (!take_s2_block_size(&bytes, &size)) return std::nullopt;
        return size;
    };
    EXPECT_EQ(size_of("\x80\x80\x80\x02"), kS2BlockMax);
    EXPECT_EQ(size_of("\x81\x80\x80\x02"), std::nullopt);
    EXPECT_EQ(size_of("\x85\x80\x80\x80\x10"), std::nullopt);  // 5, cut to 32 bits
}

TEST(S2Test, TagsOfEveryFormAreRead) {
    const auto decoded = [](const char* hex, const std::string& text) {
        expect_text(kBegin + chunk_of(hex, text), text);
    };
    decoded("05 0061 0101", "aaaaa");
    decoded("05 0061 0e0100", "aaaaa");
    decoded("05 0061 0f01000000", "aaaaa");
    decoded("05 f000 61 0101", "aaaaa");
    decoded("05 f40000 61 0101", "aaaaa");
    decoded("05 f8000000 61 0101", "aaaaa");
    decoded("05 fc00000000 61 0101", "aaaaa");
    decoded("10 046162 0102 0100 0063 0064 0100",
            "ababababab"
            "cdcdcd");
}

TEST(S2Test, PatternsOfAnyLengthAreRepeated) {
    for (size_t offset = 1; offset < 40; ++offset) {
        for (size_t size = 4; size <= 64; ++size) {
            std::string text;
            for (size_t i = 0; i < offset; ++i) text += static_cast<char>('A' + i);
            std::string block = {static_cast<char>(offset + size),
                                 static_cast<char>((offset - 1) << 2)};
            block += text;
            block += {static_cast<char>((size - 1) << 2 | 2), static_cast<char>(offset), '\0'};
            for (size_t i = 0; i < size; ++i) text += text[text.size() - offset];
            std::string out(text.size() + kS2Slack, '#');
            std::string_view tags = block;
            uint32_t stated = 0;
            ASSERT_TRUE(take_s2_block_size(&tags, &stated));
            ASSERT_EQ(stated, text.size());
            ASSERT_TRUE(decode_s2_block(tags, out.data(), stated));
            EXPECT_EQ(out.substr(0, stated), text);
        }
    }
}

TEST(S2Test, WhatIsWrittenIsRead) {
    std::mt19937 random(9);
    std::string noise(100000, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    const std::vector<std::string> texts = {"PING\r\n",
                                            repeated("RMSG A foo 5\r\nhello\r\n", 5000),
                                            noise,
                                            std::string(kS2BlockMax, 'z'),
                                            std::string(31, 'a'),
                                            std::string(32, 'a')};
    for (const S2Mode mode : {S2Mode::kFast, S2Mode::kStored}) {
        std::string stream = kBegin;
        std::string all;
        for (const std::string& text : texts) {
            std::string chunk(s2_chunk_bound(text.size(), mode), '\0');
            chunk.resize(write_s2_chunk(text, mode, chunk.data()));
            EXPECT_LE(chunk.size(), text.size() + 8);
            if (mode == S2Mode::kStored) {
                EXPECT_EQ(chunk.size(), text.size() + 8);
            }
            stream += chunk;
            all += text;
        }
        for (const size_t piece : {stream.size(), size_t{1000}}) {
            EXPECT_TRUE(read_stream(stream, piece).text == all);
        }
    }
}

TEST(S2Test, BlocksAboveTheLimitOfTheMomentAreRefused) {
    std::string chunk(s2_chunk_bound(1000, S2Mode::kFast), '\0');
    for (const S2Mode mode : {S2Mode::kFast, S2Mode::kStored}) {
        const std::string text(1000, 'x');
        const std::string stream =
            std::string(kS2Identifier) + chunk.substr(0, write_s2_chunk(text, mode, chunk.data()));
        for (const bool fits : {true, false}) {
            S2Reader reader;
            reader.set_block_max(fits ? 1000 : 900);
            std::string_view input = stream;
            std::string_view bytes;
            EXPECT_EQ(reader.next(&input, &bytes), fits ? S2Status::kBytes : S2Status::kCorrupt);
            if (!fits) continue;
            EXPECT_EQ(bytes, text);
            EXPECT_EQ(reader.owns(bytes), mode == S2Mode::kFast);
        }
    }
}

TEST(S2Test, APeerHoldsMemoryOnlyForWhatItSent) {
    // The head of a chunk of 4 MiB, and a few bytes of it.
    const std::string stalled = kBegin + from_hex("00 000040") + std::string(10, 'x');
    EXPECT_LT(read_stream(stalled, 1).held_max, 16U * 1024);
    // 4 MiB out of 17 bytes: held while they are read, given back then.
    std::string bomb =
        kBegin + chunk_of("80808002 0000 1101 1d00f3ff3e", std::string(4U << 20, '\0'));
    const Read read = read_stream(bomb, bomb.size());
    EXPECT_EQ(read.text.size(), kS2BlockMax);
    EXPECT_LT(read.held_max, kS2BlockMax + 64U * 1024);
    // Chunks that are skipped are not kept.
    const std::string skipped = kBegin + from_hex("fe ffffff") + std::string(1U << 20, 'x');
    EXPECT_LT(read_stream(skipped, 1000).held_max, 1024U);
}

}  // namespace
}  // namespace nuring::proto
