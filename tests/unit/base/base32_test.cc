// SPDX-License-Identifier: Apache-2.0
#include "core/base/base32.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/prng.h"

namespace nuring::base {
namespace {

std::vector<unsigned char> random_bytes(Prng* prng, size_t size) {
    std::vector<unsigned char> bytes(size);
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(prng->below(256));
    return bytes;
}

TEST(Base32Test, TextsOfAnySizeReadBackAsTheSameBytes) {
    Prng prng(1);
    for (size_t size = 0; size < 40; ++size) {
        const std::vector<unsigned char> bytes = random_bytes(&prng, size);
        const std::string text = encode_checked_base32(bytes);
        ASSERT_EQ(text.size(), ((size + kChecksumSize) * 8 + 4) / 5);
        std::vector<unsigned char> read(size);
        ASSERT_EQ(decode_checked_base32(text, read), Base32Status::kOk) << text;
        ASSERT_EQ(read, bytes);
    }
}

TEST(Base32Test, EachChangedLetterIsNoticed) {
    Prng prng(2);
    const std::string text = encode_checked_base32(random_bytes(&prng, 33));
    std::vector<unsigned char> read(33);
    for (size_t i = 0; i < text.size(); ++i) {
        std::string other = text;
        other[i] = other[i] == 'A' ? 'B' : 'A';
        ASSERT_EQ(decode_checked_base32(other, read), Base32Status::kBadChecksum) << i;
        other[i] = i % 2 == 0 ? '1' : 'a';
        ASSERT_EQ(decode_checked_base32(other, read), Base32Status::kNotBase32) << i;
    }
}

TEST(Base32Test, AnotherLengthIsRefused) {
    Prng prng(3);
    const std::string text = encode_checked_base32(random_bytes(&prng, 33));
    std::vector<unsigned char> read(33);
    EXPECT_EQ(decode_checked_base32(text.substr(0, text.size() - 1), read), Base32Status::kNotBase32);
    EXPECT_EQ(decode_checked_base32(text + "AA", read), Base32Status::kNotBase32);
    EXPECT_EQ(decode_checked_base32("", read), Base32Status::kNotBase32);
}

TEST(Base32Test, BitsLeftOverMustBeZero) {
    const std::vector<unsigned char> bytes{7};
    std::string text = encode_checked_base32(bytes);  // 24 bits in 25
    std::vector<unsigned char> read(1);
    ASSERT_EQ(decode_checked_base32(text, read), Base32Status::kOk);
    text.back() = static_cast<char>(text.back() + 1);
    EXPECT_EQ(decode_checked_base32(text, read), Base32Status::kNotBase32);
}

}  // namespace
}  // namespace nuring::base
