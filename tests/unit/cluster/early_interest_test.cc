// SPDX-License-Identifier: Apache-2.0
#include "cluster/early_interest.h"

#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nuring::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

proto::RouteOperation line(std::string_view account, std::string_view subject, std::string_view queue = {},
                           uint32_t weight = 0, std::string_view origin = {}) {
    proto::RouteOperation operation;
    operation.account = account;
    operation.subject = subject;
    operation.queue = queue;
    operation.weight = weight;
    operation.origin = origin;
    return operation;
}

// What it hands over now that accounts of that name are known: "account origin subject queue weight".
std::vector<std::string> hand_over(EarlyInterest& interest, std::string_view known) {
    std::vector<std::string> all;
    interest.hand_over([known](std::string_view name) { return name == known; },
                       [&all](const proto::RouteOperation& each) {
                           all.push_back(fmt::format("{} {} {} {} {}", each.account, each.origin, each.subject,
                                                     each.queue, each.weight));
                       });
    return all;
}

TEST(EarlyInterestTest, ItIsHandedOverOnceWhenTheAccountHasCome) {
    EarlyInterest interest;
    interest.subscribe(line("A", "a.*"));
    interest.subscribe(line("A", "a.*", "q", 3));
    interest.subscribe(line("A", "a.*", {}, 0, "LEAFS"));
    interest.subscribe(line("B", "b"));
    EXPECT_THAT(hand_over(interest, "C"), IsEmpty());
    EXPECT_THAT(hand_over(interest, "A"),
                UnorderedElementsAre("A  a.*  0", "A  a.* q 3", "A LEAFS a.*  0"));
    EXPECT_THAT(hand_over(interest, "A"), IsEmpty());
    EXPECT_EQ(interest.size(), 1U);
}

TEST(EarlyInterestTest, TheLastLineCounts) {
    EarlyInterest interest;
    interest.subscribe(line("A", "a", "q", 3));
    interest.subscribe(line("A", "a", "q", 2));
    interest.subscribe(line("A", "b"));
    interest.unsubscribe(line("A", "b"));
    interest.unsubscribe(line("A", "never"));
    interest.unsubscribe(line("B", "a", "q"));
    EXPECT_THAT(hand_over(interest, "A"), ElementsAre("A  a q 2"));
    EXPECT_TRUE(interest.empty());
}

TEST(EarlyInterestTest, ItIsBounded) {
    EarlyInterest interest;
    for (size_t i = 0; i < EarlyInterest::kLinesMax + 5; ++i) {
        interest.subscribe(line(fmt::format("A{}", i), "a"));
    }
    EXPECT_EQ(interest.size(), EarlyInterest::kLinesMax);
    interest.unsubscribe(line("A0", "a"));
    interest.subscribe(line("B", std::string(100'000, 'x')));
    EXPECT_EQ(interest.size(), EarlyInterest::kLinesMax - 1);
}

}  // namespace
}  // namespace nuring::cluster
