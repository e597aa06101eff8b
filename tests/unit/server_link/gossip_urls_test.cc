// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/gossip_urls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nuring::server_link {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> list_of(const GossipUrls& urls) {
    std::vector<std::string> list;
    urls.append_to(&list);
    return list;
}

TEST(GossipUrlsTest, OnlyANewAddressIsNews) {
    GossipUrls urls;
    EXPECT_TRUE(urls.empty());
    EXPECT_FALSE(urls.add({}));
    EXPECT_TRUE(urls.add({"b:1", "a:1"}));
    EXPECT_FALSE(urls.add({"a:1"}));
    EXPECT_TRUE(urls.add({"a:1", "c:1"}));
    EXPECT_THAT(list_of(urls), ElementsAre("b:1", "a:1", "c:1"));
}

TEST(GossipUrlsTest, AnAddressStaysUntilAllHaveWithdrawnIt) {
    GossipUrls urls;
    urls.add({"a:1", "b:1"});
    urls.add({"a:1"});
    EXPECT_FALSE(urls.remove({"a:1"}));
    EXPECT_THAT(list_of(urls), ElementsAre("a:1", "b:1"));
    EXPECT_TRUE(urls.remove({"a:1"}));
    EXPECT_THAT(list_of(urls), ElementsAre("b:1"));
    EXPECT_FALSE(urls.remove({"a:1", "unknown:1"}));
    EXPECT_TRUE(urls.remove({"b:1"}));
    EXPECT_TRUE(urls.empty());
    EXPECT_TRUE(urls.add({"a:1"}));
}

TEST(GossipUrlsTest, AppendsWhatTheListLacks) {
    GossipUrls urls;
    urls.add({"a:1", "b:1", "c:1"});
    std::vector<std::string> list = {"own:1", "b:1"};
    urls.append_to(&list);
    EXPECT_THAT(list, ElementsAre("own:1", "b:1", "a:1", "c:1"));
}

TEST(GossipUrlsTest, HoldsNoMoreThanItsLimit) {
    GossipUrls urls;
    for (size_t i = 0; i < GossipUrls::kUrlsMax; ++i) EXPECT_TRUE(urls.add({std::to_string(i)}));
    EXPECT_FALSE(urls.add({"one more"}));
    EXPECT_EQ(list_of(urls).size(), GossipUrls::kUrlsMax);
    EXPECT_FALSE(urls.remove({"one more"}));
    EXPECT_FALSE(urls.add({"0"}));  // counted twice now
    EXPECT_FALSE(urls.remove({"0"}));
    EXPECT_TRUE(urls.remove({"0"}));
    EXPECT_TRUE(urls.add({"one more"}));
}

TEST(GossipUrlsTest, OfALongListTheFirstCount) {
    std::vector<std::string> list = {"own:1"};
    list.resize(GossipUrls::kListMax, "own:1");
    list.push_back("late:1");
    GossipUrls urls;
    EXPECT_TRUE(urls.add(list));
    EXPECT_THAT(list_of(urls), ElementsAre("own:1"));
    EXPECT_TRUE(urls.add({"late:1"}));
    EXPECT_TRUE(urls.remove(list));
    EXPECT_THAT(list_of(urls), ElementsAre("late:1"));
}

TEST(GossipUrlsTest, WhatIsTooLongForAnAddressIsIgnored) {
    const std::string longest(GossipUrls::kUrlBytesMax, 'a');
    GossipUrls urls;
    EXPECT_TRUE(urls.add({longest + "a", longest}));
    EXPECT_THAT(list_of(urls), ElementsAre(longest));
    EXPECT_TRUE(urls.remove({longest, longest + "a"}));
    EXPECT_TRUE(urls.empty());
}

}  // namespace
}  // namespace nuring::server_link
