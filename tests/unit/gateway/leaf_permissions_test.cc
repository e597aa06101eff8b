// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_permissions.h"

#include <gtest/gtest.h>

namespace nuring::gateway {
namespace {

TEST(LeafPermissionsTest, WithoutAnyEverythingPasses) {
    const LeafPermissions all;
    EXPECT_TRUE(all.may_send("a"));
    EXPECT_TRUE(all.may_take("a"));
    EXPECT_TRUE(all.announces(">"));
    EXPECT_TRUE(all.admits("a"));
}

// A user's permissions are stated from the leafnode's view; the hub turns them around.
TEST(LeafPermissionsTest, AHubSendsWhatItsLeafnodeMaySubscribeTo) {
    config::Permissions user;
    user.publish.allow = {"up.>"};
    user.subscribe.allow = {"down.>", "work.* q"};
    user.subscribe.deny = {"down.secret", "down.x q"};
    const LeafPermissions hub = LeafPermissions::of_user(user);
    EXPECT_TRUE(hub.may_send("down.a"));
    EXPECT_FALSE(hub.may_send("work.a")) << "an allowed queue allows a leafnode nothing";
    EXPECT_TRUE(hub.may_send("down.x")) << "a denied queue does not deny the subject";
    EXPECT_TRUE(hub.denies_groups());
    EXPECT_FALSE(hub.may_serve("down.x", "q"));
    EXPECT_TRUE(hub.may_serve("down.x", "other"));
    EXPECT_TRUE(hub.may_serve("down.y", "q"));
    EXPECT_FALSE(hub.may_send("down.secret"));
    EXPECT_FALSE(hub.may_send("up.a"));
    EXPECT_TRUE(hub.may_take("up.a"));
    EXPECT_FALSE(hub.may_take("down.a"));
    EXPECT_TRUE(hub.admits("down.a"));
    EXPECT_FALSE(hub.admits("other"));
    EXPECT_TRUE(hub.admits("other.*")) << "each message is asked for";
    EXPECT_TRUE(hub.announces("up.a"));
    EXPECT_TRUE(hub.announces(">"));
    EXPECT_FALSE(hub.announces("other.>"));
}

// Tokens carry texts as they were written.
TEST(LeafPermissionsTest, BlanksAroundAPatternAreNoPartOfIt) {
    config::Permissions user;
    user.subscribe.deny = {"down.tab\t", " down.front", "down.line\nq", "down.two \v q"};
    const LeafPermissions hub = LeafPermissions::of_user(user);
    EXPECT_FALSE(hub.may_send("down.tab"));
    EXPECT_FALSE(hub.may_send("down.front"));
    EXPECT_TRUE(hub.may_send("down.line"));
    EXPECT_FALSE(hub.may_serve("down.line", "q"));
    EXPECT_FALSE(hub.may_serve("down.two", "q"));
}

TEST(LeafPermissionsTest, AllowedQueuesAloneAllowNothing) {
    config::Permissions user;
    user.subscribe.allow = {"work.* q"};
    const LeafPermissions hub = LeafPermissions::of_user(user);
    EXPECT_FALSE(hub.may_send("work.a"));
    EXPECT_FALSE(hub.admits("work.a"));
    EXPECT_FALSE(hub.may_send("other"));
    const LeafPermissions spoke =
        LeafPermissions::of_hub(proto::SubjectPermission{.allow = {"work.* q"}, .deny = {}}, std::nullopt);
    EXPECT_FALSE(spoke.announces("work.a"));
    EXPECT_FALSE(spoke.announces(">"));
}

TEST(LeafPermissionsTest, ASpokeGoesByTheHubsInfoAndItsOwnDenyLists) {
    LeafPermissions spoke = LeafPermissions::of_hub(proto::SubjectPermission{.allow = {"down.>"}, .deny = {}},
                                                    proto::SubjectPermission{.allow = {}, .deny = {"no"}});
    spoke.deny_inbound({"down.not.>"});
    spoke.deny_outbound({"secret.>"});
    EXPECT_TRUE(spoke.may_send("a"));
    EXPECT_FALSE(spoke.may_send("no"));
    EXPECT_FALSE(spoke.may_send("secret.a"));
    EXPECT_TRUE(spoke.may_take("down.a"));
    EXPECT_FALSE(spoke.may_take("down.not.a"));
    EXPECT_FALSE(spoke.may_take("a"));
    EXPECT_TRUE(spoke.announces("down.*"));
    EXPECT_FALSE(spoke.announces("down.not.*"));
    EXPECT_FALSE(spoke.announces("down.not.a"));
    EXPECT_TRUE(spoke.announces(">"));
    const LeafPermissions open = LeafPermissions::of_hub({}, {});
    EXPECT_TRUE(open.announces("x"));
    EXPECT_TRUE(open.may_take("x"));
}

TEST(LeafPermissionsTest, AnswersThatWereAskedForAlwaysComeIn) {
    config::Permissions user;
    user.publish.allow = {"up.>"};
    const LeafPermissions hub = LeafPermissions::of_user(user);
    EXPECT_TRUE(hub.may_take("_R_.a.b"));
    EXPECT_TRUE(hub.may_take("$JS.ACK.s.c.1.1.1.1.0"));
    EXPECT_FALSE(hub.may_take("_R_"));
    EXPECT_FALSE(hub.may_take("$JS.API.INFO"));
}

TEST(LeafPermissionsTest, WhatIsNotAnnouncedMayStillComeIn) {
    LeafPermissions hub;
    hub.deny_announcing({"$JS.API.>"});
    EXPECT_FALSE(hub.announces("$JS.API.INFO"));
    EXPECT_FALSE(hub.announces("$JS.API.>"));
    EXPECT_TRUE(hub.announces(">"));
    EXPECT_TRUE(hub.may_take("$JS.API.INFO"));
}

}  // namespace
}  // namespace nuring::gateway
