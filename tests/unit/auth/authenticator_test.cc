// SPDX-License-Identifier: Apache-2.0
// Who may enter, and what they may do. Tables of shared behaviour: server/auth.go, 2.0.0-RC19 and 2.9.10.
#include "core/auth/authenticator.h"

#include <gtest/gtest.h>

#include "core/auth/password.h"

namespace nuring::auth {
namespace {

config::Options with_users() {
    config::Options options;
    options.authorization.users = {{.name = "derek", .password = "s3cret"},
                                   {.name = "open", .password = ""},
                                   {.name = "tenant", .password = "x", .account = "ACME"}};
    return options;
}

TEST(AuthenticatorTest, WithoutConfigurationEverybodyEnters) {
    const Authenticator nobody_asked{config::Options()};
    EXPECT_FALSE(nobody_asked.required());
    EXPECT_EQ(nobody_asked.decide({.user = "whoever"}).verdict, Verdict::kAccepted);
}

TEST(AuthenticatorTest, UsersNeedTheirOwnPassword) {
    const Authenticator users(with_users());
    EXPECT_TRUE(users.required());
    EXPECT_EQ(users.decide({.user = "derek", .password = "s3cret"}).verdict, Verdict::kAccepted);
    EXPECT_EQ(users.decide({.user = "derek", .password = "s3cre"}).verdict, Verdict::kRefused);
    EXPECT_EQ(users.decide({.user = "Derek", .password = "s3cret"}).verdict, Verdict::kRefused);
    EXPECT_EQ(users.decide({}).verdict, Verdict::kRefused);
    EXPECT_EQ(users.decide({.user = "open"}).verdict, Verdict::kAccepted);
    EXPECT_EQ(users.decide({.user = "open", .password = "x"}).verdict, Verdict::kRefused);
}

TEST(AuthenticatorTest, AUserBringsItsAccount) {
    const Authenticator users(with_users());
    EXPECT_EQ(users.decide({.user = "tenant", .password = "x"}).identity->account, "ACME");
}

TEST(AuthenticatorTest, ATokenStillServesThoseWithoutUserName) {
    config::Options options = with_users();
    options.authorization.token = "T0k";
    const Authenticator both(options);
    EXPECT_EQ(both.decide({.token = "T0k"}).verdict, Verdict::kAccepted);
    EXPECT_EQ(both.decide({.token = "T0"}).verdict, Verdict::kRefused);
    EXPECT_EQ(both.decide({.user = "nobody", .token = "T0k"}).verdict, Verdict::kRefused);
}

TEST(AuthenticatorTest, OnlyWhoShowsNothingIsTheAnonymousUser) {
    config::Options options = with_users();
    options.no_auth_user = "tenant";
    const Authenticator users(options);
    ASSERT_NE(users.anonymous(), nullptr);
    EXPECT_EQ(users.decide({}).identity->name, "tenant");
    EXPECT_EQ(users.decide({.user = "derek", .password = "wrong"}).verdict, Verdict::kRefused);
    EXPECT_TRUE(users.required());
    EXPECT_FALSE(users.asks_for_credentials());
}

// A file that lists the system account alone is the usual way to reach $SYS: all others go on as without
// accounts. As measured on 2.9.10, 2.12.14 and 2.15.3.
TEST(AuthenticatorTest, BesideTheSystemAccountAloneClientsNeedNoCredentials) {
    const auto file = [](std::string system, std::vector<std::string> accounts, bool has_user) {
        config::Options options;
        options.system_account = std::move(system);
        for (const std::string& name : accounts) options.accounts.push_back({.name = name});
        if (has_user) {
            options.authorization.users = {{.name = "s", .password = "p", .account = accounts[0]}};
        }
        return options;
    };
    for (const bool has_user : {true, false}) {
        for (const config::Options& options : {file("", {"$SYS"}, has_user), file("OPS", {"OPS"}, has_user)}) {
            const Authenticator alone(options);
            EXPECT_TRUE(alone.asks_for_credentials());
            EXPECT_EQ(alone.decide({}).verdict, Verdict::kAccepted);
            EXPECT_EQ(alone.decide({}).identity->account, "");
            EXPECT_EQ(alone.decide({.user = "nobody", .password = "x"}).verdict, Verdict::kRefused);
            EXPECT_EQ(alone.decide({.token = "x"}).verdict, Verdict::kRefused);
            EXPECT_EQ(alone.decide({.user = "s", .password = "p"}).verdict,
                      has_user ? Verdict::kAccepted : Verdict::kRefused);
            EXPECT_EQ(alone.decide({.user = "s", .password = "q"}).verdict, Verdict::kRefused);
        }
    }
    // Beside any other account, be it empty, the users are all there are.
    for (const config::Options& options : {file("", {"$SYS", "A"}, true), file("OPS", {"OPS", "$SYS"}, true),
                                           file("", {"OPS"}, true)}) {
        EXPECT_EQ(Authenticator(options).decide({}).verdict, Verdict::kRefused);
    }
    // Without any user, there is nobody to ask for.
    for (const config::Options& options : {file("", {"$SYS", "A"}, false), file("", {"OPS"}, false)}) {
        EXPECT_FALSE(Authenticator(options).required());
    }
    config::Options defined = file("", {"$SYS"}, true);
    defined.authorization.defined = true;  // an authorization block says who may enter
    EXPECT_EQ(Authenticator(defined).decide({}).verdict, Verdict::kRefused);
}

// 2.15.2; 2.9.10 refuses such a configuration.
TEST(AuthenticatorTest, TheAnonymousUserMayBeAnNkey) {
    const std::string nkey = "UDPGQVFIWZ7Q5UH4I5E6DBCZULQS6VTVBG6CYBD7JV3G3N2GMQOMNAUH";
    config::Options options = with_users();
    options.authorization.nkeys = {{.nkey = nkey}};
    options.no_auth_user = nkey;
    const Authenticator users(options);
    const Decision decision = users.decide({});
    ASSERT_EQ(decision.verdict, Verdict::kAccepted);
    EXPECT_EQ(decision.identity->name, nkey);
    EXPECT_EQ(users.decide({.nkey = nkey}).verdict, Verdict::kRefused);
}

TEST(AuthenticatorTest, AUserOfOtherConnectionTypesMayNotEnter) {
    config::Options options;
    options.authorization.users = {
        {.name = "ws", .password = "x", .connection_types = {"WEBSOCKET"}},
        {.name = "both", .password = "x", .connection_types = {"WEBSOCKET", "standard"}}};
    const Authenticator users(options);
    EXPECT_EQ(users.decide({.user = "ws", .password = "x"}).verdict, Verdict::kRefused);
    EXPECT_EQ(users.decide({.user = "both", .password = "x"}).verdict, Verdict::kAccepted);
}

TEST(AuthenticatorTest, AClientsTypeIsNotALeafnodes) {
    config::Options options;
    options.authorization.users = {
        {.name = "client", .password = "x", .connection_types = {"STANDARD", "WEBSOCKET"}},
        {.name = "leaf", .password = "x", .connection_types = {"leafnode"}},
        {.name = "web", .password = "x", .connection_types = {"LEAFNODE_WS"}},
        {.name = "any", .password = "x"}};
    const auto entering = [&options](ConnectionType type) {
        const Authenticator users(options, nullptr, type);
        std::string names;
        for (const char* name : {"client", "leaf", "web", "any"}) {
            const bool enters = users.decide({.user = name, .password = "x"}).verdict == Verdict::kAccepted;
            if (enters) names.append(name).append(" ");
        }
        return names;
    };
    EXPECT_EQ(entering(ConnectionType::kStandard), "client any ");
    EXPECT_EQ(entering(ConnectionType::kWebsocket), "client any ");
    EXPECT_EQ(entering(ConnectionType::kLeafnode), "leaf any ");
    EXPECT_EQ(entering(ConnectionType::kLeafnodeWebsocket), "web any ");
}

// One without a password, whom another port knows by its certificate, is nobody here.
TEST(AuthenticatorTest, TheNameOfACertificateOpensNoOtherPort) {
    config::Options file;
    file.tls.emplace().map = true;
    file.no_auth_user = "guest";
    file.authorization.users = {{.name = "CN=a"},
                                {.name = "CN=b", .password = "x"},
                                {.name = "guest"},
                                {.name = "web", .connection_types = {"WEBSOCKET"}}};
    config::Options websocket = file;
    websocket.tls.reset();
    const Authenticator users(websocket, nullptr, ConnectionType::kWebsocket, &file);
    EXPECT_EQ(users.decide({.user = "CN=a"}).verdict, Verdict::kRefused);
    EXPECT_EQ(users.decide({.user = "CN=b", .password = "x"}).verdict, Verdict::kAccepted);
    EXPECT_EQ(users.decide({.user = "guest"}).verdict, Verdict::kAccepted);
    EXPECT_EQ(users.decide({}).verdict, Verdict::kAccepted);
    EXPECT_EQ(users.decide({.user = "web"}).verdict, Verdict::kAccepted) << "it has no way in by certificate";

    file.tls.reset();
    file.websocket.tls.emplace().map = true;
    EXPECT_EQ(Authenticator(file).decide({.user = "CN=a"}).verdict, Verdict::kAccepted)
        << "a port that is not open";
    file.websocket.port = 1;
    EXPECT_EQ(Authenticator(file).decide({.user = "CN=a"}).verdict, Verdict::kRefused);
    file.websocket.tls.reset();
    file.leafnodes.tls.emplace().map = true;
    file.leafnodes.port = 1;
    EXPECT_EQ(Authenticator(file).decide({.user = "CN=a"}).verdict, Verdict::kRefused);
    file.leafnodes.users = {{.name = "CN=leaf"}};
    EXPECT_EQ(Authenticator(file).decide({.user = "CN=a"}).verdict, Verdict::kAccepted);
}

TEST(AuthenticatorTest, HashedPasswordsAreLeftToAJob) {
    config::Options options;
    options.authorization.user = "derek";
    options.authorization.password =
        "$2a$04$ObjbrN50bM/PPEA8F.bOTeBVIavlSLDEODH/oJjPB98eIgoOTuER6";
    const Authenticator single(options);
    const Decision decision = single.decide({.user = "derek", .password = "hashed-pw"});
    ASSERT_EQ(decision.verdict, Verdict::kHashed);
    EXPECT_TRUE(matches_bcrypt(decision.stored, decision.given));
    EXPECT_FALSE(matches_bcrypt(decision.stored, "hashed-p"));
    EXPECT_FALSE(matches_bcrypt(decision.stored, std::string("hashed-pw\0x", 11)));
    EXPECT_EQ(single.decide({.user = "eve", .password = "hashed-pw"}).verdict, Verdict::kRefused);
}

}  // namespace
}  // namespace nuring::auth
