// SPDX-License-Identifier: Apache-2.0
// A stranger behind TLS that makes the server answer records and reads none of the answers.
// Method: a raw TLS 1.3 client asks for new keys again and again; each time the server owes a record.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "bench/support/certificates.h"
#include "core/link/tls_channel.h"
#include "core/tls/tls_profile.h"
#include "tests/support/worker_stage.h"

namespace nuring::client {
namespace {

using nuring::test::TestCertificate;
using test::settings_of;
using test::test_options;
using test::WorkerStage;

// Answers of 22 bytes each, to twice as many as the cap has room for.
constexpr int kKeyUpdates = 30'000;

// What the simulated connection holds.
constexpr size_t kStreamBytes = 64 * 1024;

// The client's half of TLS: bytes in, bytes out.
class RawClient {
  public:
    explicit RawClient(const tls::Profile& profile)
        : ssl_(SSL_new(profile.native()), &SSL_free),
          incoming_(BIO_new(BIO_s_mem())),
          outgoing_(BIO_new(BIO_s_mem())) {
        SSL_set_connect_state(ssl_.get());
        SSL_set_bio(ssl_.get(), incoming_, outgoing_);
    }
    bool shake(std::string_view received) {
        feed(received);
        return SSL_do_handshake(ssl_.get()) == 1;
    }
    bool ask_for_new_keys() {
        return SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1 &&
               SSL_do_handshake(ssl_.get()) == 1;
    }
    std::string take_outgoing() {
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(outgoing_, &bytes);
        std::string text(bytes, static_cast<size_t>(size));
        (void)BIO_reset(outgoing_);
        return text;
    }

  private:
    void feed(std::string_view bytes) {
        if (!bytes.empty()) BIO_write(incoming_, bytes.data(), static_cast<int>(bytes.size()));
    }
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    BIO* incoming_;  // the session's
    BIO* outgoing_;  // the session's
};

TEST(TlsFloodTest, AStrangerThatReadsNoAnswersIsClosedAtTheCap) {
    const TestCertificate authority({.subject = {{"CN", "authority"}}, .authority = true});
    const TestCertificate pair({}, &authority);
    const auto server = tls::Profile::create(
        {.cert_file = pair.certificate_file(), .key_file = pair.key_file()});
    const auto client = tls::Profile::create(
        {.role = tls::Role::kClient, .ca_file = authority.certificate_file()});
    ASSERT_TRUE(server.ok() && client.ok());

    const auto options = test_options();
    options->tls.emplace();
    options->tls->handshake_first = true;
    WorkerStage stage(1, options);
    stage.on_worker(0, [&](server::WorkerState& state) {
        ClientSettings settings = settings_of(options);
        settings.tls = *server;
        state.apply(settings, /*authorization=*/false);
    });
    stage.settle();
    test::SimPeer& peer = stage.accept(0);
    RawClient raw(**client);
    std::string received;
    for (int round = 0; round < 5 && !raw.shake(received); ++round) {
        received = peer.ask(raw.take_outgoing());
    }
    peer.say(raw.take_outgoing());
    (void)peer.hear();  // INFO, tickets
    ASSERT_EQ(stage.link_count(), 1U);

    for (int i = 0; i < kKeyUpdates; ++i) {
        ASSERT_TRUE(raw.ask_for_new_keys());
        peer.say(raw.take_outgoing());
    }
    // What it owes is kept up to the cap, and the connection ends with it.
    const size_t owed = peer.hear().size();
    EXPECT_GT(owed, link::TlsChannel::kWireBytesMax);
    EXPECT_LE(owed, link::TlsChannel::kWireBytesMax + kStreamBytes + kStreamBytes / 4);
    EXPECT_TRUE(peer.ended());
    stage.pass(1'000'000'000);
    EXPECT_EQ(stage.link_count(), 0U);
}

}  // namespace
}  // namespace nuring::client
