// SPDX-License-Identifier: Apache-2.0
#include "core/base/ids.h"

#include "gtest/gtest.h"

namespace nuring::base {
namespace {

TEST(LinkHandleTest, KeepsItsThreePartsAtTheirLargest) {
    const LinkHandle handle(WorkerId{65535}, LinkHandle::kSlotMax, LinkHandle::kGenerationMax);
    EXPECT_EQ(index_of(handle.worker()), 65535U);
    EXPECT_EQ(handle.slot(), LinkHandle::kSlotMax);
    EXPECT_EQ(handle.generation(), LinkHandle::kGenerationMax);
    EXPECT_EQ(handle.bits(), UINT64_MAX);
}

TEST(LinkHandleTest, PartsDoNotTouchEachOther) {
    EXPECT_EQ(LinkHandle(WorkerId{1}, 0, 0).bits(), uint64_t{1} << 48);
    EXPECT_EQ(LinkHandle(WorkerId{0}, 1, 0).bits(), uint64_t{1} << 24);
    EXPECT_EQ(LinkHandle(WorkerId{0}, 0, 1).bits(), 1U);
}

TEST(LinkHandleTest, NamesNothingWithoutAGeneration) {
    EXPECT_FALSE(LinkHandle().valid());
    EXPECT_FALSE(LinkHandle(WorkerId{3}, 7, 0).valid());
    EXPECT_TRUE(LinkHandle(WorkerId{0}, 0, 1).valid());
}

TEST(LinkHandleTest, EqualsOnlyWhenAllPartsAreEqual) {
    const LinkHandle handle(WorkerId{1}, 2, 3);
    EXPECT_EQ(handle, LinkHandle(WorkerId{1}, 2, 3));
    EXPECT_FALSE(handle == LinkHandle(WorkerId{0}, 2, 3));
    EXPECT_FALSE(handle == LinkHandle(WorkerId{1}, 1, 3));
    EXPECT_FALSE(handle == LinkHandle(WorkerId{1}, 2, 4));
}

}  // namespace
}  // namespace nuring::base
