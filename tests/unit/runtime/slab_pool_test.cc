// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/slab_pool.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::runtime {
namespace {

TEST(SlabPoolTest, LendsEmptySlabsWithSlackBehindTheLimit) {
    SlabPool pool;
    for (Slab* slab : {pool.lend_small(), pool.lend_large()}) {
        EXPECT_EQ(slab->used(), 0U);
        EXPECT_EQ(slab->next, nullptr);
        EXPECT_EQ(slab->begin, slab->memory());
        std::memset(slab->memory(), 'x', slab->capacity() + kSlabSlackBytes);
        pool.give_back(slab);
    }
}

TEST(SlabPoolTest, LendsTheLastReturnedFirstAndEmptyAgain) {
    SlabPool pool;
    Slab* first = pool.lend_small();
    Slab* second = pool.lend_small();
    second->end += 100;
    pool.give_back(first);
    pool.give_back(second);
    EXPECT_EQ(pool.lend_small(), second);
    EXPECT_EQ(second->used(), 0U);
    EXPECT_EQ(second->next, nullptr);
    EXPECT_EQ(pool.lend_small(), first);
    pool.give_back(first);
    pool.give_back(second);
}

TEST(SlabPoolTest, CountsWhatIsLent) {
    SlabPool pool;
    Slab* small = pool.lend_small();
    Slab* large = pool.lend_large();
    EXPECT_EQ(pool.lent_bytes(), SlabPool::kSmallBytes + SlabPool::kLargeBytes);
    pool.give_back(small);
    EXPECT_EQ(pool.lent_bytes(), SlabPool::kLargeBytes);
    pool.give_back(large);
    EXPECT_EQ(pool.lent_bytes(), 0U);
}

TEST(SlabPoolTest, TakesBackMoreThanItKeeps) {
    SlabPool pool;
    constexpr int kCount = 600;  // 37.5 MiB, more than stays with an idle pool
    std::vector<Slab*> slabs;
    for (int i = 0; i < kCount; ++i) slabs.push_back(pool.lend_large());
    for (Slab* slab : slabs) pool.give_back(slab);
    EXPECT_EQ(pool.lent_bytes(), 0U);
}

}  // namespace
}  // namespace nuring::runtime
