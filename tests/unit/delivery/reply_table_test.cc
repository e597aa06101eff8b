// SPDX-License-Identifier: Apache-2.0
#include "core/delivery/reply_table.h"

#include <gtest/gtest.h>

#include "core/account/account.h"
#include "core/base/prng.h"

namespace nuring::delivery {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

class ReplyTableTest : public testing::Test {
  protected:
    std::string add(std::string_view reply, uint64_t now_ns = 0) {
        const auto slot = table_.add({.responder = &responder_,
                                      .requestor = &requestor_,
                                      .charged = &requestor_,
                                      .reply = reply,
                                      .threshold_ns = kSecond},
                                     now_ns, prng_.next());
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

TEST_F(ReplyTableTest, LongReplySubjectsAreBoundedInBytes) {
    const std::string first = add("first");
    const std::string reply(4096, 'x');
    for (size_t i = 0; i < 3 * ReplyTable::kReplyBytesMax / reply.size(); ++i) (void)add(reply);
    EXPECT_LE(table_.reply_bytes(requestor_), ReplyTable::kReplyBytesMax + reply.size());
    EXPECT_GE(table_.reply_bytes(requestor_), ReplyTable::kReplyBytesMax - reply.size());
    EXPECT_EQ(route(first), "none");
    EXPECT_EQ(route(add("last")), "last");
}

TEST_F(ReplyTableTest, ATrackedSubjectNamesTheSameRoute) {
    const std::string subject = add("inbox.1");
    EXPECT_EQ(ReplyTable::worker_of(subject + ".b2oh2L6w.T"), base::WorkerId{5});
    EXPECT_EQ(route(subject + ".b2oh2L6w.T"), "inbox.1");
    EXPECT_EQ((subject + ".b2oh2L6w.T").size(), ReplyTable::kSubjectSizeMax);
    for (const char* suffix : {".b2oh2L6w.U", ".b2oh2L6w", ".b2oh2L6.T", "xb2oh2L6w.T", ".b2oh2-6w.T"}) {
        EXPECT_EQ(route(subject + suffix), "none") << suffix;
    }
}

TEST_F(ReplyTableTest, AClosedRouteTakesNoReplyAndMayBeUsedAnew) {
    const std::string subject = add("inbox.1");
    const auto slot = table_.find(subject, responder_, 0);
    table_.close(slot);
    EXPECT_EQ(route(subject), "none");
    EXPECT_EQ(table_.size(), 1U);
    table_.remove(slot);
    const std::string next = add("inbox.2");
    EXPECT_EQ(route(next), "inbox.2");
    EXPECT_EQ(table_.find(next, responder_, 0), slot);
}

TEST_F(ReplyTableTest, ASubjectMustBeRightToTheLastDigit) {
    std::string subject = add("inbox.1");
    for (size_t i = 4; i < subject.size(); ++i) {
        std::string wrong = subject;
        wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
        EXPECT_EQ(route(wrong), "none") << i;
    }
}

// Far beyond the table's memory, so that to look there is seen.
TEST_F(ReplyTableTest, ASlotThatNoRouteEverHadIsRefused) {
    std::string wrong = add("inbox.1");
    wrong.replace(5, 4, "V___");
    EXPECT_EQ(ReplyTable::worker_of(wrong), base::WorkerId{5});
    EXPECT_EQ(route(wrong), "none");
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

TEST_F(ReplyTableTest, RoutesThatEndOutOfOrderLeaveTheOthersInTheirs) {
    std::vector<std::string> subjects;
    for (int i = 0; i < 6; ++i) subjects.push_back(add("inbox", 0));
    for (const size_t ended : {2, 0, 5}) {  // in the middle, the oldest, the newest
        table_.remove(table_.find(subjects[ended], responder_, 0));
        subjects.push_back(add("inbox", 0));
    }
    EXPECT_EQ(table_.size(), 6U);
    for (const size_t left : {1, 3, 4, 6, 7, 8}) EXPECT_EQ(route(subjects[left]), "inbox");
    add("late", 5 * kSecond);
    add("late", 5 * kSecond);
    EXPECT_EQ(table_.size(), 2U) << "all that have expired were found";
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
}  // namespace nuring::delivery
