// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway_remotes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fmt/format.h"

namespace nuring::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Learned = GatewayRemotes::Learned;

config::Url url(const std::string& text) { return *config::parse_url(text); }

std::vector<std::string> addresses(const Remote& remote) {
    std::vector<std::string> all;
    for (const config::Url& each : remote.urls()) all.push_back(each.host_port());
    return all;
}

base::LinkHandle link_at(uint32_t slot) { return {base::WorkerId{0}, slot, 1}; }

std::vector<std::string> names(const std::vector<GatewayEntry>& entries) {
    std::vector<std::string> all;
    for (const GatewayEntry& each : entries) all.push_back(each.name);
    return all;
}

class GatewayRemotesTest : public testing::Test {
  protected:
    GatewayRemotesTest() {
        config::GatewayOptions options;
        options.gateways = {{.name = "A", .urls = {url("nats://own:1")}},
                            {.name = "B", .urls = {url("nats://u:p@b.example:7222"), url("nats://10.0.0.2:7222")}}};
        remotes_.configure(options);
    }

    GatewayRemotes remotes_{"A"};
};

TEST_F(GatewayRemotesTest, TheOwnNameIsNoRemote) {
    EXPECT_FALSE(remotes_.contains("A"));
    EXPECT_EQ(remotes_.learn("A", {"10.0.0.9:1"}), Learned::kOwn);
    EXPECT_EQ(remotes_.learn("", {"10.0.0.9:1"}), Learned::kOwn);
    EXPECT_EQ(remotes_.list().size(), 1U);
}

TEST_F(GatewayRemotesTest, LearnedAddressesStandBehindTheConfiguredOnes) {
    EXPECT_EQ(remotes_.learn("B", {"10.0.0.3:7222", "10.0.0.2:7222"}), Learned::kKnown);
    EXPECT_THAT(addresses(*remotes_.find("B")), ElementsAre("b.example:7222", "10.0.0.2:7222", "10.0.0.3:7222"));
    EXPECT_FALSE(remotes_.find("B")->is_implicit);
    EXPECT_EQ(remotes_.find("B")->tls_name, "b.example");
}

TEST_F(GatewayRemotesTest, WhatTheClusterSaysOfItselfReplacesWhatWasLearned) {
    (void)remotes_.learn("B", {"10.0.0.3:7222"});
    remotes_.replace_urls("B", {"10.0.0.4:7222"});
    EXPECT_THAT(addresses(*remotes_.find("B")), ElementsAre("b.example:7222", "10.0.0.2:7222", "10.0.0.4:7222"));
    remotes_.replace_urls("B", {});
    EXPECT_EQ(remotes_.find("B")->learned.size(), 1U);
}

TEST_F(GatewayRemotesTest, AnUnknownClusterIsImplicit) {
    EXPECT_EQ(remotes_.learn("C", {"10.1.0.1:7222"}), Learned::kNew);
    EXPECT_EQ(remotes_.learn("C", {"10.1.0.2:7222"}), Learned::kKnown);
    EXPECT_TRUE(remotes_.find("C")->is_implicit);
    EXPECT_EQ(remotes_.find("C")->urls().size(), 2U);
    remotes_.forget("C");
    remotes_.forget("B");  // configured: stays
    EXPECT_FALSE(remotes_.contains("C"));
    EXPECT_TRUE(remotes_.contains("B"));
}

TEST_F(GatewayRemotesTest, AddressesThatMakeNoSenseAreIgnored) {
    EXPECT_EQ(remotes_.learn("C", {}), Learned::kRefused);
    EXPECT_EQ(remotes_.learn("C", {"", "host", ":1", "host:0", "host:99999", "host:x", "[::1"}), Learned::kRefused);
    EXPECT_FALSE(remotes_.contains("C"));
    EXPECT_EQ(remotes_.learn("C", {"[::1]:7222"}), Learned::kNew);
}

TEST_F(GatewayRemotesTest, LearnedAddressesCarryNoCredentials) {
    EXPECT_EQ(remotes_.learn("C", {"nats://u:p@10.1.0.1:7222"}), Learned::kNew);
    EXPECT_EQ(remotes_.find("C")->learned[0].user, "");
    EXPECT_EQ(remotes_.find("C")->learned[0].password, "");
}

TEST_F(GatewayRemotesTest, FloodsAreBounded) {
    std::vector<std::string> many;
    for (int i = 1; i < 2000; ++i) many.push_back(fmt::format("10.2.0.1:{}", i));
    EXPECT_EQ(remotes_.learn("C", many), Learned::kNew);
    EXPECT_EQ(remotes_.find("C")->learned.size(), GatewayRemotes::kUrlsMax);
    for (int i = 0; i < 3000; ++i) (void)remotes_.learn(fmt::format("C{}", i), {"10.0.0.1:1"});
    EXPECT_EQ(remotes_.list().size(), GatewayRemotes::kRemotesMax);
}

TEST_F(GatewayRemotesTest, LongTextsAreIgnored) {
    EXPECT_EQ(remotes_.learn(std::string(GatewayRemotes::kNameBytesMax + 1, 'n'), {"10.0.0.1:1"}),
              Learned::kRefused);
    const std::string longest(GatewayRemotes::kNameBytesMax, 'n');
    EXPECT_EQ(remotes_.learn(longest, {std::string(100'000, 'h') + ":1", "10.0.0.1:1"}), Learned::kNew);
    EXPECT_THAT(addresses(*remotes_.find(longest)), ElementsAre("10.0.0.1:1"));
}

TEST_F(GatewayRemotesTest, AddressesThatAreIgnoredCountTowardsTheLimit) {
    std::vector<std::string> many(GatewayRemotes::kUrlsMax / 2, "10.0.0.2:7222");  // configured
    many.resize(GatewayRemotes::kUrlsMax, "host:0");
    many.push_back("10.3.0.1:7222");
    (void)remotes_.learn("B", many);
    EXPECT_THAT(remotes_.find("B")->learned, IsEmpty());
    EXPECT_EQ(remotes_.learn("C", many), Learned::kNew);
    EXPECT_EQ(remotes_.find("C")->learned.size(), 1U);
    remotes_.replace_urls("B", {many.begin() + 1, many.end()});
    EXPECT_EQ(remotes_.find("B")->learned.size(), 1U);
}

TEST_F(GatewayRemotesTest, OneOutboundConnectionPerCluster) {
    EXPECT_TRUE(remotes_.add_outbound({.name = "B", .link = link_at(1)}));
    EXPECT_FALSE(remotes_.add_outbound({.name = "B", .link = link_at(2)}));
    EXPECT_TRUE(remotes_.has_outbound("B"));
    EXPECT_FALSE(remotes_.remove(link_at(2)).has_value());
    EXPECT_EQ(remotes_.remove(link_at(1))->name, "B");
    EXPECT_FALSE(remotes_.has_outbound("B"));
}

TEST_F(GatewayRemotesTest, ManyInboundConnectionsPerCluster) {
    remotes_.add_inbound({.name = "B", .link = link_at(1)});
    remotes_.add_inbound({.name = "B", .link = link_at(2)});
    EXPECT_TRUE(remotes_.has_inbound("B"));
    EXPECT_FALSE(remotes_.has_inbound("C"));
    EXPECT_EQ(remotes_.remove(link_at(1))->name, "B");
    EXPECT_TRUE(remotes_.has_inbound("B"));
    EXPECT_THAT(remotes_.outbound(), IsEmpty());
}

TEST_F(GatewayRemotesTest, TheNearestClusterComesFirst) {
    (void)remotes_.add_outbound({.name = "B", .link = link_at(1)});
    (void)remotes_.add_outbound({.name = "C", .link = link_at(2)});
    (void)remotes_.add_outbound({.name = "D", .link = link_at(3)});
    EXPECT_TRUE(remotes_.set_rtt(link_at(1), 300));
    EXPECT_TRUE(remotes_.set_rtt(link_at(2), 200));
    EXPECT_FALSE(remotes_.set_rtt(link_at(3), 100));  // was unknown, which comes first
    EXPECT_THAT(names(remotes_.outbound()), ElementsAre("D", "C", "B"));
    EXPECT_FALSE(remotes_.set_rtt(link_at(3), 110));
    EXPECT_FALSE(remotes_.set_rtt(link_at(9), 1));
    EXPECT_TRUE(remotes_.set_rtt(link_at(1), 50));
    EXPECT_THAT(names(remotes_.outbound()), ElementsAre("B", "D", "C"));
}

}  // namespace
}  // namespace nuring::gateway
