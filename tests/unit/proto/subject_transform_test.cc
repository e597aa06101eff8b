// SPDX-License-Identifier: Apache-2.0
// Expectations are the reference's (2.9.10), except where a comment says otherwise.
#include "proto/subject_transform.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"

namespace nuring::proto {
namespace {

std::string transformed(std::string_view source, std::string_view target, std::string_view subject) {
    std::string error;
    const auto transform =
        SubjectTransform::create(source, target, SubjectTransform::Use::kMapping, &error);
    if (!transform) return "refused: " + error;
    std::string out = "left over";
    return transform->apply(subject, &out) ? out : "too long";
}

std::string refusal(std::string_view source, std::string_view target) {
    std::string error;
    const auto made =
        SubjectTransform::create(source, target, SubjectTransform::Use::kMapping, &error);
    return made ? "accepted" : error;
}

TEST(SubjectTransformTest, ALiteralSourceHasAFixedTarget) {
    EXPECT_EQ(transformed("foo", "bar", "foo"), "bar");
    EXPECT_EQ(transformed("foo.x", "bar.$x", "foo.x"), "bar.$x");
}

TEST(SubjectTransformTest, WildcardsMoveToTheirPlaceholders) {
    EXPECT_EQ(transformed("foo.*.*", "bar.$2.$1", "foo.A.B"), "bar.B.A");
    EXPECT_EQ(transformed("foo.*.*", "bar.{{wildcard(2)}}.{{ Wildcard( 1 ) }}", "foo.A.B"), "bar.B.A");
    EXPECT_EQ(transformed("*", "foo.bar.$1", "foo"), "foo.bar.foo");
    EXPECT_EQ(transformed("foo.*", "$1.$1.x", "foo.a"), "a.a.x");
    EXPECT_EQ(transformed("foo.*", "$one.$1", "foo.a"), "$one.a");
}

TEST(SubjectTransformTest, AMappingMayDropTokensAnImportMayNot) {
    EXPECT_EQ(transformed("orders.*.*", "orders.$2", "orders.a.b"), "orders.b");
    EXPECT_EQ(transformed("drop.*", "dropped", "drop.x"), "dropped");
    std::string error;
    EXPECT_FALSE(SubjectTransform::create("foo.*", "bar", SubjectTransform::Use::kImport, &error));
    EXPECT_EQ(error, "invalid mapping destination: not using all of the token wildcard(s) in bar");
}

TEST(SubjectTransformTest, ALongSubjectIsRefused) {
    const std::string longest(kSubjectSizeMax, 'x');
    EXPECT_EQ(refusal("foo", longest), "accepted");
    EXPECT_EQ(refusal("foo", longest + "x"), "subject is too long");
    EXPECT_EQ(refusal(longest + "x", "foo"), "subject is too long");
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
    EXPECT_EQ(refusal("foo", "bar.$1"),
              "invalid mapping destination: wildcard index out of range in $1");
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

TEST(SubjectTransformTest, AnEndOfATokenIsTaken) {
    EXPECT_EQ(transformed("*", "x.{{left(1,3)}}.{{Right(1,2)}}", "12345"), "x.123.45");
    EXPECT_EQ(transformed("*", "{{left(1,5)}}.{{right(1,9)}}.{{left(1,0)}}", "12345"),
              "12345.12345.12345");
    EXPECT_EQ(refusal("foo", "bar.{{left(1,2)}}"),
              "invalid mapping destination: wildcard index out of range in {{left(1,2)}}");
}

// Expectations are those of 2.15.3; 2.9.10 does not know them, and ends at a division by zero.
TEST(SubjectTransformTest, APartitionMayBeByTheWholeSubject) {
    EXPECT_EQ(transformed("foo.*", "bar.{{partition(10)}}", "foo.a"), "bar.2");
    EXPECT_EQ(transformed("foo.*", "bar.{{partition(10)}}", "foo.b"), "bar.3");
    EXPECT_EQ(transformed("foo", "bar.{{partition(10)}}", "foo"), "bar.3");
    EXPECT_EQ(transformed("foo", "bar.{{partition(10,1)}}", "foo"), "bar.3");
    EXPECT_EQ(transformed("foo.>", "{{partition(10)}}.>", "foo.a"), "2.a");
    EXPECT_EQ(transformed("foo.*", "bar.{{partition(0,1)}}", "foo.a"), "bar.0");
    EXPECT_EQ(transformed("foo.*", "bar.{{partition(-1)}}", "foo.a"), "bar.1381180782");
}

TEST(SubjectTransformTest, ARandomNumberIsDrawnForEachPlace) {
    std::string error;
    const auto transform = SubjectTransform::create("foo", "{{random(1000)}}.{{Random(1000)}}",
                                                    SubjectTransform::Use::kMapping, &error);
    ASSERT_TRUE(transform.has_value()) << error;
    EXPECT_TRUE(transform->is_random());
    std::string one;
    std::string other;
    ASSERT_TRUE(transform->apply("foo", &one, 0x1234567890abcdef));
    ASSERT_TRUE(transform->apply("foo", &other, 0x1234567890abcdef));
    EXPECT_EQ(one, other) << "the seed decides";
    ASSERT_TRUE(transform->apply("foo", &other, 0xfedcba0987654321));
    EXPECT_NE(one, other);
    const size_t dot = one.find('.');
    EXPECT_NE(one.substr(0, dot), one.substr(dot + 1));
    EXPECT_LT(std::stoi(one), 1000);
    EXPECT_EQ(transformed("foo.*", "$1.{{random(0)}}.{{random(-1)}}", "foo.a"), "a.0.0");
    EXPECT_EQ(refusal("foo", "bar.{{random(3,1)}}"),
              "invalid mapping destination: not enough arguments passed to the function in "
              "{{random(3,1)}}");
}

TEST(SubjectTransformTest, AnImportKnowsNoneOfTheNewFunctions) {
    std::string error;
    EXPECT_FALSE(SubjectTransform::create("s.*", "x.{{left(1,2)}}", SubjectTransform::Use::kImport, &error));
    EXPECT_EQ(error,
              "invalid mapping destination: the only mapping function allowed for import transforms is "
              "{{Wildcard()}} in {{left(1,2)}}");
    EXPECT_TRUE(
        SubjectTransform::create("s.*", "x.{{wildcard(1)}}", SubjectTransform::Use::kImport, &error));
}

TEST(SubjectTransformTest, ReversedLeadsBack) {
    const auto back = [](std::string_view source, std::string_view target, std::string_view subject) {
        std::string error;
        const auto transform =
            SubjectTransform::create(source, target, SubjectTransform::Use::kMapping, &error);
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
