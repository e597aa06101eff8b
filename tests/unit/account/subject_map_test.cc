// SPDX-License-Identifier: Apache-2.0
#include "core/account/subject_map.h"

#include <gtest/gtest.h>

#include <map>

namespace nuring::account {
namespace {

config::SubjectMapping mapping(std::string source, std::vector<config::MappingTarget> targets) {
    return {.source = std::move(source), .targets = std::move(targets)};
}

// How often each outcome of so many messages comes.
std::map<std::string, int> outcomes(const SubjectMap& map, std::string_view subject, int count) {
    base::Prng prng(7);
    std::map<std::string, int> seen;
    for (int i = 0; i < count; ++i) {
        const SubjectMap::Mapping* found = map.find(subject);
        const auto* transform = found == nullptr ? nullptr : found->pick(prng);
        std::string out = found == nullptr ? "as it is" : "lost";
        if (transform != nullptr) {
            EXPECT_TRUE(transform->apply(subject, &out));
        }
        ++seen[out];
    }
    return seen;
}

TEST(SubjectMapTest, OneTargetOfFullWeightIsCertain) {
    const SubjectMap map({mapping("a", {{"b", 100, ""}})}, "");
    ASSERT_NE(map.find("a"), nullptr);
    EXPECT_FALSE(map.find("a")->is_random());
    EXPECT_EQ(outcomes(map, "a", 10), (std::map<std::string, int>{{"b", 10}}));
    EXPECT_EQ(map.find("ab"), nullptr);
}

TEST(SubjectMapTest, WeightsShareTheMessages) {
    const SubjectMap map({mapping("a.*", {{"b.$1", 20, ""}, {"c.$1", 30, ""}})}, "");
    const auto seen = outcomes(map, "a.x", 10000);
    EXPECT_NEAR(seen.at("b.x"), 2000, 300);
    EXPECT_NEAR(seen.at("c.x"), 3000, 300);
    EXPECT_NEAR(seen.at("a.x"), 5000, 300) << "the rest keeps its subject";
}

TEST(SubjectMapTest, ANamedSourceMeansLoss) {
    const SubjectMap map({mapping("a", {{"a", 40, ""}})}, "");
    const auto seen = outcomes(map, "a", 10000);
    EXPECT_NEAR(seen.at("a"), 4000, 300);
    EXPECT_NEAR(seen.at("lost"), 6000, 300);
}

TEST(SubjectMapTest, LiteralsComeBeforePatternsAndThoseInOrder) {
    const SubjectMap map({mapping("a.*", {{"first.$1", 100, ""}}), mapping("*.x", {{"second.$1", 100, ""}}),
                          mapping("a.b", {{"literal", 100, ""}})},
                         "");
    EXPECT_EQ(outcomes(map, "a.b", 1).begin()->first, "literal");
    EXPECT_EQ(outcomes(map, "a.x", 1).begin()->first, "first.x");
    EXPECT_EQ(outcomes(map, "b.x", 1).begin()->first, "second.b");
}

TEST(SubjectMapTest, AMappingThatCannotBeAppliedIsLeftOut) {
    const SubjectMap map({mapping("a", {{"x.{{nonsense(1)}}", 100, ""}}),
                          mapping("b", {{"c", 50, ""}, {"c", 50, ""}}), mapping("d", {{"e", 100, ""}})},
                         "");
    EXPECT_EQ(map.find("a"), nullptr);
    EXPECT_EQ(map.find("b"), nullptr);
    EXPECT_NE(map.find("d"), nullptr);
}

TEST(SubjectMapTest, ClustersHaveTheirOwnHundredPercent) {
    const std::vector<config::SubjectMapping> mappings = {
        mapping("a", {{"a.west", 100, "west"}, {"a.east", 100, "east"}})};
    EXPECT_EQ(outcomes(SubjectMap(mappings, "west"), "a", 1).begin()->first, "a.west");
    EXPECT_EQ(outcomes(SubjectMap(mappings, "east"), "a", 1).begin()->first, "a.east");
    EXPECT_EQ(outcomes(SubjectMap(mappings, "north"), "a", 1).begin()->first, "a");
}

TEST(SubjectMapTest, TargetsOfAClusterAreForThatClusterOnly) {
    const std::vector<config::SubjectMapping> mappings = {
        mapping("a", {{"near", 100, "here"}, {"far", 100, ""}})};
    EXPECT_EQ(outcomes(SubjectMap(mappings, "here"), "a", 1).begin()->first, "near");
    EXPECT_EQ(outcomes(SubjectMap(mappings, "there"), "a", 1).begin()->first, "far");
}

}  // namespace
}  // namespace nuring::account
