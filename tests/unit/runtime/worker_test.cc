// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/worker.h"

#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/unit/runtime/fake_ring.h"

namespace nuring::runtime {
namespace {

constexpr base::WorkerId kSelf{0};
constexpr base::WorkerId kPeer{1};

struct WorkerTest : testing::Test, WorkerDelegate {
    WorkerTest() {
        worker.set_delegate(this);
        ring.on_turn = [this](uint64_t deadline_ns) {
            waited_until_ns = deadline_ns;
            steps += "ring ";
            return 0U;
        };
        ring.set_now(1);
    }
    void look_ahead(std::span<const RecordHeader* const> records) override {
        steps += "ahead:" + std::to_string(records.size()) + " ";
    }
    size_t on_record(base::WorkerId from, const RecordHeader&) override {
        EXPECT_EQ(from, kPeer);
        steps += "record ";
        return beside_bytes;
    }
    void on_room(base::WorkerId to) override {
        EXPECT_EQ(to, kPeer);
        steps += "room ";
    }
    bool flush() override {
        steps += "flush ";
        if (writes) write(kSelf, kPeer, 16);
        return more_work;
    }

    void write(base::WorkerId from, base::WorkerId to, size_t size) {
        RecordHeader* header = mesh.mailbox(from, to).reserve(size, 1);
        ASSERT_NE(header, nullptr);
        mesh.mailbox(from, to).commit(header);
    }

    FakeRing ring;
    FakeRing peer_ring;
    Mesh mesh{{&ring, &peer_ring}, size_t{1} << 20};
    Worker worker{kSelf, ring, mesh, 0};
    std::string steps;
    uint64_t waited_until_ns = 0;
    bool writes = false;
    size_t beside_bytes = 0;
    bool more_work = false;
};

struct StepTask final : ControlTask {
    explicit StepTask(std::string& target) : steps(target) {}
    void run() override { steps += "control "; }
    std::string& steps;
};

struct StepTimer : Timer {
    explicit StepTimer(std::string& target) : Timer(&fired), steps(target) {}
    static void fired(Timer& timer) { static_cast<StepTimer&>(timer).steps += "timer "; }
    std::string& steps;
};

TEST_F(WorkerTest, ATurnKeepsItsOrderAndPublishesAfterTheFlush) {
    StepTimer timer(steps);
    worker.timers().arm(timer, 1);
    ring.set_now(TimerWheel::kTick_ns);
    worker.post(std::make_unique<StepTask>(steps));
    write(kPeer, kSelf, 16);
    mesh.flush(kPeer);
    writes = true;
    worker.turn();
    EXPECT_EQ(steps, "ring record control timer flush ");
    EXPECT_NE(mesh.mailbox(kSelf, kPeer).next(), nullptr);
    EXPECT_EQ(worker.stats().records, 1U);
    EXPECT_EQ(worker.stats().control_tasks, 1U);
}

TEST_F(WorkerTest, WaitsForEverOrUntilTheNextTimer) {
    worker.turn();
    EXPECT_EQ(waited_until_ns, 0U);
    EXPECT_EQ(worker.wait_until_ns(), ring::kForever);
    StepTimer timer(steps);
    worker.timers().arm(timer, 5 * TimerWheel::kTick_ns);
    worker.turn();
    EXPECT_EQ(waited_until_ns, ring::kForever);
    EXPECT_EQ(worker.wait_until_ns(), 5 * TimerWheel::kTick_ns);
    worker.timers().disarm(timer);
}

TEST_F(WorkerTest, DoesNotWaitWhileThereIsWork) {
    more_work = true;
    worker.turn();
    EXPECT_EQ(worker.wait_until_ns(), 0U);
    more_work = false;
    worker.turn();
    EXPECT_EQ(worker.wait_until_ns(), ring::kForever);
    EXPECT_EQ(worker.stats().parks, 1U);
}

TEST_F(WorkerTest, DoesNotWaitAfterATurnThatSent) {
    ring.on_turn = [this](uint64_t) {
        ring.count_send();
        return 0U;
    };
    worker.turn();
    EXPECT_EQ(worker.wait_until_ns(), 0U);
    ring.on_turn = nullptr;  // the send has not completed: its completion ends the wait
    worker.turn();
    EXPECT_EQ(worker.wait_until_ns(), ring::kForever);
}

TEST_F(WorkerTest, IsWokenWhileItWaitsAndNotAfterwards) {
    worker.turn();
    write(kPeer, kSelf, 16);
    mesh.flush(kPeer);
    EXPECT_EQ(ring.wakes(), 1U);
    ring.on_turn = [this](uint64_t) {
        ring.on_turn = nullptr;
        return 1U;
    };
    more_work = true;
    worker.turn();
    write(kPeer, kSelf, 16);
    mesh.flush(kPeer);
    EXPECT_EQ(ring.wakes(), 1U);
}

TEST_F(WorkerTest, DrainsABoundedRunPerTurn) {
    constexpr size_t kRecord = 64 * 1024;
    for (int i = 0; i < 10; ++i) write(kPeer, kSelf, kRecord);
    mesh.flush(kPeer);
    worker.turn();
    EXPECT_EQ(worker.stats().records, Worker::kDrainBytesMax / kRecord);
    EXPECT_EQ(worker.wait_until_ns(), 0U);
    worker.turn();
    EXPECT_EQ(worker.stats().records, 10U);
    EXPECT_EQ(worker.wait_until_ns(), ring::kForever);
}

TEST_F(WorkerTest, CountsWhatARecordNamesWithoutHoldingIt) {
    beside_bytes = Worker::kDrainBytesMax / 4;
    for (size_t i = 0; i < 2 * Worker::kAheadMax; ++i) write(kPeer, kSelf, 16);
    mesh.flush(kPeer);
    worker.turn();
    EXPECT_EQ(worker.stats().records, Worker::kAheadMax);
}

TEST_F(WorkerTest, LooksAheadAtTheRecordsOfABatch) {
    for (size_t i = 0; i < Worker::kAheadMax + 1; ++i) write(kPeer, kSelf, 16);
    mesh.flush(kPeer);
    worker.turn();
    std::string expected = "ring ahead:" + std::to_string(Worker::kAheadMax) + " ";
    for (size_t i = 0; i < Worker::kAheadMax + 1; ++i) expected += "record ";
    EXPECT_EQ(steps, expected + "flush ") << "a single record needs no look ahead";
}

TEST_F(WorkerTest, TellsTheDelegateOfRoomOnce) {
    while (RecordHeader* header = mesh.mailbox(kSelf, kPeer).reserve(64 * 1024, 1)) {
        mesh.mailbox(kSelf, kPeer).commit(header);
    }
    mesh.flush(kSelf);
    ASSERT_TRUE(mesh.wait_for_room(kSelf, kPeer, 64));
    worker.turn();
    EXPECT_EQ(steps, "ring flush ");
    Mailbox& box = mesh.mailbox(kSelf, kPeer);
    while (const RecordHeader* record = box.next()) box.consume(record);
    mesh.release(kPeer, kSelf);
    EXPECT_EQ(ring.wakes(), 1U);
    worker.turn();
    worker.turn();
    EXPECT_EQ(steps, "ring flush ring room flush ring flush ");
}

TEST_F(WorkerTest, BusyPollsForAWhileAfterTheLastCompletion) {
    Worker busy(kSelf, ring, mesh, 1000);
    busy.set_delegate(this);
    ring.on_turn = [](uint64_t) { return 1U; };
    busy.turn();
    ring.set_now(2);
    busy.turn();
    EXPECT_EQ(busy.wait_until_ns(), 0U);
    ring.on_turn = nullptr;
    ring.set_now(1001);
    busy.turn();
    EXPECT_EQ(busy.wait_until_ns(), 0U);
    ring.set_now(1002);
    busy.turn();
    EXPECT_EQ(busy.wait_until_ns(), ring::kForever);
}

// For the thread sanitizer: post() while the worker turns.
TEST_F(WorkerTest, RunsEveryTaskThatAnyThreadPosts) {
    constexpr uint32_t kCount = 1000;
    struct CountTask final : ControlTask {
        explicit CountTask(uint32_t& target) : count(target) {}
        void run() override { ++count; }
        uint32_t& count;
    };
    uint32_t count = 0;  // of the worker's thread
    ring.on_turn = nullptr;
    std::thread poster([&] {
        for (uint32_t i = 0; i < kCount; ++i) worker.post(std::make_unique<CountTask>(count));
    });
    while (ring.notifies() < kCount) worker.turn();
    worker.turn();
    poster.join();
    EXPECT_EQ(count, kCount);
}

}  // namespace
}  // namespace nuring::runtime
