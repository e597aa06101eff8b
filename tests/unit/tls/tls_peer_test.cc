// SPDX-License-Identifier: Apache-2.0
#include "core/tls/tls_peer.h"

#include <gtest/gtest.h>

#include "bench/support/certificates.h"

namespace nuring::tls {
namespace {

using nuring::test::TestCertificate;

TEST(TlsPeerTest, TheSubjectIsInTheReferencesOrderWhateverTheCertificates) {
    const TestCertificate made({.subject = {{"C", "US"}, {"CN", "localhost"}, {"OU", "NATS.io"}}});
    EXPECT_EQ(names_of(made.native()).subject, "CN=localhost,OU=NATS.io,C=US");
    EXPECT_TRUE(names_of(made.native()).subject_is_whole);
    EXPECT_EQ(names_of(made.native()).name.key(true), "OU=NATS.io,CN=localhost,C=US");
}

TEST(TlsPeerTest, SeveralValuesAreJoinedAndOfACommonNameTheLastCounts) {
    const TestCertificate made({.subject = {{"CN", "first"}, {"OU", "a"}, {"OU", "b"}, {"CN", "last"}}});
    EXPECT_EQ(names_of(made.native()).subject, "CN=last,OU=a+OU=b");
    EXPECT_FALSE(names_of(made.native()).subject_is_whole);
}

TEST(TlsPeerTest, SpecialBytesAreEscaped) {
    const TestCertificate made({.subject = {{"O", "#Acme, Inc. "}, {"CN", "a+b\"c\\d<e>f;g"}}});
    EXPECT_EQ(names_of(made.native()).subject,
              "CN=a\\+b\\\"c\\\\d\\<e\\>f\\;g,O=\\#Acme\\, Inc.\\ ");
}

TEST(TlsPeerTest, TypesOutsideTheFixedOrderAreOnlyInTheWholeName) {
    const TestCertificate made({.subject = {{"DC", "io"}, {"DC", "nats"}, {"UID", "7"}, {"CN", "x"}}});
    EXPECT_EQ(names_of(made.native()).subject, "CN=x");
    EXPECT_EQ(names_of(made.native()).name.key(true), "CN=x,UID=7,DC=nats,DC=io");
}

TEST(TlsPeerTest, AlternativeNamesKeepTheirOrder) {
    const TestCertificate made(
        {.names = "email:a@x.io,DNS:one.io,URI:spiffe://x/y,email:b@x.io,DNS:two.io,IP:1.2.3.4"});
    const base::CertificateNames names = names_of(made.native());
    EXPECT_EQ(names.emails, (std::vector<std::string>{"a@x.io", "b@x.io"}));
    EXPECT_EQ(names.dns, (std::vector<std::string>{"one.io", "two.io"}));
    EXPECT_EQ(names.uris, (std::vector<std::string>{"spiffe://x/y"}));
}

TEST(TlsPeerTest, ACertificateWithoutNamesHasNone) {
    const TestCertificate made({.subject = {}, .names = ""});
    const base::CertificateNames names = names_of(made.native());
    EXPECT_TRUE(names.emails.empty());
    EXPECT_EQ(names.subject, "");
    EXPECT_TRUE(names.name.parts.empty());
}

TEST(TlsPeerTest, DigestsAreLowerCaseHex) {
    const TestCertificate made({});
    const PeerCertificate shown = describe(made.native());
    EXPECT_EQ(shown.subject, "CN=localhost");
    EXPECT_EQ(shown.digest.size(), 64U);
    EXPECT_EQ(shown.public_key_digest.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_EQ(shown.public_key_digest, public_key_digest(made.native()));
    EXPECT_NE(shown.public_key_digest, shown.digest);
}

}  // namespace
}  // namespace nuring::tls
