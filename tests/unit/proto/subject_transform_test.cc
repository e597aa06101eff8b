// SPDX-License-Identifier: Apache-2.0
// Expectations are the reference's (2.9.10), except where a comment says otherwise.
#include "proto/subject_transform.h"

#include <gtest/gtest.h>

#include <string>

namespace nuring::proto {
namespace {

std::string transformed(std::string_view source, std::string_view target, std::string_view subject) {
    std::string error;
    const auto transform = SubjectTransform::create(source, target, &error);
    if (!transform) return "refused: " + error;
    std::string out = "left over";
    return transform->apply(subject, &out) ? out : "too long";
}

std::string refusal(std::string_view source, std::string_view target) {
    std::string error;
    return SubjectTransform::create(source, target, &error) ? "accepted" : error;
}

TEST(SubjectTransformTest, ALiteralSourceHasAFixedTarget) {
    EXPECT_EQ(transformed("foo", "bar", "foo"), "bar");
    EXPECT_EQ(transformed("foo.x", "bar.$1", "foo.x"), "bar.$1");
}

TEST(SubjectTransformTest, WildcardsMoveToTheirPlaceholders) {
    EXPECT_EQ(transformed("foo.*.*", "bar.$2.$1", "foo.A.B"), "bar.B.A");
    EXPECT_EQ(transformed("foo.*.*", "bar.{{wildcard(2)}}.{{ Wildcard( 1 ) }}", "foo.A.B"), "bar.B.A");
    EXPECT_EQ(transformed("*", "foo.bar.$1", "foo"), "foo.bar.foo");
    EXPECT_EQ(transformed("foo.*", "$1.$1.x", "foo.a"), "a.a.x");
    EXPECT_EQ(transformed("foo.*", "$one.$1", "foo.a"), "$one.a");
}

TEST(SubjectTransformTest, ATailGoesOnAtTheEnd) {
    EXPECT_EQ(transformed("foo.>", "bar.>", "foo.a.b.c"), "bar.a.b.c");
    EXPECT_EQ(transformed(">", "x.>", "a.b"), "x.a.b");
    EXPECT_EQ(transformed("foo.*.>", "bar.$1.>", "foo.A.b.c"), "bar.A.b.c");
    EXPECT_EQ(transformed("a.b.>", ">", "a.b.c.d"), "c.d");
}

TEST(SubjectTransformTest, PartitionsAreThoseOfTheReference) {
    EXPECT_EQ(transformed("*", "bar.{{partition(10,1)}}", "foo"), "bar.3");
    EXPECT_EQ(transformed("*", "bar.{{partition(10,1)}}", "baz"), "bar.0");
    EXPECT_EQ(transformed("*", "bar.{{partition(10,1)}}", "qux"), "bar.9");
    EXPECT_EQ(transformed("foo.*.*", "bar.{{partition(5,1,2)}}.$1.$2", "foo.A.B").substr(5), ".A.B");
}

TEST(SubjectTransformTest, TokensAreSplitAndSliced) {
    EXPECT_EQ(transformed("*", "{{splitFromLeft(1,3)}}", "12345"), "123.45");
    EXPECT_EQ(transformed("*", "{{SplitFromRight(1,3)}}", "12345"), "12.345");
    EXPECT_EQ(transformed("*", "{{splitFromLeft(1,9)}}", "12345"), "12345");
    EXPECT_EQ(transformed("*", "{{SliceFromLeft(1,3)}}", "1234567890"), "123.456.789.0");
    EXPECT_EQ(transformed("*", "{{SliceFromRight(1,3)}}", "1234567890"), "1.234.567.890");
    EXPECT_EQ(transformed("*", "{{sliceFromRight(1,5)}}", "1234567890"), "12345.67890");
    EXPECT_EQ(transformed("*", "{{split(1,-)}}", "-abc-def--ghi-"), "abc.def.ghi");
    EXPECT_EQ(transformed("foo.*", "bar.{{split(1,--)}}.x", "foo.a--b"), "bar.a.b.x");
}

TEST(SubjectTransformTest, BadPairsAreRefusedInTheReferencesWords) {
    EXPECT_EQ(refusal("foo.", "bar"), "invalid subject");
    EXPECT_EQ(refusal("foo.*", "bar.*"), "invalid subject");
    EXPECT_EQ(refusal("foo.>", "bar"), "invalid subject");
    EXPECT_EQ(refusal("foo", "bar.>"), "invalid subject");
    EXPECT_EQ(refusal("foo.*", "bar"),
              "invalid mapping destination: not using all of the token wildcard(s) in bar");
    EXPECT_EQ(refusal("foo.*", "bar.$2"),
              "invalid mapping destination: wildcard index out of range in $2: [2]");
    EXPECT_EQ(refusal("foo.*", "bar.{{unknown(1)}}"),
              "invalid mapping destination: unknown function in {{unknown(1)}}");
    EXPECT_EQ(refusal("foo.*", "bar.{{wildcard()}}"),
              "invalid mapping destination: not enough arguments passed to the function in "
              "{{wildcard()}}");
    EXPECT_EQ(refusal("foo.*", "bar.{{wildcard(1,2)}}"),
              "invalid mapping destination: too many arguments passed to the function in "
              "{{wildcard(1,2)}}");
    EXPECT_EQ(refusal("foo.*", "bar.{{wildcard(a)}}"),
              "invalid mapping destination: function argument is invalid or in the wrong format in "
              "{{wildcard(a)}}");
    EXPECT_EQ(refusal("foo.*", "bar.{{split(1)}}"),
              "invalid mapping destination: not enough arguments passed to the function in "
              "{{split(1)}}");
}

// The reference accepts this and ends with a division by zero at the first message.
TEST(SubjectTransformTest, APartitionAmongNoneIsRefused) {
    EXPECT_EQ(refusal("foo.*", "bar.{{partition(0,1)}}").substr(0, 49),
              "invalid mapping destination: function argument is");
}

TEST(SubjectTransformTest, ReversedLeadsBack) {
    const auto back = [](std::string_view source, std::string_view target, std::string_view subject) {
        std::string error;
        const auto transform = SubjectTransform::create(source, target, &error);
        const auto reversed = transform ? transform->reversed() : std::nullopt;
        std::string out;
        return reversed && reversed->apply(subject, &out) ? out : "none";
    };
    EXPECT_EQ(back("foo.*", "bar.$1", "bar.x"), "foo.x");
    EXPECT_EQ(back("a.*.*.*", "b.$2.$3.$1", "b.2.3.1"), "a.1.2.3");
    EXPECT_EQ(back("foo.>", "bar.>", "bar.x.y"), "foo.x.y");
    EXPECT_EQ(back("foo.*", "bar.$1", "bar.*"), "foo.*") << "patterns inside the source, too";
    EXPECT_EQ(back("foo.*", "bar.{{partition(3,1)}}", "bar.1"), "none");
    EXPECT_EQ(back("foo", "bar", "bar"), "foo");
}

TEST(SubjectTransformTest, WhatWouldBeTooLongIsNotMade) {
    std::string target = "$1";
    for (int i = 0; i < 40; ++i) target += ".$1";
    EXPECT_EQ(transformed("*", target, std::string(1000, 'x')), "too long");
}

TEST(SubjectTransformTest, TargetsOfMappingsAreCheckedForForm) {
    const auto checked = [](std::string_view target) {
        std::string error;
        return check_mapping_target(target, &error) ? "ok" : error;
    };
    EXPECT_EQ(checked("foo.$1.{{partition(3,1)}}.>"), "ok");
    EXPECT_EQ(checked("foo..bar"), "invalid mapping destination: invalid subject in ");
    EXPECT_EQ(checked("foo.>.bar"), "invalid mapping destination: invalid subject in bar");
    EXPECT_EQ(checked("foo bar"), "invalid mapping destination: invalid subject");
    EXPECT_EQ(checked("foo.{{nope(1)}}"),
              "invalid mapping destination: unknown function in {{nope(1)}}");
}

TEST(SubjectTransformTest, WildcardsAreNumberedAndBack) {
    EXPECT_EQ(number_wildcards("foo.*.bar.*.>"), "foo.$1.bar.$2.>");
    EXPECT_EQ(pattern_of_target("foo.$1.bar.{{wildcard(2)}}.>"), "foo.*.bar.*.>");
    EXPECT_EQ(pattern_of_target("foo.$x"), "foo.$x");
}

}  // namespace
}  // namespace nuring::proto
