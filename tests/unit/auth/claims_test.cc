// SPDX-License-Identifier: Apache-2.0
// Claims out of tokens: every field where both versions keep it, and what makes them unacceptable.
#include "core/auth/claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/auth/claims_check.h"
#include "tests/unit/auth/jwt_vectors.h"
#include "proto/limits.h"
#include "tests/unit/auth/tokens.h"

namespace nuring::auth {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kClaimsNow = 2000;

const TestKey kOperator(NkeyKind::kOperator, 1);
const TestKey kAccount(NkeyKind::kAccount, 2);
const TestKey kExporter(NkeyKind::kAccount, 3);
const TestKey kSigner(NkeyKind::kAccount, 4);
const TestKey kUser(NkeyKind::kUser, 5);

TEST(ClaimsTest, AnOperatorOfVersion2) {
    const auto claims = decode_operator(vectors::kOperatorV2);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->head.name, "O");
    EXPECT_EQ(claims->head.subject, vectors::kOperatorKey);
    EXPECT_THAT(claims->signing_keys, ElementsAre(vectors::kOperatorSigner));
    EXPECT_EQ(claims->system_account, vectors::kAccountKey);
    EXPECT_EQ(claims->assert_server_version, "2.9.0");
    EXPECT_TRUE(claims->strict_signing_key_usage);
    EXPECT_THAT(faults_of(*claims, kClaimsNow), IsEmpty());
}

TEST(ClaimsTest, AnAccountOfVersion2) {
    const auto claims = decode_account(vectors::kAccountV2);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->head.name, "A");
    EXPECT_EQ(claims->limits.nats.subscriptions, 10);
    EXPECT_EQ(claims->limits.nats.payload, 1024);
    EXPECT_EQ(claims->limits.nats.data_bytes, -1);
    EXPECT_EQ(claims->limits.connections, 5);
    EXPECT_EQ(claims->limits.leafnodes, -1);
    EXPECT_TRUE(claims->limits.wildcard_exports);
    ASSERT_NE(claims->find_signing_key(vectors::kAccountSigner), nullptr);
    EXPECT_FALSE(claims->find_signing_key(vectors::kAccountSigner)->scope.has_value());
    const SigningKey* scoped = claims->find_signing_key(vectors::kScopedSigner);
    ASSERT_NE(scoped, nullptr);
    ASSERT_TRUE(scoped->scope.has_value());
    EXPECT_THAT(scoped->scope->permissions.publish.allow, ElementsAre("team.{{tag(team)}}.>"));
    EXPECT_EQ(scoped->scope->limits.subscriptions, -1);
    EXPECT_EQ(claims->revocations.at(std::string(vectors::kUserKey)), 1500000000);
    EXPECT_THAT(claims->default_permissions.publish.deny, ElementsAre("forbidden"));
    ASSERT_EQ(claims->mappings.size(), 1u);
    EXPECT_EQ(claims->mappings[0].source, "from");
    EXPECT_EQ(claims->mappings[0].targets[0].weight, 60);
    ASSERT_EQ(claims->exports.size(), 2u);
    EXPECT_TRUE(claims->exports[0].exported.is_public);
    EXPECT_TRUE(claims->exports[1].exported.token_required);
    EXPECT_EQ(claims->exports[1].exported.response_type, config::ResponseType::kStream);
    EXPECT_EQ(claims->exports[1].exported.account_token_position, 2);
    ASSERT_EQ(claims->imports.size(), 2u);
    const config::AccountImport& service = claims->imports[0].imported;  // sorted by subject
    EXPECT_EQ(service.kind, config::ExchangeKind::kService);
    EXPECT_EQ(service.subject, "answer");
    EXPECT_EQ(service.to, "ask");
    const config::AccountImport& stream = claims->imports[1].imported;
    EXPECT_EQ(stream.subject, "private.x");
    EXPECT_EQ(stream.to, "mine.x");
    EXPECT_EQ(stream.account, vectors::kExporterKey);
    EXPECT_EQ(claims->imports[1].token, vectors::kActivationV2);
    EXPECT_THAT(faults_of(*claims, kClaimsNow), IsEmpty());
}

TEST(ClaimsTest, AUserOfVersion2) {
    const auto claims = decode_user(vectors::kUserV2);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->issuer_account, vectors::kAccountKey);
    EXPECT_THAT(claims->head.tags, ElementsAre("team:red"));
    const UserRights& rights = claims->rights;
    EXPECT_THAT(rights.permissions.publish.allow, ElementsAre("a.>"));
    EXPECT_THAT(rights.permissions.subscribe.deny, ElementsAre("b q"));
    ASSERT_TRUE(rights.permissions.responses.has_value());
    EXPECT_EQ(rights.permissions.responses->max_messages, 3);
    EXPECT_EQ(rights.permissions.responses->expires, std::chrono::minutes(1));
    EXPECT_THAT(rights.sources, ElementsAre("127.0.0.0/8"));
    EXPECT_EQ(rights.times[0].start, "08:00:00");
    EXPECT_EQ(rights.times_location, "Europe/Berlin");
    EXPECT_TRUE(rights.bearer_token);
    EXPECT_THAT(rights.connection_types, ElementsAre("STANDARD"));
    EXPECT_EQ(rights.limits.subscriptions, 7);
    EXPECT_THAT(faults_of(*claims, kClaimsNow), IsEmpty());
}

TEST(ClaimsTest, AUserOfAScopedKeyHasNoRightsOfItsOwn) {
    const auto claims = decode_user(vectors::kScopedUserV2);
    ASSERT_TRUE(claims.ok()) << claims.status();
    EXPECT_EQ(claims->rights, UserRights());
}

TEST(ClaimsTest, Version1KeepsSomeFieldsElsewhere) {
    const auto user = decode_user(vectors::kUserV1);
    ASSERT_TRUE(user.ok()) << user.status();
    EXPECT_EQ(user->issuer_account, vectors::kAccountKey);
    EXPECT_EQ(user->rights.limits.subscriptions, -1);
    EXPECT_THAT(user->rights.sources, ElementsAre("10.0.0.0/8", "192.0.2.1/32"));
    EXPECT_THAT(user->rights.permissions.publish.allow, ElementsAre("old.>"));
    const auto account = decode_account(vectors::kAccountV1);
    ASSERT_TRUE(account.ok()) << account.status();
    EXPECT_EQ(account->limits.nats.subscriptions, 3);
    EXPECT_NE(account->find_signing_key(vectors::kAccountSigner), nullptr);
    EXPECT_EQ(account->imports[0].imported.prefix, "prefix");
    EXPECT_TRUE(account->exports[0].exported.token_required);
    const auto activation = decode_activation(vectors::kActivationV1);
    ASSERT_TRUE(activation.ok()) << activation.status();
    EXPECT_EQ(activation->kind, "service");
    EXPECT_EQ(activation->subject, "private");
    const auto owner = decode_operator(vectors::kOperatorV1);
    ASSERT_TRUE(owner.ok()) << owner.status();
    EXPECT_THAT(owner->signing_keys, ElementsAre(vectors::kOperatorSigner));
}

TEST(ClaimsTest, OneKindIsNotAnother) {
    EXPECT_EQ(decode_user(vectors::kAccountV2).status().message(), "not user claim");
    EXPECT_EQ(decode_account(vectors::kUserV2).status().message(), "not account claim");
    EXPECT_EQ(decode_operator(vectors::kUserV2).status().message(), "not operator claim");
    EXPECT_EQ(decode_activation(vectors::kUserV2).status().message(), "not activation claim");
}

TEST(ClaimsTest, FieldsOfAnotherTypeAreErrors) {
    for (const std::string_view nats :
         {R"(,"subs":"1")", R"(,"subs":1.5)", R"(,"pub":[])", R"(,"pub":{"allow":"x"})",
          R"(,"times":[1])", R"(,"bearer_token":1)", R"(,"src":7)", R"(,"resp":"x")",
          R"(,"subs":9223372036854775808)", R"(,"allowed_connection_types":[1])"}) {
        EXPECT_FALSE(decode_user(make_token(kAccount, kUser.text, "user", nats)).ok()) << nats;
    }
    for (const std::string_view nats :
         {R"(,"imports":[null])", R"(,"exports":[1])", R"(,"limits":[])", R"(,"mappings":{"a":{}})",
          R"(,"signing_keys":[1])", R"(,"signing_keys":[{"kind":"other"}])",
          R"(,"revocations":{"a":"b"})"}) {
        EXPECT_FALSE(decode_account(make_token(kOperator, kAccount.text, "account", nats)).ok())
            << nats;
    }
    // null is as if it were not there.
    EXPECT_TRUE(decode_user(make_token(kAccount, kUser.text, "user", R"(,"pub":null,"src":null)")).ok());
}

Faults user_faults(std::string_view nats, std::string_view more = {}) {
    const auto claims = decode_user(make_token(kAccount, kUser.text, "user", nats, more));
    return claims.ok() ? faults_of(*claims, kClaimsNow) : Faults{std::string(claims.status().message())};
}

TEST(ClaimsCheckTest, UsersHaveTheirTime) {
    EXPECT_THAT(user_faults("", R"(,"exp":1999)"), ElementsAre("claim is expired"));
    EXPECT_THAT(user_faults("", R"(,"exp":2000)"), IsEmpty());
    EXPECT_THAT(user_faults("", R"(,"nbf":2001)"), ElementsAre("claim is not yet valid"));
    EXPECT_THAT(user_faults("", R"(,"nbf":2000)"), IsEmpty());
}

TEST(ClaimsCheckTest, FormsOfAUsersRights) {
    EXPECT_THAT(user_faults(R"(,"src":["1.2.3.4"])"),
                ElementsAre("invalid cidr \"1.2.3.4\" in user src limits"));
    EXPECT_THAT(user_faults(R"(,"times":[{"start":"24:00:00","end":"10:00:00"}])"),
                ElementsAre("start in time range is invalid \"24:00:00\""));
    EXPECT_THAT(user_faults(R"(,"times_location":"Middle/Earth")"),
                ElementsAre(HasSubstr("could not parse iana time zone")));
    EXPECT_THAT(user_faults(R"(,"pub":{"allow":["a q"]})"),
                Contains(HasSubstr("is not allowed to contain queue")));
    EXPECT_THAT(user_faults(R"(,"sub":{"allow":["a q"]})"), IsEmpty());
    EXPECT_THAT(user_faults(R"(,"sub":{"allow":["a b c"]})"),
                Contains(HasSubstr("contains too many spaces")));
    EXPECT_THAT(user_faults(R"(,"issuer_account":"../x")"),
                ElementsAre("account_id is not an account public key"));
}

Faults account_faults(std::string_view nats, std::string_view limits = kNoLimits) {
    const auto claims = decode_account(
        make_token(kOperator, kAccount.text, "account", fmt::format("{}{}", limits, nats)));
    return claims.ok() ? faults_of(*claims, kClaimsNow) : Faults{std::string(claims.status().message())};
}

TEST(ClaimsCheckTest, FormsOfAnAccount) {
    EXPECT_THAT(account_faults(""), IsEmpty());
    EXPECT_THAT(account_faults(R"(,"signing_keys":["x"])"),
                ElementsAre("\"x\" is not a valid account signing key"));
    EXPECT_THAT(account_faults(R"(,"exports":[{"subject":"a.*","type":"stream"},)"
                               R"({"subject":"a.b","type":"stream"}])"),
                ElementsAre("stream export subject \"a.*\" already exports \"a.b\""));
    EXPECT_THAT(account_faults(R"(,"exports":[{"subject":"a.*","type":"stream"},)"
                               R"({"subject":"a.b","type":"service"}])"),
                IsEmpty());
    EXPECT_THAT(account_faults(R"(,"exports":[{"subject":"a","type":"other"}])"),
                Contains(HasSubstr("invalid export type")));
    const auto latency_faults = [](std::string_view type, std::string_view latency) {
        return account_faults(fmt::format(
            R"(,"exports":[{{"subject":"a","type":"{}","service_latency":{{{}}}}}])", type, latency));
    };
    EXPECT_THAT(latency_faults("service", R"("sampling":100,"results":"lat")"), IsEmpty());
    EXPECT_THAT(latency_faults("service", R"("sampling":"headers","results":"lat")"), IsEmpty());
    EXPECT_THAT(latency_faults("stream", R"("sampling":1,"results":"lat")"),
                ElementsAre("latency tracking only permitted for services"));
    EXPECT_THAT(latency_faults("service", R"("sampling":101,"results":"lat.*")"),
                ElementsAre("sampling percentage needs to be between 1-100",
                            "results subject can not contain wildcards"));
    EXPECT_THAT(account_faults(R"(,"imports":[{"subject":"","type":"stream","account":"A"}])"),
                Contains("subject cannot be empty"));
    EXPECT_THAT(account_faults(R"(,"imports":[{"subject":"a b","type":"stream","account":"A"}])"),
                Contains("subject \"a b\" cannot have spaces"));
    EXPECT_THAT(account_faults(R"(,"imports":[{"subject":"a","type":"stream"}])"),
                ElementsAre("account to import from is not specified"));
}

// What no client's control line bounds is bounded here.
TEST(ClaimsCheckTest, SubjectsAreNotTooLong) {
    const std::string longest(proto::kSubjectSizeMax, 'x');
    const std::string longer = longest + "x";
    for (const std::string_view nats : {
             R"(,"imports":[{{"subject":"{}","type":"service","account":"A"}}])",
             R"(,"imports":[{{"subject":"a","local_subject":"{}","type":"service","account":"A"}}])",
             R"(,"imports":[{{"subject":"a","to":"{}","type":"service","account":"A"}}])",
             R"(,"imports":[{{"subject":"a","to":"{}","type":"stream","account":"A"}}])",
             R"(,"exports":[{{"subject":"{}","type":"service"}}])",
             R"(,"mappings":{{"a":[{{"subject":"{}"}}]}})",
             R"(,"mappings":{{"{}":[{{"subject":"a"}}]}})",
             R"(,"default_permissions":{{"pub":{{"deny":["{}"]}}}})",
         }) {
        EXPECT_THAT(account_faults(fmt::format(fmt::runtime(nats), longer)),
                    Contains(HasSubstr("is too long, at most 16384 are allowed")))
            << nats;
    }
    EXPECT_THAT(account_faults(fmt::format(R"(,"exports":[{{"subject":"{}","type":"service"}}])", longest)),
                IsEmpty());
    // A prefix and what stands behind it count together.
    const std::string half(proto::kSubjectSizeMax / 2, 'x');
    EXPECT_THAT(account_faults(fmt::format(
                    R"(,"imports":[{{"subject":"{0}","to":"{0}","type":"stream","account":"A"}}])", half)),
                Contains(HasSubstr("is too long")));
    EXPECT_THAT(user_faults(fmt::format(R"(,"sub":{{"allow":["{}"]}})", longer)),
                Contains(HasSubstr("is too long")));
}

TEST(ClaimsCheckTest, LocalNamesOfImportsHoldTheWildcards) {
    const auto faults = [](std::string_view subject, std::string_view local) {
        return account_faults(fmt::format(
            R"(,"imports":[{{"subject":"{}","local_subject":"{}","type":"stream","account":"A"}}])", subject,
            local));
    };
    EXPECT_THAT(faults("a.*", "b.$1"), IsEmpty());
    EXPECT_THAT(faults("a.*", "b.*"), IsEmpty());
    EXPECT_THAT(faults("a.>", "b.>"), IsEmpty());
    EXPECT_THAT(faults("a.*", "b.$2"),
                ElementsAre("Reference $2 in \"b.$2\" reference * in \"a.*\" that do not exist"));
    EXPECT_THAT(faults("a.*", "b"),
                ElementsAre("subject \"b\" does not contain enough * or reference wildcards $[0-9]"));
    EXPECT_THAT(faults("a.>", "b"),
                ElementsAre("both, renaming subject \"b\" and subject, need to end or not end in >"));
}

TEST(ClaimsCheckTest, MappingsThatCannotBeAppliedAreNamed) {
    const auto faults = [](std::string_view mappings) {
        const auto claims = decode_account(make_token(
            kOperator, kAccount.text, "account", fmt::format(R"({},"mappings":{{{}}})", kNoLimits, mappings)));
        return claims.ok() ? mapping_faults(*claims) : Faults{std::string(claims.status().message())};
    };
    EXPECT_THAT(faults(R"("foo":[{"subject":"bar","weight":40},{"subject":"baz","weight":60}])"), IsEmpty());
    EXPECT_THAT(faults(R"("foo":[{"subject":"w","cluster":"west"},{"subject":"e","cluster":"east"}])"),
                IsEmpty());
    EXPECT_THAT(faults(R"("foo":[{"subject":"bar","weight":40},{"subject":"bar","weight":60}])"),
                ElementsAre(HasSubstr("duplicate entry for \"bar\"")));
    EXPECT_THAT(faults(R"("foo":[{"subject":"x.{{nonsense(1)}}"}])"),
                ElementsAre(HasSubstr("unknown function in {{nonsense(1)}}")));
    EXPECT_THAT(faults(R"("foo.*":[{"subject":"x.$2"}])"),
                ElementsAre(HasSubstr("wildcard index out of range")));
    EXPECT_THAT(faults(R"("foo":[{"subject":"a","weight":60},{"subject":"b","weight":60}])"),
                ElementsAre(HasSubstr("total weight needs to be <= 100")));
    EXPECT_THAT(faults(R"("foo..bar":[{"subject":"a"}])"),
                ElementsAre("Subject \"foo..bar\" is not a valid subject"));
}

// As long as no service is asked, its word cannot be had.
TEST(ClaimsCheckTest, WhatDecidesWhoEntersIsRefusedUntilItWorks) {
    EXPECT_THAT(account_faults(R"(,"authorization":{"auth_users":["U"]})"),
                Contains(HasSubstr("\"auth_callout\" is not active in this version")));
    EXPECT_THAT(account_faults(R"(,"authorization":{})"), IsEmpty());
    EXPECT_THAT(user_faults(R"(,"proxy_required":true)"),
                Contains(HasSubstr("\"proxy_required\" is not active in this version")));
}

TEST(ClaimsCheckTest, TheOperatorLimitsExchange) {
    const std::string_view none = R"(,"limits":{"imports":0,"exports":1})";
    EXPECT_THAT(account_faults(R"(,"imports":[{"subject":"a","type":"stream","account":"A"}])", none),
                ElementsAre("the account contains more imports than allowed by the operator"));
    EXPECT_THAT(account_faults(R"(,"exports":[{"subject":"a","type":"stream"},)"
                               R"({"subject":"b","type":"stream"}])",
                               none),
                ElementsAre("the account contains more exports than allowed by the operator"));
    EXPECT_THAT(account_faults(R"(,"exports":[{"subject":"a.>","type":"stream"}])", none),
                ElementsAre("the account contains wildcard exports that are not allowed by the "
                            "operator"));
}

TEST(ClaimsCheckTest, RevocationsCoverWhatWasIssuedBefore) {
    EXPECT_TRUE(is_revoked({{"U", 10}}, "U", 10));
    EXPECT_FALSE(is_revoked({{"U", 10}}, "U", 11));
    EXPECT_FALSE(is_revoked({{"U", 10}}, "V", 1));
    EXPECT_TRUE(is_revoked({{"*", 10}}, "V", 10));
    EXPECT_TRUE(is_revoked({{"*", 10}, {"V", 1}}, "V", 5));
}

// CVE-2021-3127: an import token of one account or subject is accepted for another.
class ActivationTest : public testing::Test {
  protected:
    static AccountClaims account(const TestKey& key, std::string_view nats) {
        auto claims = decode_account(make_token(kOperator, key.text, "account", nats));
        EXPECT_TRUE(claims.ok()) << claims.status();
        return *std::move(claims);
    }
    static bool activates(std::string_view token, const AccountClaims& exporter) {
        const AccountClaims importer = account(
            kAccount, fmt::format(
                          R"(,"imports":[{{"account":"{}","subject":"a.b","type":"stream","token":"{}"}}])",
                          kExporter.text, token));
        const auto claims = decode_activation(importer.imports[0].token);
        return claims.ok() && is_activated(importer, importer.imports[0], *claims, exporter, kClaimsNow);
    }
    const AccountClaims exporter_ =
        account(kExporter, fmt::format(R"(,"signing_keys":["{}"],"exports":[{{"subject":"a.*",)"
                                       R"("type":"stream","token_req":true}}])",
                                       kSigner.text));
    static std::string activation(const TestKey& issuer, std::string_view nats,
                                  const TestKey& subject = kAccount, std::string_view more = {}) {
        return make_token(issuer, subject.text, "activation", nats, more);
    }
    const std::string by_account_ = fmt::format(R"(,"issuer_account":"{}")", kExporter.text);
    const std::string good_ = R"(,"subject":"a.*","kind":"stream")";
};

TEST_F(ActivationTest, ATokenOfTheExporterActivates) {
    EXPECT_TRUE(activates(activation(kExporter, good_), exporter_));
    EXPECT_TRUE(activates(activation(kSigner, good_ + by_account_), exporter_));
}

TEST_F(ActivationTest, ATokenOfSomebodyElseDoesNot) {
    EXPECT_FALSE(activates("", exporter_));
    EXPECT_FALSE(activates("x.y.z", exporter_));
    EXPECT_FALSE(activates(activation(kAccount, good_), exporter_));
    EXPECT_FALSE(activates(activation(kAccount, good_ + by_account_), exporter_));
    EXPECT_FALSE(activates(activation(kSigner, good_), exporter_));
    EXPECT_FALSE(activates(activation(kOperator, good_), exporter_));
}

TEST_F(ActivationTest, ATokenForSomethingElseDoesNot) {
    EXPECT_FALSE(activates(activation(kExporter, good_, kExporter), exporter_));  // importer
    EXPECT_FALSE(activates(activation(kExporter, R"(,"subject":"a.*","kind":"service")"), exporter_));
    EXPECT_FALSE(activates(activation(kExporter, R"(,"subject":"c.*","kind":"stream")"), exporter_));
    EXPECT_FALSE(activates(activation(kExporter, R"(,"subject":"a.b.c","kind":"stream")"), exporter_));
}

TEST_F(ActivationTest, ATokenHasItsTimeAndMayBeRevoked) {
    EXPECT_FALSE(activates(activation(kExporter, good_, kAccount, R"(,"exp":2000)"), exporter_));
    EXPECT_TRUE(activates(activation(kExporter, good_, kAccount, R"(,"exp":2001)"), exporter_));
    EXPECT_FALSE(activates(activation(kExporter, good_, kAccount, R"(,"nbf":2001)"), exporter_));
    AccountClaims revoking = exporter_;
    revoking.exports[0].revocations = {{kAccount.text, 1000}};
    EXPECT_FALSE(activates(activation(kExporter, good_), revoking));
    revoking.exports[0].revocations = {{kAccount.text, 999}};
    EXPECT_TRUE(activates(activation(kExporter, good_), revoking));
}

}  // namespace
}  // namespace nuring::auth
