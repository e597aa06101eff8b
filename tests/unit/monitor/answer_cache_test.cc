// SPDX-License-Identifier: Apache-2.0
#include "monitor/answer_cache.h"

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

constexpr uint64_t kDear_ns = 4 * AnswerCache::kCheap_ns;
constexpr uint64_t kNow_ns = 1'000'000'000'000;

std::shared_ptr<const HttpAnswer> answer() {
    return std::make_shared<const HttpAnswer>();
}

TEST(AnswerCacheTest, CheapAnswersAreNotKept) {
    AnswerCache cache;
    cache.add("/varz", answer(), AnswerCache::kCheap_ns - 1, kNow_ns);
    EXPECT_EQ(cache.find("/varz", kNow_ns), nullptr);
}

TEST(AnswerCacheTest, ADearOneIsKeptForItsShareOfTime) {
    AnswerCache cache;
    const auto dear = answer();
    cache.add("/connz?subs=1", dear, kDear_ns, kNow_ns);
    EXPECT_EQ(cache.find("/connz", kNow_ns), nullptr);
    const uint64_t end_ns = kNow_ns + kDear_ns * AnswerCache::kShare;
    EXPECT_EQ(cache.find("/connz?subs=1", end_ns - 1), dear);
    EXPECT_EQ(cache.find("/connz?subs=1", end_ns), nullptr);
}

TEST(AnswerCacheTest, NoneGrowsOlderThanItsLimit) {
    AnswerCache cache;
    cache.add("/connz", answer(), AnswerCache::kAgeMax_ns, kNow_ns);
    EXPECT_NE(cache.find("/connz", kNow_ns + AnswerCache::kAgeMax_ns - 1), nullptr);
    EXPECT_EQ(cache.find("/connz", kNow_ns + AnswerCache::kAgeMax_ns), nullptr);
}

TEST(AnswerCacheTest, TheOldestMakesRoom) {
    AnswerCache cache;
    for (size_t i = 0; i <= AnswerCache::kEntriesMax; ++i) {
        cache.add(fmt::format("/connz?cid={}", i), answer(), kDear_ns, kNow_ns);
    }
    EXPECT_EQ(cache.find("/connz?cid=0", kNow_ns), nullptr);
    for (size_t i = 1; i <= AnswerCache::kEntriesMax; ++i) {
        EXPECT_NE(cache.find(fmt::format("/connz?cid={}", i), kNow_ns), nullptr) << i;
    }
    cache.clear();
    EXPECT_EQ(cache.find("/connz?cid=1", kNow_ns), nullptr);
}

std::shared_ptr<const HttpAnswer> answer_of(size_t size) {
    auto large = std::make_shared<HttpAnswer>();
    large->body.assign(size, 'x');
    return large;
}

TEST(AnswerCacheTest, LargeAnswersMakeRoomForOneAnother) {
    AnswerCache cache;
    const size_t third = AnswerCache::kBytesMax / 3 + 1;
    for (const std::string_view name : {"/1", "/2", "/3"}) {
        cache.add(name, answer_of(third), kDear_ns, kNow_ns);
    }
    EXPECT_NE(cache.find("/1", kNow_ns), nullptr);  // beside the last one, the others fit
    cache.add("/4", answer_of(1), kDear_ns, kNow_ns);
    EXPECT_EQ(cache.find("/1", kNow_ns), nullptr);
    EXPECT_NE(cache.find("/2", kNow_ns), nullptr);
    EXPECT_NE(cache.find("/4", kNow_ns), nullptr);
}

TEST(AnswerCacheTest, TellsWhenTheNextOneIsTooOld) {
    AnswerCache cache;
    EXPECT_EQ(cache.expire(kNow_ns), UINT64_MAX);
    const auto page = answer();
    cache.add("/connz", page, kDear_ns, kNow_ns);
    const uint64_t end_ns = kNow_ns + kDear_ns * AnswerCache::kShare;
    EXPECT_EQ(cache.expire(kNow_ns), end_ns);
    EXPECT_EQ(cache.expire(end_ns), UINT64_MAX);
    EXPECT_EQ(page.use_count(), 1);
}

}  // namespace
}  // namespace nuring::monitor
