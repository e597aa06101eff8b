// SPDX-License-Identifier: Apache-2.0
#include "core/server/operator_mode.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/time/time.h"
#include "core/auth/operators.h"
#include "core/base/status.h"
#include "core/base/time_units.h"
#include "core/config/source.h"
#include "core/server/server.h"
#include "fmt/format.h"
#include "proto/quote.h"

namespace nuring::server {
namespace {

constexpr int64_t kExpiryTimerMax_s = 24 * 60 * 60;

// "2026-11-25 02:12:49 +0000 UTC", as the reference prints it.
std::string format_issued(int64_t unix_s) {
    return absl::FormatTime("%Y-%m-%d %H:%M:%S +0000 UTC", absl::FromUnixSeconds(unix_s),
                            absl::UTCTimeZone());
}

void print_operators(const std::vector<auth::OperatorClaims>& operators, log::Writer& log) {
    if (operators.empty()) return;
    log.info("Trusted Operators");
    for (const auth::OperatorClaims& each : operators) {
        log.info("  System  : {}", proto::quote(each.head.audience));
        log.info("  Operator: {}", proto::quote(each.head.name));
        log.info("  Issued  : {}", format_issued(each.head.issued_at));
        if (each.head.expires == 0) {
            log.info("  Expires : Never");
        } else {
            log.info("  Expires : {}", format_issued(each.head.expires));
        }
    }
}

}  // namespace

absl::StatusOr<std::shared_ptr<auth::Trust>> create_trust(const config::Options& options,
                                                          log::Writer& log, int64_t now_s) {
    if (!options.trust.active()) return std::shared_ptr<auth::Trust>();
    auto trust = auth::Trust::create(options.trust, config::system_sources());
    if (!trust.ok()) return trust;
    for (const auth::OperatorClaims& each : (*trust)->operators()) {
        const absl::Status fits = auth::check_server_version(each, kProtocolVersion);
        if (!fits.ok()) return fits;
    }
    print_operators((*trust)->operators(), log);
    if (options.system_account.empty()) {
        log.warn("Trusted Operators should utilize a System Account");
    } else if (const auto account = (*trust)->load(options.system_account, now_s); !account.ok()) {
        return absl::NotFoundError(fmt::format("error resolving system account: {}",
                                               base::message_of(account.status())));
    }
    return trust;
}

OperatorMode::OperatorMode(Server& server, std::shared_ptr<auth::Trust> trust, log::Writer& log)
    : server_(server), trust_(std::move(trust)), requests_(server, trust_) {
    assert(trust_ != nullptr);
    trust_->set_listener([this](const std::string& account, auth::TrustChange change) {
        update_accounts();
        if (change != auth::TrustChange::kLoaded) server_.check_clients(account);
    });
    update_accounts();  // what was loaded before
    if (const auto directory = trust_->directory(); directory != nullptr) {
        log.info("Managing {} jwt in exclusive directory {}", directory->keeps_all() ? "all" : "some",
                 server_.options().trust.directory.path);
    }
}

OperatorMode::~OperatorMode() {
    trust_->set_listener(nullptr);
    server_.worker_state(0).host.timers.disarm(expiry_timer_);
}

// Any thread: reading the wall clock touches no state of the ring.
int64_t OperatorMode::now_s() const {
    return server_.worker_state(0).host.ring.wall_s();
}

void OperatorMode::update_accounts() {
    const std::lock_guard lock(mutex_);
    auth::TrustedAccounts accounts = trust_->account_options(now_s());
    server_.update_accounts(std::move(accounts.options));
    server_.post(0, [this, next_s = accounts.next_expiry_s] { arm_expiry(next_s); });
}

void OperatorMode::arm_expiry(int64_t next_s) {
    link::LinkHost& host = server_.worker_state(0).host;
    if (next_s == 0) return host.timers.disarm(expiry_timer_);
    // The moment may have passed on the way here. A timer of days is cut short and armed again.
    const int64_t left_s = std::clamp<int64_t>(next_s - now_s(), 0, kExpiryTimerMax_s);
    host.timers.arm(expiry_timer_,
                    host.ring.now_ns() + static_cast<uint64_t>(left_s) * base::kSecond_ns);
}

// The imports are looked at again, off the workers, since tokens are verified.
class OperatorMode::ExpiryJob final : public runtime::Job {
  public:
    explicit ExpiryJob(OperatorMode& mode) : mode_(mode) {}
    void work() override { mode_.update_accounts(); }
    void run() override {}

  private:
    OperatorMode& mode_;
};

void OperatorMode::on_expiry() {
    link::LinkHost& host = server_.worker_state(0).host;
    host.jobs.submit(host.worker, std::make_unique<ExpiryJob>(*this));
}

}  // namespace nuring::server
