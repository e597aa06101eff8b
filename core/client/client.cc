// SPDX-License-Identifier: Apache-2.0
#include "core/client/client.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "core/base/time_units.h"
#include "core/client/client_events.h"
#include "core/client/client_upgrade.h"
#include "core/link/handover.h"
#include "core/link/nonce.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::client {
namespace {

// The error of fail_handshake() when the time is over; it has a log line of its own.
constexpr std::string_view kHandshakeTimeout = "timeout";

constexpr std::string_view kHeadersEnd = "\r\n\r\n";

// Source: firstClientPingInterval and DEFAULT_RTT_MEASUREMENT_INTERVAL in server/const.go 2.9.10.
constexpr uint64_t kFirstPing_ns = 2'000'000'000;
constexpr uint64_t kRttInterval_ns = 3'600'000'000'000;

}  // namespace

Client::Client(ClientHost& clients, int fd)
    : delivery::NatsLink(clients.delivery, fd, proto::Kind::kClient),
      clients_(clients),
      account_(&delivery_.accounts.global()),
      parse_limits_(clients_.limits().parse),
      subscriptions_(delivery_.prng.next()) {}

Client::Client(ClientHost& clients, link::Handover&& connection,
               std::unique_ptr<const ClientUpgrade> upgrade)
    : delivery::NatsLink(clients.delivery, std::move(connection), proto::Kind::kClient),
      clients_(clients),
      upgrade_(std::move(upgrade)),
      account_(&delivery_.accounts.global()),
      parse_limits_(clients_.limits().parse),
      subscriptions_(delivery_.prng.next()) {}

Client::~Client() {
    host_.timers.disarm(keep_alive_timer_);
    if (!counted_) return;
    host_.facts.worker_loads.remove_client(host_.id);
}

void Client::greet() {
    host_.log.debug("{} - Client connection created", label());
    host_.facts.total_clients.fetch_add(1, std::memory_order_relaxed);
    const int64_t now = host_.facts.clients.fetch_add(1, std::memory_order_relaxed) + 1;
    if (is_websocket()) host_.facts.websocket_clients.fetch_add(1, std::memory_order_relaxed);
    counted_ = true;
    admitted_ = !authenticator().required();
    receive_in_small_runs(!admitted_ || clients_.tls() != nullptr);
    if (!is_websocket()) start();
    note_activity();
    if (admitted_) join(*account_);
    if (authenticator().wants_nonce()) nonce_ = link::make_nonce(host_.ring);
    if (is_websocket()) {
        start_upgraded();
        // A reload may have come since its handshake.
        if (const auto& tls = clients_.options().websocket.tls; tls.has_value()) {
            close_unless_pinned(tls->pinned_certs);
            if (!open()) return;
        }
        send_info();
        if (is_excess(now)) {
            return refuse_excess();
        }
        await_login();
        return resume(link::PauseReason::kHandover);
    }
    const bool tls_first = clients_.tls() != nullptr && clients_.options().tls->handshake_first;
    if (!tls_first) send_info();
    if (is_excess(now)) {
        return refuse_excess();
    }
    await_login();
    if (clients_.tls() == nullptr) return;
    if (tls_first && clients_.options().tls->hello_wait.count() > 0) {
        const auto wait_ns = static_cast<uint64_t>(clients_.options().tls->hello_wait.count());
        host_.timers.arm(keep_alive_timer_, host_.ring.now_ns() + wait_ns);
        return await_hello(clients_.tls());
    }
    start_tls(clients_.tls(), /*optional=*/clients_.options().allow_non_tls && !tls_first);
}

bool Client::is_excess(int64_t clients) const {
    const int64_t limit = clients_.limits().max_connections;
    return limit >= 0 && clients > limit;
}

void Client::refuse_excess() {
    refuse_peer(proto::kErrConnectionsExceeded, link::CloseReason::kMaxConnectionsExceeded);
}

void Client::await_login() {
    const uint64_t first_ns =
        admitted_ ? ping_interval_ns() : auth_timeout_ns();
    host_.timers.arm(keep_alive_timer_, host_.ring.now_ns() + first_ns);
}

// ------------------------------------------------------------------------------------------ TLS

// It says nothing, so it is one that waits for INFO: as if there were no handshake_first.
void Client::on_no_hello() {
    send_info();
    await_login();
    // A reload may have taken the block away meanwhile.
    end_hello_wait(/*optional=*/clients_.tls() == nullptr || clients_.options().allow_non_tls);
}

// Source: server/server.go, createClient, and server/client.go, doTLSHandshake 2.9.10.
bool Client::on_handshake_begun() {
    // A reload may have taken the block away since the client was asked whether it wants TLS.
    const auto& options = clients_.options().tls;
    const int64_t rate = options.has_value() ? options->connection_rate_limit : 0;
    if (rate > 0 && !clients_.admits_handshake(rate)) {
        send_error(proto::kErrConnectionThrottling);
        close(link::CloseReason::kMaxConnectionsExceeded);
        return false;
    }
    host_.log.debug("{} - Starting TLS client connection handshake", label());
    host_.timers.arm(keep_alive_timer_, host_.ring.now_ns() + clients_.limits().tls_timeout_ns);
    return true;
}

void Client::on_handshake_done() {
    assert(tls_engine() != nullptr);
    const auto& options = clients_.options().tls;  // a reload may have taken it away meanwhile
    if (options.has_value() && !has_pinned_certificate(options->pinned_certs)) {
        return fail_handshake("certificate not pinned");
    }
    if (host_.log.debug_enabled()) {
        host_.log.debug("{} - TLS handshake complete", label());
        host_.log.debug("{} - TLS version {}, cipher suite {}", label(), tls_engine()->version(),
                        tls_engine()->cipher_suite());
    }
    note_activity();
    if (!greeted_) send_info();
    await_login();
}

void Client::close_unless_pinned(const std::vector<std::string>& pins) {
    if (handshaking() || has_pinned_certificate(pins)) return;
    close(link::CloseReason::kTlsHandshakeFailure);
}

void Client::on_handshake_failed(std::string_view error) {
    if (error == kHandshakeTimeout) return host_.log.error("{} - TLS handshake timeout", label());
    host_.log.error("{} - TLS handshake error: {}", label(), error);
}

void Client::on_close() {
    assert(!open());
    // At once: a client that was refused and does not close its end must not keep others out.
    if (counted_) {
        host_.facts.clients.fetch_sub(1, std::memory_order_relaxed);
        if (is_websocket()) host_.facts.websocket_clients.fetch_sub(1, std::memory_order_relaxed);
    }
    host_.timers.disarm(keep_alive_timer_);
    if (claimed_ != nullptr) host_.timers.disarm(claimed_->expiry_timer);
    host_.log.debug("{} - Client connection closed: {}", label(), to_text(close_reason()));
    if (clients_.events() != nullptr) clients_.events()->on_closed(host_.id, *this);
    remember_closed();
    leave_account();
    if (departure_ != nullptr) return keep_closed();  // note_switched() releases its subscriptions
    if (subscriptions_.size() > host_.releases_left()) find_members();
    begin_release();
}

void Client::perform(const proto::ClientOperation& operation) {
    if (tracing_) trace_in(operation);
    switch (operation.verb) {
        case proto::ClientVerb::kSubscribe:
            return subscribe(operation);
        case proto::ClientVerb::kUnsubscribe:
            return unsubscribe(operation);
        case proto::ClientVerb::kPing:
            return ping();
        case proto::ClientVerb::kPong:
            (void)note_pong();  // of no PING: it means nothing
            return;
        case proto::ClientVerb::kConnect:
            return connect(operation.args);
        case proto::ClientVerb::kOk:
            return;
        case proto::ClientVerb::kInfo: {
            proto::ServerInfo ignored;
            std::string error;
            if (proto::parse_info(operation.args, &clients_.json_parser, &ignored, &error) ==
                proto::JsonStatus::kOk) {
                return;
            }
            host_.log.error("{} - {}", label(), error);
            return close(link::CloseReason::kProtocolViolation);
        }
        case proto::ClientVerb::kError:
            host_.log.error("{} - Client Error {}", label(), operation.args);
            return close(link::CloseReason::kParseError);
        case proto::ClientVerb::kPublish:
        case proto::ClientVerb::kHeaderPublish:
            break;
    }
    assert(false && "publishes are handled by publish()");
}

void Client::refuse(proto::ParseStatus status, const proto::ClientOperation& operation,
                    const char* begin, const char* end) {
    if (refuses_headers(operation)) return;  // nothing else of it is looked at
    switch (status) {
        case proto::ParseStatus::kUnknownOperation:
            if (operation.verb <= proto::ClientVerb::kHeaderPublish) check_literal(operation.subject);
            return refuse_unknown_verb("Client", {begin, static_cast<size_t>(end - begin)},
                                       operation.error_offset, link::CloseReason::kProtocolViolation);
        case proto::ParseStatus::kControlLineTooLong:
            return refuse_long_line();
        case proto::ParseStatus::kPayloadTooLarge:
            host_.log.error("{} - maximum payload exceeded: {} vs {}", label(),
                            operation.claimed_size, parse_limits_.payload_max);
            send_error(proto::kErrPayloadViolation);
            return close(link::CloseReason::kMaxPayloadExceeded);
        default:  // argument errors: logged, closed without a word
            host_.log.error("{} - {}'{}'", label(), proto::log_text(status), operation.args);
            return close(link::CloseReason::kProtocolViolation);
    }
}

void Client::announce_lame_duck() {
    if (open() && connected_ && connect_.protocol >= 1) send_info(/*lame_duck=*/true);
}

void Client::announce_cluster() {
    if (!takes_info()) return;
    const auto view = host_.facts.cluster_views.now();
    if (view == nullptr) return;
    if (sent_view_ != (is_websocket() ? view->ws_serial : view->serial)) send_info();
}

void Client::ping() {
    note_sign_of_life();
    answer_ping();
    if (ponged_) return;
    ponged_ = true;
    // Source: server/client.go, processPing 2.9.10: an account or a token may allow less than the first
    //         INFO said.
    const bool is_limited = parse_limits_.payload_max != clients_.limits().parse.payload_max;
    if (is_limited && connected_ && connect_.protocol >= 1) return send_info();
    announce_cluster();
}

void Client::send_ok() {
    if (tracing_) host_.log.trace("{} - ->> [OK]", label());
    queue(proto::kOkFrame);
}

void Client::send_info(bool lame_duck) {
    // relaxed: set before the task is posted that announces it
    lame_duck |= host_.facts.lame_duck.load(std::memory_order_relaxed);
    proto::ServerInfo info = host_.facts.info;
    const ClientAddress& address =
        is_websocket() ? clients_.websocket_address() : clients_.address();
    info.host = address.host;
    info.port = address.port;
    info.client_id = cid();
    info.client_ip = peer_host();
    info.nonce = nonce_;
    info.auth_required = authenticator().asks_for_credentials();
    if (is_websocket()) {  // TLS is done by now
        info.tls_required = info.tls_available = tls_engine() != nullptr;
    } else if (clients_.tls() != nullptr) {
        info.tls_required = !clients_.options().allow_non_tls;
        info.tls_available = clients_.options().allow_non_tls;
        info.tls_verify = clients_.options().tls->verify;
    }
    info.max_payload = parse_limits_.payload_max;
    info.ldm = lame_duck;
    if (const auto view = host_.facts.cluster_views.now(); view != nullptr) {
        const auto& own = is_websocket() ? view->ws_connect_urls : view->connect_urls;
        const auto& other = is_websocket() ? view->ws_other_urls : view->other_urls;
        info.connect_urls = lame_duck ? other : own;
        info.cluster = view->cluster;
        sent_view_ = is_websocket() ? view->ws_serial : view->serial;
    }
    queue(proto::encode_info(info));
    greeted_ = true;
}

void Client::trace_in(const proto::ClientOperation& operation) {
    const std::string_view verb = proto::to_text(operation.verb);
    switch (operation.verb) {
        case proto::ClientVerb::kPing:
        case proto::ClientVerb::kPong:
            return host_.log.trace("{} - <<- [{}]", label(), verb);
        case proto::ClientVerb::kPublish:
        case proto::ClientVerb::kHeaderPublish: {
            host_.log.trace("{} - <<- [{} {}]", label(), verb, operation.publish_args());
            return trace_payload(operation);
        }
        case proto::ClientVerb::kConnect:
            return host_.log.trace("{} - <<- [{} {}]", label(), verb,
                                   proto::redact(operation.args));
        default:
            return host_.log.trace("{} - <<- [{} {}]", label(), verb, operation.args);
    }
}

void Client::trace_payload(const proto::ClientOperation& operation) {
    const config::LogOptions& options = clients_.options().log;
    std::string_view shown(operation.payload, operation.total_size);
    if (options.trace_headers) {
        shown = shown.substr(0, operation.header_size);
        if (!shown.ends_with(kHeadersEnd)) return;
        shown.remove_suffix(kHeadersEnd.size());
    }
    const auto limit = static_cast<size_t>(options.max_traced_msg_len);
    const bool cut = limit > 0 && shown.size() > limit;
    if (cut) shown = shown.substr(0, limit);
    std::string text = proto::quote(shown);
    if (cut) text.insert(text.size() - 1, "...");
    host_.log.trace("{} - <<- MSG_PAYLOAD: [{}]", label(), text);
}

// The first PING comes soon, for its round trip time.
// Source: setFirstPingTimer in server/client.go 2.9.10.
void Client::arm_first_ping() {
    const uint64_t delay_ns = with_jitter(std::min(ping_interval_ns(), kFirstPing_ns));
    host_.timers.arm(keep_alive_timer_, host_.ring.now_ns() + delay_ns);
}

// A client that was active in the interval gets a PING only where its round trip time is too old.
// Source: server/client.go, processPingTimer 2.9.10.
void Client::keep_alive() {
    assert(open());
    if (awaits_hello()) return on_no_hello();
    if (handshaking()) return fail_handshake(kHandshakeTimeout);
    if (!admitted_) {
        return end_login(proto::kErrAuthenticationTimeout,
                         link::CloseReason::kAuthenticationTimeout);
    }
    const uint64_t interval_ns = ping_interval_ns();
    host_.log.debug("{} - Client Ping Timer", label());
    shrink();
    const bool wants_rtt = !was_pinged() || since_ping_ns() > kRttInterval_ns;
    if (silent_ns() < interval_ns && !wants_rtt) {
        host_.log.debug("{} - Delaying PING due to activity {}s ago", label(),
                        silent_ns() / base::kSecond_ns);
    } else {
        if (close_if_stale("Client", host_.limits().ping_max)) return;
        send_ping();
    }
    host_.timers.arm(keep_alive_timer_, host_.ring.now_ns() + interval_ns);
}

}  // namespace nuring::client
