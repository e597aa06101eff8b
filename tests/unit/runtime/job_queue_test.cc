// SPDX-License-Identifier: Apache-2.0
// Goal: whoever asks for many jobs delays only those of the same address, and jobs of askers that have gone
// cost nothing. Method: a queue without threads; each job carries a number.
#include "core/runtime/job_queue.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/runtime/mesh.h"
#include "gtest/gtest.h"
#include "tests/unit/runtime/fake_ring.h"

namespace nuring::runtime {
namespace {

class NumberedJob final : public Job {
  public:
    explicit NumberedJob(int number) : number_(number) {}
    void work() override {}
    void run() override {}
    int number() const { return number_; }

  private:
    const int number_;
};

class JobQueueTest : public testing::Test {
  protected:
    bool add(int number, std::string address, std::shared_ptr<const std::atomic<bool>> gone = nullptr) {
        return queue_.add({.worker = &worker_,
                           .job = std::make_unique<NumberedJob>(number),
                           .asker = {.address = std::move(address), .gone = std::move(gone)}});
    }
    // -1: none.
    int next() {
        const auto entry = queue_.next();
        return entry.has_value() ? static_cast<const NumberedJob&>(*entry->job).number() : -1;
    }
    std::vector<int> all() {
        std::vector<int> numbers;
        for (int number = next(); number >= 0; number = next()) numbers.push_back(number);
        return numbers;
    }

    FakeRing ring_;
    Mesh mesh_{{&ring_}, 4096};
    Worker worker_{base::WorkerId{0}, ring_, mesh_, 0};
    JobQueue queue_;
};

TEST_F(JobQueueTest, AddressesTakeTurns) {
    for (const int number : {10, 11, 12, 13}) ASSERT_TRUE(add(number, "a"));
    ASSERT_TRUE(add(20, "b"));
    ASSERT_TRUE(add(30, ""));
    ASSERT_TRUE(add(31, ""));
    EXPECT_EQ(all(), (std::vector<int>{10, 20, 30, 11, 31, 12, 13}));
    EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(JobQueueTest, JobsOfAskersThatHaveGoneAreDropped) {
    const auto gone = std::make_shared<std::atomic<bool>>(false);
    const auto stays = std::make_shared<std::atomic<bool>>(false);
    for (int number = 0; number < 100; ++number) ASSERT_TRUE(add(number, "a", gone));
    ASSERT_TRUE(add(100, "a", stays));
    ASSERT_TRUE(add(101, "b", gone));
    gone->store(true);
    EXPECT_EQ(all(), std::vector<int>{100});
    EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(JobQueueTest, TheNewestOfALongQueueIsServedFirst) {
    const int many = 3 * static_cast<int>(JobQueue::kInOrderMax);
    for (int number = 0; number < many; ++number) ASSERT_TRUE(add(number, "a"));
    EXPECT_EQ(next(), many - 1);
    const std::vector<int> rest = all();
    ASSERT_EQ(rest.size(), static_cast<size_t>(many) - 1);
    for (size_t i = 0; i < JobQueue::kInOrderMax; ++i) {
        EXPECT_EQ(rest[rest.size() - JobQueue::kInOrderMax + i], static_cast<int>(i)) << "in order";
    }
}

TEST_F(JobQueueTest, TheServersOwnJobsKeepTheirOrder) {
    for (int number = 0; number < 100; ++number) ASSERT_TRUE(add(number, ""));
    for (int number = 0; number < 100; ++number) EXPECT_EQ(next(), number);
}

TEST_F(JobQueueTest, OneAddressCannotFillTheQueue) {
    size_t added = 0;
    while (add(1, "a")) ++added;
    EXPECT_EQ(added, JobQueue::kJobsPerAddressMax);
    EXPECT_TRUE(add(2, "b"));
    EXPECT_EQ(next(), 1);
    EXPECT_EQ(next(), 2);
}

TEST_F(JobQueueTest, AFullQueueTakesTheServersOwnJobs) {
    for (size_t i = 0; i < JobQueue::kJobsMax; ++i) ASSERT_TRUE(add(1, std::to_string(i % 100)));
    EXPECT_FALSE(add(2, "newcomer"));
    EXPECT_TRUE(add(3, ""));
}

TEST_F(JobQueueTest, AskersThatHaveGoneMakeRoom) {
    const auto gone = std::make_shared<std::atomic<bool>>(false);
    for (size_t i = 0; i < JobQueue::kJobsMax; ++i) ASSERT_TRUE(add(1, std::to_string(i % 100), gone));
    ASSERT_FALSE(add(2, "newcomer"));
    gone->store(true);
    EXPECT_TRUE(add(2, "newcomer"));
    EXPECT_EQ(queue_.size(), 1U);
    EXPECT_EQ(all(), std::vector<int>{2});
}

}  // namespace
}  // namespace nuring::runtime
