// SPDX-License-Identifier: Apache-2.0
// The table never looks into a link, so that addresses stand for links here.
#include "core/link/link_table.h"

#include <array>
#include <deque>

#include "gtest/gtest.h"

namespace nuring::link {
namespace {

constexpr base::WorkerId kWorker{3};

struct LinkTableTest : testing::Test {
    Link* fake(size_t index) { return reinterpret_cast<Link*>(&places[index]); }
    alignas(64) std::array<char[64], 4> places{};
    LinkTable table{kWorker};
};

TEST_F(LinkTableTest, FindsWhatWasAdded) {
    const base::LinkHandle a = table.add(fake(0));
    const base::LinkHandle b = table.add(fake(1));
    EXPECT_TRUE(a.valid());
    EXPECT_EQ(a.worker(), kWorker);
    EXPECT_EQ(table.find(a), fake(0));
    EXPECT_EQ(table.find(b), fake(1));
    EXPECT_EQ(table.count(), 2U);
}

TEST_F(LinkTableTest, IgnoresHandlesOfNobody) {
    const base::LinkHandle a = table.add(fake(0));
    EXPECT_EQ(table.find(base::LinkHandle()), nullptr);
    EXPECT_EQ(table.find(base::LinkHandle(base::WorkerId{2}, a.slot(), a.generation())), nullptr);
    EXPECT_EQ(table.find(base::LinkHandle(kWorker, 99, 1)), nullptr);
    EXPECT_EQ(table.find(base::LinkHandle(kWorker, a.slot(), a.generation() + 1)), nullptr);
}

TEST_F(LinkTableTest, AStaleHandleDoesNotFindTheNextLinkOfItsSlot) {
    const base::LinkHandle a = table.add(fake(0));
    table.remove(a);
    EXPECT_EQ(table.find(a), nullptr);
    EXPECT_EQ(table.count(), 0U);
    const base::LinkHandle b = table.add(fake(1));
    EXPECT_EQ(b.slot(), a.slot());
    EXPECT_EQ(table.find(a), nullptr);
    EXPECT_EQ(table.find(b), fake(1));
}

TEST_F(LinkTableTest, ReusesSlotsFirstInFirstOut) {
    const base::LinkHandle a = table.add(fake(0));
    const base::LinkHandle b = table.add(fake(1));
    table.remove(b);
    table.remove(a);
    EXPECT_EQ(table.add(fake(2)).slot(), b.slot());
    EXPECT_EQ(table.add(fake(3)).slot(), a.slot());
}

TEST_F(LinkTableTest, ManyComeAndGoInFewSlots) {
    std::deque<base::LinkHandle> living;
    for (int round = 0; round < 20'000; ++round) {
        living.push_back(table.add(fake(0)));
        ASSERT_LE(living.back().slot(), 10U);
        if (living.size() > 10) {
            table.remove(living.front());
            ASSERT_EQ(table.find(living.front()), nullptr);
            living.pop_front();
        }
    }
    EXPECT_EQ(table.count(), living.size());
    for (const base::LinkHandle handle : living) EXPECT_EQ(table.find(handle), fake(0));
}

TEST_F(LinkTableTest, GenerationZeroIsLeftOutWhenTheyComeAround) {
    base::LinkHandle handle = table.add(fake(0));
    for (uint32_t i = 0; i < base::LinkHandle::kGenerationMax; ++i) {
        table.remove(handle);
        handle = table.add(fake(0));
    }
    EXPECT_TRUE(handle.valid());
    EXPECT_EQ(handle.generation(), 1U);
    EXPECT_EQ(table.find(handle), fake(0));
}

TEST_F(LinkTableTest, AReservedHandleCountsAndFindsNothingYet) {
    const base::LinkHandle handle = table.reserve();
    EXPECT_EQ(table.count(), 1U);
    EXPECT_EQ(table.find(handle), nullptr);
    table.for_each([](Link&) { FAIL(); });
    EXPECT_EQ(table.put(handle, fake(0)), handle);
    EXPECT_EQ(table.find(handle), fake(0));
    EXPECT_EQ(table.count(), 1U);
    table.remove(handle);
    table.remove(table.reserve());
    EXPECT_EQ(table.count(), 0U);
}

}  // namespace
}  // namespace nuring::link
