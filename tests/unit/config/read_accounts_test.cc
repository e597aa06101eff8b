// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "core/config/inactive.h"
#include "proto/limits.h"
#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Without the notices about parts that are not active.
std::string error(std::string_view text) {
    std::istringstream messages(messages_of(text));
    std::string out;
    for (std::string line; std::getline(messages, line);) {
        if (line.find("not active in this version") != std::string::npos) continue;
        out += (out.empty() ? "" : "\n") + line;
    }
    return out;
}

TEST(ReadAccountsTest, NamesOnly) {
    const Options o = options_of("accounts: [A, B]");
    ASSERT_EQ(o.accounts.size(), 2U);
    EXPECT_EQ(o.accounts[1].name, "B");
    EXPECT_EQ(error("accounts: [A, A]"), "1:14: Duplicate Account Entry: A");
    EXPECT_EQ(error("accounts: [\"$G\"]"), "1:12: \"$G\" is a Reserved Account");
}

TEST(ReadAccountsTest, UsersBelongToTheirAccount) {
    const Options o = options_of(R"(
        accounts {
            A { users: [{user: a, password: p}], default_permissions: {publish: x} }
            B { users: [{user: b}], limits { max_connections: 5, max_payload: 1k } }
        }
        authorization { users: [{user: c}] })");
    ASSERT_EQ(o.authorization.users.size(), 3U);
    EXPECT_EQ(o.authorization.users[0].account, "A");
    EXPECT_THAT(o.authorization.users[0].permissions->publish.allow, ElementsAre("x"));
    EXPECT_EQ(o.authorization.users[1].account, "B");
    EXPECT_EQ(o.authorization.users[2].account, "");
    EXPECT_EQ(o.accounts[1].limits.connections, 5);
    EXPECT_EQ(o.accounts[1].limits.payload, 1000);
    EXPECT_EQ(o.accounts[1].limits.subscriptions, kUnlimited);
}

TEST(ReadAccountsTest, ANegativeLimitAllowsNothing) {
    const Options o = options_of(R"(
        accounts { A { limits { max_connections: -2, max_subs: -5, max_payload: -1, max_leafs: 0 } } })");
    EXPECT_EQ(o.accounts[0].limits.connections, 0);
    EXPECT_EQ(o.accounts[0].limits.subscriptions, 0);
    EXPECT_EQ(o.accounts[0].limits.payload, kUnlimited);
    EXPECT_EQ(o.accounts[0].limits.leafnodes, 0);
}

TEST(ReadAccountsTest, UserNamesAreUniqueEverywhere) {
    EXPECT_EQ(error("accounts { A { users: [{user: a}] }, B { users: [{user: a}] } }"),
              "1:41: Duplicate user \"a\" detected");
    EXPECT_THAT(
        error("accounts { A { users: [{user: a}] } }\nauthorization { users: [{user: a}] }"),
        HasSubstr("2:1: Duplicate user \"a\" detected"));
    EXPECT_EQ(error("accounts { A { users: [{user: a}] } }\nauthorization { user: x }"),
              "2:1: Can not have a single user/pass and accounts");
}

TEST(ReadAccountsTest, ExportsAndImports) {
    const Options o = options_of(R"(accounts {
        A { exports: [ {stream: "s.>"}, {stream: "p.>", accounts: [B]}
                       {service: "q", response_type: stream, response_threshold: "5s"} ] }
        B { imports: [ {stream: {account: A, subject: "s.x"}, prefix: imp}
                       {stream: {account: A, subject: "p.>"}}
                       {service: {account: A, subject: q}, to: local} ] }
    })");
    ASSERT_EQ(o.accounts.size(), 2U);
    const auto& exports = o.accounts[0].exports;
    ASSERT_EQ(exports.size(), 3U);
    EXPECT_TRUE(exports[0].is_public);
    EXPECT_FALSE(exports[1].is_public);
    EXPECT_THAT(exports[1].accounts, ElementsAre("B"));
    EXPECT_EQ(exports[2].kind, ExchangeKind::kService);
    EXPECT_EQ(exports[2].response_type, ResponseType::kStream);
    EXPECT_EQ(exports[2].response_threshold, seconds(5));
    const auto& imports = o.accounts[1].imports;
    ASSERT_EQ(imports.size(), 3U);
    EXPECT_EQ(imports[0].prefix, "imp");
    EXPECT_EQ(imports[2].to, "local");
}

TEST(ReadAccountsTest, ShapeErrors) {
    EXPECT_EQ(error("accounts: 5"),
              "1:0: interface conversion: interface {} is int64, not map[string]interface {}");
    EXPECT_EQ(error("accounts { A: x }"), "1:11: Expected map entries for accounts");
    EXPECT_EQ(error("accounts { \"$G\" {} }"), "1:12: \"$G\" is a Reserved Account");
    EXPECT_EQ(error("accounts { A { nkey: x } }"),
              "1:15: Not a valid public nkey for an account: \"x\"");
    EXPECT_EQ(error("accounts { A { exports: 5 } }"),
              "1:15: Exports should be an array, got int64");
    EXPECT_EQ(error("accounts { A { imports: 5 } }"),
              "1:15: Imports should be an array, got int64");
    EXPECT_EQ(error("accounts { A { exports: [x] } }"),
              "1:25: Export Items should be a map with type entry, got string");
    EXPECT_EQ(error("accounts { A { imports: [x] } }"),
              "1:25: Import Items should be a map with type entry, got string");
    EXPECT_EQ(error("accounts { A { exports: [{stream: a, service: b}] } }"),
              "1:37: Detected service \"b\" but already saw a stream");
    EXPECT_EQ(error("accounts { A { exports: [{service: a, stream: b}] } }"),
              "1:38: Detected stream \"b\" but already saw a service");
    EXPECT_EQ(error("accounts { A { exports: [{stream: 5}] } }"),
              "1:26: Expected stream name to be string, got int64");
    EXPECT_EQ(error("accounts { A { imports: [{stream: 5}] } }"),
              "1:26: Stream entry should be an account map, got int64");
    EXPECT_EQ(error("accounts { A { imports: [{service: 5}] } }"),
              "1:26: Service entry should be an account map, got int64");
    EXPECT_EQ(error("accounts { A { imports: [{stream: {account: B}}] } }"),
              "1:26: Expect an account name and a subject");
    EXPECT_EQ(error("accounts { A { limits: 5 } }"),
              "1:15: Expected account limits to be a map/struct, got 5");
    EXPECT_EQ(error("accounts { A { limits { max: 5 } } }"),
              "1:24: Unknown field \"max\" parsing account limits (not known up to nats-server 2.15: remove it)");
    EXPECT_EQ(error("accounts { A { exports: [{stream: a, response_type: single}] } }"),
              "1:37: Detected response directive on non-service");
}

TEST(ReadAccountsTest, ImportsNeedTheirExport) {
    EXPECT_EQ(error("accounts { A { imports: [{stream: {account: X, subject: s}}] } }"),
              "1:0: \"X\" account not defined for stream import");
    EXPECT_EQ(error("accounts { A { exports: [{service: s, accounts: [X]}] } }"),
              "1:0: \"X\" account not defined for service export");
    EXPECT_EQ(error("accounts { A {}, B { imports: [{stream: {account: A, subject: s}}] } }"),
              "1:0: Error adding stream import \"s\": stream import not authorized");
    EXPECT_EQ(error("accounts { A { exports: [{service: s, accounts: [A]}] }\n"
                    "B { imports: [{service: {account: A, subject: s}}] } }"),
              "1:0: Error adding service import \"s\": service import not authorized");
    EXPECT_EQ(error("accounts { A { exports: [{stream: \"a.*\"}] }\n"
                    "B { imports: [{stream: {account: A, subject: \"a.>\"}}] } }"),
              "1:0: Error adding stream import \"a.>\": stream import not authorized");
    EXPECT_EQ(error("accounts { A { exports: [{stream: \"a.>\"}] }\n"
                    "B { imports: [{stream: {account: A, subject: \"a.*\"}}] } }"),
              "");
    EXPECT_EQ(error("accounts { A { exports: [{stream: \">\"}] }\n"
                    "B { imports: [{stream: {account: A, subject: \"a..b\"}}] } }"),
              "1:0: Error adding stream import \"a..b\": stream import not authorized");
}

// No client can subscribe or publish to such a subject: the import would never have an effect.
TEST(ReadAccountsTest, BlanksInSubjectsAreRefused) {
    const auto import = [](std::string_view fields) {
        return error(fmt::format("accounts {{ A {{ exports: [{{stream: \">\"}}, {{service: \">\"}}] }}\n"
                                 "B {{ imports: [{{{}}}] }} }}",
                                 fields));
    };
    EXPECT_EQ(import(R"(stream: {account: A, subject: "a b"})"),
              "1:0: Error adding stream import \"a b\": sublist: invalid subject");
    EXPECT_EQ(import(R"(stream: {account: A, subject: s}, prefix: "a b")"),
              "1:0: Error adding stream import \"s\": \"a b.s\" is not a valid subject");
    EXPECT_EQ(import(R"(stream: {account: A, subject: s}, to: "a\tb")"),
              "1:0: Error adding stream import \"s\": \"a\tb\" is not a valid subject");
    EXPECT_EQ(import(R"(stream: {account: A, subject: s}, to: "a..b")"),
              "1:0: Error adding stream import \"s\": \"a..b\" is not a valid subject");
    EXPECT_EQ(import(R"(stream: {account: A, subject: "s.*"}, to: "a b.$1")"),
              "1:0: Error adding stream import \"s.*\": \"a b.$1\" is not a valid subject");
    EXPECT_EQ(import(R"(service: {account: A, subject: "a b"})"),
              "1:0: Error adding service import \"a b\": sublist: invalid subject");
    EXPECT_EQ(import(R"(service: {account: A, subject: s}, to: "a b")"),
              "1:0: Error adding service import \"s\": sublist: invalid subject");
    EXPECT_EQ(import(R"(service: {account: A, subject: "s.*"}, to: "a b.*")"),
              "1:0: Error adding service import \"s.*\": sublist: invalid subject");
    EXPECT_EQ(import(R"(stream: {account: A, subject: "s.*"}, to: "t.{{ wildcard(1) }}")"), "");
    EXPECT_EQ(error("accounts { A { exports: [{stream: \"a b\"}] } }"),
              "1:25: Error adding stream export \"a b\": sublist: invalid subject");
    EXPECT_EQ(error("accounts { A { exports: [{service: s, latency: {subject: \"a b\"}}] } }"),
              "1:0: Error adding service latency sampling for \"s\" on subject \"a b\": "
              "invalid publish subject");
}

TEST(ReadAccountsTest, ImportsThatCannotBeCarriedOutAreRefused) {
    EXPECT_EQ(error("accounts { A { exports: [{stream: s}] }\n"
                    "B { imports: [{stream: {account: A, subject: s}, prefix: \"p.*\"}] } }"),
              "1:0: Error adding stream import \"s\": stream import prefix can not contain wildcard "
              "tokens");
    EXPECT_EQ(error("accounts { A { exports: [{stream: s}] }\n"
                    "B { imports: [{stream: {account: A, subject: s}}\n"
                    "{stream: {account: A, subject: s}, to: t}] } }"),
              "1:0: Error adding stream import \"s\": stream import already exists");
    EXPECT_EQ(error("accounts { A { exports: [{stream: \"s.*\"}] }\n"
                    "B { imports: [{stream: {account: A, subject: \"s.*\"}, to: t}] } }"),
              "1:0: Error adding stream import \"s.*\": failed to create mapping transform for stream "
              "import subject \"s.*\" to \"t\": invalid mapping destination: not using all of the "
              "token wildcard(s) in t");
    EXPECT_EQ(error("accounts { A { exports: [{service: q}, {service: r}] }\n"
                    "B { imports: [{service: {account: A, subject: q}, to: x}\n"
                    "{service: {account: A, subject: r}, to: x}] } }"),
              "3:1: Duplicate service import subject \"x\", "
              "previously used in import for account \"A\", subject \"q\"");
    EXPECT_EQ(error("accounts { A { exports: [{service: q}] }, C { exports: [{service: q}] }\n"
                    "B { imports: [{service: {account: A, subject: q}, to: x}\n"
                    "{service: {account: C, subject: q}, to: x}] } }"),
              "");
    EXPECT_EQ(error("accounts { A { exports: [{service: \"q.*\"}] }\n"
                    "B { imports: [{service: {account: A, subject: \"q.*\"}, to: x}] } }"),
              "1:0: Error adding service import \"q.*\": failed to create mapping transform for "
              "service import subject \"x\" to \"q.*\": invalid mapping destination: not using all "
              "of the token wildcard(s) in x");
}

TEST(ReadAccountsTest, WhatNoControlLineBoundsIsBoundedHere) {
    const std::string longer(proto::kSubjectSizeMax + 1, 'x');
    const std::string half(proto::kSubjectSizeMax / 2, 'x');
    for (const std::string& text :
         {"mappings { a: " + longer + " }", "mappings { " + longer + ": a }",
          "accounts { A { mappings { a: " + longer + " } } }",
          "accounts { A { exports: [{service: " + longer + "}] } }",
          "accounts { A { exports: [{service: a, latency: " + longer + "}] } }",
          "accounts { A { exports: [{service: \">\"}] }\nB { imports: [{service: {account: A, subject: " +
              longer + "}, to: r}] } }",
          "accounts { A { exports: [{service: \">\"}] }\nB { imports: [{service: {account: A, subject: a}, "
          "to: " + longer + "}] } }",
          "accounts { A { exports: [{stream: \">\"}] }\nB { imports: [{stream: {account: A, subject: " + half +
              "}, prefix: " + half + "}] } }",
          "authorization { users: [{user: a, permissions { publish: " + longer + " }}] }",
          "authorization { default_permissions { subscribe { deny: [\"" + longer + " q\"] } } }"}) {
        EXPECT_THAT(error(text), HasSubstr("is too long, at most 16384 are allowed")) << text.substr(0, 80);
    }
    EXPECT_THAT(error("accounts { " + std::string(proto::kNameSizeMax + 1, 'a') + " {} }"),
                HasSubstr("account name of 1025 bytes is too long"));
}

TEST(ReadAccountsTest, MappingsMayDropTokensAndDifferByCluster) {
    EXPECT_EQ(error("mappings { \"orders.*.*\": \"orders.$2\", \"drop.*\": dropped }"), "");
    EXPECT_EQ(error("mappings { a: [{dest: w, weight: 100%, cluster: west}\n"
                    "{dest: e, weight: 100%, cluster: east}] }"),
              "");
}

TEST(ReadAccountsTest, CirclesOfImportsAreRefused) {
    EXPECT_EQ(error("accounts {\n"
                    "A { exports: [{service: q}], imports: [{service: {account: B, subject: q}}] }\n"
                    "B { exports: [{service: q}], imports: [{service: {account: A, subject: q}}] } }"),
              "1:0: Error adding service import \"q\": import forms a cycle");
    EXPECT_EQ(error("accounts {\n"
                    "A { exports: [{stream: s}], imports: [{stream: {account: C, subject: s}}] }\n"
                    "B { exports: [{stream: s}], imports: [{stream: {account: A, subject: s}}] }\n"
                    "C { exports: [{stream: s}], imports: [{stream: {account: B, subject: s}}] } }"),
              "1:0: Error adding stream import \"s\": import forms a cycle");
    EXPECT_EQ(error("accounts {\n"
                    "A { exports: [{service: q}], imports: [{service: {account: B, subject: r}}] }\n"
                    "B { exports: [{service: r}], imports: [{service: {account: A, subject: q}}] } }"),
              "");
}

TEST(ReadAccountsTest, ACircleOfRenamedStreamsIsRefused) {
    EXPECT_EQ(error("accounts {\n"
                    "B { exports: [{stream: a}], imports: [{stream: {account: C, subject: x.y}, to: a}] }\n"
                    "C { exports: [{stream: x.y}], imports: [{stream: {account: B, subject: a}, to: x.y}] } }"),
              "1:0: Error adding stream import \"a\": import forms a cycle");
}

// Each import of an account is followed by itself: `narrow` says nothing about `other`.
TEST(ReadAccountsTest, ACircleBesideAnotherImportIsFound) {
    for (const std::string kind : {"service", "stream"}) {
        const auto exported = [&kind](const std::string& subject) {
            return "exports: [{" + kind + ": \"" + subject + "\"}]\n";
        };
        const auto imported = [&kind](const std::string& from, const std::string& subject) {
            return "{" + kind + ": {account: " + from + ", subject: \"" + subject + "\"}}\n";
        };
        EXPECT_THAT(error("accounts {\n A { " + exported("*") + "imports: [" + imported("C", "narrow") +
                          imported("D", "other") + "] }\n C { " + exported("narrow") + " }\n D { " +
                          exported("other") + "imports: [" + imported("E", "other") + "] }\n E { " +
                          exported("*") + "imports: [" + imported("A", "*") + "] } }"),
                    HasSubstr("import forms a cycle"))
            << kind;
    }
}

TEST(ReadAccountsTest, AnExportMayNameItsImporterInAToken) {
    const std::string exported =
        "accounts { A { exports: [{service: \"q.*\", account_token_position: 2}] }\n";
    EXPECT_EQ(error(exported + "B { imports: [{service: {account: A, subject: \"q.B\"}, to: q}] } }"),
              "");
    EXPECT_EQ(error(exported + "B { imports: [{service: {account: A, subject: \"q.C\"}, to: q}] } }"),
              "1:0: Error adding service import \"q.C\": service import not authorized");
    EXPECT_EQ(error("accounts { A { exports: [{stream: \"q.x\", account_token_position: 2}] } }"),
              "1:0: Error adding stream export \"q.x\": sublist: invalid subject");
    EXPECT_EQ(error("accounts { A { exports: [{stream: \"q.*\", account_token_position: -1}] } }"),
              "1:41: account_token_position can not be negative");
}

TEST(ReadAccountsTest, Mappings) {
    const Options o = options_of(R"(mappings {
        a: b
        "c.*": [ {destination: "d.$1", weight: 60%}, {dest: "e.$1", weight: 40, cluster: X} ]
    })");
    ASSERT_EQ(o.mappings.size(), 2U);
    EXPECT_EQ(o.mappings[0].targets.at(0).subject, "b");
    EXPECT_EQ(o.mappings[1].source, "c.*");
    EXPECT_EQ(o.mappings[1].targets.at(0).weight, 60);
    EXPECT_EQ(o.mappings[1].targets.at(1).cluster, "X");
    EXPECT_EQ(error("mappings { a: {dest: b} }"),
              "1:11: Missing weight for mapping destination \"b\"");
    EXPECT_EQ(error("mappings { a: {dest: b, weight: 101} }"),
              "1:24: Invalid weight 101 for mapping destination");
    EXPECT_EQ(error("mappings { a: {dest: b, weight: x} }"),
              "1:24: Invalid weight \"x\" for mapping destination");
    EXPECT_EQ(error("mappings { \"a..b\": c }"), "1:12: Subject \"a..b\" is not a valid subject");
    EXPECT_EQ(error("mappings { \"a.*\": \"c.$2\" }"),
              "1:12: Error adding mapping for \"a.*\" to \"c.$2\" : invalid mapping destination: "
              "wildcard index out of range in $2: [2]");
    EXPECT_EQ(error("mappings { a: [{dest: b, weight: 60}, {dest: c, weight: 60}] }"),
              "1:11: Error adding mapping for \"a\" to \"c\" : total weight needs to be <= 100");
    EXPECT_EQ(error("mappings { a: [{dest: b, weight: 10}, {dest: b, weight: 10}] }"),
              "1:11: Error adding mapping for \"a\" to \"b\" : duplicate entry for \"b\"");
}

TEST(ReadAccountsTest, VariablesAmongAccountsAreSkipped) {
    const Options o = options_of(
        "accounts { P: {publish: x}\n"
        "A { users: [{user: a, permissions: $P}] } }");
    ASSERT_EQ(o.accounts.size(), 1U);
    EXPECT_EQ(o.accounts[0].name, "A");
}

}  // namespace
}  // namespace nuring::config
