// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/read_support.h"

namespace nuring::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string tls_error(const std::string& inside) {
    return messages_of("tls { cert_file: c, key_file: k, " + inside + " }");
}

TlsOptions tls_of(const std::string& inside) {
    return options_of("tls { cert_file: c, key_file: k, " + inside + " }").tls.value();
}

TEST(ReadTlsTest, FilesAndPlace) {
    const Options o = options_of("\ntls { cert_file: c, key_file: k, ca_file: a }");
    ASSERT_TRUE(o.tls.has_value());
    EXPECT_EQ(o.tls->cert_file, "c");
    EXPECT_EQ(o.tls->key_file, "k");
    EXPECT_EQ(o.tls->ca_file, "a");
    EXPECT_EQ(o.tls->position, (Position{"a.conf", 2, 1}));
    EXPECT_EQ(o.tls->timeout, seconds(2));
    EXPECT_FALSE(o.tls->verify);
}

TEST(ReadTlsTest, MapImpliesVerifyInAnyOrder) {
    EXPECT_TRUE(tls_of("verify: true").verify);
    EXPECT_TRUE(tls_of("verify_and_map: true, verify: false").verify);
    EXPECT_TRUE(tls_of("verify: false, verify_and_map: true").map);
    EXPECT_FALSE(tls_of("verify_and_map: false").verify);
}

TEST(ReadTlsTest, Timeouts) {
    EXPECT_EQ(tls_of("timeout: 5").timeout, seconds(5));
    EXPECT_EQ(tls_of("timeout: 0.5").timeout, std::chrono::milliseconds(500));
    EXPECT_EQ(tls_of("timeout: \"3s\"").timeout, seconds(3));
    EXPECT_EQ(tls_error("timeout: true"), "1:33: error parsing tls config, 'timeout' wrong type");
    EXPECT_THAT(tls_error("timeout: abc"),
                HasSubstr("error parsing tls config, 'timeout' time: invalid duration \"abc\""));
}

TEST(ReadTlsTest, Suites) {
    EXPECT_THAT(tls_of("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]").cipher_suites,
                ElementsAre("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
    EXPECT_THAT(tls_of("curve_preferences: [X25519, CurveP256]").curve_preferences,
                ElementsAre("X25519", "CurveP256"));
    EXPECT_EQ(tls_error("cipher_suites: []"),
              "1:33: error parsing tls config, 'cipher_suites' cannot be empty");
    EXPECT_EQ(tls_error("cipher_suites: [ROT13]"), "1:49: unrecognized cipher ROT13");
    EXPECT_EQ(tls_error("curve_preferences: []"),
              "1:33: error parsing tls config, 'curve_preferences' cannot be empty");
    EXPECT_EQ(tls_error("curve_preferences: [P9]"), "1:53: unrecognized curve preference P9");
}

TEST(ReadTlsTest, NewerKeys) {
    const std::string pin(64, 'A');
    const TlsOptions tls = tls_of("pinned_certs: [" + pin +
                                  "], connection_rate_limit: 7, min_version: \"1.3\", "
                                  "handshake_first: true, insecure: true");
    EXPECT_THAT(tls.pinned_certs, ElementsAre(std::string(64, 'a')));
    EXPECT_EQ(tls.connection_rate_limit, 7);
    EXPECT_EQ(tls.min_version, "1.3");
    EXPECT_TRUE(tls.handshake_first && tls.insecure);
    EXPECT_EQ(tls.hello_wait.count(), 0);
    EXPECT_THAT(tls_error("pinned_certs: [abc]"),
                HasSubstr("'pinned_certs' key abc does not look"));
    EXPECT_EQ(tls_error("min_version: \"1.0\""),
              "1:33: error parsing tls config: unsupported TLS version: TLS 1.0");
    EXPECT_EQ(tls_error("min_version: \"1.4\""), "1:33: error parsing tls config: unknown version: 1.4");
    EXPECT_EQ(tls_of("handshake_first: auto_fallback").hello_wait, std::chrono::milliseconds(50));
    EXPECT_EQ(tls_error("verify_cert_and_check_known_urls: true"),
              "1:33: verify_cert_and_check_known_urls not supported in this context");
}

TEST(ReadTlsTest, HandshakeFirstMayWaitForAWhile) {
    using std::chrono::milliseconds;
    EXPECT_EQ(tls_of("handshake_first: auto").hello_wait, milliseconds(50));
    EXPECT_EQ(tls_of("handshake_first: \"300ms\"").hello_wait, milliseconds(300));
    EXPECT_TRUE(tls_of("handshake_first: \"300ms\"").handshake_first);
    EXPECT_TRUE(tls_of("handshake_first: \"true\"").handshake_first);
    EXPECT_FALSE(tls_of("handshake_first: \"off\"").handshake_first);
    EXPECT_EQ(tls_error("handshake_first: soon"),
              "1:33: field \"handshake_first\"'s value \"soon\" is invalid");
    EXPECT_EQ(tls_error("first: 5"), "1:33: field \"first\" should be a boolean or a string, got int64");
}

TEST(ReadTlsTest, WrongTypesAndUnknownKeys) {
    EXPECT_EQ(messages_of("tls { cert_file: 5, key_file: k }"),
              "1:6: error parsing tls config, expected 'cert_file' to be filename");
    EXPECT_EQ(tls_error("verify: 5"),
              "1:33: error parsing tls config, expected 'verify' to be a boolean or 'optional'");
    EXPECT_EQ(
        tls_error("verfy: true"),
        "1:33: error parsing tls config, unknown field [\"verfy\"] (did you mean \"verify\"?)");
    // Variables are not exempt here.
    EXPECT_THAT(tls_error("x: c, ca_file: $x"), HasSubstr("unknown field [\"x\"]"));
    EXPECT_EQ(messages_of("tls: true"),
              "1:0: interface conversion: interface {} is bool, not map[string]interface {}");
}

TEST(ReadTlsTest, VerifyMayBeOptional) {
    EXPECT_TRUE(tls_of("verify: optional").verify_optional);
    EXPECT_FALSE(tls_of("verify: optional").verify);
    EXPECT_EQ(tls_error("verify: optional, verify_and_map: true"),
              "1:0: error parsing tls config, cannot combine 'verify: optional' with options requiring "
              "client certificates");
}

TEST(ReadTlsTest, SuitesAndCurvesOfNewerReleases) {
    EXPECT_THAT(tls_of("cipher_suites: [TLS_AES_128_GCM_SHA256]").cipher_suites,
                ElementsAre("TLS_AES_128_GCM_SHA256"));
    EXPECT_THAT(tls_of("curve_preferences: [X25519MLKEM768, X25519]").curve_preferences,
                ElementsAre("X25519"));
    EXPECT_THAT(tls_error("curve_preferences: [X25519MLKEM768]"),
                HasSubstr("none of the 'curve_preferences' is available"));
    EXPECT_TRUE(read("tls { cert_file: c, key_file: k, allow_insecure_cipher_suites: true }").good);
    EXPECT_THAT(tls_of("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA], allow_insecure_cipher_suites: true").cipher_suites,
                ElementsAre("TLS_RSA_WITH_RC4_128_SHA"));
    for (const char* allow : {"", ", allow_insecure_cipher_suites: false"}) {
        EXPECT_EQ(tls_error(std::string("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "
                                        "TLS_RSA_WITH_AES_128_GCM_SHA256, "
                                        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256]") + allow),
                  "1:0: insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: "
                  "TLS_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256");
    }
    EXPECT_EQ(tls_error("cert_store: WindowsLocalMachine"),
              "1:33: cert_store not compatible with current operating system");
}

TEST(ReadTlsTest, AListenerHasBothFilesOrNone) {
    EXPECT_EQ(messages_of("tls { cert_file: c }"), "1:0: missing 'key_file' in TLS configuration");
    EXPECT_EQ(messages_of("tls { key_file: k }"), "1:0: missing 'cert_file' in TLS configuration");
    EXPECT_EQ(messages_of("tls {}"),
              "1:0: the tls block has no certificate: whoever connects will be refused");
    EXPECT_TRUE(read("tls {}").good);
    EXPECT_TRUE(read("leafnodes { remotes: [{url: \"tls://h\", tls: {ca_file: a}}] }").good);
    // One mistake, one message.
    EXPECT_EQ(messages_of("tls { timeout: x }"),
              "1:6: error parsing tls config, 'timeout' time: invalid duration \"x\"");
}

}  // namespace
}  // namespace nuring::config
