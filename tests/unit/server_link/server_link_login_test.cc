// SPDX-License-Identifier: Apache-2.0
// ServerLink: credentials and certificates.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/support/certificates.h"
#include "core/server_link/server_link.h"
#include "core/tls/tls_profile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/server_link/test_link.h"

namespace nuring::server_link {
namespace {

using test::SimPeer;
using test::TestCertificate;
using testing::HasSubstr;

// Of "secret", at the lowest cost.
constexpr char kSecretHash[] = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

config::LinkAuthorization user_and_password() {
    config::LinkAuthorization wanted;
    wanted.user = "joe";
    wanted.password = "secret";
    return wanted;
}

TEST_F(ServerLinkTest, UserAndPasswordMustBothBeRight) {
    accept();
    const config::LinkAuthorization wanted = user_and_password();
    const auto verdict = [&](std::string_view user, std::string_view password) {
        return link->decide({.wanted = wanted}, user, password).verdict;
    };
    EXPECT_EQ(verdict("joe", "secret"), auth::Verdict::kAccepted);
    EXPECT_EQ(verdict("joe", "wrong"), auth::Verdict::kRefused);
    EXPECT_EQ(verdict("ann", "secret"), auth::Verdict::kRefused);
    EXPECT_EQ(verdict("", ""), auth::Verdict::kRefused);
    EXPECT_EQ(link->decide({.wanted = wanted, .maps_certificate = true}, "joe", "secret").verdict,
              auth::Verdict::kRefused)
        << "there is no certificate";
}

// Both ends of a connection are links of worker 0: `link` has accepted, the other one has dialed.
class ServerLinkTlsTest : public ServerLinkTest {
  protected:
    ServerLinkTlsTest() {
        rules.channel.acceptor = profile({.role = tls::Role::kServer,
                                          .cert_file = authority.certificate_file(),
                                          .key_file = authority.key_file(),
                                          .ca_file = authority.certificate_file(),
                                          .peer_check = tls::PeerCheck::kIfGiven});
        rules.channel.timeout_ns = kSecond_ns;
        dialer.channel = rules.channel;
        show_certificate(true);
        dialer.target = {.host = "localhost"};
    }
    ~ServerLinkTlsTest() override {
        stage.on_worker(0, [this](server::WorkerState& state) {
            link::Link* const each = state.host.table.find(dialed);
            if (each != nullptr) each->close(link::CloseReason::kClientClosed);
        });
        stage.pass(10 * kSecond_ns);
    }
    static std::shared_ptr<const tls::Profile> profile(const tls::ProfileSettings& settings) {
        auto made = tls::Profile::create(settings);
        EXPECT_TRUE(made.ok()) << made.status();
        return *made;
    }
    void show_certificate(bool shows) {
        dialer.channel.dialer = profile({.role = tls::Role::kClient,
                                         .cert_file = shows ? shown.certificate_file() : "",
                                         .key_file = shows ? shown.key_file() : "",
                                         .ca_file = authority.certificate_file(),
                                         .peer_check = tls::PeerCheck::kRequired});
    }
    // True: both ends know each other.
    bool meet() {
        SimPeer& peer = accept();
        stage.on_worker(0, [&](server::WorkerState& state) {
            const int fd = stage.net.add_descriptor(peer.stream());
            dialed = (new TestLink(state.delivery, fd, dialer))->handle();
        });
        stage.settle();
        return rules.channels_ready == 1 && dialer.channels_ready == 1;
    }

    const TestCertificate authority{{.subject = {{"CN", "authority"}}, .authority = true}};
    const TestCertificate shown{{.names = "DNS:*.hub.io,DNS:a.*.io,email:joe"}, &authority};
    Kind dialer;
    base::LinkHandle dialed;
};

TEST_F(ServerLinkTlsTest, ACertificateOfAnotherHostIsRefused) {
    dialer.target->host = "10.0.0.1";
    EXPECT_FALSE(meet());
}

TEST_F(ServerLinkTlsTest, TheNameThatIsGivenStandsForThatOfTheTarget) {
    dialer.target->host = "10.0.0.1";
    dialer.channel.server_name = "localhost";
    EXPECT_TRUE(meet());
}

TEST_F(ServerLinkTlsTest, ACertificateThatIsNotPinnedIsRefused) {
    rules.channel.pinned_certificates = {std::string(64, '0')};
    EXPECT_FALSE(meet());
    EXPECT_TRUE(rules.ended);
}

TEST_F(ServerLinkTlsTest, ACertificateLogsInAsTheUserOrAKnownHost) {
    ASSERT_TRUE(meet());
    config::LinkAuthorization wanted;
    const auto is_accepted = [&](std::string user, std::string host) {
        wanted.user = std::move(user);
        std::vector<config::Url> known(1);
        known[0].host = std::move(host);
        const ServerLink::LoginRule rule{.wanted = wanted, .maps_certificate = true, .known_urls = known};
        return link->decide(rule, {}, {}).verdict == auth::Verdict::kAccepted;
    };
    EXPECT_TRUE(is_accepted("joe", "nobody"));
    EXPECT_TRUE(is_accepted("ann", "One.HUB.io"));
    EXPECT_FALSE(is_accepted("ann", "nobody"));
    EXPECT_FALSE(is_accepted("ann", "one.hub.io.org")) << "longer than the name";
    EXPECT_FALSE(is_accepted("ann", "hub.io"));
    EXPECT_FALSE(is_accepted("ann", "a.b.io")) << "an asterisk stands for a first label only";
}

TEST_F(ServerLinkTlsTest, WithoutACertificateNobodyLogsIn) {
    show_certificate(false);
    ASSERT_TRUE(meet());
    const config::LinkAuthorization wanted = user_and_password();
    const auth::Decision decision =
        link->decide({.wanted = wanted, .maps_certificate = true}, "joe", "secret");
    EXPECT_EQ(decision.verdict, auth::Verdict::kRefused);
    EXPECT_EQ(decision.remark, "User required in cert, no peer certificates found");
}

TEST_F(ServerLinkTest, NothingButConnectPassesBeforeTheLogin) {
    SimPeer& peer = accept();
    on_link([](TestLink& each) { each.await_login(kSecond_ns); });
    EXPECT_EQ(peer.ask("PING\r\n"), "-ERR 'Authorization Violation'\r\n");
    EXPECT_FALSE(is_open());
    EXPECT_EQ(rules.logged_in, 0);
}

TEST_F(ServerLinkTest, AStrangerThatSaysNothingIsClosedInTime) {
    SimPeer& peer = accept();
    on_link([](TestLink& each) { each.await_login(kSecond_ns); });
    stage.pass(kSecond_ns / 2);
    EXPECT_TRUE(is_open());
    stage.pass(kSecond_ns);
    EXPECT_EQ(peer.hear(), "-ERR 'Authentication Timeout'\r\n");
    EXPECT_FALSE(is_open());
}

TEST_F(ServerLinkTest, AHashedPasswordIsCheckedWhileTheLinkReadsNothing) {
    auth::Decision decision;
    decision.verdict = auth::Verdict::kHashed;
    decision.stored = kSecretHash;
    decision.identity = std::make_shared<auth::Identity>();
    rules.on_connect = [&](ServerLink& each, std::string_view json) {
        decision.given = json.find("secret") != std::string_view::npos ? "secret" : "wrong";
        static_cast<TestLink&>(each).login(decision, "joe");
    };
    SimPeer& wrong = accept();
    on_link([](TestLink& each) { each.await_login(kSecond_ns); });
    EXPECT_EQ(wrong.ask("CONNECT {}\r\nPING\r\n"), "-ERR 'Authorization Violation'\r\n");
    EXPECT_EQ(rules.logged_in, 0);
    rules.ended = false;
    SimPeer& right = accept();
    on_link([](TestLink& each) { each.await_login(kSecond_ns); });
    EXPECT_EQ(right.ask("CONNECT {\"pass\":\"secret\"}\r\nPING\r\n"), "PONG\r\n");
    EXPECT_EQ(rules.logged_in, 1);
    EXPECT_TRUE(is_open());
}

TEST_F(ServerLinkTest, LinesOfStrangersAreShorter) {
    const auto info = [](size_t size) { return "INFO {\"host\":\"" + std::string(size, 'h') + "\"}\r\n"; };
    const auto connect = [](size_t size) {
        return "CONNECT {\"name\":\"" + std::string(size, 'n') + "\"}\r\n";
    };
    SimPeer& guest = accept();
    on_link([](TestLink& each) { each.skip_login(); });
    EXPECT_EQ(guest.ask(info(ServerLink::kStrangerLineMax) + "PING\r\n"), "PONG\r\n");
    EXPECT_THAT(guest.ask(info(ServerLink::kGuestLineMax)), HasSubstr("maximum control line exceeded"));
    rules.ended = false;
    SimPeer& stranger = accept();
    on_link([](TestLink& each) { each.await_login(kSecond_ns); });
    EXPECT_THAT(stranger.ask(connect(ServerLink::kStrangerLineMax)),
                HasSubstr("maximum control line exceeded"));
    rules.ended = false;
    SimPeer& served = serve();
    EXPECT_EQ(served.ask(info(ServerLink::kGuestLineMax) + "PING\r\n"), "PONG\r\n");
}

TEST_F(ServerLinkTest, OnceLoggedInAStrangerIsAGuest) {
    rules.on_connect = [](ServerLink& each, std::string_view) {
        auth::Decision decision;
        decision.verdict = auth::Verdict::kAccepted;
        decision.identity = std::make_shared<auth::Identity>();
        static_cast<TestLink&>(each).login(decision, "joe");
    };
    SimPeer& peer = accept();
    on_link([](TestLink& each) { each.await_login(kSecond_ns); });
    const std::string info = "INFO {\"host\":\"" + std::string(ServerLink::kStrangerLineMax, 'h') + "\"}\r\n";
    EXPECT_EQ(peer.ask("CONNECT {}\r\n" + info + "PING\r\n"), "PONG\r\n");
}

}  // namespace
}  // namespace nuring::server_link
