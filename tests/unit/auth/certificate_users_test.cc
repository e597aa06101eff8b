// SPDX-License-Identifier: Apache-2.0
// Whom a certificate names. Order and texts: server/auth.go, checkClientTLSCertSubject 2.9.10.
#include "core/auth/certificate_users.h"

#include <gtest/gtest.h>

#include "core/auth/authenticator.h"

namespace nuring::auth {
namespace {

base::CertificateNames subject(const char* text, const char* fixed_order) {
    return {.emails = {},
            .dns = {},
            .uris = {},
            .subject = fixed_order,
            .subject_is_whole = true,
            .name = *base::DistinguishedName::parse(text)};
}

TEST(CertificateUsersTest, EmailsComeBeforeHostsBeforeUrisBeforeTheSubject) {
    base::CertificateNames names = subject("CN=www", "CN=www");
    names.emails = {"nobody@x.io", "derek@x.io"};
    names.dns = {"host.x.io"};
    names.uris = {"spiffe://x.io/a"};
    CertificateUsers users;
    EXPECT_EQ(users.find(names).user, "");
    EXPECT_EQ(users.find(names).remark, "User in cert [\"CN=www\"], not found");
    users.add("CN=www");
    EXPECT_EQ(users.find(names).remark, "Using DistinguishedNameMatch for auth [\"CN=www\"]");
    users.add("spiffe://x.io/a");
    EXPECT_EQ(users.find(names).remark, "Using URI found in cert for auth [\"spiffe://x.io/a\"]");
    users.add("host.x.io");
    EXPECT_EQ(users.find(names).remark, "Using SAN found in cert for auth [\"host.x.io\"]");
    users.add("derek@x.io");
    EXPECT_EQ(users.find(names).remark, "Using email found in cert for auth [\"derek@x.io\"]");
    EXPECT_EQ(users.find(names).user, "derek@x.io");
}

TEST(CertificateUsersTest, ASubjectMayBeSpelledInAnyOrderAndWithBlanks) {
    for (const char* user : {"CN=localhost,OU=NATS.io", "CN=localhost, OU=NATS.io",
                             "OU=NATS.io, CN=localhost", "cn=localhost,ou=NATS.io"}) {
        CertificateUsers users;
        users.add(user);
        EXPECT_EQ(users.find(subject("CN=localhost,OU=NATS.io", "CN=localhost,OU=NATS.io")).user, user);
    }
}

// Since 2.15; before, a host name alone was no name.
TEST(CertificateUsersTest, ACertificateWithoutSubjectIsKnownByItsHostName) {
    base::CertificateNames names;
    names.dns = {"host.x.io"};
    CertificateUsers users;
    EXPECT_EQ(users.find(names).user, "");
    users.add("host.x.io");
    EXPECT_EQ(users.find(names).user, "host.x.io");
}

TEST(CertificateUsersTest, TheExactOrderWinsOverAnother) {
    CertificateUsers users;
    users.add("OU=x,CN=a");
    users.add("CN=a,OU=x");
    EXPECT_EQ(users.find(subject("CN=a,OU=x", "CN=a,OU=x")).user, "CN=a,OU=x");
    EXPECT_EQ(users.find(subject("OU=x,CN=a", "CN=a,OU=x")).user, "OU=x,CN=a");
}

TEST(CertificateUsersTest, TheReferencesFixedOrderIsAName) {
    CertificateUsers users;
    users.add("CN=a,OU=x+OU=y");  // how RC19 wrote two units
    base::CertificateNames names = subject("CN=a,OU=y,OU=x", "CN=a,OU=x+OU=y");
    EXPECT_EQ(users.find(names).user, "CN=a,OU=x+OU=y");
    names.subject_is_whole = false;  // the certificate says more than that
    EXPECT_EQ(users.find(names).user, "");
}

// CVE-2026-33248.
TEST(CertificateUsersTest, ANameThatOnlyLooksAlikeIsAnother) {
    CertificateUsers users;
    users.add("CN=admin,OU=ops,O=acme");
    for (const char* other :
         {"CN=admin,OU=ops", "CN=admin,OU=ops,O=acme,O=acme", "CN=admin,OU=ops,O=acme,C=US",
          "CN=admin,OU=ops,O=Acme", "CN=admin\\,OU\\=ops,O=acme", "CN=admin+OU=ops,O=acme",
          "CN=admin,OU=ops,OU=ops,O=acme", "CN=admin,CN=admin,O=acme", "CN=admin ,OU=ops\\ ,O=acme"}) {
        EXPECT_EQ(users.find(subject(other, "")).user, "") << other;
    }
}

TEST(CertificateUsersTest, ACertificateThatNamesNobodyIsTold) {
    CertificateUsers users;
    users.add("");
    base::CertificateNames names;
    EXPECT_EQ(users.find(names).remark, "User required in cert, none found");
    names.emails = {""};
    EXPECT_EQ(users.find(names).user, "");
}

class MappingAuthenticatorTest : public testing::Test {
  protected:
    MappingAuthenticatorTest() {
        options_.tls = config::TlsOptions{.verify = true, .map = true};
        options_.authorization.users = {{.name = "derek@x.io", .account = "ACME"},
                                        {.name = "locked@x.io", .password = "pass"}};
        options_.no_auth_user = "derek@x.io";
    }
    static base::CertificateNames email(const char* name) {
        base::CertificateNames names;
        names.emails = {name};
        return names;
    }

    config::Options options_;
};

TEST_F(MappingAuthenticatorTest, TheCertificateDecidesWhateverConnectSays) {
    const Authenticator mapping(options_);
    EXPECT_TRUE(mapping.required());
    EXPECT_TRUE(mapping.maps_certificates());
    const base::CertificateNames derek = email("derek@x.io");
    const Decision decision = mapping.decide({.user = "locked@x.io", .certificate = &derek});
    ASSERT_EQ(decision.verdict, Verdict::kAccepted);
    EXPECT_EQ(decision.identity->name, "derek@x.io");
    EXPECT_EQ(decision.identity->account, "ACME");
    const base::CertificateNames stranger = email("stranger@x.io");
    EXPECT_EQ(mapping.decide({.user = "derek@x.io", .certificate = &stranger}).verdict,
              Verdict::kRefused);
}

TEST_F(MappingAuthenticatorTest, NobodyIsAnonymous) {
    const Authenticator mapping(options_);
    EXPECT_EQ(mapping.anonymous(), nullptr);
    EXPECT_EQ(mapping.decide({}).verdict, Verdict::kRefused);
    EXPECT_EQ(mapping.decide({}).remark, "User required in cert, no peer certificates found");
}

TEST_F(MappingAuthenticatorTest, AConfiguredPasswordIsAskedForAllTheSame) {
    const Authenticator mapping(options_);
    const base::CertificateNames locked = email("locked@x.io");
    EXPECT_EQ(mapping.decide({.certificate = &locked}).verdict, Verdict::kRefused);
    EXPECT_EQ(mapping.decide({.password = "pass", .certificate = &locked}).verdict,
              Verdict::kAccepted);
}

}  // namespace
}  // namespace nuring::auth
