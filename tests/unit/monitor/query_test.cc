// SPDX-License-Identifier: Apache-2.0
#include "monitor/query.h"

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

std::string error_of(const absl::Status& status) { return std::string(base::message_of(status)); }

TEST(QueryTest, TakesTheFirstOfEqualNamesAndDecodes) {
    const Query query("a=1&a=2&b=x%2Fy+z&c&=d&e=f=g");
    EXPECT_EQ(query.text("a"), "1");
    EXPECT_EQ(query.text("b"), "x/y z");
    EXPECT_EQ(query.text("c"), "");
    EXPECT_EQ(query.text("e"), "f=g");
    EXPECT_EQ(query.text("nothing"), "");
}

TEST(QueryTest, DropsPairsWithBadEscapesAndSemicolons) {
    const Query query("a=%zz&b=%4&c=1;d=2&%=x&e=%41");
    EXPECT_EQ(query.text("a"), "");
    EXPECT_EQ(query.text("b"), "");
    EXPECT_EQ(query.text("c"), "");
    EXPECT_EQ(query.text("e"), "A");
}

TEST(QueryTest, DecodesBooleansAsGoDoes) {
    const Query query("a=1&b=True&c=F&d=yes&e=");
    EXPECT_TRUE(*query.boolean("a"));
    EXPECT_TRUE(*query.boolean("b"));
    EXPECT_FALSE(*query.boolean("c"));
    EXPECT_FALSE(*query.boolean("e"));
    EXPECT_FALSE(*query.boolean("missing"));
    EXPECT_EQ(error_of(query.boolean("d").status()),
              "Error decoding boolean for 'd': strconv.ParseBool: parsing \"yes\": invalid syntax");
}

TEST(QueryTest, DecodesNumbersAsGoDoes) {
    const Query query("a=%2B5&b=-5&c=zz&d=99999999999999999999&e=-1&f=+&g=5x&h=%2B5");
    EXPECT_EQ(*query.integer("a"), 5);
    EXPECT_EQ(*query.integer("b"), -5);
    EXPECT_EQ(error_of(query.integer("c").status()),
              "Error decoding int for 'c': strconv.Atoi: parsing \"zz\": invalid syntax");
    EXPECT_EQ(error_of(query.integer("d").status()),
              "Error decoding int for 'd': strconv.Atoi: parsing \"99999999999999999999\": value out "
              "of range");
    EXPECT_EQ(error_of(query.number("d").status()),
              "Error decoding uint64 for 'd': strconv.ParseUint: parsing \"99999999999999999999\": "
              "value out of range");
    EXPECT_EQ(error_of(query.number("e").status()),
              "Error decoding uint64 for 'e': strconv.ParseUint: parsing \"-1\": invalid syntax");
    EXPECT_FALSE(query.integer("f").ok());
    EXPECT_FALSE(query.integer("g").ok());
    EXPECT_FALSE(query.number("h").ok());
    EXPECT_EQ(*query.number("missing"), 0U);
}

TEST(QueryTest, CleansPathsAsGoDoes) {
    EXPECT_EQ(clean_path("/varz"), "/varz");
    EXPECT_EQ(clean_path("//varz"), "/varz");
    EXPECT_EQ(clean_path("/a/./b/../varz"), "/a/varz");
    EXPECT_EQ(clean_path("/varz/"), "/varz/");
    EXPECT_EQ(clean_path("/../.."), "/");
    EXPECT_EQ(clean_path(""), "/");
    EXPECT_EQ(clean_path("x"), "/x");
}

}  // namespace
}  // namespace nuring::monitor
