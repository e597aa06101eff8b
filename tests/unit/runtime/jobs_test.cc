// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/jobs.h"

#include <atomic>
#include <latch>
#include <memory>

#include "core/runtime/mesh.h"
#include "gtest/gtest.h"
#include "tests/unit/runtime/fake_ring.h"

namespace nuring::runtime {
namespace {

// Where the job stands, for both threads.
struct Course {
    std::latch begun{1};
    std::latch go_on{1};
    std::latch gone{1};
    std::atomic<bool> ran{false};
};

class SlowJob final : public Job {
  public:
    explicit SlowJob(std::shared_ptr<Course> course) : course_(std::move(course)) {}
    ~SlowJob() override { course_->gone.count_down(); }
    void work() override {
        course_->begun.count_down();
        course_->go_on.wait();
    }
    void run() override { course_->ran = true; }

  private:
    const std::shared_ptr<Course> course_;
};

TEST(JobThreadsTest, WhatIsLeftComesToNothing) {
    const auto course = std::make_shared<Course>();
    FakeRing ring;
    Mesh mesh({&ring}, 4096);
    {
        Worker worker(base::WorkerId{0}, ring, mesh, 0);
        JobThreads jobs(1, JobPriority::kLow);
        jobs.submit(worker, std::make_unique<SlowJob>(course));
        course->begun.wait();
        jobs.leave();  // does not wait
    }
    course->go_on.count_down();
    course->gone.wait();
    EXPECT_FALSE(course->ran);
    EXPECT_EQ(ring.notifies(), 0U);
}

// Notes the end of each thread that has run a job of it.
class ThreadEndJob final : public Job {
  public:
    explicit ThreadEndJob(std::atomic<int>& ended) : ended_(ended) {}
    void work() override {
        struct Note {
            std::atomic<int>& ended;
            ~Note() { ++ended; }
        };
        thread_local const Note note{ended_};
    }
    void run() override {}

  private:
    std::atomic<int>& ended_;
};

// Else the state of a library for that thread would be taken down while the process ends.
TEST(JobThreadsTest, LeaveWaitsForThreadsWithoutAJob) {
    FakeRing ring;
    Mesh mesh({&ring}, 4096);
    Worker worker(base::WorkerId{0}, ring, mesh, 0);
    std::atomic<int> ended{0};
    JobThreads jobs(1, JobPriority::kLow);
    jobs.submit(worker, std::make_unique<ThreadEndJob>(ended));
    while (ring.notifies() == 0) std::this_thread::yield();
    jobs.leave();
    EXPECT_EQ(ended, 1);
}

TEST(JobThreadsTest, AResultGoesToItsWorker) {
    const auto course = std::make_shared<Course>();
    FakeRing ring;
    Mesh mesh({&ring}, 4096);
    Worker worker(base::WorkerId{0}, ring, mesh, 0);
    JobThreads jobs(2, JobPriority::kLow);
    course->go_on.count_down();
    jobs.submit(worker, std::make_unique<SlowJob>(course));
    while (ring.notifies() == 0) std::this_thread::yield();
    EXPECT_FALSE(course->ran) << "on the worker, not here";
    jobs.stop();
}

// Counts who computes in vain.
class CountedJob final : public Job {
  public:
    CountedJob(std::atomic<int>& worked, std::shared_ptr<Course> course)
        : worked_(worked), course_(std::move(course)) {}
    ~CountedJob() override { course_->gone.count_down(); }
    void work() override { ++worked_; }
    void run() override {}

  private:
    std::atomic<int>& worked_;
    const std::shared_ptr<Course> course_;
};

TEST(JobThreadsTest, AJobWhoseAskerHasGoneIsNotDone) {
    const auto first = std::make_shared<Course>();
    const auto second = std::make_shared<Course>();
    const auto gone = std::make_shared<std::atomic<bool>>(false);
    std::atomic<int> worked{0};
    FakeRing ring;
    Mesh mesh({&ring}, 4096);
    Worker worker(base::WorkerId{0}, ring, mesh, 0);
    JobThreads jobs(1, JobPriority::kHash);
    jobs.submit(worker, std::make_unique<SlowJob>(first));
    first->begun.wait();
    ASSERT_TRUE(jobs.submit(worker, std::make_unique<CountedJob>(worked, second),
                            {.address = "a", .gone = gone}));
    gone->store(true);
    first->go_on.count_down();
    second->gone.wait();
    EXPECT_EQ(worked, 0);
    jobs.stop();
}

}  // namespace
}  // namespace nuring::runtime
