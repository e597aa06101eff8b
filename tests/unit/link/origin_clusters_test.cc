// SPDX-License-Identifier: Apache-2.0
#include "core/link/origin_clusters.h"

#include <string>
#include <vector>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace nuring::link {
namespace {

TEST(OriginClustersTest, ANameHasOneNumber) {
    OriginClusters clusters;
    EXPECT_EQ(clusters.acquire(""), OriginClusters::kNone);
    EXPECT_EQ(clusters.name_of(OriginClusters::kNone), nullptr);
    const uint32_t id = clusters.acquire("edge");
    EXPECT_NE(id, OriginClusters::kNone);
    EXPECT_EQ(clusters.acquire("edge"), id);
    EXPECT_NE(clusters.acquire("other"), id);
    EXPECT_EQ(*clusters.name_of(id), "edge");
}

TEST(OriginClustersTest, AReleasedNameIsKnownUntilManyOthersHaveEnded) {
    OriginClusters clusters;
    const uint32_t id = clusters.acquire("edge");
    clusters.release(id);
    EXPECT_EQ(*clusters.name_of(id), "edge");
    for (size_t i = 1; i < OriginClusters::kIdleMax; ++i) {
        const uint32_t other = clusters.acquire(fmt::format("c{}", i));
        ASSERT_NE(other, id);
        clusters.release(other);
    }
    EXPECT_EQ(*clusters.name_of(id), "edge");
    EXPECT_EQ(clusters.acquire("new"), id);
    EXPECT_EQ(*clusters.name_of(id), "new");
}

TEST(OriginClustersTest, ANameThatComesAgainStays) {
    OriginClusters clusters;
    const uint32_t id = clusters.acquire("edge");
    clusters.release(id);
    EXPECT_EQ(clusters.acquire("edge"), id);
    for (size_t i = 0; i < 3 * OriginClusters::kIdleMax; ++i) {
        const uint32_t other = clusters.acquire(fmt::format("c{}", i));
        ASSERT_NE(other, id);
        clusters.release(other);
    }
    EXPECT_EQ(*clusters.name_of(id), "edge");
}

TEST(OriginClustersTest, NamesThatComeAndGoTakeNoMemoryForEver) {
    OriginClusters clusters;
    for (size_t i = 0; i < 3 * OriginClusters::kNamesMax; ++i) {
        const uint32_t id = clusters.acquire(fmt::format("c{}", i));
        ASSERT_NE(id, OriginClusters::kNone);
        clusters.release(id);
    }
    EXPECT_LE(clusters.size(), OriginClusters::kIdleMax + 1);
}

TEST(OriginClustersTest, MoreNamesThanNumbersCountAsNone) {
    OriginClusters clusters;
    std::vector<uint32_t> ids;
    for (size_t i = 0; i < OriginClusters::kNamesMax; ++i) {
        ids.push_back(clusters.acquire(fmt::format("c{}", i)));
    }
    EXPECT_EQ(clusters.acquire("one more"), OriginClusters::kNone);
    EXPECT_EQ(clusters.acquire("c7"), ids[7]);
    clusters.release(ids[7]);
    clusters.release(ids[7]);
    EXPECT_EQ(clusters.acquire("one more"), ids[7]);
}

}  // namespace
}  // namespace nuring::link
