// SPDX-License-Identifier: Apache-2.0
// Client, plain copies: what the monitor shows of a connection, while it is open and after.
#include "core/client/client.h"
#include "core/tls/tls_engine.h"

namespace nuring::client {

// Source: getRawAuthUser in server/auth.go 2.10; tokens are secrets and stay in here.
std::string_view Client::user() const {
    const std::string_view nkey = connect_.text(proto::ConnectText::kNkey);
    if (!nkey.empty()) return nkey;
    const std::string_view user = connect_.text(proto::ConnectText::kUser);
    if (!user.empty()) return user;
    if (!jwt().empty()) return identity_ == nullptr ? "" : std::string_view(identity_->name);
    if (!connect_.text(proto::ConnectText::kAuthToken).empty()) return "[REDACTED]";
    // no_auth_user, or the name in a certificate
    return identity_ == nullptr ? "" : std::string_view(identity_->name);
}

void Client::copy_numbers(uint64_t wall_ns, ConnectionSnapshot* out) const {
    out->cid = cid();
    out->kind = kind();
    out->is_websocket = is_websocket();
    out->port = peer_port();
    out->worker = index_of(host_.id);
    out->subscription_count = static_cast<uint32_t>(subscriptions_.size());
    out->start_ns = start_wall_ns();
    out->last_activity_ns = last_activity_wall_ns(wall_ns);
    out->rtt_ns = rtt_ns();
    out->pending_bytes = pending_bytes();
    out->traffic = traffic();
}

void Client::copy_texts(ConnectionSnapshot* out) const {
    out->host = peer_host();
    out->name = name();
    out->lang = connect_.text(proto::ConnectText::kLang);
    out->version = connect_.text(proto::ConnectText::kVersion);
    out->user = user();
    out->account = account_->name();
    if (const tls::Engine* engine = tls_engine()) {
        out->tls_version = engine->version();
        out->tls_cipher = engine->cipher_suite();
    }
    out->jwt = jwt();
    // A bearer token is a secret, and so may be one that has not let anybody in yet.
    const bool secret = identity_ == nullptr || identity_->bearer_token;
    if (secret) out->jwt.resize(out->jwt.rfind('.') + 1);
    if (identity_ != nullptr) {
        out->issuer_key = identity_->issuer_key;
        out->name_tag = identity_->name_tag;
        out->tags = identity_->tags;
    }
}

void Client::copy_certificates(ConnectionSnapshot* out) const {
    if (const tls::Engine* engine = tls_engine()) out->certificates = engine->peer_certificates();
}

// A token is of interest only where it lets somebody in.
std::string_view Client::jwt() const {
    const bool operator_mode = authenticator().trust() != nullptr;
    return operator_mode ? connect_.text(proto::ConnectText::kJwt) : std::string_view();
}

size_t Client::copy_subscriptions(size_t position, size_t most,
                                  std::vector<SubscriptionSnapshot>* out) const {
    return subscriptions_.visit_some(position, most, [&](const interest::Subscription& each) {
        out->push_back({.subject = std::string(each.subject()),
                        .queue = std::string(each.queue()),
                        .sid = std::string(each.sid()),
                        .delivered = each.delivered,
                        .max = each.max,
                        .cid = cid(),
                        .account = {}});
    });
}

void Client::remember_closed() {
    const bool slow = close_reason() == link::CloseReason::kSlowConsumerPendingBytes ||
                      close_reason() == link::CloseReason::kSlowConsumerWriteDeadline;
    clients_.add_closed(*account_, traffic(), slow);

    ConnectionSnapshot last;
    const uint64_t wall_ns = host_.ring.wall_ns();
    copy_numbers(wall_ns, &last);
    copy_texts(&last);
    last.stop_ns = wall_ns;
    last.reason = close_reason();
    (void)copy_subscriptions(0, ClosedConnections::kSubscriptionsMax, &last.subscriptions);
    clients_.closed.add(std::move(last));
}

}  // namespace nuring::client
