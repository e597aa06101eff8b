// SPDX-License-Identifier: Apache-2.0
// Links with TLS that are handed over: while the peer asks for new keys, and when it has said that nothing
// follows.
// Method: a raw TLS 1.3 client reads nothing, so that the answers wait; then it reads a little, and the send
//         ends short in the same turn in which the link's receive ends.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "bench/support/certificates.h"
#include "core/link/handover.h"
#include "core/link/link.h"
#include "core/tls/tls_engine.h"
#include "core/tls/tls_profile.h"
#include "tests/support/raw_tls_client.h"
#include "tests/support/worker_stage.h"

namespace nuring::link {
namespace {

using nuring::test::TestCertificate;
using test::WorkerStage;

// Their answers are more than a connection holds, and less than the link keeps.
constexpr int kKeyUpdates = 6'000;
constexpr int kConnections = 20;

// Leaves on request.
class Leaving final : public Link {
  public:
    Leaving(LinkHost& host, int fd, std::shared_ptr<const tls::Profile> profile, bool* has_left)
        : Link(host, fd, proto::Kind::kInternal), has_left_(has_left) {
        start();
        start_tls(std::move(profile), /*optional=*/false);
    }
    void begin_to_leave() { begin_handover(); }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    size_t consume(const char* begin, const char* end) override { return static_cast<size_t>(end - begin); }
    void on_close() override {}
    void hand_over(Handover&& connection) override {
        *has_left_ = true;
        host_.ring.close(connection.fd);
    }

    bool* const has_left_;
};

// What another link becomes.
class Arrived final : public Link {
  public:
    Arrived(LinkHost& host, Handover&& connection, std::string* heard, CloseReason* reason)
        : Link(host, std::move(connection), proto::Kind::kInternal), heard_(heard), reason_(reason) {
        resume(PauseReason::kHandover);
    }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    size_t consume(const char* begin, const char* end) override {
        heard_->append(begin, end);
        return static_cast<size_t>(end - begin);
    }
    void on_close() override { *reason_ = close_reason(); }

    std::string* const heard_;
    CloseReason* const reason_;
};

// Leaves with its first bytes, and what follows them.
class Upgrading final : public Link {
  public:
    Upgrading(LinkHost& host, int fd, std::shared_ptr<const tls::Profile> profile, std::string* heard,
              CloseReason* reason)
        : Link(host, fd, proto::Kind::kInternal), heard_(heard), reason_(reason) {
        start();
        start_tls(std::move(profile), /*optional=*/false);
    }
    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  private:
    size_t consume(const char* /*begin*/, const char* /*end*/) override {
        begin_handover();
        return 1;
    }
    void on_close() override {}
    void hand_over(Handover&& connection) override {
        (void)new Arrived(host_, std::move(connection), heard_, reason_);
    }

    std::string* const heard_;
    CloseReason* const reason_;
};

struct Profiles {
    TestCertificate authority{{.subject = {{"CN", "authority"}}, .authority = true}};
    TestCertificate pair{{}, &authority};
    std::shared_ptr<const tls::Profile> server =
        *tls::Profile::create({.cert_file = pair.certificate_file(), .key_file = pair.key_file()});
    std::shared_ptr<const tls::Profile> client =
        *tls::Profile::create({.role = tls::Role::kClient, .ca_file = authority.certificate_file()});
};

// The peer keeps its socket open.
TEST(TlsHandoverTest, TheEndOfInputGoesAlong) {
    const Profiles profiles;
    WorkerStage stage(1);
    std::string heard;
    CloseReason reason = CloseReason::kNone;
    test::SimPeer& peer = stage.accept_as(0, [&](server::WorkerState& state, int fd) {
        (void)new Upgrading(state.host, fd, profiles.server, &heard, &reason);
    });
    test::RawTlsClient raw(*profiles.client);
    std::string received;
    for (int round = 0; round < 5 && !raw.shake(received); ++round) received = peer.ask(raw.take_outgoing());
    ASSERT_TRUE(raw.say("upgrade"));
    raw.notify_end();
    (void)peer.ask(raw.take_outgoing());
    EXPECT_EQ(heard, "pgrade");
    EXPECT_EQ(reason, CloseReason::kClientClosed);
}

TEST(TlsHandoverTest, AllThatTheEngineHasSaidLeavesFirst) {
    const TestCertificate authority({.subject = {{"CN", "authority"}}, .authority = true});
    const TestCertificate pair({}, &authority);
    const auto server =
        tls::Profile::create({.cert_file = pair.certificate_file(), .key_file = pair.key_file()});
    const auto client =
        tls::Profile::create({.role = tls::Role::kClient, .ca_file = authority.certificate_file()});
    ASSERT_TRUE(server.ok() && client.ok());
    WorkerStage stage(1);
    for (int i = 0; i < kConnections; ++i) {
        bool has_left = false;
        Leaving* link = nullptr;
        test::SimPeer& peer = stage.accept_as(0, [&](server::WorkerState& state, int fd) {
            link = new Leaving(state.host, fd, *server, &has_left);
        });
        test::RawTlsClient raw(**client);
        std::string received;
        for (int round = 0; round < 5 && !raw.shake(received); ++round) {
            received = peer.ask(raw.take_outgoing());
        }
        (void)peer.ask(raw.take_outgoing());
        for (int update = 0; update < kKeyUpdates; ++update) ASSERT_TRUE(raw.ask_for_new_keys());
        const std::string requests = raw.take_outgoing();
        peer.say(requests);
        stage.settle();

        stage.on_worker(0, [&](server::WorkerState&) { link->begin_to_leave(); });
        while (!stage.ring(0).ready()) ASSERT_TRUE(stage.net.step());
        (void)stage.step(UINT64_MAX, /*timers=*/false);
        stage.pause(0, true);
        std::string answers(1000, '\0');
        answers.resize(peer.stream().read(answers.data(), answers.size()));
        stage.settle();
        stage.pause(0, false);
        answers += peer.hear();
        EXPECT_TRUE(has_left);
        // Records of the same size; OpenSSL keeps the last one back until it has something else to say.
        EXPECT_EQ(answers.size(), requests.size() / kKeyUpdates * (kKeyUpdates - 1));
    }
}

}  // namespace
}  // namespace nuring::link
