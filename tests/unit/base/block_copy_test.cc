// SPDX-License-Identifier: Apache-2.0
// Method: every size around the block and library limits, at every alignment, against std::string.
// The buffers end where the promised slack ends, so that a sanitizer sees a longer reach.
#include "core/base/block_copy.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::base {
namespace {

constexpr size_t kSlack = kBlockBytes - 1;

TEST(BlockCopyTest, CopiesEverySizeAtEveryAlignment) {
    for (size_t size = 0; size <= kBlockCopyMax + 40; ++size) {
        for (size_t shift = 0; shift < kBlockBytes; ++shift) {
            std::vector<char> source(shift + size + kSlack, 's');
            for (size_t i = 0; i < size; ++i) source[shift + i] = static_cast<char>(i * 7 + size);
            std::vector<char> target(kBlockBytes + size + kSlack, 't');
            block_copy(target.data() + kBlockBytes, source.data() + shift, size);
            ASSERT_EQ(std::string(target.data() + kBlockBytes, size),
                      std::string(source.data() + shift, size));
            ASSERT_EQ(std::string(target.data(), kBlockBytes), std::string(kBlockBytes, 't'));
        }
    }
}

TEST(BlockEqualTest, SeesEachByteAndNoneBehindTheEnd) {
    for (size_t size = 0; size <= 70; ++size) {
        std::vector<char> a(size + kSlack, 'x');
        std::vector<char> b(size + kSlack, 'x');
        for (size_t i = size; i < b.size(); ++i) b[i] = 'y';  // the slack differs
        ASSERT_TRUE(block_equal(a.data(), b.data(), size)) << size;
        for (size_t i = 0; i < size; ++i) {
            b[i] = static_cast<char>('x' ^ 0x80);
            ASSERT_FALSE(block_equal(a.data(), b.data(), size)) << size << " byte " << i;
            b[i] = 'x';
        }
    }
}

TEST(ShortEqualTest, SeesEachByteAndReadsNoneBehindTheEnd) {
    for (size_t size = 0; size <= 70; ++size) {
        std::vector<char> a(size, 'x');  // on the heap, without slack: the address sanitizer watches
        std::vector<char> b(size, 'x');
        ASSERT_TRUE(short_equal(a.data(), b.data(), size)) << size;
        for (size_t i = 0; i < size; ++i) {
            b[i] = static_cast<char>('x' ^ 0x80);
            ASSERT_FALSE(short_equal(a.data(), b.data(), size)) << size << " byte " << i;
            b[i] = 'x';
        }
    }
}

}  // namespace
}  // namespace nuring::base
