// SPDX-License-Identifier: Apache-2.0
// Two engines in one thread, each fed with what the other one says: whole, byte by byte, or damaged.
#include "core/tls/tls_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/support/certificates.h"

namespace nuring::tls {
namespace {

using nuring::test::TestCertificate;
using testing::MatchesRegex;

// One end: an engine, what it has been sent, what it has to send.
struct End {
    std::unique_ptr<Engine> engine;
    std::string incoming;
    std::string outgoing;

    Output output() {
        return {.append = [](void* out, const char* bytes,
                             size_t size) { static_cast<std::string*>(out)->append(bytes, size); },
                .state = &outgoing};
    }
    HandshakeStatus handshake(size_t bytes_max = SIZE_MAX) {
        std::string_view offered = std::string_view(incoming).substr(0, bytes_max);
        const size_t before = offered.size();
        const HandshakeStatus status = engine->handshake(&offered, output());
        incoming.erase(0, before - offered.size());
        return status;
    }
    ReadStatus read(std::string* plaintext, size_t room = 100'000) {
        std::string buffer(room, '\0');
        std::string_view offered = incoming;
        size_t size = 0;
        const ReadStatus status = engine->read(&offered, {buffer.data(), room}, &size, output());
        incoming.erase(0, incoming.size() - offered.size());
        plaintext->append(buffer, 0, size);
        return status;
    }
};

class TlsEngineTest : public testing::Test {
  protected:
    ProfileSettings server_settings() const {
        return {.cert_file = server_pair_.certificate_file(), .key_file = server_pair_.key_file()};
    }
    ProfileSettings client_settings() const {
        return {.role = Role::kClient,
                .ca_file = authority_.certificate_file(),
                .peer_check = PeerCheck::kRequired};
    }
    static std::shared_ptr<const Profile> profile(const ProfileSettings& settings) {
        auto made = Profile::create(settings);
        EXPECT_TRUE(made.ok()) << made.status();
        return *made;
    }
    void make(const ProfileSettings& server, const ProfileSettings& client,
              const std::string& name = "localhost") {
        server_ = {.engine = Engine::create(profile(server)), .incoming = {}, .outgoing = {}};
        client_ = {.engine = Engine::create(profile(client), name), .incoming = {}, .outgoing = {}};
    }
    void exchange() {
        server_.incoming += client_.outgoing;
        client_.incoming += server_.outgoing;
        client_.outgoing.clear();
        server_.outgoing.clear();
    }
    // The server's last word.
    HandshakeStatus shake(size_t bytes_max = SIZE_MAX) {
        HandshakeStatus client = HandshakeStatus::kNeedsInput;
        HandshakeStatus server = HandshakeStatus::kNeedsInput;
        for (int round = 0; round < 20'000; ++round) {
            if (client == HandshakeStatus::kNeedsInput) client = client_.handshake(bytes_max);
            exchange();
            if (server == HandshakeStatus::kNeedsInput) server = server_.handshake(bytes_max);
            exchange();
            if (server != HandshakeStatus::kNeedsInput && client != HandshakeStatus::kNeedsInput) break;
            if (server == HandshakeStatus::kFailed) break;
        }
        return server;
    }

    const TestCertificate authority_{{.subject = {{"CN", "authority"}}, .authority = true}};
    const TestCertificate server_pair_{{}, &authority_};
    End server_;
    End client_;
};

TEST_F(TlsEngineTest, TwoEnginesAgreeAndExchangeBytes) {
    for (const char* minimum : {"1.2", "1.3"}) {
        ProfileSettings server = server_settings();
        server.min_version = minimum;
        make(server, client_settings());
        ASSERT_EQ(shake(), HandshakeStatus::kDone);
        EXPECT_EQ(server_.engine->version(), "1.3");
        EXPECT_EQ(server_.engine->cipher_suite(), "TLS_AES_128_GCM_SHA256");
        ASSERT_TRUE(client_.engine->write("PING\r\n", client_.output()));
        exchange();
        std::string heard;
        EXPECT_EQ(server_.read(&heard), ReadStatus::kNeedsInput);
        EXPECT_EQ(heard, "PING\r\n");
    }
}

TEST_F(TlsEngineTest, AnySplitOfTheHandshakeWillDo) {
    make(server_settings(), client_settings());
    EXPECT_EQ(shake(1), HandshakeStatus::kDone);
    ASSERT_TRUE(client_.engine->write("x", client_.output()));
    exchange();
    std::string heard;
    while (server_.read(&heard) == ReadStatus::kFull) {}
    EXPECT_EQ(heard, "x");
}

TEST_F(TlsEngineTest, WhatComesWithTheEndOfTheHandshakeIsLeftForReading) {
    make(server_settings(), client_settings());
    ASSERT_EQ(client_.handshake(), HandshakeStatus::kNeedsInput);
    exchange();
    ASSERT_EQ(server_.handshake(), HandshakeStatus::kNeedsInput);
    exchange();
    ASSERT_EQ(client_.handshake(), HandshakeStatus::kDone);
    ASSERT_TRUE(client_.engine->write("early", client_.output()));
    exchange();
    ASSERT_EQ(server_.handshake(), HandshakeStatus::kDone);
    EXPECT_FALSE(server_.incoming.empty());
    std::string heard;
    EXPECT_EQ(server_.read(&heard), ReadStatus::kNeedsInput);
    EXPECT_EQ(heard, "early");
}

TEST_F(TlsEngineTest, LargeWritesAreFewRecordsAndArriveWhole) {
    make(server_settings(), client_settings());
    ASSERT_EQ(shake(), HandshakeStatus::kDone);
    std::string sent(300'000, '\0');
    for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7);
    ASSERT_TRUE(server_.engine->write(sent, server_.output()));
    EXPECT_LT(server_.outgoing.size(), sent.size() + 20 * 32);  // 19 records
    exchange();
    std::string heard;
    int full = 0;
    while (client_.read(&heard, 10'000) == ReadStatus::kFull) ++full;
    EXPECT_GE(full, 29);
    EXPECT_EQ(heard, sent);
}

TEST_F(TlsEngineTest, ADamagedRecordEndsItWithAnAlert) {
    make(server_settings(), client_settings());
    ASSERT_EQ(shake(), HandshakeStatus::kDone);
    std::string heard;
    ASSERT_TRUE(client_.engine->write("PING\r\n", client_.output()));
    client_.outgoing[8] ^= 1;
    exchange();
    EXPECT_EQ(server_.read(&heard), ReadStatus::kFailed);
    EXPECT_EQ(server_.engine->error(), "tls: bad record MAC");
    EXPECT_FALSE(server_.outgoing.empty());
    EXPECT_EQ(heard, "");
    EXPECT_FALSE(server_.engine->write("x", server_.output()));
}

TEST_F(TlsEngineTest, CloseNotifyIsAnEndAndNotAFailure) {
    make(server_settings(), client_settings());
    ASSERT_EQ(shake(), HandshakeStatus::kDone);
    ASSERT_TRUE(client_.engine->write("bye", client_.output()));
    client_.engine->close_notify(client_.output());
    exchange();
    std::string heard;
    EXPECT_EQ(server_.read(&heard), ReadStatus::kClosed);
    EXPECT_EQ(heard, "bye");
    EXPECT_TRUE(server_.engine->write("last words", server_.output()));
    exchange();
    EXPECT_EQ(client_.read(&heard), ReadStatus::kNeedsInput);
    EXPECT_EQ(heard, "byelast words");
}

TEST_F(TlsEngineTest, AClientWithoutCertificateIsRefusedWhereOneIsRequired) {
    ProfileSettings server = server_settings();
    server.ca_file = authority_.certificate_file();
    server.peer_check = PeerCheck::kRequired;
    make(server, client_settings());
    EXPECT_EQ(shake(), HandshakeStatus::kFailed);
    EXPECT_EQ(server_.engine->error(), "tls: client didn't provide a certificate");
}

TEST_F(TlsEngineTest, ClientCertificatesAreCheckedAndNamed) {
    ProfileSettings server = server_settings();
    server.ca_file = authority_.certificate_file();
    server.peer_check = PeerCheck::kRequired;
    const TestCertificate good({.subject = {{"CN", "derek"}}, .names = "email:d@x.io"}, &authority_);
    const TestCertificate old({.valid_s = -60}, &authority_);
    const TestCertificate stranger({});
    ProfileSettings client = client_settings();
    client.cert_file = good.certificate_file();
    client.key_file = good.key_file();
    make(server, client);
    ASSERT_EQ(shake(), HandshakeStatus::kDone);
    EXPECT_EQ(server_.engine->peer_names().emails, (std::vector<std::string>{"d@x.io"}));
    EXPECT_EQ(server_.engine->peer_certificates().at(0).subject, "CN=derek");
    EXPECT_EQ(server_.engine->peer_key_digest(), public_key_digest(good.native()));

    client.cert_file = old.certificate_file();
    client.key_file = old.key_file();
    make(server, client);
    EXPECT_EQ(shake(), HandshakeStatus::kFailed);
    EXPECT_THAT(server_.engine->error(),
                MatchesRegex("tls: failed to verify client certificate: x509: certificate has expired "
                             "or is not yet valid: current time .+Z is after .+Z"));

    client.cert_file = stranger.certificate_file();
    client.key_file = stranger.key_file();
    make(server, client);
    EXPECT_EQ(shake(), HandshakeStatus::kFailed);
    EXPECT_EQ(server_.engine->error(),
              "tls: failed to verify client certificate: x509: certificate signed by unknown "
              "authority");
}

TEST_F(TlsEngineTest, AClientChecksWhomItMeetsUnlessToldNotTo) {
    for (const auto& [name, accepted] : {std::pair{"localhost", true}, std::pair{"127.0.0.1", true},
                                         std::pair{"elsewhere.io", false}}) {
        make(server_settings(), client_settings(), name);
        EXPECT_EQ(shake() == HandshakeStatus::kDone, accepted) << name;
    }
    ProfileSettings insecure = client_settings();
    insecure.peer_check = PeerCheck::kNone;
    make(server_settings(), insecure, "");
    EXPECT_EQ(shake(), HandshakeStatus::kDone);
}

TEST_F(TlsEngineTest, AClientSaysWhyItRefusesTheServer) {
    const auto refusal = [this](const TestCertificate& shown, const std::string& wanted) {
        ProfileSettings server = server_settings();
        server.cert_file = shown.certificate_file();
        server.key_file = shown.key_file();
        make(server, client_settings(), wanted);
        EXPECT_EQ(shake(), HandshakeStatus::kFailed);
        return client_.engine->error();
    };
    EXPECT_EQ(refusal(server_pair_, "elsewhere.io"),
              "x509: certificate is valid for localhost, not elsewhere.io");
    EXPECT_EQ(refusal(server_pair_, "10.0.0.1"),
              "x509: certificate is valid for 127.0.0.1, not 10.0.0.1");
    EXPECT_EQ(refusal(server_pair_, "::1"), "x509: certificate is valid for 127.0.0.1, not ::1");
    const TestCertificate names({.names = "DNS:one.io,DNS:*.two.io,DNS:thr*.io"}, &authority_);
    EXPECT_EQ(refusal(names, "three.io"),
              "x509: certificate is valid for one.io, *.two.io, thr*.io, not three.io");
    EXPECT_EQ(refusal(names, "127.0.0.1"),
              "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP "
              "SANs");
    const TestCertificate address({.names = "IP:127.0.0.1"}, &authority_);
    EXPECT_EQ(refusal(address, "localhost"),
              "x509: certificate is not valid for any names, but wanted to match localhost");
    const TestCertificate common_name({.names = ""}, &authority_);
    EXPECT_EQ(refusal(common_name, "localhost"),
              "x509: certificate relies on legacy Common Name field, use SANs instead");
    const TestCertificate old({.valid_s = -60}, &authority_);
    EXPECT_THAT(refusal(old, "localhost"),
                MatchesRegex("x509: certificate has expired or is not yet "
                             "valid: current time .+Z is after .+Z"));
    const TestCertificate stranger({});
    EXPECT_EQ(refusal(stranger, "localhost"), "x509: certificate signed by unknown authority");
}

TEST_F(TlsEngineTest, AnAsteriskStandsForOneLabel) {
    const TestCertificate names({.names = "DNS:*.two.io"}, &authority_);
    ProfileSettings server = server_settings();
    server.cert_file = names.certificate_file();
    server.key_file = names.key_file();
    for (const auto& [name, accepted] :
         {std::pair{"one.two.io", true}, std::pair{"two.io", false}, std::pair{"a.b.two.io", false}}) {
        make(server, client_settings(), name);
        EXPECT_EQ(shake() == HandshakeStatus::kDone, accepted) << name;
    }
}

TEST_F(TlsEngineTest, WhereNothingIsVerifiedTheNameIsSentAllTheSame) {
    ProfileSettings insecure = client_settings();
    insecure.peer_check = PeerCheck::kNone;
    insecure.ca_file.clear();
    for (const auto& [wanted, sent] :
         {std::pair{"elsewhere.io", "elsewhere.io"}, std::pair{"127.0.0.1", ""}}) {
        make(server_settings(), insecure, wanted);
        ASSERT_EQ(shake(), HandshakeStatus::kDone) << client_.engine->error();
        EXPECT_EQ(server_.engine->requested_name(), sent);
        // A failure later on has nothing to do with it.
        ASSERT_TRUE(server_.engine->write("x", server_.output()));
        server_.outgoing.back() ^= 1;
        exchange();
        std::string heard;
        EXPECT_EQ(client_.read(&heard), ReadStatus::kFailed);
        EXPECT_EQ(client_.engine->error(), "tls: bad record MAC");
    }
}

TEST_F(TlsEngineTest, WhatStandsInTheFileIsTrustedBeItNoRoot) {
    const TestCertificate between({.subject = {{"CN", "between"}}, .authority = true}, &authority_);
    const TestCertificate leaf({}, &between);
    ProfileSettings server = server_settings();
    server.cert_file = leaf.certificate_file();
    server.key_file = leaf.key_file();
    ProfileSettings client = client_settings();
    for (const TestCertificate* trusted : {&between, &leaf}) {
        client.ca_file = trusted->certificate_file();
        make(server, client);
        EXPECT_EQ(shake(), HandshakeStatus::kDone) << client_.engine->error();
    }
    client.ca_file = authority_.certificate_file();  // nobody shows what is between
    make(server, client);
    EXPECT_EQ(shake(), HandshakeStatus::kFailed);
    EXPECT_EQ(client_.engine->error(), "x509: certificate signed by unknown authority");
}

TEST_F(TlsEngineTest, SuitesAndCurvesAreTheConfiguredOnes) {
    ProfileSettings server = server_settings();
    ProfileSettings client = client_settings();
    server.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"};
    server.curves = {"CurveP384"};
    make(server, client);
    ASSERT_EQ(shake(), HandshakeStatus::kDone);  // 1.3: the suites are those of 1.2
    client.curves = {"X25519"};
    make(server, client);
    EXPECT_EQ(shake(), HandshakeStatus::kFailed);
    EXPECT_EQ(server_.engine->error(), "tls: no ECDHE curve supported by both client and server");
}

TEST_F(TlsEngineTest, ClearTextIsNotAHandshake) {
    for (const char* text : {"CONNECT {\"verbose\":false}\r\nPING\r\n", "GET / HTTP/1.1\r\n\r\n"}) {
        make(server_settings(), client_settings());
        server_.incoming = text;
        EXPECT_EQ(server_.handshake(), HandshakeStatus::kFailed);
        EXPECT_EQ(server_.engine->error(), "tls: first record does not look like a TLS handshake");
    }
}

}  // namespace
}  // namespace nuring::tls
