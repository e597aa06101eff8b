// SPDX-License-Identifier: Apache-2.0
// Goal: no wake is lost and none is wasted.
// Method: each step of the protocol in one thread; then two threads that sleep only when the mesh
// allows it and until their ring is woken: a lost wake leaves them sleeping, which is seen as a
// round that does not end.
#include "core/runtime/mesh.h"

#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/unit/runtime/fake_ring.h"

namespace nuring::runtime {
namespace {

constexpr base::WorkerId kA{0};
constexpr base::WorkerId kB{1};
constexpr size_t kMailboxBytes = 1024;

struct MeshTest : testing::Test {
    void put(base::WorkerId from, base::WorkerId to, size_t size = 16) {
        RecordHeader* header = mesh.mailbox(from, to).reserve(size, 1);
        ASSERT_NE(header, nullptr);
        mesh.mailbox(from, to).commit(header);
    }
    void fill(base::WorkerId from, base::WorkerId to) {
        while (RecordHeader* header = mesh.mailbox(from, to).reserve(64, 1)) {
            mesh.mailbox(from, to).commit(header);
        }
        mesh.flush(from);
    }
    void take(base::WorkerId self, base::WorkerId from) {
        Mailbox& box = mesh.mailbox(from, self);
        while (const RecordHeader* record = box.next()) box.consume(record);
        mesh.release(self, from);
    }

    FakeRing ring_a;
    FakeRing ring_b;
    Mesh mesh{{&ring_a, &ring_b}, kMailboxBytes};
};

TEST_F(MeshTest, AwakeWorkersAreNotWoken) {
    put(kA, kB);
    mesh.flush(kA);
    EXPECT_EQ(ring_b.wakes(), 0U);
    EXPECT_NE(mesh.mailbox(kA, kB).next(), nullptr);
}

TEST_F(MeshTest, AParkedWorkerIsWokenOnce) {
    ASSERT_TRUE(mesh.park(kB));
    mesh.flush(kA);
    EXPECT_EQ(ring_b.wakes(), 0U);  // nothing was written
    put(kA, kB);
    EXPECT_EQ(ring_b.wakes(), 0U);  // nor published
    mesh.flush(kA);
    EXPECT_EQ(ring_b.wakes(), 1U);
    put(kA, kB);
    mesh.flush(kA);
    EXPECT_EQ(ring_b.wakes(), 1U);
    EXPECT_EQ(ring_a.wakes(), 0U);
}

TEST_F(MeshTest, NobodyParksOverARecord) {
    put(kA, kB);
    EXPECT_TRUE(mesh.park(kB));  // not published yet
    mesh.unpark(kB);
    mesh.flush(kA);
    EXPECT_FALSE(mesh.park(kB));
    put(kA, kB);
    mesh.flush(kA);
    EXPECT_EQ(ring_b.wakes(), 0U);  // the refused park left no flag
    take(kB, kA);
    EXPECT_TRUE(mesh.park(kB));
}

TEST_F(MeshTest, RoomThatIsThereIsNotWaitedFor) {
    EXPECT_FALSE(mesh.wait_for_room(kA, kB, 64));
    EXPECT_FALSE(mesh.take_room(kA, kB));
    put(kA, kB);
    mesh.flush(kA);
    take(kB, kA);
    EXPECT_FALSE(mesh.take_room(kA, kB));
}

TEST_F(MeshTest, ReleasedRoomWakesWhoWaitsForIt) {
    fill(kA, kB);
    ASSERT_TRUE(mesh.wait_for_room(kA, kB, 64));
    EXPECT_FALSE(mesh.take_room(kA, kB));
    ASSERT_TRUE(mesh.park(kA));
    mesh.release(kB, kA);  // nothing was consumed
    EXPECT_EQ(ring_a.wakes(), 0U);
    take(kB, kA);
    EXPECT_EQ(ring_a.wakes(), 1U);
    EXPECT_TRUE(mesh.take_room(kA, kB));
    EXPECT_FALSE(mesh.take_room(kA, kB));
    EXPECT_FALSE(mesh.wait_for_room(kA, kB, 64));
}

TEST_F(MeshTest, NobodyParksOverRoomThatCame) {
    fill(kA, kB);
    ASSERT_TRUE(mesh.wait_for_room(kA, kB, 64));
    take(kB, kA);
    EXPECT_EQ(ring_a.wakes(), 0U);  // awake
    EXPECT_FALSE(mesh.park(kA));
    EXPECT_TRUE(mesh.take_room(kA, kB));
    EXPECT_TRUE(mesh.park(kA));
}

TEST(MeshAloneTest, OneWorkerParksAlways) {
    FakeRing ring;
    Mesh mesh({&ring}, kMailboxBytes);
    EXPECT_TRUE(mesh.park(kA));
    mesh.flush(kA);
    EXPECT_EQ(ring.wakes(), 0U);
}

// Waits for a wake as a ring does: one that came before the wait counts, too.
bool sleep_until_woken(Mesh& mesh, FakeRing& ring, base::WorkerId self, uint32_t& seen) {
    if (!mesh.park(self)) return true;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (ring.wakes() == seen) {
        if (std::chrono::steady_clock::now() > give_up) return false;
        std::this_thread::yield();
    }
    seen = ring.wakes();
    mesh.unpark(self);
    return true;
}

TEST_F(MeshTest, NoWakeIsLostBetweenTwoThreads) {
    constexpr uint32_t kCount = 20'000;
    bool sender_woken = true;
    std::thread sender([&] {
        uint32_t seen = 0;
        for (uint32_t sent = 0; sent < kCount && sender_woken;) {
            mesh.take_room(kA, kB);
            RecordHeader* header = mesh.mailbox(kA, kB).reserve(64, 1);
            if (header != nullptr) {
                mesh.mailbox(kA, kB).commit(header);
                if (++sent % 3 == 0) mesh.flush(kA);
                continue;
            }
            mesh.flush(kA);
            if (mesh.wait_for_room(kA, kB, 64)) {
                sender_woken = sleep_until_woken(mesh, ring_a, kA, seen);
            }
        }
        mesh.flush(kA);
    });
    bool receiver_woken = true;
    uint32_t seen = 0;
    for (uint32_t taken = 0; taken < kCount && receiver_woken;) {
        Mailbox& box = mesh.mailbox(kA, kB);
        while (const RecordHeader* record = box.next()) {
            box.consume(record);
            ++taken;
        }
        mesh.release(kB, kA);
        if (taken < kCount) receiver_woken = sleep_until_woken(mesh, ring_b, kB, seen);
    }
    sender.join();
    EXPECT_TRUE(sender_woken);
    EXPECT_TRUE(receiver_woken);
}

}  // namespace
}  // namespace nuring::runtime
