// SPDX-License-Identifier: Apache-2.0
#include "core/base/server_id.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::base {
namespace {

using Random = std::array<unsigned char, kServerIdRandomBytes>;

// RFC 4648 base 32 without padding, the plain way.
std::vector<unsigned char> decode(const std::string& text) {
    std::vector<unsigned char> bytes;
    std::vector<bool> bits;
    for (const char letter : text) {
        const int value = letter >= 'A' ? letter - 'A' : letter - '2' + 26;
        for (int bit = 4; bit >= 0; --bit) bits.push_back((value >> bit & 1) != 0);
    }
    for (size_t i = 0; i + 8 <= bits.size(); i += 8) {
        unsigned byte = 0;
        for (size_t bit = 0; bit < 8; ++bit) byte = byte << 1 | (bits[i + bit] ? 1U : 0U);
        bytes.push_back(static_cast<unsigned char>(byte));
    }
    return bytes;
}

// CRC-16/XMODEM by polynomial division: the message and 16 zero bits, modulo x^16+x^12+x^5+1.
unsigned plain_crc(std::vector<unsigned char> message) {
    message.insert(message.end(), 2, 0);
    unsigned rest = 0;
    for (const unsigned char byte : message) {
        for (int bit = 7; bit >= 0; --bit) {
            rest = rest << 1 | (byte >> bit & 1U);
            if ((rest & 0x10000U) != 0) rest ^= 0x11021U;
        }
    }
    return rest;
}

TEST(ServerIdTest, Is56CapitalsAndDigitsThatBeginWithN) {
    Prng prng(1);
    for (int round = 0; round < 100; ++round) {
        Random random;
        for (unsigned char& byte : random) byte = static_cast<unsigned char>(prng.next());
        const std::string id = make_server_id(random);
        ASSERT_EQ(id.size(), 56U);
        ASSERT_EQ(id.front(), 'N');
        ASSERT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos);
    }
}

TEST(ServerIdTest, HoldsPrefixRandomBytesAndTheirCrcLowByteFirst) {
    Prng prng(2);
    for (int round = 0; round < 100; ++round) {
        Random random;
        for (unsigned char& byte : random) byte = static_cast<unsigned char>(prng.next());
        std::vector<unsigned char> raw = decode(make_server_id(random));
        ASSERT_EQ(raw.size(), 35U);
        EXPECT_EQ(raw[0], 13 << 3);
        EXPECT_TRUE(std::equal(random.begin(), random.end(), raw.begin() + 1));
        const unsigned crc = raw[33] | static_cast<unsigned>(raw[34]) << 8;
        raw.resize(33);
        EXPECT_EQ(crc, plain_crc(raw));
    }
}

TEST(ServerIdTest, EachBitMatters) {
    Random random{};
    const std::string plain = make_server_id(random);
    for (size_t bit = 0; bit < kServerIdRandomBytes * 8; ++bit) {
        random.fill(0);
        random[bit / 8] = static_cast<unsigned char>(1 << (bit % 8));
        EXPECT_NE(make_server_id(random), plain) << "bit " << bit;
    }
}

}  // namespace
}  // namespace nuring::base
