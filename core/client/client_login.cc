// SPDX-License-Identifier: Apache-2.0
// Client, CONNECT: its identity and permissions; again after each reload.
#include "core/client/client.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

#include "core/auth/password.h"
#include "core/client/client_events.h"
#include "core/link/link_job.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::client {
namespace {

// Negative: unlimited.
int64_t lower_limit(int64_t a, int64_t b) {
    return a < 0 ? b : b < 0 ? a : std::min(a, b);
}

}  // namespace

// Compares a hashed password, which takes tens of milliseconds, off the workers.
class Client::PasswordJob final : public link::LinkJob {
  public:
    PasswordJob(Client& client, auth::Decision decision, bool first_time)
        : LinkJob(client.host_, client), decision_(std::move(decision)), first_time_(first_time) {}

  private:
    void compute() override { matches_ = auth::matches_bcrypt(decision_.stored, decision_.given); }
    void finish(link::Link& link) override {
        auto& client = static_cast<Client&>(link);
        --client.verdicts_due_;
        // A reload may have changed the users since: their present state decides.
        const auth::Decision now = client.decide();
        switch (now.verdict) {
            case auth::Verdict::kAccepted:
                return admit(client, now.identity);
            case auth::Verdict::kRefused:
                return client.refuse_credentials();
            case auth::Verdict::kHashed:
                if (now.stored != decision_.stored) return client.ask_job(now, first_time_);
                return matches_ ? admit(client, now.identity) : client.refuse_credentials();
            case auth::Verdict::kJwt:
                return client.ask_jwt_job({}, first_time_);
        }
    }
    void admit(Client& client, std::shared_ptr<const auth::Identity> identity) const {
        if (!first_time_) return client.welcome_again(std::move(identity));
        client.finish_connect(std::move(identity));
        client.resume(link::PauseReason::kVerdict);
    }

    const auth::Decision decision_;
    const bool first_time_;  // or again, after a reload
    bool matches_ = false;
};

void Client::connect(std::string_view json) {
    note_activity();
    // The time since the accept, until a PONG says better.
    if (!was_pinged()) set_rtt(since_ping_ns());
    std::string error;
    if (proto::parse_connect(json, &clients_.json_parser, &connect_, &error) !=
        proto::JsonStatus::kOk) {
        host_.log.error("{} - {}", label(), error);
        return close(link::CloseReason::kProtocolViolation);
    }
    // A second CONNECT may name another user, who has not subscribed to anything.
    if (std::exchange(connected_, true)) drop_subscriptions();
    if (is_websocket()) fill_from_cookies();
    if (connect_.names_account)
        return refuse_credentials();  // since 2.7.2; before: a security hole
    const auth::Decision decision = decide();
    switch (decision.verdict) {
        case auth::Verdict::kAccepted:
            return finish_connect(decision.identity);
        case auth::Verdict::kRefused:
            return refuse_credentials();
        case auth::Verdict::kHashed:
            pause(link::PauseReason::kVerdict);  // what follows waits for the verdict
            return ask_job(decision, /*first_time=*/true);
        case auth::Verdict::kJwt:
            pause(link::PauseReason::kVerdict);
            return ask_jwt_job({}, /*first_time=*/true);
    }
}

void Client::ask_job(const auth::Decision& decision, bool first_time) {
    // A login that finds no room meets its time limit; a check after a reload always finds room.
    const bool is_taken = host_.jobs.submit(host_.worker,
                                            std::make_unique<PasswordJob>(*this, decision, first_time),
                                            {.address = first_time ? peer_host() : "", .gone = ended()});
    if (is_taken) ++verdicts_due_;
}

auth::Decision Client::decide() const {
    base::CertificateNames names;
    const bool has_names = authenticator().maps_certificates() && tls_engine() != nullptr &&
                           tls_engine()->has_peer_certificate();
    if (has_names) names = tls_engine()->peer_names();
    auth::Decision decision =
        authenticator().decide({.user = connect_.text(proto::ConnectText::kUser),
                                .password = connect_.text(proto::ConnectText::kPass),
                                .token = connect_.text(proto::ConnectText::kAuthToken),
                                .nkey = connect_.text(proto::ConnectText::kNkey),
                                .signature = connect_.text(proto::ConnectText::kSig),
                                .nonce = nonce_,
                                .certificate = has_names ? &names : nullptr});
    if (!decision.remark.empty()) host_.log.debug("{} - {}", label(), decision.remark);
    return decision;
}

// After a reload: the credentials of CONNECT are checked against the new table; the client goes on with
// its new permissions, and loses the subscriptions that they do not allow.
// Source: reloadAuthorization in server/reload.go; without its two bugs (users who become single ones).
void Client::on_reload() {
    if (!open() || !admitted_ || departure_ != nullptr) return;  // arrive() makes up for it
    cancel_handover();  // what is asked for here comes back to this worker
    if (!open()) return;
    if (!connected_) {  // came in without credentials
        if (!authenticator().required()) {
            // It was the user without credentials of before.
            if (identity_ != nullptr) welcome_again(decide().identity);
            return;
        }
        if (authenticator().anonymous() == nullptr) return refuse_credentials();
        return welcome_again(authenticator().anonymous());
    }
    const auth::Decision decision = decide();
    switch (decision.verdict) {
        case auth::Verdict::kAccepted:
            return welcome_again(decision.identity);
        case auth::Verdict::kRefused:
            return refuse_credentials();
        case auth::Verdict::kHashed:
            // The same hash of the same user needs no second proof: with thousands of such clients the last
            // would keep their old permissions for minutes.
            if (identity_ != nullptr && identity_->name == decision.identity->name &&
                identity_->hash == decision.stored) {
                return welcome_again(decision.identity);
            }
            return ask_job(decision, /*first_time=*/false);
        case auth::Verdict::kJwt:
            if (token_check_.begin()) ask_jwt_job({}, /*first_time=*/false);
            return;
    }
}

void Client::welcome_again(std::shared_ptr<const auth::Identity> identity) {
    if (&delivery_.accounts.find_or_create(identity->account) != account_) {
        return close(link::CloseReason::kClientClosed);
    }
    bind(std::move(identity));
    if (!open()) return;
    // Subscriptions up to this number are checked at once, more of them in slices.
    constexpr size_t kCheckedAtOnce = 1024;
    check_position_ = 0;
    if (std::exchange(is_checking_, true)) return;  // those that were checked before are checked again
    if (subscriptions_.size() > kCheckedAtOnce) return clients_.check_later(handle());
    (void)check_subscriptions(SIZE_MAX);
}

bool Client::check_subscriptions(size_t most) {
    assert(open());
    assert(is_checking_);
    std::vector<interest::Subscription*> refused;
    check_position_ = subscriptions_.visit_some(check_position_, most, [&](interest::Subscription& each) {
        each.flags &= static_cast<uint8_t>(~interest::Subscription::kFiltered);
        if (permissions_ == nullptr) return;
        if (!permissions_->may_subscribe(each.subject(), each.queue())) {
            refused.push_back(&each);
        } else if (permissions_->must_filter(each.subject(), each.queue())) {
            each.flags |= interest::Subscription::kFiltered;
        }
    });
    for (interest::Subscription* subscription : refused) {
        if (!open()) return true;  // it did not take the errors
        std::string subject = proto::quote(subscription->subject());
        if (subscription->is_queue()) subject += " using queue " + proto::quote(subscription->queue());
        const std::string sid = proto::quote(subscription->sid());
        host_.log.info("{} - Removed sub {} (sid {}) for {} - not authorized", label(), subject,
                       sid, who());
        send_error(fmt::format("{}{} (sid {})", proto::kErrSubscriptionViolation, subject, sid));
        remove(subscription);
    }
    is_checking_ = check_position_ != 0;
    return !is_checking_;
}

void Client::refuse_credentials() {
    std::string whom;
    const std::string_view nkey = connect_.text(proto::ConnectText::kNkey);
    if (authenticator().has_nkeys() && !nkey.empty()) {
        whom = fmt::format(" - Nkey {}", proto::quote(nkey));
    } else if (authenticator().has_users()) {
        whom = fmt::format(" - User {}", proto::quote(connect_.text(proto::ConnectText::kUser)));
    }
    host_.log.error("{} - authentication error{}", label(), whom);
    if (clients_.events() != nullptr) clients_.events()->on_refused(host_.id, *this);
    send_error(proto::kErrAuthorizationViolation);
    close(link::CloseReason::kAuthenticationFailure);
}

void Client::finish_connect(std::shared_ptr<const auth::Identity> identity) {
    bind(std::move(identity));
    if (!open()) return;
    arm_first_ping();
    if (connect_.protocol < 0 || connect_.protocol > 1) {
        return refuse_peer(proto::kErrClientProtocol, link::CloseReason::kBadClientProtocolVersion);
    }
    if (!clients_.limits().headers) connect_.headers = false;
    if (connect_.no_responders && !connect_.headers) {
        return refuse_peer(proto::kErrNoRespondersNeedsHeaders,
                           link::CloseReason::kNoRespondersRequiresHeaders);
    }
    if (clients_.events() != nullptr) clients_.events()->on_connected(host_.id, *this);
    if (connect_.verbose) send_ok();
}

// The link is that user's from now on: its account, its permissions.
void Client::bind(std::shared_ptr<const auth::Identity> identity) {
    assert(identity != nullptr);
    if (!std::exchange(admitted_, true)) await_login();
    receive_in_small_runs(false);
    account::Account& account = delivery_.accounts.find_or_create(identity->account);
    forget_responses(identity->permissions.get());
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
    if (authenticator().trust() != nullptr) arm_claimed_expiry();
}

void Client::join(account::Account& account) {
    if (&account != account_) drop_subscriptions();  // of a former user in another account
    leave_account();
    account_ = &account;
    forget_match();
    mappings_ = account.exchange().mappings.empty() ? nullptr : &account.exchange().mappings;
    joined_ = account.add_connection();
    if (joined_) return apply_limits();
    refuse_by_account();
}

void Client::leave_account() {
    assert(account_ != nullptr);
    if (joined_) account_->remove_connection();
    joined_ = false;
}

void Client::refuse_by_account() {
    refuse_peer(proto::kErrAccountConnectionsExceeded,
                link::CloseReason::kMaxAccountConnectionsExceeded);
}

// The limits of account and claims.
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
    const ClientLimits& server = clients_.limits();
    parse_limits_ = server.parse;
    parse_limits_.payload_max = lower_limit(server.parse.payload_max, own.payload);
    subscriptions_max_ =
        lower_limit(server.max_subscriptions > 0 ? server.max_subscriptions : config::kUnlimited,
                    own.subscriptions);
    // A limit of 0 closes the client, as in nats-server.
    const auto count = static_cast<int64_t>(subscriptions_.size());
    if (own.subscriptions != 0 && (own.subscriptions < 0 || count <= own.subscriptions)) return;
    refuse_peer(proto::kErrSubscriptionsExceeded, link::CloseReason::kMaxSubscriptionsExceeded);
}

void Client::report_overridden_limits() const {
    const OwnLimits own = own_limits();
    const auto report = [this](std::string_view what, int64_t limit, int64_t allowed) {
        if (limit < 0 || allowed < 0 || limit >= allowed) return;
        host_.log.error("{} - Max {} set to {} from server overrides account or user config",
                        label(), what, limit);
    };
    const int64_t subscriptions = clients_.limits().max_subscriptions;
    report("Payload", clients_.limits().parse.payload_max, own.payload);
    report("Subscriptions", subscriptions > 0 ? subscriptions : config::kUnlimited,
           own.subscriptions);
}

void Client::close_if_excess() {
    if (!counts_for_account() || !account_->shed_connection()) return;
    joined_ = false;
    refuse_by_account();
}

void Client::on_account_changed() {
    if (!open()) return;
    apply_limits();
    if (!open() || departure_ != nullptr) return;  // arrive() makes up for the rest
    if (account_->exchange().streams.empty() && shadows_ == nullptr) return;
    std::vector<interest::Subscription*> all;
    subscriptions_.for_each([&all](interest::Subscription* each) { all.push_back(each); });
    for (interest::Subscription* subscription : all) update_shadows(*subscription);
}

// Before it has shown credentials a client may say CONNECT only, unless a user for such clients is
// configured. The first byte decides, whatever follows.
bool Client::admit_anonymous(char first_byte) {
    if (first_byte == 'C' || first_byte == 'c') return true;
    if (const auto& anonymous = authenticator().anonymous(); anonymous != nullptr) {
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

}  // namespace nuring::client
