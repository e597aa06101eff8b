// SPDX-License-Identifier: Apache-2.0
#include "core/server/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "bench/support/certificates.h"
#include "core/config/diagnostics.h"
#include "core/tls/tls_engine.h"

namespace nuring::server {
namespace {

using nuring::test::TestCertificate;
using testing::HasSubstr;

class ClusterTlsTest : public testing::Test {
  protected:
    ClusterTlsTest() {
        options_.cluster.tls = config::TlsOptions{};
        options_.cluster.tls->cert_file = pair_.certificate_file();
        options_.cluster.tls->key_file = pair_.key_file();
        options_.cluster.tls->ca_file = authority_.certificate_file();
    }
    config::TlsOptions& block() { return *options_.cluster.tls; }
    LinkProfiles load() const {
        auto made = load_link_tls(options_.cluster.tls);
        EXPECT_TRUE(made.ok()) << made.status();
        return made.ok() ? *std::move(made) : LinkProfiles{};
    }
    // Does a server with these profiles let one with those in? Says what went wrong; empty: nothing.
    static std::string meet(const LinkProfiles& dialing, const LinkProfiles& accepting) {
        const auto dialer = tls::Engine::create(dialing.dialer, "localhost");
        const auto acceptor = tls::Engine::create(accepting.acceptor);
        std::string to_acceptor;
        std::string to_dialer;
        const auto step = [](tls::Engine& engine, std::string* in, std::string* out) {
            std::string_view received = *in;
            const tls::HandshakeStatus status = engine.handshake(
                &received, {.append =
                                [](void* output, const char* bytes, size_t size) {
                                    static_cast<std::string*>(output)->append(bytes, size);
                                },
                            .state = out});
            in->erase(0, in->size() - received.size());
            return status;
        };
        for (int round = 0; round < 10; ++round) {
            const tls::HandshakeStatus dialed = step(*dialer, &to_dialer, &to_acceptor);
            if (dialed == tls::HandshakeStatus::kFailed) return "dialer: " + dialer->error();
            const tls::HandshakeStatus accepted = step(*acceptor, &to_acceptor, &to_dialer);
            if (accepted == tls::HandshakeStatus::kFailed) return "acceptor: " + acceptor->error();
            if (dialed == tls::HandshakeStatus::kDone && accepted == tls::HandshakeStatus::kDone) {
                return acceptor->has_peer_certificate() ? "" : "nobody's certificate";
            }
        }
        return "no end";
    }
    // What the check of a configuration says of the files.
    std::string complaint() const {
        config::Diagnostics found;
        return check_tls_files(options_, &found) ? "" : found.entries().at(0).text;
    }

    const TestCertificate authority_{{.subject = {{"CN", "authority"}}, .authority = true}};
    const TestCertificate pair_{{}, &authority_};
    config::Options options_;
};

TEST_F(ClusterTlsTest, WithoutABlockThereIsNone) {
    options_.cluster.tls.reset();
    EXPECT_EQ(load().acceptor, nullptr);
    EXPECT_EQ(load().dialer, nullptr);
    EXPECT_EQ(complaint(), "");
}

TEST_F(ClusterTlsTest, OneBlockServesBothEnds) {
    EXPECT_EQ(load().acceptor->role(), tls::Role::kServer);
    EXPECT_EQ(load().dialer->role(), tls::Role::kClient);
    EXPECT_EQ(meet(load(), load()), "");
    EXPECT_EQ(complaint(), "");
}

TEST_F(ClusterTlsTest, EitherEndIsVerifiedAndInsecureLetsOffTheAcceptorOnly) {
    const LinkProfiles ours = load();
    const TestCertificate stranger({});
    block().cert_file = stranger.certificate_file();
    block().key_file = stranger.key_file();
    const LinkProfiles strangers = load();
    EXPECT_EQ(meet(ours, strangers), "dialer: x509: certificate signed by unknown authority");
    EXPECT_EQ(meet(strangers, ours),
              "acceptor: tls: failed to verify client certificate: x509: certificate signed by "
              "unknown authority");
    block().cert_file = pair_.certificate_file();
    block().key_file = pair_.key_file();
    block().insecure = true;
    EXPECT_EQ(meet(load(), strangers),
              "");  // the stranger trusts our authority, and we trust anybody
    EXPECT_EQ(meet(strangers, load()),
              "acceptor: tls: failed to verify client certificate: x509: certificate signed by "
              "unknown authority");
}

TEST_F(ClusterTlsTest, FilesThatCannotBeUsedAreNamedWhereTheBlockStands) {
    block().ca_file = "/nonexistent/ca.pem";
    EXPECT_THAT(complaint(), HasSubstr("open /nonexistent/ca.pem: no such file or directory"));
    block().ca_file = pair_.key_file();
    EXPECT_THAT(complaint(), HasSubstr("failed to parse root ca certificate"));
    block().ca_file = authority_.certificate_file();
    block().cert_file = "/nonexistent/cert.pem";
    EXPECT_THAT(complaint(),
                HasSubstr("error parsing X509 certificate/key pair: open /nonexistent/cert.pem: no "
                          "such file or directory"));
}

TEST_F(ClusterTlsTest, AReloadTellsByTheFingerprintsWhetherAnythingChanged) {
    const LinkProfiles first = load();
    EXPECT_EQ(load().acceptor->fingerprint(), first.acceptor->fingerprint());
    EXPECT_EQ(load().dialer->fingerprint(), first.dialer->fingerprint());
    const TestCertificate next({}, &authority_);
    ASSERT_EQ(std::rename(next.certificate_file().c_str(), pair_.certificate_file().c_str()), 0);
    ASSERT_EQ(std::rename(next.key_file().c_str(), pair_.key_file().c_str()), 0);
    EXPECT_NE(load().acceptor->fingerprint(), first.acceptor->fingerprint());
    EXPECT_NE(load().dialer->fingerprint(), first.dialer->fingerprint());
}

}  // namespace
}  // namespace nuring::server
