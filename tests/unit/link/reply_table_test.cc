// SPDX-License-Identifier: Apache-2.0
#include "core/link/reply_table.h"

#include <gtest/gtest.h>

#include "core/account/account.h"

namespace nuring::link {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

class ReplyTableTest : public testing::Test {
  protected:
    std::string add(std::string_view reply, uint64_t now_ns = 0) {
        const auto slot = table_.add({.responder = &responder_,
                                      .requestor = &requestor_,
                                      .reply = reply,
                                      .threshold_ns = kSecond},
                                     now_ns, prng_);
        std::string subject;
        table_.write_subject(slot, &subject);
        return subject;
    }
    std::string route(std::string_view subject, uint64_t now_ns = 0) {
        const auto slot = table_.find(subject, responder_, now_ns);
        return slot == ReplyTable::kNone ? "none" : std::string(table_.at(slot).reply);
    }

    account::Account responder_{"B", {}};
    account::Account requestor_{"A", {}};
    ReplyTable table_{base::WorkerId{5}};
    base::Prng prng_{3};
};

TEST_F(ReplyTableTest, ASubjectNamesItsWorkerAndItsRoute) {
    const std::string one = add("inbox.1");
    const std::string two = add("inbox.2");
    EXPECT_EQ(one.size(), ReplyTable::kSubjectSize);
    EXPECT_TRUE(one.starts_with("_R_."));
    EXPECT_EQ(ReplyTable::worker_of(one), base::WorkerId{5});
    EXPECT_EQ(route(one), "inbox.1");
    EXPECT_EQ(route(two), "inbox.2");
}

TEST_F(ReplyTableTest, WhatIsNotASubjectOfOursIsRefused) {
    EXPECT_FALSE(ReplyTable::worker_of("_R_.short"));
    EXPECT_FALSE(ReplyTable::worker_of("_X_.0000000000000000"));
    EXPECT_FALSE(ReplyTable::worker_of("_R_.0000000000.00000"));
    EXPECT_EQ(route("_R_.zzzzzzzzzzzzzzzz"), "none");
}

TEST_F(ReplyTableTest, ASubjectMustBeRightToTheLastDigit) {
    std::string subject = add("inbox.1");
    for (size_t i = 4; i < subject.size(); ++i) {
        std::string wrong = subject;
        wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
        EXPECT_EQ(route(wrong), "none") << i;
    }
}

TEST_F(ReplyTableTest, ARouteIsForItsResponderAlone) {
    const std::string subject = add("inbox.1");
    EXPECT_EQ(table_.find(subject, requestor_, 0), ReplyTable::kNone);
}

TEST_F(ReplyTableTest, ARouteThatIsGoneIsNotFoundAgainWhenItsSlotIs) {
    const std::string old = add("inbox.1");
    table_.remove(table_.find(old, responder_, 0));
    EXPECT_EQ(table_.size(), 0U);
    const std::string fresh = add("inbox.2");
    EXPECT_EQ(route(old), "none");
    EXPECT_EQ(route(fresh), "inbox.2");
}

TEST_F(ReplyTableTest, RoutesExpireAndMakeRoom) {
    const std::string old = add("inbox.1");
    EXPECT_EQ(route(old, kSecond - 1), "inbox.1");
    EXPECT_EQ(route(old, kSecond), "none");
    add("inbox.2", 2 * kSecond);
    EXPECT_EQ(table_.size(), 1U);
}

TEST_F(ReplyTableTest, ARenewedRouteHasTheWholeTimeAgain) {
    const std::string subject = add("inbox.1");
    table_.renew(table_.find(subject, responder_, 0), kSecond / 2);
    EXPECT_EQ(route(subject, kSecond), "inbox.1");
}

TEST_F(ReplyTableTest, AmongTooManyTheOldestGoes) {
    const std::string first = add("first");
    const std::string second = add("second");
    for (uint32_t i = 2; i < ReplyTable::kRoutesMax; ++i) add("more");
    EXPECT_EQ(route(first), "first");
    add("last");
    EXPECT_EQ(table_.size(), ReplyTable::kRoutesMax);
    EXPECT_EQ(route(first), "none");
    EXPECT_EQ(route(second), "second");
}

}  // namespace
}  // namespace nuring::link
