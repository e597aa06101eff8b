// SPDX-License-Identifier: Apache-2.0
// Templates of scoped signing keys. Cases: auth_test.go, TestTemplateSuccess and its like, 2.15.3.
#include "core/auth/permission_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nuring::auth {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class PermissionTemplateTest : public testing::Test {
  protected:
    PermissionTemplateTest() {
        user_.head.name = "joe";
        user_.head.subject = "UABC";
        user_.head.tags = {"team:red", "team:blue", "city:ulm"};
        account_.head.name = "acme";
        account_.head.subject = "AABC";
        account_.head.tags = {"region:eu"};
    }
    std::optional<config::Permissions> fill(std::vector<std::string> allow,
                                            std::vector<std::string> deny = {}) const {
        config::Permissions permissions;
        permissions.publish = {.allow = std::move(allow), .deny = std::move(deny)};
        return fill_template(permissions, user_, account_);
    }
    UserClaims user_;
    AccountClaims account_;
};

TEST_F(PermissionTemplateTest, PlacesTakeWhatIsKnown) {
    EXPECT_THAT(fill({"a.{{name()}}", "{{subject()}}.b", "{{account-name()}}.>",
                      "x.{{account-subject()}}.{{account-tag(region)}}", "plain.*"})
                    ->publish.allow,
                ElementsAre("a.joe", "UABC.b", "acme.>", "x.AABC.eu", "plain.*"));
    EXPECT_THAT(fill({"{{NAME()}}"})->publish.allow, ElementsAre("joe"));
}

TEST_F(PermissionTemplateTest, TagsMakeASubjectForEachValue) {
    EXPECT_THAT(fill({"t.{{tag(team)}}"})->publish.allow, ElementsAre("t.red", "t.blue"));
    user_.head.tags.push_back("x:1");
    user_.head.tags.push_back("x:2");
    EXPECT_THAT(fill({"{{tag(team)}}.{{tag(x)}}"})->publish.allow,
                UnorderedElementsAre("red.1", "red.2", "blue.1", "blue.2"));
    // The same place is the same value.
    EXPECT_THAT(fill({"{{tag(team)}}.{{tag(team)}}"})->publish.allow, ElementsAre("red.red", "blue.blue"));
}

TEST_F(PermissionTemplateTest, WhatHasNoValueIsNotAllowed) {
    const auto filled = fill({"t.{{tag(no)}}", "ok"});
    EXPECT_THAT(filled->publish.allow, ElementsAre("ok"));
    EXPECT_THAT(filled->publish.deny, IsEmpty());
    // Nothing left must not mean everything.
    const auto none = fill({"t.{{tag(no)}}"});
    EXPECT_THAT(none->publish.allow, IsEmpty());
    EXPECT_THAT(none->publish.deny, ElementsAre(">"));
}

TEST_F(PermissionTemplateTest, WhatCannotBeDeniedIsRefused) {
    EXPECT_TRUE(fill({}, {"t.{{tag(team)}}"}).has_value());
    EXPECT_FALSE(fill({}, {"t.{{tag(no)}}"}).has_value());
}

TEST_F(PermissionTemplateTest, APlaceMayBePartOfAToken) {
    EXPECT_THAT(fill({"$KV.b-{{name()}}.>", "{{subject()}}_{{tag(city)}}x", "in.{{ name() }}", "a{{name()}}{{name()}}"})
                    ->publish.allow,
                ElementsAre("$KV.b-joe.>", "UABC_ulmx", "in.joe", "ajoejoe"));
    EXPECT_THAT(fill({"KV_{{tag(team)}}.x"})->publish.allow, ElementsAre("KV_red.x", "KV_blue.x"));
    user_.head.tags.push_back("a.b:c");
    EXPECT_THAT(fill({"{{tag(a.b)}}"})->publish.allow, ElementsAre("c"));
    // A value is no template.
    user_.head.name = "{{subject()}}";
    EXPECT_THAT(fill({"x.{{name()}}"})->publish.allow, ElementsAre("x.{{subject()}}"));
}

TEST_F(PermissionTemplateTest, WhatIsNoPlaceIsPlainText) {
    for (const char* plain : {"{{}}", "a.{{name()}", "a.{name()}}", "}}{{", "{{", "a.{{x}y}}"}) {
        EXPECT_THAT(fill({plain})->publish.allow, ElementsAre(plain));
    }
}

TEST_F(PermissionTemplateTest, AnUnknownFunctionIsRefused) {
    for (const char* unknown : {"{{unknown()}}", "foo.{{x}}", "a{{name}}", "{{{name()}}}", "{{tag(team}}"}) {
        EXPECT_FALSE(fill({unknown}).has_value()) << unknown;
        EXPECT_FALSE(fill({}, {unknown}).has_value()) << unknown;
    }
}

TEST_F(PermissionTemplateTest, ValuesMustMakeSubjects) {
    user_.head.name = "a b";
    EXPECT_THAT(fill({"x.{{name()}}"})->publish.deny, ElementsAre(">"));
    user_.head.name = "";
    EXPECT_FALSE(fill({}, {"x.{{name()}}"}).has_value());
}

TEST_F(PermissionTemplateTest, TagsDoNotExplode) {
    user_.head.tags.clear();
    for (int i = 0; i < 100; ++i) user_.head.tags.push_back("t:" + std::to_string(i));
    EXPECT_FALSE(fill({"{{tag(t)}}.{{ tag(t)}}.{{tag(t) }}.{{TAG(t)}}.{{Tag(t)}}"}).has_value());
    EXPECT_EQ(fill({"{{tag(t)}}"})->publish.allow.size(), 100u);
    // All entries of a list count together.
    EXPECT_TRUE(fill(std::vector<std::string>(40, "{{tag(t)}}")).has_value());
    EXPECT_FALSE(fill(std::vector<std::string>(41, "{{tag(t)}}")).has_value());
}

}  // namespace
}  // namespace nuring::auth
