// SPDX-License-Identifier: Apache-2.0
// What a profile accepts, and in whose words it refuses.
#include "core/tls/tls_profile.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "bench/support/certificates.h"

namespace nuring::tls {
namespace {

using nuring::test::TestCertificate;

class TlsProfileTest : public testing::Test {
  protected:
    ProfileSettings settings() const {
        return {.cert_file = pair_.certificate_file(), .key_file = pair_.key_file()};
    }
    static std::string error(const ProfileSettings& settings) {
        const auto made = Profile::create(settings);
        return made.ok() ? "" : std::string(made.status().message());
    }
    static void write(const std::string& path, const std::string& text) {
        std::FILE* out = std::fopen(path.c_str(), "w");
        (void)std::fwrite(text.data(), 1, text.size(), out);
        (void)std::fclose(out);
    }

    const TestCertificate pair_{{}};
    const TestCertificate other_{{}};
    static constexpr const char* kPairError = "error parsing X509 certificate/key pair: ";
};

TEST_F(TlsProfileTest, AKeyPairIsEnough) { EXPECT_EQ(error(settings()), ""); }

TEST_F(TlsProfileTest, FilesThatCannotBeReadAreNamed) {
    ProfileSettings wrong = settings();
    wrong.cert_file = "/nonexistent/c.pem";
    EXPECT_EQ(error(wrong),
              std::string(kPairError) + "open /nonexistent/c.pem: no such file or directory");
    wrong = settings();
    wrong.key_file = "/";
    EXPECT_EQ(error(wrong), std::string(kPairError) + "open /: is a directory");
    wrong = settings();
    wrong.ca_file = "/nonexistent/ca.pem";
    EXPECT_EQ(error(wrong), "open /nonexistent/ca.pem: no such file or directory");
}

TEST_F(TlsProfileTest, AKeyThatDoesNotFitIsRefused) {
    ProfileSettings wrong = settings();
    wrong.key_file = other_.key_file();
    EXPECT_EQ(error(wrong),
              std::string(kPairError) + "tls: private key does not match public key");
}

TEST_F(TlsProfileTest, FilesOfSomethingElseAreRefused) {
    write(other_.certificate_file(), "hello\n");
    ProfileSettings wrong = settings();
    wrong.cert_file = other_.certificate_file();
    EXPECT_EQ(error(wrong),
              std::string(kPairError) + "tls: failed to find any PEM data in certificate input");
    wrong = settings();
    wrong.key_file = other_.certificate_file();
    EXPECT_EQ(error(wrong),
              std::string(kPairError) + "tls: failed to find any PEM data in key input");
    wrong = settings();
    wrong.ca_file = other_.certificate_file();
    EXPECT_EQ(error(wrong), "failed to parse root ca certificate");
}

TEST_F(TlsProfileTest, AnEncryptedKeyIsRefusedWithoutAskingForItsPassphrase) {
    std::FILE* out = std::fopen(other_.key_file().c_str(), "w");
    EVP_PKEY* key = EVP_EC_gen("P-256");
    PEM_write_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
    EVP_PKEY_free(key);
    (void)std::fclose(out);
    ProfileSettings wrong = settings();
    wrong.key_file = other_.key_file();
    EXPECT_EQ(error(wrong), std::string(kPairError) + "tls: failed to parse private key");
}

TEST_F(TlsProfileTest, SuitesThatThisOpensslLacksAreLeftOutUnlessNoneIsLeft) {
    ProfileSettings some = settings();
    some.cipher_suites = {"TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"};
    const auto made = Profile::create(some);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ((*made)->unavailable_suites(),
              (std::vector<std::string>{"TLS_RSA_WITH_RC4_128_SHA"}));
    some.cipher_suites.pop_back();
    EXPECT_EQ(error(some),
              "error parsing tls config, none of the 'cipher_suites' is available");
}

TEST_F(TlsProfileTest, TheFingerprintTellsWhetherAnythingChanged) {
    const auto print = [](const ProfileSettings& settings) {
        return (*Profile::create(settings))->fingerprint();
    };
    const std::string first = print(settings());
    EXPECT_EQ(print(settings()), first);
    ProfileSettings changed = settings();
    changed.curves = {"CurveP256"};
    EXPECT_NE(print(changed), first);
    changed = settings();
    changed.peer_check = PeerCheck::kRequired;
    EXPECT_NE(print(changed), first);
    // Files of the same names with something else in them.
    const TestCertificate next{{}};
    ASSERT_EQ(std::rename(next.certificate_file().c_str(), pair_.certificate_file().c_str()), 0);
    ASSERT_EQ(std::rename(next.key_file().c_str(), pair_.key_file().c_str()), 0);
    EXPECT_NE(print(settings()), first);
}

}  // namespace
}  // namespace nuring::tls
