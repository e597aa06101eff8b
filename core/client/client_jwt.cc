// SPDX-License-Identifier: Apache-2.0
// Client in operator mode: its token is checked on a jobs thread, its account may have to be fetched
// first, and it ends when the token's time is over.
#include <algorithm>
#include <utility>

#include "core/auth/jwt_login.h"
#include "core/auth/trust.h"
#include "core/base/status.h"
#include "core/base/time_units.h"
#include "core/client/claims_end.h"
#include "core/client/client.h"
#include "core/config/duration.h"
#include "core/link/link_job.h"
#include "fmt/format.h"
#include "proto/error_text.h"

namespace nuring::client {
namespace {

// Timers of tokens that outlast this are set again when it is over, so that no sum overflows.
constexpr int64_t kTimerMax_s = 1'000'000'000;

// A fetch that takes longer is warned of.
constexpr uint64_t kSlowFetch_ns = base::kSecond_ns;

}  // namespace

// Checks a user token, which costs some 120 us: more than a worker may spend on one login. With an
// account to load it may wait for files or the network and runs among the slow jobs.
class Client::JwtJob final : public link::LinkJob {
  public:
    JwtJob(Client& client, std::string account, bool first_time)
        : LinkJob(client.host_, client),
          trust_(client.authenticator().trust()),
          account_(std::move(account)),
          first_time_(first_time),
          asked_ns_(client.host_.ring.now_ns()),
          login_{.token = std::string(client.connect_.text(proto::ConnectText::kJwt)),
                 .sentinel = client.authenticator().default_sentinel(),
                 .signature = std::string(client.connect_.text(proto::ConnectText::kSig)),
                 .nonce = client.nonce_,
                 .host = client.peer_host(),
                 .now_s = client.host_.ring.wall_s(),
                 .type = client.is_websocket() ? auth::ConnectionType::kWebsocket
                                               : auth::ConnectionType::kStandard} {}

  private:
    void compute() override {
        if (!account_.empty()) {
            if (const auto account = trust_->load(account_, login_.now_s); !account.ok()) {
                fetch_status_ = account.status();
                return;
            }
        }
        changes_ = trust_->change_count();
        verdict_ = auth::check_jwt_login(*trust_, login_);
    }

    void finish(link::Link& link) override {
        auto& client = static_cast<Client&>(link);
        if (!account_.empty()) log_fetch();
        if (!fetch_status_.ok()) {
            verdict_.reason =
                fmt::format("Account JWT lookup error: {}", base::message_of(fetch_status_));
            // The clients of a deleted account get the same error as those of an expired one.
            const bool deleted = absl::IsNotFound(fetch_status_) && trust_->directory() != nullptr;
            if (!first_time_ && deleted) verdict_.outcome = auth::JwtOutcome::kAccountExpired;
        } else if (changes_ != trust_->change_count()) {
            // Claims have changed since: what was found may not hold any more.
            return client.ask_jwt_job(std::move(account_), first_time_);
        } else if (account_.empty() && (verdict_.outcome == auth::JwtOutcome::kAccountUnknown ||
                                        verdict_.outcome == auth::JwtOutcome::kAccountExpired)) {
            return client.ask_jwt_job(std::move(verdict_.account), first_time_);
        }
        client.on_jwt_verdict(verdict_, first_time_);
    }

    void log_fetch() const {
        const uint64_t took_ns = host_.ring.now_ns() - asked_ns_;
        const std::string text = fmt::format("Account [{}] fetch took {}", account_,
                                             config::format_duration(config::nanoseconds(took_ns)));
        if (took_ns > kSlowFetch_ns) {
            host_.log.warn("{}", text);
        } else {
            host_.log.debug("{}", text);
        }
        // Claims that were fetched, but are no good, are the debug log's.
        if (fetch_status_.ok() || absl::IsPermissionDenied(fetch_status_) ||
            absl::IsInvalidArgument(fetch_status_)) {
            return;
        }
        host_.log.warn("Account fetch failed: {}", base::message_of(fetch_status_));
    }

    const std::shared_ptr<auth::Trust> trust_;
    std::string account_;  // to be loaded first; empty: none
    const bool first_time_;  // or again, after a change
    const uint64_t asked_ns_;
    const auth::JwtLogin login_;
    absl::Status fetch_status_;
    uint64_t changes_ = 0;
    auth::JwtVerdict verdict_;
};

void Client::ask_jwt_job(std::string account, bool first_time) {
    runtime::JobRunner& runner = account.empty() ? host_.handshakes : host_.jobs;
    // One that finds no room meets the time limit of logins.
    (void)runner.submit(host_.worker,
                        std::make_unique<JwtJob>(*this, std::move(account), first_time),
                        {.address = peer_host(), .gone = ended()});
}

void Client::on_jwt_verdict(const auth::JwtVerdict& verdict, bool first_time) {
    if (!verdict.reason.empty()) {
        if (verdict.is_error) {
            host_.log.error("{} - {}", label(), verdict.reason);
        } else {
            host_.log.debug("{} - {}", label(), verdict.reason);
        }
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
