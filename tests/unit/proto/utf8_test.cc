// SPDX-License-Identifier: Apache-2.0
#include "proto/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace nuring::proto {
namespace {

TEST(CutTextTest, AShortTextStays) {
    EXPECT_EQ(cut_text("", 4), "");
    EXPECT_EQ(cut_text("abcd", 4), "abcd");
    EXPECT_EQ(cut_text("ab\xc3\xa4", 4), "ab\xc3\xa4");
}

TEST(CutTextTest, NoRuneIsCutInTwo) {
    for (const std::string rune : {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
        for (size_t before = 0; before < 5; ++before) {
            std::string text(before, 'x');
            for (int i = 0; i < 4; ++i) text += rune;
            for (size_t size_max = 0; size_max < text.size(); ++size_max) {
                const size_t whole = size_max < before
                                         ? size_max
                                         : before + (size_max - before) / rune.size() * rune.size();
                EXPECT_EQ(cut_text(text, size_max), text.substr(0, whole)) << text << " " << size_max;
            }
        }
    }
}

TEST(CutTextTest, InvalidBytesAreRunesOfTheirOwn) {
    EXPECT_EQ(cut_text("abc\xff\xff", 4), "abc\xff");
    EXPECT_EQ(cut_text("abc\xf0zz", 4), "abc\xf0");
    EXPECT_EQ(cut_text("ab\x80\x80\x80\x80", 4), "ab\x80\x80");
}

}  // namespace
}  // namespace nuring::proto
