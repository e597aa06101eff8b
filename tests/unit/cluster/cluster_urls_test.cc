// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster_urls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nuring::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using List = std::vector<std::string>;

proto::ServerInfo server(const List& clients, const List& leafnodes) {
    proto::ServerInfo info;
    info.connect_urls = clients;
    info.ws_connect_urls = clients;
    info.leafnode_urls = leafnodes;
    return info;
}

List list_of(const server_link::GossipUrls& urls) {
    List list;
    urls.append_to(&list);
    return list;
}

std::string text_of(const ClusterUrls::News& news) {
    return std::string(news.clients ? "c" : "") + (news.websockets ? "w" : "") + (news.leafnodes ? "l" : "");
}

TEST(ClusterUrlsTest, AServerThatLeavesTakesAllOfItsAddresses) {
    ClusterUrls urls;
    EXPECT_EQ(text_of(urls.add("A", server({"a:1", "both:1"}, {"a:7"}))), "cwl");
    EXPECT_EQ(text_of(urls.add("B", server({"both:1"}, {}))), "");
    EXPECT_EQ(text_of(urls.remove("A")), "cwl");
    EXPECT_THAT(list_of(urls.clients()), ElementsAre("both:1"));
    EXPECT_THAT(list_of(urls.websockets()), ElementsAre("both:1"));
    EXPECT_THAT(list_of(urls.leafnodes()), IsEmpty());
    EXPECT_EQ(text_of(urls.remove("A")), "");
    EXPECT_EQ(text_of(urls.remove("B")), "cw");
}

TEST(ClusterUrlsTest, AnotherAddressForLeafnodesReplacesTheOlder) {
    ClusterUrls urls;
    (void)urls.add("A", server({"a:1"}, {"old:7", "kept:7"}));
    EXPECT_EQ(text_of(urls.update("A", server({"a:1"}, {"kept:7", "new:7"}))), "l");
    EXPECT_THAT(list_of(urls.leafnodes()), ElementsAre("kept:7", "new:7"));
    EXPECT_EQ(text_of(urls.update("A", server({"a:2"}, {"kept:7", "new:7"}))), "cw");
    EXPECT_EQ(text_of(urls.remove("A")), "cwl");
    EXPECT_TRUE(urls.clients().empty());
    EXPECT_TRUE(urls.leafnodes().empty());
}

TEST(ClusterUrlsTest, AServerThatHasLeftAnnouncesNothing) {
    ClusterUrls urls;
    EXPECT_EQ(text_of(urls.update("A", server({"a:1"}, {"a:7"}))), "");
    EXPECT_TRUE(urls.clients().empty());
}

TEST(ClusterUrlsTest, ALameDuckHasNoAddressesForClients) {
    ClusterUrls urls;
    (void)urls.add("A", server({"a:1"}, {"a:7"}));
    proto::ServerInfo duck = server({"a:1"}, {"a:7"});
    duck.ldm = true;
    EXPECT_EQ(text_of(urls.update("A", duck)), "cw");
    EXPECT_TRUE(urls.clients().empty());
    EXPECT_THAT(list_of(urls.leafnodes()), ElementsAre("a:7"));
    EXPECT_EQ(text_of(urls.remove("A")), "l");
    EXPECT_EQ(text_of(urls.add("A", duck)), "l");
    duck.ldm = false;
    EXPECT_EQ(text_of(urls.update("A", duck)), "cw");
}

}  // namespace
}  // namespace nuring::cluster
