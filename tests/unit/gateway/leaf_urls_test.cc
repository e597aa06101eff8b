// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_urls.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace nuring::gateway {
namespace {

std::vector<config::Url> urls(const std::vector<std::string>& texts) {
    std::vector<config::Url> result;
    for (const std::string& text : texts) result.push_back(*config::parse_url(text));
    return result;
}

std::vector<std::string> tried(LeafUrls& list, size_t count) {
    std::vector<std::string> hosts;
    for (size_t i = 0; i < count; ++i) hosts.push_back(list.next().host);
    return hosts;
}

using Strings = std::vector<std::string>;

TEST(LeafUrlsTest, FailuresGoAroundTheListInItsOrder) {
    LeafUrls list(urls({"nats://a:1", "nats://b:2", "nats-leaf://c"}), nullptr);
    EXPECT_EQ(list.current().host, "a");
    EXPECT_EQ(tried(list, 5), (Strings{"a", "b", "c", "a", "b"}));
    EXPECT_EQ(list.list().size(), 3U);
    LeafUrls one(urls({"a:1"}), nullptr);
    EXPECT_EQ(tried(one, 3), (Strings{"a", "a", "a"}));
}

TEST(LeafUrlsTest, ThePortIsThatOfLeafnodes) {
    LeafUrls list(urls({"nats://a"}), nullptr);
    EXPECT_EQ(list.next().port, 7422);
    list.learn({"b"});
    EXPECT_EQ(list.list().front().port, 7422);
}

TEST(LeafUrlsTest, WhatTheHubAnnouncesComesFirstAndLendsCredentials) {
    LeafUrls list(urls({"nats://user:secret@a:1", "nats://b:2"}), nullptr);
    EXPECT_EQ(list.next().host, "a");
    list.learn({"c:3", "A:1", "d:4", "c:3", "://", ""});
    EXPECT_EQ(list.list().size(), 4U) << "configured ones are not repeated";
    EXPECT_EQ(tried(list, 4), (Strings{"c", "d", "a", "b"}));
    for (const server_link::LinkTarget& each : list.list()) {
        EXPECT_EQ(each.user, "user");
        EXPECT_EQ(each.password, "secret");
    }
    list.learn({});
    EXPECT_EQ(list.list().size(), 2U);
}

TEST(LeafUrlsTest, AddressesThatAreIgnoredCountTowardsTheLimit) {
    LeafUrls list(urls({"nats://a:1"}), nullptr);
    Strings many(LeafUrls::kLearnedMax / 2, "a:1");
    many.resize(LeafUrls::kLearnedMax, "://");
    many.push_back("b:2");
    list.learn(many);
    EXPECT_EQ(list.list().size(), 1U);
    list.learn({many.begin() + 1, many.end()});
    EXPECT_EQ(list.list().size(), 2U);
}

TEST(LeafUrlsTest, ALostHubIsNotTriedFirstIfThereAreOthers) {
    LeafUrls list(urls({"nats://a:1"}), nullptr);
    EXPECT_EQ(list.next().host, "a");
    list.learn({"a:1", "b:2"});
    EXPECT_EQ(tried(list, 3), (Strings{"b", "a", "b"}));
}

TEST(LeafUrlsTest, AShuffledListHoldsAll) {
    base::Prng prng(7);
    std::set<std::string> firsts;
    for (int i = 0; i < 50; ++i) {
        LeafUrls list(urls({"a:1", "b:2", "c:3"}), &prng);
        firsts.insert(list.next().host);
        EXPECT_EQ(list.list().size(), 3U);
    }
    EXPECT_EQ(firsts, (std::set<std::string>{"a", "b", "c"}));
}

TEST(LeafUrlsTest, CertificatesAreCheckedAgainstAName) {
    LeafUrls list(urls({"tls://hub.example:1"}), nullptr);
    list.learn({"10.0.0.1:2", "other.example:3", "[::1]:4"});
    EXPECT_EQ(list.certificate_name(list.list()[0]), "hub.example");
    EXPECT_EQ(list.certificate_name(list.list()[1]), "other.example");
    EXPECT_EQ(list.certificate_name(list.list()[2]), "hub.example");
}

TEST(LeafUrlsTest, AWebsocketAddressKeepsItsPath) {
    LeafUrls list(urls({"ws://a:1", "ws://b:2/some/path/?x=1", "ws://c:3/"}), nullptr);
    EXPECT_TRUE(list.is_websocket());
    EXPECT_FALSE(list.wants_tls());
    EXPECT_EQ(list.websocket_path(list.list()[0]), "/leafnode");
    EXPECT_EQ(list.websocket_path(list.list()[1]), "/some/path/leafnode");
    EXPECT_EQ(list.websocket_path(list.list()[2]), "/leafnode");
    list.learn({"d:4"});
    EXPECT_EQ(list.websocket_path(list.list()[0]), "/leafnode");
    EXPECT_TRUE(LeafUrls(urls({"wss://a:1"}), nullptr).wants_tls());
    EXPECT_FALSE(LeafUrls(urls({"a:1"}), nullptr).is_websocket());
}

}  // namespace
}  // namespace nuring::gateway
