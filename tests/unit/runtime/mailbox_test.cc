// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/mailbox.h"

#include <array>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "core/base/prng.h"
#include "gtest/gtest.h"

namespace nuring::runtime {
namespace {

constexpr size_t kCapacity = 1024;

char* body_of(RecordHeader* header) { return reinterpret_cast<char*>(header + 1); }
const char* body_of(const RecordHeader* header) {
    return reinterpret_cast<const char*>(header + 1);
}

bool push(Mailbox& box, const std::string& text) {
    RecordHeader* header = box.reserve(sizeof(RecordHeader) + text.size() + 1, 1);
    if (header == nullptr) return false;
    std::memcpy(body_of(header), text.c_str(), text.size() + 1);
    box.commit(header);
    return true;
}

std::string text_of(const RecordHeader* header) { return body_of(header); }

TEST(MailboxTest, ShowsRecordsOnlyOncePublished) {
    Mailbox box(kCapacity);
    EXPECT_EQ(box.next(), nullptr);
    ASSERT_TRUE(push(box, "one"));
    EXPECT_TRUE(box.unpublished());
    EXPECT_EQ(box.next(), nullptr);
    EXPECT_TRUE(box.empty_now());
    box.publish();
    EXPECT_FALSE(box.unpublished());
    EXPECT_FALSE(box.empty_now());
    const RecordHeader* record = box.next();
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(text_of(record), "one");
    box.consume(record);
    EXPECT_EQ(box.next(), nullptr);
    EXPECT_TRUE(box.empty_now());
}

TEST(MailboxTest, IsFullUntilRoomIsReleased) {
    Mailbox box(kCapacity);
    size_t count = 0;
    while (push(box, std::string(100, 'x'))) ++count;
    EXPECT_EQ(count, kCapacity / 112);
    EXPECT_FALSE(box.has_room(109));
    box.publish();
    const RecordHeader* record = box.next();
    ASSERT_NE(record, nullptr);
    box.consume(record);
    EXPECT_FALSE(push(box, std::string(100, 'x')));  // consumed, but not given back
    EXPECT_TRUE(box.release());
    EXPECT_FALSE(box.release());
    EXPECT_TRUE(push(box, std::string(100, 'x')));
}

TEST(MailboxTest, OneThatHoldsMoreThanItsLimitTakesNone) {
    Mailbox box(kCapacity, /*full_from_bytes=*/100);
    EXPECT_TRUE(box.has_room(kCapacity / 4));
    EXPECT_TRUE(push(box, std::string(80, 'x')));
    EXPECT_TRUE(box.has_room(1));
    EXPECT_TRUE(push(box, std::string(80, 'x')));  // it held less
    EXPECT_FALSE(box.has_room(1));
    EXPECT_FALSE(push(box, "x"));
    box.publish();
    box.consume(box.next());
    EXPECT_TRUE(box.release());
    EXPECT_TRUE(box.has_room(1));
    EXPECT_TRUE(push(box, "x"));
}

TEST(MailboxTest, AThrottledOneHasLessRoom) {
    Mailbox box(kCapacity);
    EXPECT_FALSE(box.is_throttled());
    EXPECT_TRUE(push(box, std::string(80, 'x')));
    box.throttle(/*full_from_bytes=*/50);
    EXPECT_TRUE(box.is_throttled());
    EXPECT_FALSE(box.has_room(1));
    EXPECT_TRUE(push(box, "control")) << "a record that does not ask";
    box.publish();
    while (const RecordHeader* record = box.next()) box.consume(record);
    EXPECT_TRUE(box.release());
    EXPECT_TRUE(box.has_room(kCapacity / 4)) << "an empty one takes any record";
    EXPECT_TRUE(push(box, std::string(80, 'x')));
    EXPECT_FALSE(box.has_room(1));
    box.end_throttle();
    EXPECT_FALSE(box.is_throttled());
    EXPECT_TRUE(box.has_room(1));
}

TEST(MailboxTest, KnowsWhetherAllBeforeAPositionIsReleased) {
    Mailbox box(kCapacity);
    EXPECT_TRUE(box.is_released(box.position()));
    for (int round = 0; round < 100; ++round) {
        ASSERT_TRUE(push(box, "one"));
        const size_t position = box.position();
        ASSERT_TRUE(push(box, "two"));
        box.publish();
        box.consume(box.next());
        EXPECT_FALSE(box.is_released(position)) << "consumed, but not given back";
        box.release();
        EXPECT_TRUE(box.is_released(position));
        EXPECT_FALSE(box.is_released(box.position()));
        box.consume(box.next());
        box.release();
        EXPECT_TRUE(box.is_released(box.position()));
    }
}

TEST(MailboxTest, EmptyTakesTheLargestRecordAtEveryOffset) {
    for (size_t offset = 0; offset < kCapacity; offset += kRecordAlignment) {
        Mailbox box(kCapacity);
        for (size_t done = 0; done < offset; done += kRecordAlignment) {
            ASSERT_TRUE(push(box, "x"));
            box.publish();
            box.consume(box.next());
            box.release();
        }
        ASSERT_TRUE(box.has_room(box.record_size_max()));
        RecordHeader* header = box.reserve(box.record_size_max(), 7);
        ASSERT_NE(header, nullptr) << "offset " << offset;
        std::memset(body_of(header), 'y', header->size - sizeof(RecordHeader));
        box.commit(header);
        box.publish();
        const RecordHeader* record = box.next();
        ASSERT_NE(record, nullptr);
        EXPECT_EQ(record->kind, 7U);
        EXPECT_EQ(record->size, box.record_size_max());
        // The slack may be read, even at the end of the ring.
        std::string slack(kRecordSlackBytes, ' ');
        std::memcpy(slack.data(), reinterpret_cast<const char*>(record) + record->size,
                    slack.size());
        box.consume(record);
        EXPECT_EQ(box.next(), nullptr);
    }
}

TEST(MailboxTest, HasRoomIsNeverWrongAndOrderIsKept) {
    base::Prng prng(7);
    Mailbox box(kCapacity);
    std::deque<std::string> model;
    uint64_t sent = 0;
    for (int step = 0; step < 100'000; ++step) {
        if (prng.percent(60)) {
            const std::string text = std::to_string(sent) + std::string(prng.below(200), 'a');
            const size_t size = sizeof(RecordHeader) + text.size() + 1;
            const bool promised = box.has_room(size);
            const bool pushed = push(box, text);
            ASSERT_TRUE(pushed || !promised);
            if (pushed) {
                model.push_back(text);
                ++sent;
            }
            if (prng.percent(50)) box.publish();
        } else {
            if (prng.percent(30)) box.publish();
            if (const RecordHeader* record = box.next()) {
                ASSERT_FALSE(model.empty());
                ASSERT_EQ(reinterpret_cast<uintptr_t>(record) % kRecordAlignment, 0U);
                ASSERT_EQ(text_of(record), model.front());
                model.pop_front();
                box.consume(record);
            }
            if (prng.percent(50)) box.release();
        }
    }
    box.publish();
    while (const RecordHeader* record = box.next()) {
        ASSERT_EQ(text_of(record), model.front());
        model.pop_front();
        box.consume(record);
    }
    EXPECT_TRUE(model.empty());
}

// Records of a third of the ring: padding comes before, between and behind those of a batch.
TEST(MailboxTest, TakesABatchOverTheEndOfTheRing) {
    Mailbox box(kCapacity);
    uint64_t sent = 0;
    uint64_t taken = 0;
    for (int round = 0; round < 100; ++round) {
        while (push(box, std::to_string(sent) + std::string(sent % 200, 'a'))) ++sent;
        box.publish();
        for (;;) {
            std::array<const RecordHeader*, 3> batch{};
            const size_t count = box.take(batch);
            if (count == 0) break;
            for (size_t i = 0; i < count; ++i, ++taken) {
                EXPECT_EQ(text_of(batch[i]), std::to_string(taken) + std::string(taken % 200, 'a'));
            }
        }
        EXPECT_TRUE(box.empty_now());
        EXPECT_TRUE(box.release());
    }
    EXPECT_EQ(taken, sent);
    EXPECT_GT(taken, 500U);
}

// For the thread sanitizer as much as for the order.
TEST(MailboxTest, CarriesRecordsBetweenTwoThreadsInOrder) {
    constexpr uint64_t kCount = 50'000;
    Mailbox box(kCapacity);
    std::thread sender([&box] {
        base::Prng prng(1);
        for (uint64_t number = 0; number < kCount; ++number) {
            const size_t size = sizeof(RecordHeader) + sizeof(number) + prng.below(100);
            RecordHeader* header = nullptr;
            while ((header = box.reserve(size, 1)) == nullptr) {
                box.publish();
                std::this_thread::yield();
            }
            std::memset(body_of(header), static_cast<int>(number), size - sizeof(RecordHeader));
            std::memcpy(body_of(header), &number, sizeof(number));
            box.commit(header);
            if (prng.percent(30)) box.publish();
        }
        box.publish();
    });
    uint64_t wrong = 0;
    for (uint64_t expected = 0; expected < kCount;) {
        const RecordHeader* record = box.next();
        if (record == nullptr) {
            box.release();
            std::this_thread::yield();
            continue;
        }
        uint64_t number = 0;
        std::memcpy(&number, body_of(record), sizeof(number));
        if (number != expected) ++wrong;
        ++expected;
        box.consume(record);
        if (expected % 5 == 0) box.release();
    }
    sender.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_EQ(box.next(), nullptr);
}

}  // namespace
}  // namespace nuring::runtime
