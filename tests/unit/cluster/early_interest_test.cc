// SPDX-License-Identifier: Apache-2.0
#include "cluster/early_interest.h"

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nuring::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

proto::RouteOperation line(std::string_view account, std::string_view subject,
                           std::string_view queue = {}, uint32_t weight = 0,
                           std::string_view origin = {}) {
    proto::RouteOperation operation;
    operation.account = account;
    operation.subject = subject;
    operation.queue = queue;
    operation.weight = weight;
    operation.origin = origin;
    return operation;
}

size_t hand_over_slice(EarlyInterest& interest, size_t most, std::vector<std::string>* all) {
    return interest.hand_over(most, [all](const proto::RouteOperation& each) {
        all->push_back(fmt::format("{} {} {} {} {}", each.account, each.origin, each.subject,
                                   each.queue, each.weight));
    });
}

// What it hands over now that accounts of that name are known: "account origin subject queue weight".
std::vector<std::string> hand_over(EarlyInterest& interest, std::string_view known) {
    std::vector<std::string> all;
    interest.find_known([known](std::string_view name) { return name == known; });
    hand_over_slice(interest, SIZE_MAX, &all);
    EXPECT_TRUE(interest.is_done());
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

// A reload may bring accounts with many lines: they would hold up the worker.
TEST(EarlyInterestTest, ItIsHandedOverInSlices) {
    EarlyInterest interest;
    for (int i = 0; i < 10; ++i) {
        for (const char* account : {"A", "B", "C"})
            interest.subscribe(line(account, fmt::format("a{}", i)));
    }
    interest.find_known([](std::string_view name) { return name != "C"; });
    std::vector<std::string> all;
    EXPECT_EQ(hand_over_slice(interest, 0, &all), 0U);
    EXPECT_EQ(hand_over_slice(interest, 7, &all), 7U);
    EXPECT_FALSE(interest.is_done());
    EXPECT_EQ(interest.size(), 23U);
    // What is withdrawn meanwhile, or replaced, is not handed over any more.
    for (int i = 0; i < 10; ++i) interest.unsubscribe(line("A", fmt::format("a{}", i)));
    interest.unsubscribe(line("B", "a3"));
    const size_t left = interest.size() - 10;
    for (int i = 0; i < 4; ++i) hand_over_slice(interest, 4, &all);
    EXPECT_TRUE(interest.is_done());
    EXPECT_EQ(all.size(), 7 + left);
    EXPECT_EQ(interest.size(), 10U) << "those of C";
    EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size()) << "each once";
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

TEST(EarlyInterestTest, ItsMemoryIsBoundedWhateverTheLengthOfNames) {
    constexpr size_t kLength = 20'000;
    constexpr size_t kLines = EarlyInterest::kBytesMax / kLength;
    for (const bool is_account : {false, true}) {
        EarlyInterest interest;
        const auto name = [](size_t i, size_t length) { return fmt::format("{:0{}}", i, length); };
        const auto say = [&](size_t i) {
            return std::pair(name(i, is_account ? kLength : 1), name(i, is_account ? 1 : kLength));
        };
        for (size_t i = 0; i < 2 * kLines; ++i) {
            const auto [account, subject] = say(i);
            interest.subscribe(line(account, subject));
        }
        EXPECT_LE(interest.size(), kLines);
        EXPECT_GE(interest.size(), kLines - 5);
        for (size_t i = 0; i < 2 * kLines; ++i) {
            const auto [account, subject] = say(i);
            interest.unsubscribe(line(account, subject));
        }
        EXPECT_TRUE(interest.empty());
        interest.subscribe(line("A", "a"));
        EXPECT_EQ(interest.size(), 1U) << "there is room again";
    }
}

}  // namespace
}  // namespace nuring::cluster
