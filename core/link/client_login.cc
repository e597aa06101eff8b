// SPDX-License-Identifier: Apache-2.0
// Client, CONNECT: who it is, what it may do; again after each reload.
#include "core/link/client.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/auth/password.h"
#include "core/link/link_events.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::link {
namespace {

// Negative: unlimited.
int64_t lower_limit(int64_t a, int64_t b) { return a < 0 ? b : b < 0 ? a : std::min(a, b); }

}  // namespace

// Compares a hashed password, which takes tens of milliseconds, off the workers.
class Client::PasswordJob final : public runtime::Job {
  public:
    PasswordJob(Client& client, auth::Decision decision, bool first_time)
        : links_(client.links_),
          handle_(client.handle()),
          decision_(std::move(decision)),
          ended_(client.login_ended_),
          first_time_(first_time) {}

    // A client that has gone in the meantime (the timeout of logins closes those who wait too long) costs
    // nothing more: a storm leaves no work behind.
    void work() override {
        if (ended_->load(std::memory_order_relaxed)) return;
        matches_ = auth::matches_bcrypt(decision_.stored, decision_.given);
    }
    void run() override {
        Link* link = links_.table.find(handle_);
        if (link == nullptr || !link->open()) return;
        auto& client = static_cast<Client&>(*link);  // only clients make such jobs
        if (!matches_) return client.refuse_credentials();
        if (!first_time_) return client.welcome_again(decision_.identity);
        client.finish_connect(decision_.identity);
        client.resume();
    }

  private:
    WorkerLinks& links_;
    const base::LinkHandle handle_;
    const auth::Decision decision_;
    const std::shared_ptr<const std::atomic<bool>> ended_;
    const bool first_time_;  // or again, after a reload
    bool matches_ = false;
};

void Client::connect(std::string_view json) {
    last_activity_ns_ = links_.ring.now_ns();
    std::string error;
    if (proto::parse_connect(json, &links_.json_parser, &connect_, &error) !=
        proto::JsonStatus::kOk) {
        links_.log.error("{} - {}", label(), error);
        return close(CloseReason::kProtocolViolation);
    }
    connected_ = true;
    if (connect_.names_account) return refuse_credentials();  // since 2.7.2; before: a security hole
    const auth::Decision decision = decide();
    switch (decision.verdict) {
        case auth::Verdict::kAccepted: return finish_connect(decision.identity);
        case auth::Verdict::kRefused: return refuse_credentials();
        case auth::Verdict::kHashed:
            pause();  // what follows waits for the verdict
            return ask_job(decision, /*first_time=*/true);
        case auth::Verdict::kJwt:
            pause();
            return ask_jwt_job({}, /*first_time=*/true);
    }
}

void Client::ask_job(const auth::Decision& decision, bool first_time) {
    if (login_ended_ == nullptr) login_ended_ = std::make_shared<std::atomic<bool>>(false);
    links_.jobs.submit(links_.worker, std::make_unique<PasswordJob>(*this, decision, first_time));
}

auth::Decision Client::decide() const {
    base::CertificateNames names;
    const bool has_names = links_.authenticator->maps_certificates() && tls_engine() != nullptr &&
                           tls_engine()->has_peer_certificate();
    if (has_names) names = tls_engine()->peer_names();
    auth::Decision decision = links_.authenticator->decide(
        {.user = connect_.text(proto::ConnectText::kUser),
         .password = connect_.text(proto::ConnectText::kPass),
         .token = connect_.text(proto::ConnectText::kAuthToken),
         .nkey = connect_.text(proto::ConnectText::kNkey),
         .signature = connect_.text(proto::ConnectText::kSig),
         .nonce = nonce_,
         .certificate = has_names ? &names : nullptr});
    if (!decision.remark.empty()) links_.log.debug("{} - {}", label(), decision.remark);
    return decision;
}

// After a reload: who showed the right credentials is asked of the new table, goes on with what it may
// now, and loses the subscriptions that it may no longer have.
// Source: reloadAuthorization in server/reload.go; without its two bugs (users who become single ones).
void Client::on_reload() {
    if (!open() || !admitted_) return;
    if (!connected_) {  // came in without credentials
        if (!links_.authenticator->required()) return;
        if (links_.authenticator->anonymous() == nullptr) return refuse_credentials();
        return welcome_again(links_.authenticator->anonymous());
    }
    const auth::Decision decision = decide();
    switch (decision.verdict) {
        case auth::Verdict::kAccepted: return welcome_again(decision.identity);
        case auth::Verdict::kRefused: return refuse_credentials();
        case auth::Verdict::kHashed:
            // The same hash of the same user needs no second proof: with thousands of such clients the last
            // would keep their old permissions for minutes.
            if (identity_ != nullptr && identity_->name == decision.identity->name &&
                identity_->hash == decision.stored) {
                return welcome_again(decision.identity);
            }
            return ask_job(decision, /*first_time=*/false);
        case auth::Verdict::kJwt: return ask_jwt_job({}, /*first_time=*/false);
    }
}

void Client::welcome_again(std::shared_ptr<const auth::Identity> identity) {
    if (&links_.accounts.find_or_create(identity->account) != account_) {
        return close(CloseReason::kClientClosed);
    }
    bind(std::move(identity));
    if (!open()) return;
    std::vector<interest::Subscription*> all;
    subscriptions_.for_each([&all](interest::Subscription* each) { all.push_back(each); });
    for (interest::Subscription* subscription : all) {
        subscription->flags &= static_cast<uint8_t>(~interest::Subscription::kFiltered);
        if (permissions_ == nullptr) continue;
        if (permissions_->may_subscribe(subscription->subject(), subscription->queue())) {
            if (permissions_->must_filter(subscription->subject(), subscription->queue())) {
                subscription->flags |= interest::Subscription::kFiltered;
            }
            continue;
        }
        const std::string subject = proto::quote(subscription->subject());
        const std::string sid = proto::quote(subscription->sid());
        links_.log.info("{} - Removed sub {} (sid {}) for {} - not authorized", label(), subject, sid,
                        who());
        send_error(fmt::format("{}{} (sid {})", proto::kErrSubscriptionViolation, subject, sid));
        remove(subscription);
    }
}

void Client::refuse_credentials() {
    std::string whom;
    const std::string_view nkey = connect_.text(proto::ConnectText::kNkey);
    if (links_.authenticator->has_nkeys() && !nkey.empty()) {
        whom = fmt::format(" - Nkey {}", proto::quote(nkey));
    } else if (links_.authenticator->has_users()) {
        whom = fmt::format(" - User {}", proto::quote(connect_.text(proto::ConnectText::kUser)));
    }
    links_.log.error("{} - authentication error{}", label(), whom);
    if (links_.events != nullptr) links_.events->on_refused(links_, *this);
    send_error(proto::kErrAuthorizationViolation);
    close(CloseReason::kAuthenticationFailure);
}

void Client::finish_connect(std::shared_ptr<const auth::Identity> identity) {
    bind(std::move(identity));
    if (!open()) return;
    if (connect_.protocol < 0 || connect_.protocol > 1) {
        links_.log.error("{} - {}", label(), proto::kErrClientProtocol);
        send_error(proto::kErrClientProtocol);
        return close(CloseReason::kBadClientProtocolVersion);
    }
    if (!links_.limits.headers) connect_.headers = false;
    if (connect_.no_responders && !connect_.headers) {
        links_.log.error("{} - {}", label(), proto::kErrNoRespondersNeedsHeaders);
        send_error(proto::kErrNoRespondersNeedsHeaders);
        return close(CloseReason::kNoRespondersRequiresHeaders);
    }
    if (links_.events != nullptr) links_.events->on_connected(links_, *this);
    if (connect_.verbose) send_ok();
}

// The link is that user's from now on: its account, its permissions.
void Client::bind(std::shared_ptr<const auth::Identity> identity) {
    if (!admitted_) {
        admitted_ = true;
        links_.timers.arm(keep_alive_timer_,
                          links_.ring.now_ns() + links_.limits.ping_interval_ns);
    }
    account::Account& account = links_.accounts.find_or_create(identity->account);
    identity_ = std::move(identity);
    permissions_ = identity_->permissions.get();
    publishable_.clear();
    receivable_.clear();
    if (&account != account_ || !joined_) {
        join(account);
    } else {
        apply_limits();
    }
    if (!open()) return;
    report_overridden_limits();
    if (links_.authenticator->trust() != nullptr) arm_claimed_expiry();
}

void Client::join(account::Account& account) {
    if (&account != account_) drop_subscriptions();  // of a former user in another account
    leave_account();
    account_ = &account;
    memo_.clear();
    mappings_ = account.exchange().mappings.empty() ? nullptr : &account.exchange().mappings;
    joined_ = account.add_connection();
    if (joined_) return apply_limits();
    refuse_by_account();
}

void Client::leave_account() {
    if (joined_) account_->remove_connection();
    joined_ = false;
}

void Client::refuse_by_account() {
    links_.log.error("{} - {}", label(), proto::kErrAccountConnectionsExceeded);
    send_error(proto::kErrAccountConnectionsExceeded);
    close(CloseReason::kMaxAccountConnectionsExceeded);
}

// What account and claims allow.
Client::OwnLimits Client::own_limits() const {
    const config::AccountLimits& account = account_->exchange().limits;
    if (identity_ == nullptr) return {account.payload, account.subscriptions};
    return {lower_limit(account.payload, identity_->payload_max),
            lower_limit(account.subscriptions, identity_->subscriptions_max)};
}

// The lowest of what server, account and a user's claims allow; each connection for itself, as in the
// reference. Source: applyAccountLimits in server/client.go 2.9.10.
void Client::apply_limits() {
    const OwnLimits own = own_limits();
    const LinkLimits& server = links_.limits;
    parse_limits_ = server.parse;
    parse_limits_.payload_max = lower_limit(server.parse.payload_max, own.payload);
    subscriptions_max_ = lower_limit(
        server.max_subscriptions > 0 ? server.max_subscriptions : config::kUnlimited,
        own.subscriptions);
    // None at all is no way to live (and the reference closes such a client).
    const auto count = static_cast<int64_t>(subscriptions_.size());
    if (own.subscriptions != 0 && (own.subscriptions < 0 || count <= own.subscriptions)) return;
    links_.log.error("{} - {}", label(), proto::kErrSubscriptionsExceeded);
    send_error(proto::kErrSubscriptionsExceeded);
    close(CloseReason::kMaxSubscriptionsExceeded);
}

void Client::report_overridden_limits() const {
    const OwnLimits own = own_limits();
    const auto report = [this](std::string_view what, int64_t limit, int64_t allowed) {
        if (limit < 0 || allowed < 0 || limit >= allowed) return;
        links_.log.error("{} - Max {} set to {} from server overrides account or user config", label(),
                         what, limit);
    };
    const int64_t subscriptions = links_.limits.max_subscriptions;
    report("Payload", links_.limits.parse.payload_max, own.payload);
    report("Subscriptions", subscriptions > 0 ? subscriptions : config::kUnlimited, own.subscriptions);
}

void Client::on_account_changed() {
    if (!open()) return;
    if (joined_ && account_->shed_connection()) {
        joined_ = false;
        return refuse_by_account();
    }
    apply_limits();
    if (!open()) return;
    if (account_->exchange().streams.empty() && shadows_ == nullptr) return;
    std::vector<interest::Subscription*> all;
    subscriptions_.for_each([&all](interest::Subscription* each) { all.push_back(each); });
    for (interest::Subscription* subscription : all) update_shadows(*subscription);
}

// Before it has shown credentials a client may say CONNECT only, unless a user for such clients is
// configured. The first byte decides, whatever follows.
bool Client::admit_anonymous(char first_byte) {
    if (first_byte == 'C' || first_byte == 'c') return true;
    if (const auto& anonymous = links_.authenticator->anonymous(); anonymous != nullptr) {
        bind(anonymous);
        return open();
    }
    refuse_credentials();
    return false;
}

std::string Client::who() const {
    if (identity_ == nullptr || identity_->name.empty()) return "User \"N/A\"";
    return fmt::format("{} {}", identity_->is_nkey ? "Nkey" : "User",
                       proto::quote(identity_->name));
}

}  // namespace nuring::link
