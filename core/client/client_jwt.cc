// SPDX-License-Identifier: Apache-2.0
// Client in operator mode: its token is checked on a jobs thread, its account may have to be fetched
// first, and it ends when the token's time is over.
#include <algorithm>
#include <utility>

#include "core/auth/jwt_login.h"
#include "core/base/time_units.h"
#include "core/client/claims_end.h"
#include "core/client/client.h"
#include "core/client/jwt_login_job.h"
#include "proto/error_text.h"

namespace nuring::client {
namespace {

// Timers of tokens that outlast this are set again when it is over, so that no sum overflows.
constexpr int64_t kTimerMax_s = 1'000'000'000;

}  // namespace

class Client::JwtJob final : public JwtLoginJob {
  public:
    JwtJob(Client& client, std::string account, bool first_time)
        : JwtLoginJob(client.host_, client,
                      {.trust = client.authenticator().trust(),
                       .login = client.jwt_login(),
                       .account = std::move(account),
                       .first_time = first_time}) {}

  private:
    void ask_again(link::Link& link, std::string account) override {
        static_cast<Client&>(link).ask_jwt_job(std::move(account), first_time());
    }
    void conclude(link::Link& link, const auth::JwtVerdict& verdict) override {
        static_cast<Client&>(link).on_jwt_verdict(verdict, first_time());
    }
};

auth::JwtLogin Client::jwt_login() const {
    return {.token = std::string(connect_.text(proto::ConnectText::kJwt)),
            .sentinel = authenticator().default_sentinel(),
            .signature = std::string(connect_.text(proto::ConnectText::kSig)),
            .nonce = nonce_,
            .host = peer_host(),
            .now_s = host_.ring.wall_s(),
            .type = is_websocket() ? auth::ConnectionType::kWebsocket : auth::ConnectionType::kStandard};
}

void Client::ask_jwt_job(std::string account, bool first_time) {
    runtime::JobRunner& runner = account.empty() ? host_.handshakes : host_.jobs;
    // A login that finds no room meets its time limit. A check after a change is the server's own: it always
    // finds room, else a revoked user would stay.
    (void)runner.submit(host_.worker,
                        std::make_unique<JwtJob>(*this, std::move(account), first_time),
                        {.address = first_time ? peer_host() : "", .gone = ended()});
}

void Client::on_jwt_verdict(const auth::JwtVerdict& verdict, bool first_time) {
    const bool is_more = !first_time && token_check_.end();
    if (is_more && verdict.outcome == auth::JwtOutcome::kAccepted) {
        return ask_jwt_job({}, /*first_time=*/false);
    }
    if (verdict.outcome == auth::JwtOutcome::kAccepted) {
        if (!first_time) return welcome_again(verdict.identity);
        finish_connect(verdict.identity);
        return resume(link::PauseReason::kVerdict);
    }
    if (const auto end = claims_end(verdict.outcome); !first_time && end.has_value()) {
        return end_login(end->text, end->reason);
    }
    refuse_credentials();
}

void Client::end_login(std::string_view text, link::CloseReason reason) {
    host_.log.debug("{} - {}", label(), text);
    send_error(text);
    close(reason);
}

void Client::arm_claimed_expiry() {
    if (identity_->valid_until_s != 0) {
        arm_expiry();
    } else if (claimed_ != nullptr) {
        host_.timers.disarm(claimed_->expiry_timer);
    }
}

void Client::arm_expiry() {
    const uint64_t wall_ns = host_.ring.wall_ns();
    const auto now_s = static_cast<int64_t>(wall_ns / base::kSecond_ns);
    const uint64_t into_second_ns = wall_ns % base::kSecond_ns;
    const int64_t left_s = std::clamp<int64_t>(identity_->valid_until_s - now_s, 0, kTimerMax_s);
    uint64_t left_ns = static_cast<uint64_t>(left_s) * base::kSecond_ns;
    left_ns -= std::min(left_ns, into_second_ns);
    host_.timers.arm(claimed().expiry_timer, host_.ring.now_ns() + left_ns);
}

void Client::on_expiry() {
    // A clock that was set back, or a timer cut short.
    if (host_.ring.wall_s() < identity_->valid_until_s) return arm_expiry();
    end_login(identity_->ends_with_account ? proto::kErrAccountAuthenticationExpired
                                           : proto::kErrUserAuthenticationExpired,
              link::CloseReason::kAuthenticationExpired);
}

Client::Claimed& Client::claimed() {
    if (claimed_ == nullptr) claimed_ = std::make_unique<Claimed>(*this);
    return *claimed_;
}

}  // namespace nuring::client
