// SPDX-License-Identifier: Apache-2.0
// Clients behind TLS: one that could move to another worker, and a stranger that makes the server answer
// records and reads none of the answers.
// Method: a raw TLS 1.3 client; the stranger asks for new keys again and again, and each time the server owes
//         it a record.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "bench/support/certificates.h"
#include "core/link/tls_channel.h"
#include "core/tls/tls_profile.h"
#include "tests/support/raw_tls_client.h"
#include "tests/support/worker_stage.h"

namespace nuring::client {
namespace {

using nuring::test::TestCertificate;
using test::RawTlsClient;
using test::settings_of;
using test::test_options;
using test::WorkerStage;

// Answers of 22 bytes each, to twice as many as the cap has room for.
constexpr int kKeyUpdates = 30'000;

// What the simulated connection holds.
constexpr size_t kStreamBytes = 64 * 1024;

// A client of worker 0 that has shaken hands.
class TlsClientTest : public testing::Test {
  protected:
    TlsClientTest() : options(test_options()) {
        options->tls.emplace();
        options->tls->handshake_first = true;
        stage = std::make_unique<WorkerStage>(2, options);
    }
    void SetUp() override {
        const TestCertificate authority({.subject = {{"CN", "authority"}}, .authority = true});
        const TestCertificate pair({}, &authority);
        const auto server = tls::Profile::create(
            {.cert_file = pair.certificate_file(), .key_file = pair.key_file()});
        const auto client = tls::Profile::create(
            {.role = tls::Role::kClient, .ca_file = authority.certificate_file()});
        ASSERT_TRUE(server.ok() && client.ok());
        stage->on_worker(0, [&](server::WorkerState& state) {
            ClientSettings settings = settings_of(options);
            settings.tls = *server;
            state.apply(settings, /*authorization=*/false);
        });
        stage->settle();
        peer = &stage->accept(0);
        raw = std::make_unique<RawTlsClient>(**client);
        std::string received;
        for (int round = 0; round < 5 && !raw->shake(received); ++round) {
            received = peer->ask(raw->take_outgoing());
        }
        peer->say(raw->take_outgoing());
        (void)peer->hear();  // INFO, tickets
        ASSERT_EQ(stage->link_count(), 1U);
    }

    const std::shared_ptr<config::Options> options;
    std::unique_ptr<WorkerStage> stage;
    test::SimPeer* peer = nullptr;
    std::unique_ptr<RawTlsClient> raw;
};

// The state of its session does not go along.
TEST_F(TlsClientTest, StaysOnItsWorker) {
    ASSERT_TRUE(raw->say("CONNECT {\"verbose\":false}\r\nPING\r\n"));
    EXPECT_FALSE(peer->ask(raw->take_outgoing()).empty());
    stage->on_worker(0, [](server::WorkerState& state) {
        Client* const client = as_client(state.host.table.find(state.host.handles()[0]));
        EXPECT_FALSE(client->move(base::WorkerId{1}));
    });
    stage->settle();
}

TEST_F(TlsClientTest, AStrangerThatReadsNoAnswersIsClosedAtTheCap) {
    for (int i = 0; i < kKeyUpdates; ++i) {
        ASSERT_TRUE(raw->ask_for_new_keys());
        peer->say(raw->take_outgoing());
    }
    // What it owes is kept up to the cap, and the connection ends with it.
    const size_t owed = peer->hear().size();
    EXPECT_GT(owed, link::TlsChannel::kWireBytesMax);
    EXPECT_LE(owed, link::TlsChannel::kWireBytesMax + kStreamBytes + kStreamBytes / 4);
    EXPECT_TRUE(peer->ended());
    stage->pass(1'000'000'000);
    EXPECT_EQ(stage->link_count(), 0U);
}

}  // namespace
}  // namespace nuring::client
