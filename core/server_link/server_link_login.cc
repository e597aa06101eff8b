// SPDX-License-Identifier: Apache-2.0
// ServerLink: credentials.
#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "core/auth/certificate_users.h"
#include "core/auth/password.h"
#include "core/link/link_job.h"
#include "core/server_link/server_link.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::server_link {
namespace {

// A DNS name of a certificate, whose first label may be `*`, against hosts of configured URLs.
// Source: server/auth.go, dnsAltNameMatches 2.9.10.
bool is_known_host(const std::string& name, const std::vector<config::Url>& urls) {
    const std::vector<std::string> labels = absl::StrSplit(name, '.');
    return std::any_of(urls.begin(), urls.end(), [&](const config::Url& url) {
        const std::vector<std::string> host = absl::StrSplit(url.host, '.');
        if (host.size() != labels.size()) return false;
        for (size_t i = 0; i < labels.size(); ++i) {
            if (i == 0 && labels[i] == "*") continue;
            if (!absl::EqualsIgnoreCase(labels[i], host[i])) return false;
        }
        return true;
    });
}

}  // namespace

// Compares a hashed password, which takes tens of milliseconds, off the workers.
class ServerLink::PasswordJob final : public link::LinkJob {
  public:
    PasswordJob(ServerLink& link, const auth::Decision& decision)
        : LinkJob(link.host_, link), decision_(decision) {}

  private:
    void compute() override { matches_ = auth::matches_bcrypt(decision_.stored, decision_.given); }
    void finish(link::Link& link) override {
        auto& server = static_cast<ServerLink&>(link);
        if (!matches_) return server.refuse_login(server.login_user_);
        server.accept_login(decision_.identity);
        server.resume(link::PauseReason::kVerdict);
    }

    const auth::Decision decision_;
    bool matches_ = false;
};

void ServerLink::await_login(uint64_t timeout_ns) {
    assert(login_ == Login::kNone);
    login_ = Login::kAwaited;
    limits_.control_line_max = kStrangerLineMax;
    arm_phase_timer(timeout_ns);
}

void ServerLink::skip_login() {
    if (login_ == Login::kDone) return;
    assert(login_ == Login::kNone);
    login_ = Login::kDone;
    begin_keep_alive();
}

auth::Decision ServerLink::decide(const LoginRule& rule, std::string_view user,
                                  std::string_view password) const {
    auth::Decision decision;
    auto identity = std::make_shared<auth::Identity>();
    identity->name = std::string(user);
    if (rule.reads_certificate()) {
        const tls::Engine* engine = tls_engine();
        if (engine == nullptr || !engine->has_peer_certificate()) {
            decision.remark = "User required in cert, no peer certificates found";
            return decision;
        }
        const base::CertificateNames names = engine->peer_names();
        const bool is_known =
            rule.known_urls.has_value() &&
            std::any_of(names.dns.begin(), names.dns.end(),
                        [&](const std::string& name) { return is_known_host(name, *rule.known_urls); });
        bool is_named = false;
        if (rule.maps_certificate && !rule.wanted.user.empty()) {
            auth::CertificateUsers users;
            users.add(rule.wanted.user);
            const auth::CertificateUsers::Found found = users.find(names);
            is_named = !found.user.empty();
            decision.remark = found.remark;
            identity->name = found.user;
        }
        if (is_known || is_named) {
            decision.verdict = auth::Verdict::kAccepted;
            decision.identity = std::move(identity);
        }
        return decision;
    }
    if (!auth::equal_plain(rule.wanted.user, user)) return decision;
    if (auth::is_bcrypt(rule.wanted.password)) {
        decision.verdict = auth::Verdict::kHashed;
        decision.stored = rule.wanted.password;
        decision.given = std::string(password);
    } else if (auth::equal_plain(rule.wanted.password, password)) {
        decision.verdict = auth::Verdict::kAccepted;
    } else {
        return decision;
    }
    decision.identity = std::move(identity);
    return decision;
}

void ServerLink::login(const auth::Decision& decision, std::string_view user) {
    assert(open());
    if (!decision.remark.empty()) host_.log.debug("{} - {}", label(), decision.remark);
    switch (decision.verdict) {
        case auth::Verdict::kAccepted:
            return accept_login(decision.identity);
        case auth::Verdict::kRefused:
            return refuse_login(user);
        case auth::Verdict::kHashed:
            login_ = Login::kChecked;
            login_user_ = std::string(user);
            pause(link::PauseReason::kVerdict);  // what follows waits for the verdict
            // One that finds no room meets the time limit of logins. The prefix gives servers a turn of
            // their own beside clients of the same address.
            (void)host_.jobs.submit(host_.worker, std::make_unique<PasswordJob>(*this, decision),
                                    {.address = std::string("server ") + peer_host(), .gone = ended()});
            return;
        case auth::Verdict::kJwt:
            break;
    }
    assert(false && "a token is the kind's to check");
}

void ServerLink::accept_login(std::shared_ptr<const auth::Identity> identity) {
    assert(awaits_login());
    login_ = Login::kDone;
    limits_.control_line_max = kGuestLineMax;
    begin_keep_alive();
    on_logged_in(std::move(identity));
}

// Source: server/auth.go and client.go, authViolation: the user is named as of 2.12, where CONNECT had one.
void ServerLink::refuse_login(std::string_view user) {
    host_.log.error("{} - authentication error{}", label(),
                    user.empty() ? std::string() : fmt::format(" - User {}", proto::quote(user)));
    send_error(proto::kErrAuthorizationViolation);
    close(link::CloseReason::kAuthenticationFailure);
}

}  // namespace nuring::server_link
