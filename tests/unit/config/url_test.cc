// SPDX-License-Identifier: Apache-2.0
#include "core/config/url.h"

#include <gtest/gtest.h>

#include "core/config/advertise.h"
#include "core/config/reader.h"

namespace nuring::config {
namespace {

TEST(UrlTest, ReadsEveryPart) {
    const auto url = parse_url(" nats-route://user1:p%40ss@127.0.0.1:4245/path?q=1#f ");
    ASSERT_TRUE(url.ok());
    EXPECT_EQ(url->scheme, "nats-route");
    EXPECT_EQ(url->user, "user1");
    EXPECT_EQ(url->password, "p@ss");
    EXPECT_EQ(url->host, "127.0.0.1");
    EXPECT_EQ(url->port, 4245);
    EXPECT_EQ(url->path, "/path?q=1");
    EXPECT_EQ(url->host_port(), "127.0.0.1:4245");
    EXPECT_EQ(url->redacted(), "nats-route://user1:xxxxx@127.0.0.1:4245/path?q=1#f");
}

TEST(UrlTest, UserWithoutPasswordDiffersFromEmptyPassword) {
    EXPECT_FALSE(parse_url("nats://u@h:1")->has_password);
    EXPECT_TRUE(parse_url("nats://u:@h:1")->has_password);
    EXPECT_FALSE(parse_url("nats://h:1")->has_user);
}

TEST(UrlTest, BareHostPortIsAnAddress) {
    const auto url = parse_url("localhost:4244");
    ASSERT_TRUE(url.ok());
    EXPECT_EQ(url->scheme, "");
    EXPECT_EQ(url->host_port(), "localhost:4244");
}

TEST(UrlTest, Ipv6StandsInBrackets) {
    EXPECT_EQ(parse_url("nats://[::1]:4222")->host, "::1");
    EXPECT_EQ(parse_url("nats://[::1]:4222")->host_port(), "[::1]:4222");
    EXPECT_EQ(parse_url("nats://[::1]")->port, 0);
    EXPECT_FALSE(parse_url("nats://::1:4222").ok());
    EXPECT_FALSE(parse_url("nats://[::1:4222").ok());
    EXPECT_FALSE(parse_url("nats://[::1]x").ok());
}

TEST(UrlTest, PortMayBeRandomOrMissing) {
    EXPECT_EQ(parse_url("nats://127.0.0.1:-1")->port, -1);
    EXPECT_EQ(parse_url("nats://127.0.0.1:")->port, 0);
    EXPECT_EQ(parse_url("nats://127.0.0.1")->port, 0);
}

TEST(UrlTest, RefusesWhatIsNoAddress) {
    for (const char* text :
         {"://h:1", "1x://h:1", "nats://h:abc", "nats://h:65536", "nats://h:-2", "nats://h:+1",
          "nats://h h:1", "nats://u%4@h:1", "nats://u:%zz@h:1", "nats://a\x01:1"}) {
        EXPECT_FALSE(parse_url(text).ok()) << text;
    }
}

TEST(UrlTest, AnAdvertisedAddressIsHostAndPort) {
    EXPECT_EQ(parse_advertise("h:99")->host_port(), "h:99");
    EXPECT_EQ(parse_advertise("h")->host_port(), "h");
    EXPECT_EQ(parse_advertise("[::1]:99")->host_port(), "[::1]:99");
    for (const char* text : {"nats://h:99", "u:p@h:99", "u@h:99", "h:99/path", "h:x"}) {
        EXPECT_FALSE(parse_advertise(text).ok()) << text;
    }
}

TEST(UrlTest, APasswordIsHiddenInWhatIsNoAddress) {
    EXPECT_EQ(redacted_address("nats://u:p:q@r@h:x"), "nats://u:xxxxx@h:x");
    EXPECT_EQ(redacted_address("u:p@h"), "u:xxxxx@h");
    EXPECT_EQ(redacted_address("nats://u@h:x"), "nats://u@h:x");
    EXPECT_EQ(redacted_address("nats://h:x"), "nats://h:x");
}

}  // namespace
}  // namespace nuring::config
