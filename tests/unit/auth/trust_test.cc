// SPDX-License-Identifier: Apache-2.0
// Whom a server in operator mode believes, and which logins follow from it.
#include "core/auth/trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/auth/jwt_login.h"
#include "core/auth/operators.h"
#include "tests/unit/auth/tokens.h"

namespace nuring::auth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr int64_t kTrustNow = 2000;
constexpr std::string_view kNonce = "fKZ4x1AYZLZ4rKw";

class TrustTest : public testing::Test {
  protected:
    TrustTest() {
        options_.files = {make_token(operator_, operator_.text, "operator")};
        options_.resolver = config::ResolverKind::kMemory;
        options_.preload = {{account_.text, account_token()}};
    }

    std::string account_token(std::string_view nats = {}, std::string_view more = {}) const {
        return make_token(operator_, account_.text, "account", fmt::format("{}{}", kNoLimits, nats),
                          more);
    }
    std::shared_ptr<Trust> trust() const {
        auto made = Trust::create(options_, config::system_sources());
        EXPECT_TRUE(made.ok()) << made.status();
        return made.ok() ? *made : nullptr;
    }
    JwtLogin login(std::string token) const {
        return {.token = std::move(token),
                .signature = base64url(sign(user_.seed, kNonce)),
                .nonce = std::string(kNonce),
                .host = "127.0.0.1",
                .now_s = kTrustNow};
    }
    std::string user_token(std::string_view nats = {}, std::string_view more = {}) const {
        return make_token(account_, user_.text, "user", fmt::format("{}{}", kNoUserLimits, nats),
                          more);
    }

    const TestKey operator_{NkeyKind::kOperator, 1};
    const TestKey account_{NkeyKind::kAccount, 2};
    const TestKey other_{NkeyKind::kAccount, 3};
    const TestKey user_{NkeyKind::kUser, 4};
    const TestKey stranger_{NkeyKind::kOperator, 5};
    config::OperatorOptions options_;
};

bool refresh(Trust& trust, const config::OperatorOptions& options, int64_t now_s) {
    auto prepared = trust.prepare(options);
    if (!prepared.ok()) return false;
    if (trust.apply(*std::move(prepared)) != Trust::Refresh::kNone) trust.refresh(now_s);
    return true;
}

TEST_F(TrustTest, TheSentinelStandsInForATokenThatIsNone) {
    const std::string bearer = user_token(R"(,"bearer_token":true)");
    const auto trust = this->trust();
    ASSERT_TRUE(trust->load(account_.text, kTrustNow).ok());
    const auto outcome = [&](std::string token, std::string sentinel) {
        JwtLogin shown = login(std::move(token));
        shown.signature.clear();
        shown.sentinel = std::move(sentinel);
        return check_jwt_login(*trust, shown).outcome;
    };
    EXPECT_EQ(outcome("", bearer), JwtOutcome::kAccepted);
    EXPECT_EQ(outcome("nonsense", bearer), JwtOutcome::kAccepted);
    EXPECT_EQ(outcome("", ""), JwtOutcome::kRefused);
    EXPECT_EQ(outcome(user_token(), bearer), JwtOutcome::kRefused);  // a token that is one counts by itself
}

TEST_F(TrustTest, ASentinelIsABearerTokenOrThatOfAScopedKey) {
    const auto fault = [this](std::string sentinel) {
        options_.default_sentinel = std::move(sentinel);
        return std::string(Trust::create(options_, config::system_sources()).status().message());
    };
    EXPECT_EQ(fault(user_token(R"(,"bearer_token":true)")), "");
    EXPECT_EQ(fault(user_token()), "default sentinel must be a bearer token");
    EXPECT_EQ(fault("nonsense"), "default sentinel JWT not valid");
    const std::string scoped = make_token(account_, user_.text, "user",
                                          fmt::format(R"(,"issuer_account":"{}")", account_.text));
    EXPECT_EQ(fault(scoped), "");
}

TEST_F(TrustTest, AnAccountIsLoadedOnceAndThenKnown) {
    const auto trust = this->trust();
    std::vector<std::pair<std::string, TrustChange>> heard;
    trust->set_listener([&](const std::string& account, TrustChange change) {
        heard.emplace_back(account, change);
    });
    EXPECT_EQ(trust->find(account_.text), nullptr);
    ASSERT_TRUE(trust->load(account_.text, kTrustNow).ok());
    ASSERT_TRUE(trust->load(account_.text, kTrustNow).ok());
    EXPECT_NE(trust->find(account_.text), nullptr);
    EXPECT_THAT(heard, ElementsAre(Pair(account_.text, TrustChange::kLoaded)));
    EXPECT_EQ(trust->change_count(), 0u);
}

TEST_F(TrustTest, NobodyElsesAccountIsLoaded) {
    options_.preload = {
        {account_.text, make_token(stranger_, account_.text, "account", kNoLimits)},
        {other_.text, account_token()}};
    const auto trust = this->trust();
    EXPECT_EQ(trust->load(account_.text, kTrustNow).status().message(), "account validation failed");
    EXPECT_EQ(trust->load(other_.text, kTrustNow).status().message(), "account validation failed");
    EXPECT_EQ(trust->load("../../etc/passwd", kTrustNow).status().message(), "account missing");
}

TEST_F(TrustTest, WhatIsNoAccountsKeyIsNotStored) {
    char directory[] = "/tmp/nuring-trust-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    options_.preload.clear();
    options_.resolver = config::ResolverKind::kFullDirectory;
    options_.directory.path = directory;
    const auto trust = this->trust();
    for (const char* name : {"../outside", "/etc/x", "..", ""}) {
        EXPECT_FALSE(
            trust->update(name, make_token(operator_, name, "account", kNoLimits), kTrustNow).ok());
    }
    EXPECT_EQ(::rmdir(directory), 0);  // it is empty
}

TEST_F(TrustTest, PreloadsMustBeAccounts) {
    options_.preload = {{account_.text, "x"}};
    EXPECT_THAT(Trust::create(options_, config::system_sources()).status().message(),
                HasSubstr("preloaded Account: expected 3 chunks"));
    options_.preload = {{"../x", account_token()}};
    EXPECT_THAT(Trust::create(options_, config::system_sources()).status().message(),
                HasSubstr("not an account public key"));
}

TEST_F(TrustTest, AnUpdateReplacesClaimsOfALoadedAccount) {
    const auto trust = this->trust();
    const std::string revoking = account_token(R"(,"revocations":{"*":1500})");
    EXPECT_TRUE(absl::IsNotFound(trust->update(account_.text, revoking, kTrustNow)));
    ASSERT_TRUE(trust->load(account_.text, kTrustNow).ok());
    EXPECT_EQ(check_jwt_login(*trust, login(user_token())).outcome, JwtOutcome::kAccepted);
    EXPECT_TRUE(trust->update(account_.text, revoking, kTrustNow).ok());
    EXPECT_EQ(trust->change_count(), 1u);
    EXPECT_EQ(check_jwt_login(*trust, login(user_token())).outcome, JwtOutcome::kRevoked);
    EXPECT_FALSE(trust->update(account_.text, "x", kTrustNow).ok());
    EXPECT_FALSE(trust->update(other_.text, revoking, kTrustNow).ok());
    const std::string strange = make_token(stranger_, account_.text, "account", kNoLimits);
    EXPECT_FALSE(trust->update(account_.text, strange, kTrustNow).ok());
    EXPECT_EQ(trust->change_count(), 1u);
    // The same once more is no change.
    EXPECT_TRUE(trust->update(account_.text, revoking, kTrustNow).ok());
    EXPECT_EQ(trust->change_count(), 1u);
}

TEST_F(TrustTest, AReloadDropsWhatIsGone) {
    const auto trust = this->trust();
    ASSERT_TRUE(trust->load(account_.text, kTrustNow).ok());
    config::OperatorOptions fresh = options_;
    fresh.preload.clear();
    ASSERT_TRUE(refresh(*trust, fresh, kTrustNow));
    EXPECT_EQ(trust->find(account_.text), nullptr);
    EXPECT_EQ(check_jwt_login(*trust, login(user_token())).outcome, JwtOutcome::kAccountUnknown);
}

TEST_F(TrustTest, APreparedReloadThatIsGivenUpChangesNothing) {
    const auto trust = this->trust();
    ASSERT_TRUE(trust->load(account_.text, kTrustNow).ok());
    config::OperatorOptions fresh = options_;
    fresh.preload.clear();
    ASSERT_TRUE(trust->prepare(fresh).ok());
    EXPECT_NE(trust->find(account_.text), nullptr);
    fresh.preload = {{account_.text, "x"}};
    EXPECT_FALSE(trust->prepare(fresh).ok());
    EXPECT_NE(trust->find(account_.text), nullptr);
    EXPECT_EQ(check_jwt_login(*trust, login(user_token())).outcome, JwtOutcome::kAccepted);
}

TEST_F(TrustTest, AnExpiredAccountIsAskedForAgainOnceASecond) {
    const auto trust = this->trust();
    options_.preload = {{account_.text, account_token({}, R"(,"exp":2010)")}};
    ASSERT_TRUE(refresh(*trust, options_, kTrustNow));
    ASSERT_TRUE(trust->load(account_.text, kTrustNow).ok());
    JwtLogin late = login(user_token());
    late.now_s = 2010;
    EXPECT_EQ(check_jwt_login(*trust, late).outcome, JwtOutcome::kAccountExpired);
    EXPECT_FALSE(trust->load(account_.text, 2011).ok());
    config::OperatorOptions fresh = options_;
    fresh.preload = {{account_.text, account_token({}, R"(,"exp":3000)")}};
    ASSERT_TRUE(refresh(*trust, fresh, 2012));
    EXPECT_EQ(check_jwt_login(*trust, late).outcome, JwtOutcome::kAccepted);
}

TEST_F(TrustTest, ExportersAreLoadedWithTheirImporters) {
    const std::string token = make_token(account_, other_.text, "activation",
                                         R"(,"subject":"a","kind":"stream")", R"(,"exp":2100)");
    options_.preload = {
        {account_.text, account_token(R"(,"exports":[{"subject":"a","type":"stream","token_req":true}])")},
        {other_.text,
         make_token(operator_, other_.text, "account",
                    fmt::format(R"({},"imports":[{{"account":"{}","subject":"a","type":"stream",)"
                                R"("token":"{}"}}])",
                                kNoLimits, account_.text, token))}};
    const auto trust = this->trust();
    ASSERT_TRUE(trust->load(other_.text, kTrustNow).ok());
    EXPECT_NE(trust->find(account_.text), nullptr);
    const auto activated = [&](int64_t now_s) {
        for (const config::AccountOptions& each : trust->account_options(now_s).options) {
            if (each.name == other_.text) return each.imports.at(0).activated;
        }
        return false;
    };
    EXPECT_TRUE(activated(kTrustNow));
    EXPECT_EQ(trust->account_options(kTrustNow).next_expiry_s, 2100);
    EXPECT_FALSE(activated(2100));
    EXPECT_EQ(trust->account_options(2100).next_expiry_s, 0);
}

TEST_F(TrustTest, ADirectoryKeepsWhatItIsSent) {
    std::string folder = testing::TempDir() + "nuring-jwt-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    options_.preload.clear();
    options_.resolver = config::ResolverKind::kFullDirectory;
    options_.directory.path = folder;
    const auto trust = this->trust();
    EXPECT_FALSE(trust->load(account_.text, kTrustNow).ok());
    ASSERT_TRUE(trust->update(account_.text, account_token(), kTrustNow).ok());
    EXPECT_TRUE(trust->load(account_.text, kTrustNow).ok());
    std::ifstream file(folder + "/" + account_.text + ".jwt");
    std::string text;
    file >> text;
    EXPECT_EQ(text, account_token());
    ASSERT_EQ(std::system(("rm -r " + folder).c_str()), 0);
}

// ------------------------------------------------------------------------------------- logins

class JwtLoginTest : public TrustTest {
  protected:
    JwtVerdict check(const JwtLogin& login) const {
        const auto trust = this->trust();
        EXPECT_TRUE(trust->load(account_.text, kTrustNow).ok());
        return check_jwt_login(*trust, login);
    }
    std::string reason(const JwtLogin& login) const {
        const JwtVerdict verdict = check(login);
        EXPECT_NE(verdict.outcome, JwtOutcome::kAccepted);
        return verdict.reason;
    }
    void account_has(std::string_view nats) {
        options_.preload = {{account_.text, account_token(nats)}};
    }
};

TEST_F(JwtLoginTest, AGoodUserIsThatOfItsAccount) {
    const JwtVerdict verdict = check(login(user_token(R"(,"pub":{"deny":["x"]})", R"(,"name":"joe")")));
    ASSERT_EQ(verdict.outcome, JwtOutcome::kAccepted) << verdict.reason;
    EXPECT_EQ(verdict.identity->name, user_.text);
    EXPECT_EQ(verdict.identity->account, account_.text);
    EXPECT_EQ(verdict.identity->name_tag, "joe");
    EXPECT_EQ(verdict.identity->valid_until_s, 0);
    EXPECT_FALSE(verdict.identity->permissions->may_publish("x"));
    EXPECT_TRUE(verdict.identity->permissions->may_publish("y"));
}

TEST_F(JwtLoginTest, ReasonsAreNamed) {
    EXPECT_EQ(reason({}), "Authentication requires a user JWT");
    EXPECT_EQ(reason(login("x")), "User JWT not valid: expected 3 chunks");
    EXPECT_EQ(reason(login(account_token())), "User JWT not valid: not user claim");
    EXPECT_EQ(reason(login(user_token({}, R"(,"exp":1)"))),
              "User JWT no longer valid: claim is expired");
    JwtLogin unsigned_login = login(user_token());
    unsigned_login.signature = "";
    EXPECT_EQ(reason(unsigned_login), "Signature missing");
    unsigned_login.signature = "*";
    EXPECT_EQ(reason(unsigned_login), "Signature not valid base64");
    unsigned_login.signature = base64url(sign(user_.seed, "another nonce"));
    EXPECT_EQ(reason(unsigned_login), "Signature not verified");
    const std::string no_user = make_token(account_, other_.text, "user", kNoUserLimits);
    EXPECT_EQ(reason(login(no_user)), "User nkey not valid: nkeys: invalid prefix byte");
}

// CVE-2020-26892: expiry of a JWT is not enforced.
TEST_F(JwtLoginTest, TheEarliestEndCounts) {
    EXPECT_EQ(check(login(user_token({}, R"(,"exp":2500)"))).identity->valid_until_s, 2500);
    EXPECT_EQ(check(login(user_token({}, R"(,"exp":2000)"))).outcome, JwtOutcome::kUserExpired);
    options_.preload = {{account_.text, account_token({}, R"(,"exp":2400)")}};
    const JwtVerdict verdict = check(login(user_token({}, R"(,"exp":2500)")));
    EXPECT_EQ(verdict.identity->valid_until_s, 2400);
    EXPECT_TRUE(verdict.identity->ends_with_account);
    EXPECT_FALSE(check(login(user_token({}, R"(,"exp":2300)"))).identity->ends_with_account);
}

TEST_F(JwtLoginTest, OnlyKeysOfTheAccountSignItsUsers) {
    account_has(fmt::format(R"(,"signing_keys":["{}"])", other_.text));
    const std::string of_account = fmt::format(R"({},"issuer_account":"{}")", kNoUserLimits, account_.text);
    const TestKey unknown(NkeyKind::kAccount, 9);
    EXPECT_EQ(check(login(make_token(other_, user_.text, "user", of_account))).outcome,
              JwtOutcome::kAccepted);
    EXPECT_EQ(check(login(make_token(account_, user_.text, "user", of_account))).outcome,
              JwtOutcome::kAccepted);
    EXPECT_EQ(reason(login(make_token(unknown, user_.text, "user", of_account))),
              "User JWT issuer is not known");
    const JwtVerdict alone = check(login(make_token(other_, user_.text, "user", kNoUserLimits)));
    EXPECT_EQ(alone.outcome, JwtOutcome::kAccountUnknown);
    EXPECT_EQ(alone.account, other_.text);
}

TEST_F(JwtLoginTest, OnlyPinnedAccountsLogInIfThereAreAny) {
    options_.pinned_accounts = {account_.text};
    EXPECT_EQ(check(login(user_token())).outcome, JwtOutcome::kAccepted);
    options_.pinned_accounts = {other_.text};
    EXPECT_EQ(reason(login(user_token())),
              fmt::format("Account {} not listed as operator pinned account", account_.text));
    options_.pinned_accounts = {""};  // as an empty list is read
    EXPECT_EQ(reason(login(user_token())),
              fmt::format("Account {} not listed as operator pinned account", account_.text));
}

TEST_F(JwtLoginTest, LimitsAreTheLowerOnes) {
    options_.preload = {{account_.text, make_token(operator_, account_.text, "account",
                                                   R"(,"limits":{"subs":5,"payload":-1})")}};
    const auto identity = check(login(make_token(account_, user_.text, "user",
                                                 R"(,"subs":-1,"payload":100)")))
                              .identity;
    EXPECT_EQ(identity->subscriptions_max, 5);
    EXPECT_EQ(identity->payload_max, 100);
    // What is absent, or negative otherwise than -1, is nothing, not everything.
    const auto negative = check(login(make_token(account_, user_.text, "user",
                                                 R"(,"subs":-2,"payload":-9223372036854775808)")));
    EXPECT_EQ(negative.identity->subscriptions_max, 0);
    EXPECT_EQ(negative.identity->payload_max, 0);
    EXPECT_EQ(check(login(make_token(account_, user_.text, "user"))).identity->subscriptions_max, 0);
}

TEST_F(JwtLoginTest, AnIssuerOfAStrictOperatorMustBeASigningKey) {
    const TestKey signer(NkeyKind::kOperator, 8);
    options_.files = {make_token(operator_, operator_.text, "operator",
                                 fmt::format(R"(,"signing_keys":["{}"],"strict_signing_key_usage":true)",
                                             signer.text))};
    EXPECT_FALSE(trust()->load(account_.text, kTrustNow).ok());  // signed by the operator itself
    options_.preload = {{account_.text, make_token(signer, account_.text, "account", kNoLimits)}};
    EXPECT_EQ(reason(login(user_token())), "User JWT issuer is not known");
}

// ---------------------------------------------------------------------------------- operators

TEST(OperatorsTest, AServerMayBeTooOld) {
    OperatorClaims claims;
    claims.head.subject = "O";
    const auto check = [&](std::string wanted) {
        claims.assert_server_version = std::move(wanted);
        return std::string(check_server_version(claims, "2.10.0").message());
    };
    EXPECT_EQ(check(""), "");
    EXPECT_EQ(check("2.9.99"), "");
    EXPECT_EQ(check("2.10.0"), "");
    EXPECT_EQ(check("2.10.1"), "operator O expected update version 1 > server update version 0");
    EXPECT_EQ(check("2.11.0"), "operator O expected minor version 11 > server minor version 10");
    EXPECT_EQ(check("3.0.0"), "operator O expected major version 3 > server major version 2");
    EXPECT_THAT(check("2.10"), HasSubstr("got error instead"));
    EXPECT_THAT(check("2.10.x"), HasSubstr("got error instead"));
}

TEST_F(TrustTest, AnOperatorNamesSystemAccountAndAccountServer) {
    config::Options options;
    options.trust.files = {make_token(
        operator_, operator_.text, "operator",
        fmt::format(R"(,"system_account":"{}","account_server_url":"http://localhost:9090/jwt/v1")",
                    account_.text))};
    config::Diagnostics diagnostics;
    complete_operators(config::system_sources(), &options, &diagnostics);
    EXPECT_FALSE(diagnostics.has_errors()) << diagnostics.to_string();
    EXPECT_EQ(options.system_account, account_.text);
    EXPECT_EQ(options.trust.resolver, config::ResolverKind::kUrl);
    EXPECT_EQ(options.trust.resolver_url, "http://localhost:9090/jwt/v1/accounts/");
    options.system_account = other_.text;
    complete_operators(config::system_sources(), &options, &diagnostics);
    EXPECT_THAT(diagnostics.to_string(),
                HasSubstr("system_account in config and operator JWT must be identical"));
}

TEST_F(TrustTest, ABadOperatorTokenIsAnErrorOfTheConfiguration) {
    config::Options options;
    options.trust.files = {"eyJ.x.y"};
    config::Diagnostics diagnostics;
    complete_operators(config::system_sources(), &options, &diagnostics);
    EXPECT_THAT(diagnostics.to_string(), HasSubstr("error parsing operator JWT: "));
}

}  // namespace
}  // namespace nuring::auth
