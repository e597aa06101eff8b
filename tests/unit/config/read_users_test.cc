// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kPlainUserKey = "UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR";

TEST(ReadUsersTest, SingleUserTokenAndTimeout) {
    const auto user = options_of("authorization { user: derek, password: T0p, timeout: 0.5 }");
    EXPECT_EQ(user.authorization.user, "derek");
    EXPECT_EQ(user.authorization.password, "T0p");
    EXPECT_EQ(user.authorization.timeout, std::chrono::milliseconds(500));
    EXPECT_TRUE(user.authorization.timeout_given);
    EXPECT_EQ(options_of("authorization { token: S3Cr3T0k3n! }").authorization.token,
              "S3Cr3T0k3n!");
    EXPECT_EQ(options_of("authorization { timeout: 3 }").authorization.timeout, seconds(3));
    EXPECT_EQ(options_of("authorization { timeout: \"1m\" }").authorization.timeout, seconds(60));
    EXPECT_EQ(options_of("authorization { username: a, pass: b }").authorization.user, "a");
}

TEST(ReadUsersTest, ContradictionsAreRefused) {
    EXPECT_EQ(messages_of("authorization { user: a, token: b }"),
              "1:0: Cannot have a user/pass and token");
    EXPECT_EQ(messages_of("authorization { pass: a, token: b }"),
              "1:0: Cannot have a user/pass and token");
    EXPECT_EQ(messages_of("authorization { user: a, users: [] }"),
              "1:0: Can not have a single user/pass and a users array");
    EXPECT_EQ(messages_of("authorization { token: a }\naccounts { A { users: [{user: b}] } }"),
              "1:0: Can not have a token and accounts");
    EXPECT_EQ(messages_of("accounts { A { users: [{user: b}] } }\nauthorization { token: a }"),
              "2:1: Can not have a token and accounts");
    EXPECT_EQ(messages_of("authorization { token: a, users: [] }"),
              "1:0: Can not have a token and a users array");
    EXPECT_EQ(messages_of("authorization { users: [{user: a}, {user: a}] }"),
              "1:0: Duplicate user \"a\" detected");
}

TEST(ReadUsersTest, UsersWithEveryKey) {
    const Options o = options_of(std::string(R"(authorization { users: [
        {user: a, password: p}
        {username: b, pass: $2a$11$xyz, permissions: {publish: "x"}}
        {nkey: )") + kPlainUserKey + R"(, permission: {sub: y}}
        {user: c, allowed_connection_types: [standard, WEBSOCKET]}
    ]})");
    ASSERT_EQ(o.authorization.users.size(), 3U);
    EXPECT_EQ(o.authorization.users[0].name, "a");
    EXPECT_FALSE(o.authorization.users[0].permissions.has_value());
    EXPECT_EQ(o.authorization.users[1].password, "$2a$11$xyz");
    EXPECT_THAT(o.authorization.users[1].permissions->publish.allow, ElementsAre("x"));
    EXPECT_THAT(o.authorization.users[2].connection_types, ElementsAre("STANDARD", "WEBSOCKET"));
    ASSERT_EQ(o.authorization.nkeys.size(), 1U);
    EXPECT_EQ(o.authorization.nkeys[0].nkey, kPlainUserKey);
    EXPECT_THAT(o.authorization.nkeys[0].permissions->subscribe.allow, ElementsAre("y"));
}

TEST(ReadUsersTest, UserErrors) {
    EXPECT_EQ(messages_of("authorization { users: 5 }"),
              "1:16: Expected users field to be an array, got int64");
    for (const char* users : {"{user: a, password: hunter2}", "[\"a:hunter2\"]", "[[hunter2]]"}) {
        for (const std::string block : {"authorization", "leafnodes { authorization"}) {
            const std::string found = messages_of(block + " { users: " + users + " }" + (block == "authorization" ? "" : " }"));
            EXPECT_THAT(found, HasSubstr("Expected user"));
            EXPECT_THAT(found, Not(HasSubstr("hunter2")));
        }
    }
    EXPECT_EQ(messages_of("authorization { users: [x] }"),
              "1:24: Expected user entry to be a map/struct, got string");
    EXPECT_EQ(messages_of("authorization { users: [{pass: x}] }"),
              "1:25: User entry requires a user");
    EXPECT_EQ(messages_of("authorization { users: [{nkey: UABC}] }"),
              "1:25: Not a valid public nkey for a user");
    EXPECT_EQ(
        messages_of(std::string("authorization { users: [{user: x, nkey: ") + kPlainUserKey + "}] }"),
        "1:25: Nkey users do not take usernames or passwords");
    EXPECT_EQ(messages_of("authorization { users: [{user: x, passwd: y}] }"),
              "1:34: unknown field \"passwd\" (did you mean \"password\"?)");
    EXPECT_THAT(messages_of("authorization { users: [{user: x, clients: [fax, MQTT, pigeon]}] }"),
                HasSubstr("1:34: invalid connection types [\"FAX\" \"PIGEON\"]"));
}

TEST(ReadUsersTest, PermissionsInEveryForm) {
    const auto permissions = [](std::string_view text) {
        return *options_of("authorization { users: [{user: a, permissions: " + std::string(text) +
                           "}] }")
                    .authorization.users.at(0)
                    .permissions;
    };
    EXPECT_EQ(permissions("{}"), Permissions{});
    EXPECT_THAT(permissions("{publish: foo}").publish.allow, ElementsAre("foo"));
    EXPECT_THAT(permissions("{pub: [a, b.>]}").publish.allow, ElementsAre("a", "b.>"));
    EXPECT_THAT(permissions("{subscribe: {allow: a, deny: [b, c]}}").subscribe.deny,
                ElementsAre("b", "c"));
    EXPECT_THAT(permissions("{sub: {deny: b}}").subscribe.allow, IsEmpty());
    EXPECT_TRUE(permissions("{publish: {}}").publish.empty());
    EXPECT_THAT(permissions("{import: a, export: b}").subscribe.allow, ElementsAre("b"));
    EXPECT_THAT(permissions("{sub: \"foo.* queue\"}").subscribe.allow, ElementsAre("foo.* queue"));
    EXPECT_THAT(permissions("{sub: \" foo.* \t queue \"}").subscribe.allow, ElementsAre("foo.* queue"));
}

TEST(ReadUsersTest, AllowResponses) {
    const auto responses = [](std::string_view text) {
        return options_of("authorization { users: [{user: a, permissions: {allow_responses: " +
                          std::string(text) + "}}] }")
            .authorization.users.at(0)
            .permissions->responses;
    };
    EXPECT_EQ(responses("true"), ResponsePermissions{});
    EXPECT_EQ(responses("false"), std::nullopt);
    EXPECT_EQ(responses("{max: 5, expires: 1m}")->max_messages, 5);
    EXPECT_EQ(responses("{max: 5, expires: 1m}")->expires, seconds(60));
    EXPECT_EQ(responses("{max: 0}")->max_messages, 1);
    EXPECT_EQ(responses("{max: -1, ttl: \"-1s\"}")->max_messages, -1);
}

TEST(ReadUsersTest, PermissionErrors) {
    const auto error = [](std::string_view text) {
        return messages_of("authorization { users: [{user: a, permissions: " + std::string(text) +
                           "}] }");
    };
    EXPECT_THAT(error("5"), HasSubstr("Expected permissions to be a map/struct, got 5"));
    EXPECT_THAT(
        error("{publsh: a}"),
        HasSubstr("Unknown field \"publsh\" parsing permissions (did you mean \"publish\"?)"));
    EXPECT_THAT(
        error("{pub: {alow: a}}"),
        HasSubstr("Unknown field name \"alow\" parsing subject permissions, only 'allow' or "
                  "'deny' are permitted"));
    EXPECT_THAT(error("{pub: 5}"),
                HasSubstr("Expected subject permissions to be a subject, or array "
                          "of subjects, got int64"));
    EXPECT_THAT(error("{pub: [a, 5]}"),
                HasSubstr("Subject in permissions array cannot be cast to string"));
    EXPECT_THAT(error("{pub: foo..bar}"), HasSubstr("subject \"foo..bar\" is not a valid subject"));
    EXPECT_THAT(error("{pub: [\"a.>.b\"]}"), HasSubstr("subject \"a.>.b\" is not a valid subject"));
    EXPECT_THAT(error("{sub: \"a q r\"}"), HasSubstr("subject \"a q r\" is not a valid subject"));
    EXPECT_THAT(error("{sub: \"\"}"), HasSubstr("subject \"\" is not a valid subject"));
    EXPECT_THAT(error("{allow_responses: 5}"),
                HasSubstr("error parsing response permissions, expected a boolean or a map"));
    EXPECT_THAT(error("{allow_responses: {expires: 1.5}}"),
                HasSubstr("error parsing expires, not a duration string"));
}

TEST(ReadUsersTest, DefaultPermissionsGoToUsersWithoutOwn) {
    const Options o = options_of(std::string(R"(authorization {
        users: [{user: a}, {user: b, permissions: {}}, {nkey: )") +
                                 kPlainUserKey + R"(}]
        DEFAULT_PERMISSIONS = {publish: x}
    })");
    EXPECT_THAT(o.authorization.users[0].permissions->publish.allow, ElementsAre("x"));
    EXPECT_EQ(*o.authorization.users[1].permissions, Permissions{});
    EXPECT_THAT(o.authorization.nkeys[0].permissions->publish.allow, ElementsAre("x"));
}

TEST(ReadUsersTest, VariablesInTheBlockAreNoErrors) {
    const Options o = options_of(R"(authorization {
        ADMIN = { publish = ">", subscribe = ">" }
        users = [ {user: a, password: b, permissions: $ADMIN} ]
    })");
    EXPECT_THAT(o.authorization.users[0].permissions->publish.allow, ElementsAre(">"));
    EXPECT_EQ(messages_of("authorization { ADMIN = {} }"),
              "1:16: unknown field \"ADMIN\" (not known up to nats-server 2.15: remove it)");
}

}  // namespace
}  // namespace nuring::config
