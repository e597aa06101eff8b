// SPDX-License-Identifier: Apache-2.0
// Goal: quotas of both versions of control groups are found, on a host and in a container.
// Method: a made-up /proc and /sys; the affinity mask is that of the machine, so a quota of one processor is
// what can be told from none wherever there are two.
#include "core/runtime/processors.h"

#include <sched.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::runtime {
namespace {

class ProcessorsTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "nuring-processors-XXXXXX";
        root_ = ::mkdtemp(name.data());
        cpu_set_t set;
        ASSERT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
        all_ = static_cast<size_t>(CPU_COUNT(&set));
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    void write(const std::string& name, const std::string& text) {
        const std::filesystem::path path = root_ + name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    size_t count() const { return usable_processors(root_).count; }

    std::string root_;
    size_t all_ = 0;
};

TEST_F(ProcessorsTest, WithoutControlGroupsTheMaskDecides) {
    const Processors usable = usable_processors(root_);
    EXPECT_EQ(usable.mask.size(), all_);
    EXPECT_EQ(usable.count, all_);
    EXPECT_TRUE(usable.may_pin());
}

TEST_F(ProcessorsTest, MaskOfTheThreadIsKept) {
    cpu_set_t before;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    const int last = usable_processors(root_).mask.back();
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(usable_processors(root_).mask, std::vector<int>{last});
    ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST_F(ProcessorsTest, UnlimitedIsNoQuota) {
    write("/proc/self/cgroup", "0::/a\n4:cpu,cpuacct:/a\n");
    write("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
    write("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(count(), all_);
}

TEST_F(ProcessorsTest, QuotaIsRoundedUpAndAtLeastOne) {
    write("/proc/self/cgroup", "0::/\n");
    write("/sys/fs/cgroup/cpu.max", "20000 100000\n");
    EXPECT_EQ(count(), 1U);
    write("/sys/fs/cgroup/cpu.max", "110000 100000\n");
    EXPECT_EQ(count(), std::min<size_t>(2, all_));
    write("/sys/fs/cgroup/cpu.max", "99900000 100000\n");
    EXPECT_EQ(count(), std::min<size_t>(999, all_));
}

TEST_F(ProcessorsTest, QuotaOfAUnitOfTheHostCounts) {
    write("/proc/self/cgroup", "0::/system.slice/nats.service\n");
    write("/sys/fs/cgroup/system.slice/nats.service/cpu.max", "100000 100000\n");
    EXPECT_EQ(count(), 1U);
}

TEST_F(ProcessorsTest, QuotaOfAGroupAroundCounts) {
    write("/proc/self/cgroup", "0::/limited.slice/nats.service\n");
    write("/sys/fs/cgroup/limited.slice/nats.service/cpu.max", "max 100000\n");
    write("/sys/fs/cgroup/limited.slice/cpu.max", "50000 100000\n");
    EXPECT_EQ(count(), 1U);
}

TEST_F(ProcessorsTest, QuotaOfVersionOneCounts) {
    write("/proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/limited\n0::/\n");
    write("/sys/fs/cgroup/cpu,cpuacct/limited/cpu.cfs_quota_us", "100000\n");
    write("/sys/fs/cgroup/cpu,cpuacct/limited/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(count(), 1U);
}

TEST_F(ProcessorsTest, InAContainerTheRootIsItsOwn) {
    write("/proc/self/cgroup", "4:cpu:/docker/0123abcd\n0::/docker/0123abcd\n");
    write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(count(), 1U);
}

TEST_F(ProcessorsTest, BesideVersionOneTheSecondIsFoundBelow) {
    write("/proc/self/cgroup", "4:memory:/\n0::/x\n");
    write("/sys/fs/cgroup/unified/x/cpu.max", "100000 100000\n");
    EXPECT_EQ(count(), 1U);
}

TEST_F(ProcessorsTest, NobodyTakesTheFirstProcessorsUnderAQuota) {
    if (all_ < 2) GTEST_SKIP() << "SKIPPED: one processor only";
    write("/proc/self/cgroup", "0::/\n");
    write("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    const Processors usable = usable_processors(root_);
    EXPECT_EQ(usable.mask.size(), all_);
    EXPECT_FALSE(usable.may_pin());
}

TEST_F(ProcessorsTest, OddFilesDoNotLimit) {
    write("/proc/self/cgroup", "\n:\n0:\n0::\nx:cpu:relative\n");
    write("/sys/fs/cgroup/cpu.max", "lots of\n");
    write("/sys/fs/cgroup/unified/cpu.max", "100000 0\n");
    EXPECT_EQ(count(), all_);
}

}  // namespace
}  // namespace nuring::runtime
