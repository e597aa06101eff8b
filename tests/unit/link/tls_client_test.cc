// SPDX-License-Identifier: Apache-2.0
// A link that dialed, with TLS: both ends are links of one worker, joined by a simulated connection.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/support/certificates.h"
#include "core/link/link.h"
#include "core/tls/tls_engine.h"
#include "core/tls/tls_profile.h"
#include "tests/support/worker_stage.h"

namespace nuring::link {
namespace {

using nuring::test::TestCertificate;
using test::WorkerStage;
using testing::HasSubstr;

// What one end has seen; outlives its link.
struct Seen {
    std::string heard;
    std::string handshake_error;
    std::string version;
    CloseReason reason = CloseReason::kNone;
    bool begun = false;
    bool done = false;
    bool gone = false;
};

struct Behaviour {
    std::string greeting;            // said when the handshake is done
    std::vector<std::string> pins;
    bool refuse_handshake = false;   // closes when the handshake is to begin
};

// A kind of link that keeps what it hears.
class Listening final : public Link {
  public:
    Listening(LinkHost& host, int fd, Behaviour behaviour, Seen& seen)
        : Link(host, fd, proto::Kind::kRoute), behaviour_(std::move(behaviour)), seen_(seen) {}
    ~Listening() override { seen_.gone = true; }

    void accept_tls(std::shared_ptr<const tls::Profile> profile) {
        start();
        start_tls(std::move(profile), /*optional=*/false);
    }
    void dial_tls(std::shared_ptr<const tls::Profile> profile, const std::string& name) {
        start_tls_client(std::move(profile), name);
    }
    void accept_plain(std::string_view greeting) {
        start();
        queue(greeting);
    }

    void on_reload() override {}
    void on_account_changed() override {}
    void announce_lame_duck() override {}

  protected:
    size_t consume(const char* begin, const char* end) override {
        seen_.heard.append(begin, end);
        return static_cast<size_t>(end - begin);
    }
    void on_close() override { seen_.reason = close_reason(); }
    bool on_handshake_begun() override {
        seen_.begun = true;
        if (behaviour_.refuse_handshake) close(CloseReason::kClientClosed);
        return !behaviour_.refuse_handshake;
    }
    void on_handshake_done() override {
        if (!has_pinned_certificate(behaviour_.pins)) return fail_handshake("certificate not pinned");
        seen_.done = true;
        seen_.version = tls_engine()->version();
        if (!behaviour_.greeting.empty()) queue(behaviour_.greeting);
    }
    void on_handshake_failed(std::string_view error) override { seen_.handshake_error = error; }

  private:
    const Behaviour behaviour_;
    Seen& seen_;
};

class TlsClientTest : public testing::Test {
  protected:
    TlsClientTest() { listener_ = stage_.net.listen(0); }

    tls::ProfileSettings settings(tls::Role role, const TestCertificate& shown) const {
        return {.role = role,
                .cert_file = shown.certificate_file(),
                .key_file = shown.key_file(),
                .ca_file = authority_.certificate_file(),
                .peer_check = tls::PeerCheck::kRequired};
    }
    static std::shared_ptr<const tls::Profile> profile(const tls::ProfileSettings& settings) {
        auto made = tls::Profile::create(settings);
        EXPECT_TRUE(made.ok()) << made.status();
        return *made;
    }
    // Both ends of a new connection, as descriptors.
    std::pair<int, int> connect() {
        sim::SimNet& net = stage_.net;
        sim::SimStream& dialed = net.connect(net.listener_of(listener_)->port);
        auto& waiting = net.listener_of(listener_)->waiting;
        while (waiting.empty()) net.step();
        const int accepted_fd = net.add_descriptor(*waiting.front());
        waiting.pop_front();
        return {net.add_descriptor(dialed), accepted_fd};
    }
    void run(const std::shared_ptr<const tls::Profile>& dialer,
             const std::shared_ptr<const tls::Profile>& acceptor,
             const std::string& name = "localhost") {
        const std::pair<int, int> fds = connect();
        stage_.on_worker(0, [=, this](server::WorkerState& state) {
            auto* accepted = new Listening(state.host, fds.second, acceptor_, accepted_);
            if (acceptor != nullptr) {
                accepted->accept_tls(acceptor);
            } else {
                accepted->accept_plain("INFO {}\r\n");
            }
            auto* dialed = new Listening(state.host, fds.first, dialer_, dialed_);
            dialed->dial_tls(dialer, name);
            dialed_handle_ = dialed->handle();
        });
        stage_.settle();
    }
    void run() {
        run(profile(settings(tls::Role::kClient, pair_)),
            profile(settings(tls::Role::kServer, pair_)));
    }
    void close_dialed() {
        stage_.on_worker(0, [this](server::WorkerState& state) {
            if (Link* link = state.host.table.find(dialed_handle_))
                link->close(CloseReason::kClientClosed);
        });
        stage_.pass(5'000'000'000);
        EXPECT_EQ(stage_.link_count(), 0U);
    }

    const TestCertificate authority_{{.subject = {{"CN", "authority"}}, .authority = true}};
    const TestCertificate pair_{{}, &authority_};
    Seen dialed_;
    Seen accepted_;
    Behaviour dialer_{.greeting = "CONNECT {}\r\n", .pins = {}};
    Behaviour acceptor_{.greeting = "INFO {}\r\n", .pins = {}};
    base::LinkHandle dialed_handle_;
    WorkerStage stage_{1};
    int listener_ = -1;
};

TEST_F(TlsClientTest, BothEndsMeetAndTheirFirstWordsArrive) {
    for (const auto& [version, name] : {std::pair{TLS1_2_VERSION, "1.2"}, {TLS1_3_VERSION, "1.3"}}) {
        dialed_ = {};
        accepted_ = {};
        const auto acceptor = profile(settings(tls::Role::kServer, pair_));
        SSL_CTX_set_max_proto_version(acceptor->native(), version);
        run(profile(settings(tls::Role::kClient, pair_)), acceptor);
        EXPECT_TRUE(dialed_.begun);
        EXPECT_TRUE(dialed_.done) << dialed_.handshake_error;
        EXPECT_TRUE(accepted_.done) << accepted_.handshake_error;
        EXPECT_EQ(dialed_.version, name);
        EXPECT_EQ(dialed_.heard, "INFO {}\r\n");
        EXPECT_EQ(accepted_.heard, "CONNECT {}\r\n");
        close_dialed();
        EXPECT_EQ(accepted_.reason, CloseReason::kClientClosed);
    }
}

TEST_F(TlsClientTest, MuchTrafficPassesEitherWay) {
    dialer_.greeting = std::string(700'000, 'd');
    acceptor_.greeting = std::string(900'000, 'a');
    run();
    EXPECT_EQ(dialed_.heard, acceptor_.greeting);
    EXPECT_EQ(accepted_.heard, dialer_.greeting);
    close_dialed();
}

TEST_F(TlsClientTest, WhomItDidNotDialIsRefused) {
    run(profile(settings(tls::Role::kClient, pair_)), profile(settings(tls::Role::kServer, pair_)),
        "elsewhere.io");
    EXPECT_EQ(dialed_.handshake_error, "x509: certificate is valid for localhost, not elsewhere.io");
    EXPECT_EQ(dialed_.reason, CloseReason::kTlsHandshakeFailure);
    EXPECT_THAT(accepted_.handshake_error, HasSubstr("remote error: tls: "));
    EXPECT_EQ(dialed_.heard, "");
    stage_.pass(5'000'000'000);
    EXPECT_EQ(stage_.link_count(), 0U);
}

TEST_F(TlsClientTest, InsecureMeetsAnybody) {
    const TestCertificate stranger({.names = "DNS:stranger.io"});
    tls::ProfileSettings dialer = settings(tls::Role::kClient, pair_);
    dialer.peer_check = tls::PeerCheck::kNone;
    run(profile(dialer), profile(settings(tls::Role::kServer, stranger)), "elsewhere.io");
    EXPECT_TRUE(dialed_.done) << dialed_.handshake_error;
    EXPECT_EQ(dialed_.heard, "INFO {}\r\n");
    close_dialed();
}

TEST_F(TlsClientTest, TheAcceptorWantsACertificateOfItsAuthority) {
    const TestCertificate stranger({});
    run(profile(settings(tls::Role::kClient, stranger)),
        profile(settings(tls::Role::kServer, pair_)));
    EXPECT_EQ(accepted_.handshake_error,
              "tls: failed to verify client certificate: x509: certificate signed by unknown "
              "authority");
    EXPECT_EQ(accepted_.heard, "");
    EXPECT_FALSE(accepted_.done);
    stage_.pass(5'000'000'000);
    EXPECT_TRUE(dialed_.gone);  // with TLS 1.3 it hears of it after its own handshake
    EXPECT_EQ(stage_.link_count(), 0U);
}

TEST_F(TlsClientTest, PinnedCertificatesAreAskedForAtEitherEnd) {
    dialer_.pins = {std::string(64, '0')};
    run();
    EXPECT_EQ(dialed_.handshake_error, "certificate not pinned");
    stage_.pass(5'000'000'000);
    EXPECT_EQ(stage_.link_count(), 0U);

    dialed_ = {};
    accepted_ = {};
    dialer_.pins = {std::string(64, '0'), tls::public_key_digest(pair_.native())};
    acceptor_.pins = dialer_.pins;
    run();
    EXPECT_TRUE(dialed_.done) << dialed_.handshake_error;
    EXPECT_TRUE(accepted_.done) << accepted_.handshake_error;
    close_dialed();
}

TEST_F(TlsClientTest, APeerInClearTextIsNoHandshake) {
    run(profile(settings(tls::Role::kClient, pair_)), nullptr);
    EXPECT_EQ(dialed_.handshake_error, "tls: first record does not look like a TLS handshake");
    EXPECT_EQ(dialed_.heard, "");
    stage_.pass(5'000'000'000);
    EXPECT_TRUE(dialed_.gone);
}

TEST_F(TlsClientTest, APeerThatLeavesInTheMiddleIsAnEndOfFile) {
    const std::pair<int, int> fds = connect();
    stage_.on_worker(0, [this, fds](server::WorkerState& state) {
        auto* dialed = new Listening(state.host, fds.first, dialer_, dialed_);
        dialed->dial_tls(profile(settings(tls::Role::kClient, pair_)), "localhost");
        auto* accepted = new Listening(state.host, fds.second, acceptor_, accepted_);
        accepted->accept_plain("");
        accepted->close(CloseReason::kClientClosed);
    });
    stage_.pass(5'000'000'000);
    EXPECT_TRUE(dialed_.begun);
    EXPECT_FALSE(dialed_.done);
    EXPECT_NE(dialed_.handshake_error, "");
    EXPECT_EQ(dialed_.reason, CloseReason::kTlsHandshakeFailure);
    EXPECT_EQ(stage_.link_count(), 0U);
}

TEST_F(TlsClientTest, ALinkClosedAsItsHandshakeBeginsSaysNothing) {
    dialer_.refuse_handshake = true;
    run();
    EXPECT_FALSE(dialed_.done);
    EXPECT_EQ(dialed_.handshake_error, "");
    stage_.pass(5'000'000'000);
    EXPECT_EQ(accepted_.handshake_error, "EOF");
    EXPECT_EQ(stage_.link_count(), 0U);
}

}  // namespace
}  // namespace nuring::link
