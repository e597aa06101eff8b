// SPDX-License-Identifier: Apache-2.0
#include "core/interest/subject_hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace nuring::interest {
namespace {

TEST(SubjectHashTest, DependsOnEveryByteOfEveryLength) {
    for (size_t size = 1; size < 100; ++size) {
        std::string text(size, 'a');
        const uint64_t before = subject_hash(text, 1);
        EXPECT_NE(before, subject_hash(text, 2));
        EXPECT_EQ(before, subject_hash(std::string(text), 1));
        for (size_t i = 0; i < size; ++i) {
            text[i] = 'b';
            EXPECT_NE(subject_hash(text, 1), before) << size << " " << i;
            text[i] = 'a';
        }
        EXPECT_NE(subject_hash(text + "a", 1), before);
    }
    EXPECT_NE(subject_hash("", 1), subject_hash(std::string_view("\0", 1), 1));
}

// What stands for a shard, a generation, a table slot or a tag: each 16-bit piece is even by itself.
TEST(SubjectHashTest, SpreadsNumberedSubjectsOverEachPieceOfTheHash) {
    constexpr uint32_t kSubjects = 1 << 16;
    constexpr uint32_t kCells = 1 << 10;
    for (const int shift : {0, 16, 32, 54}) {
        std::vector<uint32_t> cells(kCells);
        for (uint32_t i = 0; i < kSubjects; ++i) {
            const uint64_t hash = subject_hash("bench." + std::to_string(i), 0);
            ++cells[(hash >> shift) % kCells];
        }
        // Expected 64 in each, standard deviation 8.
        for (const uint32_t count : cells) {
            EXPECT_GT(count, 16U);
            EXPECT_LT(count, 120U);
        }
    }
}

TEST(SubjectHashTest, NumberedSubjectsDoNotCollide) {
    std::set<uint64_t> hashes;
    for (int i = 0; i < 100'000; ++i) hashes.insert(subject_hash("s." + std::to_string(i), 5));
    EXPECT_EQ(hashes.size(), 100'000U);
}

}  // namespace
}  // namespace nuring::interest
