// SPDX-License-Identifier: Apache-2.0
// Distinguished names: one name, many spellings; and names that only look alike.
#include "core/base/certificate_names.h"

#include <gtest/gtest.h>

namespace nuring::base {
namespace {

std::string key_of(std::string_view text, bool ordered = true) {
    const auto name = DistinguishedName::parse(text);
    return name.has_value() ? name->key(ordered) : "(none)";
}

TEST(DistinguishedNameTest, BlanksAroundPartsDoNotCount) {
    EXPECT_EQ(key_of("CN=derek, OU=NATS.io"), "CN=derek,OU=NATS.io");
    EXPECT_EQ(key_of(" cn = derek ,ou=  NATS.io  "), "CN=derek,OU=NATS.io");
    EXPECT_EQ(key_of("CN=two words,OU=x"), "CN=two words,OU=x");
}

TEST(DistinguishedNameTest, TheOrderOfPartsCountsOnlyIfAsked) {
    EXPECT_NE(key_of("OU=x,CN=a"), key_of("CN=a,OU=x"));
    EXPECT_EQ(key_of("OU=x,CN=a", false), key_of("CN=a,OU=x", false));
}

TEST(DistinguishedNameTest, AttributesOfOnePartHaveNoOrder) {
    EXPECT_EQ(key_of("OU=b+CN=a,O=c"), key_of("CN=a+OU=b,O=c"));
    EXPECT_NE(key_of("OU=b+CN=a,O=c", false), key_of("CN=a,OU=b,O=c", false));
}

TEST(DistinguishedNameTest, EscapesAreOneSpellingOfAByte) {
    EXPECT_EQ(key_of("CN=a\\,OU\\=b"), key_of("CN=a\\2cOU\\3db"));
    EXPECT_NE(key_of("CN=a\\,OU\\=b"), key_of("CN=a,OU=b"));
    EXPECT_EQ(key_of("CN=\\ a\\ "), "CN=\\ a\\ ");
    EXPECT_NE(key_of("CN=a\\ "), key_of("CN=a"));
}

TEST(DistinguishedNameTest, EveryPartIsInTheOtherAndNoneIsLeftOver) {
    EXPECT_NE(key_of("CN=a,OU=x,OU=x", false), key_of("CN=a,OU=x", false));
    EXPECT_NE(key_of("CN=a,OU=x,OU=y", false), key_of("CN=a,OU=x,OU=x", false));
    EXPECT_NE(key_of("CN=a", false), key_of("CN=a,O=b", false));
    EXPECT_NE(key_of("CN=A", false), key_of("CN=a", false));
}

TEST(DistinguishedNameTest, WhatIsNoNameIsNotRead) {
    for (const char* text : {"", "derek", "derek@nats.io", "CN", "=a", "CN=a,", "CN=a,derek",
                             "C N=a", "CN=a;OU=b", "CN=\"a\"", "CN=a\\", "CN=a\\x", "CN=<a>"}) {
        EXPECT_FALSE(DistinguishedName::parse(text).has_value()) << text;
    }
    EXPECT_TRUE(DistinguishedName::parse("1.2.3.4=x,CN=").has_value());
}

TEST(DistinguishedNameTest, ItsKeyReadsAsItself) {
    const DistinguishedName odd{{{{"CN", " #a,b+c\"d\\e<f>g;h "}}, {{"OU", ""}, {"O", "#"}}}};
    const auto again = DistinguishedName::parse(odd.key(true));
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->key(true), odd.key(true));
    EXPECT_EQ(again->parts[0], odd.parts[0]);
}

}  // namespace
}  // namespace nuring::base
