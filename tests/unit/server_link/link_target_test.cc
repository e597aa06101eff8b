// SPDX-License-Identifier: Apache-2.0
#include "core/server_link/link_target.h"

#include <gtest/gtest.h>

namespace nuring::server_link {
namespace {

LinkTarget target_of(const char* text) {
    const auto url = config::parse_url(text);
    EXPECT_TRUE(url.ok()) << text;
    return LinkTarget::from_url(*url);
}

TEST(LinkTargetTest, HasWhatTheUrlSaysAndShowsNoPassword) {
    const LinkTarget target = target_of("nats-route://user:secret@host:6222");
    EXPECT_EQ(target.host, "host");
    EXPECT_EQ(target.port, 6222);
    EXPECT_EQ(target.user, "user");
    EXPECT_EQ(target.password, "secret");
    EXPECT_EQ(target.text.find("secret"), std::string::npos) << target.text;
    EXPECT_NE(target.text.find("host:6222"), std::string::npos) << target.text;
    EXPECT_FALSE(target.is_explicit);
    EXPECT_EQ(target.remote_id, "");
}

TEST(LinkTargetTest, TheSameHostAndPortAreTheSameServer) {
    const LinkTarget target = target_of("nats-route://host.example:6222");
    EXPECT_TRUE(target.is_at(target_of("nats-route://user:secret@HOST.example:6222")));
    EXPECT_FALSE(target.is_at(target_of("nats-route://host.example:6223")));
    EXPECT_FALSE(target.is_at(target_of("nats-route://host.example.org:6222")));
}

}  // namespace
}  // namespace nuring::server_link
