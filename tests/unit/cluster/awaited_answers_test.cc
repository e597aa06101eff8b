// SPDX-License-Identifier: Apache-2.0
#include "cluster/awaited_answers.h"

#include <cstdint>
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/worker_stage.h"

namespace nuring::cluster {
namespace {

class OldServer final : public delivery::RemoteServer {
  public:
    OldServer(delivery::Delivery& delivery, int fd)
        : RemoteServer(delivery, fd, proto::Kind::kRoute), answers(delivery, *this) {
        start();
    }
    void deliver_to_server(account::Account&, const delivery::MessageRun&, std::string_view) override {}
    void announce(account::Account&, std::string_view, std::string_view) override {}
    void copy(uint64_t, size_t, delivery::ServerLinkSnapshot*) const override {}
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

    AwaitedAnswers answers;

  private:
    size_t consume(const char* begin, const char* end) override { return static_cast<size_t>(end - begin); }
    void on_close() override { answers.release(SIZE_MAX); }
};

class AwaitedAnswersTest : public testing::Test {
  protected:
    AwaitedAnswersTest() {
        stage_.accept_as(0, [&](server::WorkerState& state, int fd) {
            server_ = new OldServer(state.delivery, fd);
        });
    }
    account::Account& account() { return stage_.accounts.global(); }
    AwaitedAnswers& answers() { return server_->answers; }
    void add(const std::string& subject) { answers().add(account(), subject, now_ns_); }
    size_t subscribed() { return account().sublist().count(); }

    test::WorkerStage stage_{1};
    OldServer* server_ = nullptr;
    uint64_t now_ns_ = 1;
};

TEST_F(AwaitedAnswersTest, EachIsASubscriptionUntilItsAnswerHasPassed) {
    add("_R_.a");
    add("_R_.a");
    add("_R_.b");
    EXPECT_EQ(answers().count(), 2U);
    EXPECT_EQ(subscribed(), 2U);
    answers().on_answer(account(), "_R_.a");
    answers().on_answer(account(), "_R_.a");
    answers().on_answer(account(), "_R_.c");
    EXPECT_EQ(answers().count(), 1U);
    EXPECT_EQ(subscribed(), 1U);
    add("_R_.a");
    EXPECT_EQ(subscribed(), 2U);
}

TEST_F(AwaitedAnswersTest, WhatIsNoSubjectIsNotSubscribedTo) {
    for (const char* bad : {"_R_.>", "_R_.*", "_R_.", "_R_..a"}) add(bad);
    add("_R_." + std::string(AwaitedAnswers::kSubjectSizeMax, 'a'));
    EXPECT_TRUE(answers().empty());
    EXPECT_EQ(subscribed(), 0U);
}

TEST_F(AwaitedAnswersTest, AFullTableMakesRoomBitByBit) {
    for (size_t i = 0; i < AwaitedAnswers::kCountMax; ++i) {
        add(fmt::format("_R_.{}", i));
        now_ns_ += 1000;
    }
    ASSERT_EQ(answers().count(), AwaitedAnswers::kCountMax);
    add("_R_.more");
    EXPECT_EQ(answers().count(), AwaitedAnswers::kCountMax);
    answers().on_answer(account(), "_R_.more");
    EXPECT_EQ(answers().count(), AwaitedAnswers::kCountMax) << "there was no room";
    now_ns_ += AwaitedAnswers::kWait_ns;  // all have expired
    add("_R_.more");
    EXPECT_EQ(answers().count(), AwaitedAnswers::kCountMax + 1 - AwaitedAnswers::kExpiredPerAdd);
    add("_R_.more");
    EXPECT_EQ(answers().count(), AwaitedAnswers::kCountMax + 1 - 2 * AwaitedAnswers::kExpiredPerAdd);
    EXPECT_EQ(subscribed(), answers().count());
}

TEST_F(AwaitedAnswersTest, TheOldestIsReleasedFirst) {
    for (const char* each : {"_R_.a", "_R_.b", "_R_.c"}) add(each);
    EXPECT_EQ(answers().release(0), 0U);
    EXPECT_EQ(answers().release(2), 2U);
    EXPECT_EQ(subscribed(), 1U);
    answers().on_answer(account(), "_R_.c");
    EXPECT_TRUE(answers().empty());
    EXPECT_EQ(answers().release(2), 0U);
}

}  // namespace
}  // namespace nuring::cluster
