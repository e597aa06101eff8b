// SPDX-License-Identifier: Apache-2.0
// LeafLink: the side that accepted: its INFO, the CONNECT of the leafnode, and who may enter.
#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include "core/base/time_units.h"
#include "core/client/claims_end.h"
#include "core/client/jwt_login_job.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "gateway/leaf_link.h"
#include "gateway/leaf_links.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::gateway {
namespace {

// Tokens that outlast this are looked at again when it is over, so that no sum overflows.
constexpr int64_t kExpiryMax_s = 1'000'000'000;

// "2.9.10" or "2.10.0-RC1" as numbers; what is no number counts as 0.
std::array<int, 3> version_numbers(std::string_view text) {
    std::array<int, 3> numbers{};
    const char* at = text.data();
    const char* end = at + text.size();
    for (int& number : numbers) {
        const auto [next, error] = std::from_chars(at, end, number);
        if (error != std::errc()) break;
        at = next;
        if (at == end || *at != '.') break;
        ++at;
    }
    return numbers;
}

}  // namespace

proto::ServerInfo LeafLink::own_info() {
    proto::ServerInfo info = settings_->info;
    info.cluster = all_.cluster();
    info.client_id = cid();
    info.nonce = nonce();
    info.ws_connect_urls = host_.facts.websocket_urls;
    if (const auto view = host_.facts.cluster_views.now(); view != nullptr) {
        const auto& others = view->leafnode_urls;
        info.leafnode_urls.insert(info.leafnode_urls.end(), others.begin(), others.end());
        const auto& sockets = view->ws_connect_urls;
        info.ws_connect_urls.insert(info.ws_connect_urls.end(), sockets.begin(), sockets.end());
    }
    return info;
}

// Servers of this cluster have come or gone: the leafnode learns where it may go.
void LeafLink::on_cluster_view() {
    if (is_solicited() || !open() || !serving()) return;
    proto::ServerInfo info = own_info();
    info.nonce.clear();
    info.client_id = 0;
    send_info(info);
}

// Source: server/server.go, setClusterName 2.15.
void LeafLink::on_cluster_name() {
    if (is_solicited() && open()) close(link::CloseReason::kClusterNameConflict);
}

// ------------------------------------------------------------------------------------ login

void LeafLink::on_connect(std::string_view json) {
    if (is_solicited() || !awaits_login()) return;
    std::string error;
    if (proto::parse_leaf_connect(json, &all_.clients(host_.id).json_parser, &connect_, &error) !=
        proto::JsonStatus::kOk) {
        host_.log.error("{} - {}", label(), error);
        return close(link::CloseReason::kProtocolViolation);
    }
    note_compression(connect_.compress_mode);
    settings_ = all_.settings();  // no reload has reached it before
    check_pins();
    if (!open()) return;
    const auth::Decision decision = decide_login();
    if (decision.verdict != auth::Verdict::kJwt) return login(decision, connect_.user);
    pause(link::PauseReason::kVerdict);  // what follows waits for the verdict
    ask_jwt_job({});
}

// Those of the leafnodes block: of a WebSocket the other port has checked the certificate.
void LeafLink::check_pins() {
    const auto& tls = settings_->leafnodes().tls;
    if (tls.has_value() && !is_websocket()) close_unless_pinned(tls->pinned_certs);
}

auth::ConnectionType LeafLink::connection_type() const {
    return is_websocket() ? auth::ConnectionType::kLeafnodeWebsocket
                          : auth::ConnectionType::kLeafnode;
}

const auth::Authenticator& LeafLink::authenticator() const {
    if (settings_->authenticator != nullptr) return *settings_->authenticator;
    const auth::Authenticator& of_clients = all_.clients(host_.id).authenticator();
    if (of_clients.trust() != nullptr) return of_clients;  // the token names the connection types
    return is_websocket() ? *settings_->common_websocket : *settings_->common;
}

auth::Decision LeafLink::decide_login() {
    const auth::Authenticator& authenticator = this->authenticator();
    base::CertificateNames names;
    const bool has_names = authenticator.maps_certificates() && tls_engine() != nullptr &&
                           tls_engine()->has_peer_certificate();
    if (has_names) names = tls_engine()->peer_names();
    if (!authenticator.required()) {
        return {.verdict = auth::Verdict::kAccepted,
                .identity = std::make_shared<auth::Identity>()};
    }
    auth::Decision decision = authenticator.decide({.user = connect_.user,
                                                    .password = connect_.pass,
                                                    .token = connect_.auth_token,
                                                    .nkey = connect_.nkey,
                                                    .signature = connect_.sig,
                                                    .nonce = nonce(),
                                                    .certificate = has_names ? &names : nullptr});
    return decision;
}

class LeafLink::JwtJob final : public client::JwtLoginJob {
  public:
    JwtJob(LeafLink& link, std::string account)
        : JwtLoginJob(link.host_, link,
                      {.trust = link.all_.clients(link.host_.id).authenticator().trust(),
                       .login = link.jwt_login(),
                       .account = std::move(account),
                       .first_time = !link.serving()}) {}

  private:
    void ask_again(link::Link& link, std::string account) override {
        static_cast<LeafLink&>(link).ask_jwt_job(std::move(account));
    }
    void conclude(link::Link& link, const auth::JwtVerdict& verdict) override {
        static_cast<LeafLink&>(link).on_jwt_verdict(verdict);
    }
};

auth::JwtLogin LeafLink::jwt_login() {
    return {.token = connect_.jwt,
            .sentinel = all_.clients(host_.id).authenticator().default_sentinel(),
            .signature = connect_.sig,
            .nonce = nonce(),
            .host = peer_host(),
            .now_s = host_.ring.wall_s(),
            .type = connection_type()};
}

void LeafLink::ask_jwt_job(std::string account) {
    runtime::JobRunner& runner = account.empty() ? host_.handshakes : host_.jobs;
    // A login that finds no room meets its time limit. A check after a change is the server's own: it always
    // finds room, else a revoked user would stay.
    std::string address = serving() ? std::string() : std::string("server ") + peer_host();
    (void)runner.submit(host_.worker, std::make_unique<JwtJob>(*this, std::move(account)),
                        {.address = std::move(address), .gone = ended()});
}

void LeafLink::on_jwt_verdict(const auth::JwtVerdict& verdict) {
    const bool is_more = serving() && token_check_.end();
    if (is_more && verdict.outcome == auth::JwtOutcome::kAccepted) return ask_jwt_job({});
    if (verdict.outcome != auth::JwtOutcome::kAccepted) {
        const auto end = client::claims_end(verdict.outcome);
        if (serving() && end.has_value()) return refuse_peer(end->text, end->reason);
        return refuse_login({});
    }
    if (serving()) return welcome_again(verdict.identity);
    accept_login(verdict.identity);
    resume(link::PauseReason::kVerdict);
}

// ------------------------------------------------------------------------------ after it

void LeafLink::on_logged_in(std::shared_ptr<const auth::Identity> identity) {
    identity_ = std::move(identity);
    if (!passes_checks()) return;
    if (connect_.is_hub) set_kind(proto::Kind::kHub);
    set_takes_headers(connect_.headers);
    account_ = &delivery_.accounts.find_or_create(identity_->account);
    register_accepted(*identity_);
}

bool LeafLink::passes_checks() {
    if (!connect_.lang.empty()) {
        refuse_peer(proto::kErrLeafnodePort, link::CloseReason::kIncorrectPort);
        return false;
    }
    if (!accepts_cluster_name(connect_.cluster)) return false;
    if (!connect_.cluster.empty() && connect_.cluster == all_.cluster()) {
        refuse_peer("remote leafnode has same cluster name",
                    link::CloseReason::kClusterNamesIdentical);
        return false;
    }
    if (!connect_.gateway.empty()) {
        refuse_peer(fmt::format("Rejecting connection from gateway {} on the leafnode port",
                                proto::quote(connect_.gateway)),
                    link::CloseReason::kWrongGateway);
        return false;
    }
    const std::string& least = settings_->leafnodes().min_version;
    if (!least.empty() && version_numbers(connect_.version) < version_numbers(least)) {
        send_confirmation(*identity_);
        refuse_peer(fmt::format("connection rejected since minimum version required is {}",
                                proto::quote(least)),
                    link::CloseReason::kMinimumVersionRequired);
        return false;
    }
    return true;
}

void LeafLink::register_accepted(const auth::Identity& identity) {
    const LeafEntry entry{.link = handle(),
                          .account = account_,
                          .name = connect_.name,
                          .cluster = connect_.cluster,
                          .remote_account = connect_.remote_account};
    std::optional<base::LinkHandle> replaced;
    const auto registration = all_.add(entry, {}, &replaced);
    if (registration == LeafLinks::Registration::kTooMany) return refuse_excess();
    assert(registration == LeafLinks::Registration::kAdded);
    if (replaced.has_value()) {
        host_.log.warn("{} - Replacing connection from same server", label());
        all_.with_link(*replaced, [](LeafLink& link) { link.replace(); });
    }
    // A reload since CONNECT has missed this connection.
    if (all_.settings() != settings_) return close(link::CloseReason::kClientClosed);
    is_isolated_ = connect_.isolate || settings_->leafnodes().isolate_interest;
    if (identity.permissions != nullptr) {
        permissions_ = LeafPermissions::of_user(identity.permissions->configured());
    }
    permissions_.deny_outbound(connect_.deny_pub);
    send_confirmation(identity);
    arm_expiry();
    begin_serving(connect_.server_id.empty() ? connect_.name : connect_.server_id, connect_.name,
                  connect_.cluster);
}

// Users, or the claims of accounts, have changed: is it still welcome?
void LeafLink::on_reload() {
    if (is_solicited() || !open() || !serving()) return;
    const std::shared_ptr<const LeafSettings> before = std::exchange(settings_, all_.settings());
    apply_compression(before->leafnodes().compression, settings_->leafnodes().compression);
    check_pins();
    if (!open()) return;
    const auth::Decision decision = decide_login();
    switch (decision.verdict) {
        case auth::Verdict::kAccepted:
            return welcome_again(decision.identity);
        case auth::Verdict::kRefused:
            return refuse_login(connect_.user);
        case auth::Verdict::kHashed:  // the same hash of the same user needs no second proof
            if (identity_->name == decision.identity->name && identity_->hash == decision.stored) {
                return welcome_again(decision.identity);
            }
            return refuse_login(connect_.user);
        case auth::Verdict::kJwt:
            if (token_check_.begin()) ask_jwt_job({});
            return;
    }
}

// With other permissions, or in another account, it has to come again: both ends go by what INFO said.
void LeafLink::welcome_again(std::shared_ptr<const auth::Identity> identity) {
    const auto lists_of_user = [](const auth::Identity& user) {
        return user.permissions == nullptr ? config::Permissions() : user.permissions->configured();
    };
    const bool is_same = &delivery_.accounts.find_or_create(identity->account) == account_ &&
                         lists_of_user(*identity) == lists_of_user(*identity_);
    identity_ = std::move(identity);
    if (!is_same) return close(link::CloseReason::kClientClosed);
    arm_expiry();
}

void LeafLink::arm_expiry() {
    host_.timers.disarm(expiry_timer_);
    if (identity_->valid_until_s == 0) return;
    const int64_t left_s =
        std::clamp<int64_t>(identity_->valid_until_s - host_.ring.wall_s(), 0, kExpiryMax_s);
    host_.timers.arm(expiry_timer_,
                     host_.ring.now_ns() + static_cast<uint64_t>(left_s) * base::kSecond_ns);
}

void LeafLink::on_expiry() {
    // A clock that was set back, or a timer cut short.
    if (host_.ring.wall_s() < identity_->valid_until_s) return arm_expiry();
    refuse_peer(identity_->ends_with_account ? proto::kErrAccountAuthenticationExpired
                                             : proto::kErrUserAuthenticationExpired,
                link::CloseReason::kAuthenticationExpired);
}

// The second INFO: the leafnode's account here, and what its user may do, from its own view.
void LeafLink::send_confirmation(const auth::Identity& identity) {
    proto::ServerInfo info = own_info();
    info.nonce.clear();
    info.connect_info = true;
    info.remote_account =
        identity.account.empty() ? std::string(account::kGlobalAccount) : identity.account;
    const account::Account* system = all_.server().system_account();
    info.acc_is_sys = system != nullptr && system->name() == info.remote_account;
    if (identity.permissions != nullptr) {
        const config::Permissions& permissions = identity.permissions->configured();
        const auto announced =
            [](const config::SubjectPermissions& lists) -> std::optional<proto::SubjectPermission> {
            if (lists.empty()) return std::nullopt;
            return proto::SubjectPermission{.allow = lists.allow, .deny = lists.deny};
        };
        info.import_subjects = announced(permissions.subscribe);
        info.export_subjects = announced(permissions.publish);
    }
    send_info(info, " ");
}

}  // namespace nuring::gateway
