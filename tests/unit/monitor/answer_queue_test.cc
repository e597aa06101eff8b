// SPDX-License-Identifier: Apache-2.0
// Goal: an asker delays itself only. Method: tasks note a letter; the order of the letters is the order of
// service.
#include "monitor/answer_queue.h"

#include <string>

#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

class AnswerQueueTest : public testing::Test {
  protected:
    // Accounts are only compared: any two addresses do.
    const account::Account* account(size_t index) const {
        return reinterpret_cast<const account::Account*>(&accounts_[index]);
    }
    RequestOrigin user(size_t account_index, uint64_t connection) const {
        return {.account = account(account_index), .connection = connection, .is_operator = false};
    }
    RequestOrigin system(uint64_t connection) const {
        return {.account = account(0), .connection = connection, .is_operator = true};
    }
    AnswerQueue::Task note(char letter) {
        return [this, letter] { served_ += letter; };
    }
    std::string served() {
        while (const auto task = queue_.next()) (*task)();
        return served_;
    }

    AnswerQueue queue_;

  private:
    const std::string accounts_ = std::string(8, ' ');
    std::string served_;
};

TEST_F(AnswerQueueTest, AccountsTakeTurnsAndInThemTheirConnections) {
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue_.add(user(1, 1), note('a')));
    ASSERT_TRUE(queue_.add(user(1, 2), note('b')));
    ASSERT_TRUE(queue_.add(user(2, 3), note('c')));
    ASSERT_TRUE(queue_.add(user(2, 3), note('d')));
    EXPECT_EQ(served(), "acbdaaa");
    EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(AnswerQueueTest, OwnEventsAndTheOperatorComeFirst) {
    ASSERT_TRUE(queue_.add(user(1, 1), note('u')));
    ASSERT_TRUE(queue_.add(system(2), note('s')));
    queue_.add_own(note('o'));
    EXPECT_EQ(served(), "osu");
}

TEST_F(AnswerQueueTest, ABusyOperatorLocksNobodyOut) {
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(queue_.add(system(2), note('s')));
    ASSERT_TRUE(queue_.add(user(1, 1), note('a')));
    ASSERT_TRUE(queue_.add(user(1, 1), note('b')));
    EXPECT_EQ(served(), "ssssassssbss");
}

TEST_F(AnswerQueueTest, AConnectionAndAnAccountAreBounded) {
    size_t added = 0;
    while (queue_.add(user(1, 1), note('a'))) ++added;
    EXPECT_EQ(added, AnswerQueue::kConnectionMax);
    EXPECT_FALSE(queue_.has_room(user(1, 1)));
    EXPECT_TRUE(queue_.has_room(user(1, 2)));
    for (uint64_t connection = 2; queue_.has_room(user(1, connection)); ++connection) {
        while (queue_.add(user(1, connection), note('b'))) ++added;
    }
    EXPECT_EQ(added, AnswerQueue::kAccountMax);
    EXPECT_TRUE(queue_.add(user(2, 1), note('c')));
}

TEST_F(AnswerQueueTest, TheOperatorFindsRoomInAFullQueue) {
    std::string many(AnswerQueue::kRequestsMax, ' ');
    size_t added = 0;
    for (size_t i = 0; i < many.size(); ++i) {
        const RequestOrigin origin{.account = reinterpret_cast<const account::Account*>(&many[i]),
                                   .connection = 1,
                                   .is_operator = false};
        if (queue_.add(origin, note('u'))) ++added;
    }
    EXPECT_EQ(added, AnswerQueue::kRequestsMax - AnswerQueue::kOperatorShare);
    EXPECT_TRUE(queue_.add(system(1), note('s')));
    (*queue_.next())();
    EXPECT_EQ(served().front(), 's');
}

}  // namespace
}  // namespace nuring::monitor
