// SPDX-License-Identifier: Apache-2.0
#include "core/link/client.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <string>

#include "absl/strings/escaping.h"
#include "core/link/link_events.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::link {
namespace {

// What fail_handshake() is told when the time is over; its log line has no more to say.
constexpr std::string_view kHandshakeTimeout = "timeout";

// 11 random bytes as unpadded base64url: 15 characters (server/nkey.go).
std::string make_nonce(ring::Ring& ring) {
    std::array<unsigned char, 11> random;
    ring.fill_random(random);
    std::string nonce;
    absl::WebSafeBase64Escape(
        absl::string_view(reinterpret_cast<const char*>(random.data()), random.size()), &nonce);
    return nonce;
}

}  // namespace

Client::Client(WorkerLinks& links, int fd)
    : Link(links, fd, proto::Kind::kClient),
      account_(&links.accounts.global()),
      parse_limits_(links.limits.parse),
      subscriptions_(links.prng.next()),
      keep_alive_timer_(&keep_alive_fired, *this) {}

Client::~Client() {
    links_.timers.disarm(keep_alive_timer_);
    if (!counted_) return;
    links_.facts.worker_clients[index_of(links_.id)].fetch_sub(1, std::memory_order_relaxed);
}

void Client::greet() {
    links_.log.debug("{} - Client connection created", label());
    links_.facts.total_clients.fetch_add(1, std::memory_order_relaxed);
    const int64_t now = links_.facts.clients.fetch_add(1, std::memory_order_relaxed) + 1;
    counted_ = true;
    start();
    last_activity_ns_ = links_.ring.now_ns();
    admitted_ = !links_.authenticator->required();
    if (admitted_) join(*account_);
    if (links_.authenticator->wants_nonce()) nonce_ = make_nonce(links_.ring);
    const bool tls_first = links_.tls != nullptr && links_.options->tls->handshake_first;
    if (!tls_first) send_info();
    if (links_.limits.max_connections > 0 && now > links_.limits.max_connections) {
        return refuse_excess();
    }
    await_login();
    if (links_.tls == nullptr) return;
    if (tls_first && links_.options->tls->hello_wait.count() > 0) {
        const auto wait_ns = static_cast<uint64_t>(links_.options->tls->hello_wait.count());
        links_.timers.arm(keep_alive_timer_, links_.ring.now_ns() + wait_ns);
        return await_hello(links_.tls);
    }
    start_tls(links_.tls, /*optional=*/links_.options->allow_non_tls && !tls_first);
}

void Client::refuse_excess() {
    links_.log.error("{} - {}", label(), proto::kErrConnectionsExceeded);
    send_error(proto::kErrConnectionsExceeded);
    close(CloseReason::kMaxConnectionsExceeded);
}

void Client::await_login() {
    const uint64_t first_ns =
        admitted_ ? links_.limits.ping_interval_ns : links_.limits.auth_timeout_ns;
    links_.timers.arm(keep_alive_timer_, links_.ring.now_ns() + first_ns);
}

// ------------------------------------------------------------------------------------------ TLS

// It says nothing, so it is one that waits for INFO: as if there were no handshake_first.
void Client::on_no_hello() {
    send_info();
    await_login();
    // A reload may have taken the block away meanwhile.
    end_hello_wait(/*optional=*/links_.tls == nullptr || links_.options->allow_non_tls);
}

// Source: server/server.go, createClient, and server/client.go, doTLSHandshake 2.9.10.
bool Client::on_handshake_begun() {
    // A reload may have taken the block away since the client was asked whether it wants TLS.
    const auto& options = links_.options->tls;
    const int64_t rate = options.has_value() ? options->connection_rate_limit : 0;
    if (rate > 0) {
        const RateLimit::Answer answer = links_.facts.tls_rate.ask(links_.ring.now_ns(), rate);
        if (answer.refused_before > 0) {
            links_.log.warn("Rejected {} connections due to TLS rate limiting",
                            answer.refused_before);
        }
        if (!answer.allowed) {
            send_error(proto::kErrConnectionThrottling);
            close(CloseReason::kMaxConnectionsExceeded);
            return false;
        }
    }
    links_.log.debug("{} - Starting TLS client connection handshake", label());
    links_.timers.arm(keep_alive_timer_, links_.ring.now_ns() + links_.limits.tls_timeout_ns);
    return true;
}

void Client::on_handshake_done() {
    const auto& options = links_.options->tls;  // a reload may have taken it away meanwhile
    if (options.has_value() && !has_pinned_certificate(options->pinned_certs)) {
        return fail_handshake("certificate not pinned");
    }
    if (links_.log.debug_enabled()) {
        links_.log.debug("{} - TLS handshake complete", label());
        links_.log.debug("{} - TLS version {}, cipher suite {}", label(), tls_engine()->version(),
                         tls_engine()->cipher_suite());
    }
    last_activity_ns_ = links_.ring.now_ns();
    if (!greeted_) send_info();
    await_login();
}

void Client::on_handshake_failed(std::string_view error) {
    if (error == kHandshakeTimeout) return links_.log.error("{} - TLS handshake timeout", label());
    links_.log.error("{} - TLS handshake error: {}", label(), error);
}

void Client::on_close() {
    // At once: who is refused and does not close its end must not keep others out.
    if (counted_) links_.facts.clients.fetch_sub(1, std::memory_order_relaxed);
    links_.timers.disarm(keep_alive_timer_);
    if (claimed_ != nullptr) links_.timers.disarm(claimed_->expiry_timer);
    // relaxed: who misses it only works in vain
    if (login_ended_ != nullptr) login_ended_->store(true, std::memory_order_relaxed);
    links_.log.debug("{} - Client connection closed: {}", label(), to_text(close_reason()));
    if (links_.events != nullptr) links_.events->on_closed(links_, *this);
    remember_closed();
    leave_account();
    if (subscriptions_.size() > links_.released_per_turn) drop_members();
    if (release(links_.released_per_turn)) return;
    keep_until_released();
    links_.release_later(*this);
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
            return pong();
        case proto::ClientVerb::kConnect:
            return connect(operation.args);
        case proto::ClientVerb::kOk:
            return;
        case proto::ClientVerb::kInfo: {
            proto::ServerInfo ignored;
            std::string error;
            if (proto::parse_info(operation.args, &links_.json_parser, &ignored, &error) ==
                proto::JsonStatus::kOk) {
                return;
            }
            links_.log.error("{} - {}", label(), error);
            return close(CloseReason::kProtocolViolation);
        }
        case proto::ClientVerb::kError:
            links_.log.error("{} - Client Error {}", label(), operation.args);
            return close(CloseReason::kParseError);
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
        case proto::ParseStatus::kUnknownOperation: {
            if (operation.verb <= proto::ClientVerb::kHeaderPublish) check_literal(operation.subject);
            const auto size = std::min<size_t>(static_cast<size_t>(end - begin), 32);
            // A CONNECT with a wrong letter has secrets, too.
            links_.log.error("{} - Client parser ERROR, state={}, i={}: proto='{}...'", label(), 0,
                             operation.error_offset, proto::quote(proto::redact({begin, size})));
            send_error(proto::kErrUnknownOperation);
            return close(CloseReason::kProtocolViolation);
        }
        case proto::ParseStatus::kControlLineTooLong:
            return refuse_control_line();
        case proto::ParseStatus::kPayloadTooLarge:
            links_.log.error("{} - maximum payload exceeded: {} vs {}", label(),
                             operation.claimed_size, parse_limits_.payload_max);
            send_error(proto::kErrPayloadViolation);
            return close(CloseReason::kMaxPayloadExceeded);
        default:  // argument errors: logged, closed without a word
            links_.log.error("{} - {}'{}'", label(), proto::log_text(status), operation.args);
            return close(CloseReason::kProtocolViolation);
    }
}

// The control line, or what it names, is too long.
void Client::refuse_control_line() {
    links_.log.error("{} - maximum control line exceeded", label());
    send_error(proto::kErrControlLineExceeded);
    close(CloseReason::kMaxControlLineExceeded);
}

void Client::announce_lame_duck() {
    if (open() && connected_ && connect_.protocol >= 1) send_info(/*lame_duck=*/true);
}

void Client::announce_cluster() {
    if (!open() || !connected_ || !ponged_ || connect_.protocol < 1) return;
    const auto view = links_.facts.cluster_views.now();
    if (view != nullptr && view->serial != told_view_) send_info();
}

void Client::ping() {
    queue(proto::kPongFrame);
    if (tracing_) links_.log.trace("{} - ->> [PONG]", label());
    if (ponged_) return;
    ponged_ = true;
    announce_cluster();
}

void Client::send_ping() {
    ++pings_out_;
    ping_sent_ns_ = links_.ring.now_ns();
    if (links_.log.trace_enabled()) links_.log.trace("{} - ->> [PING]", label());
    queue(proto::kPingFrame);
}

void Client::pong() {
    if (pings_out_ != 0) rtt_ns_ = std::max<uint64_t>(links_.ring.now_ns() - ping_sent_ns_, 1);
    pings_out_ = 0;
}

void Client::send_ok() {
    if (tracing_) links_.log.trace("{} - ->> [OK]", label());
    queue(proto::kOkFrame);
}

void Client::send_error(std::string_view text) {
    if (tracing_) links_.log.trace("{} - ->> [-ERR {}]", label(), text);
    std::string frame(proto::err_frame_size(text), '\0');
    proto::encode_err(frame.data(), text);
    queue(frame);
}

void Client::send_info(bool lame_duck) {
    proto::ServerInfo info = links_.facts.info;
    info.host = links_.address.host;
    info.port = links_.address.port;
    info.client_id = cid();
    info.client_ip = peer_host();
    info.nonce = nonce_;
    info.auth_required = links_.authenticator->asks_for_credentials();
    if (links_.tls != nullptr) {
        info.tls_required = !links_.options->allow_non_tls;
        info.tls_available = links_.options->allow_non_tls;
        info.tls_verify = links_.options->tls->verify;
    }
    info.max_payload = links_.limits.parse.payload_max;
    info.ldm = lame_duck;
    if (const auto view = links_.facts.cluster_views.now(); view != nullptr) {
        info.connect_urls = view->connect_urls;
        info.cluster = view->cluster;
        told_view_ = view->serial;
    }
    queue(proto::encode_info(info));
    greeted_ = true;
}

void Client::trace_in(const proto::ClientOperation& operation) {
    const std::string_view verb = proto::to_text(operation.verb);
    switch (operation.verb) {
        case proto::ClientVerb::kPing:
        case proto::ClientVerb::kPong:
            return links_.log.trace("{} - <<- [{}]", label(), verb);
        case proto::ClientVerb::kPublish:
        case proto::ClientVerb::kHeaderPublish: {
            links_.log.trace("{} - <<- [{} {}]", label(), verb, operation.publish_args());
            std::string_view payload(operation.payload, operation.total_size);
            const auto limit = static_cast<size_t>(links_.options->log.max_traced_msg_len);
            const bool cut = limit > 0 && payload.size() > limit;
            if (cut) payload = payload.substr(0, limit);
            std::string text = proto::quote(payload);
            if (cut) text.insert(text.size() - 1, "...");
            return links_.log.trace("{} - <<- MSG_PAYLOAD: [{}]", label(), text);
        }
        case proto::ClientVerb::kConnect:
            return links_.log.trace("{} - <<- [{} {}]", label(), verb,
                                    proto::redact(operation.args));
        default:
            return links_.log.trace("{} - <<- [{} {}]", label(), verb, operation.args);
    }
}

void Client::keep_alive_fired(runtime::Timer& timer) {
    static_cast<ClientTimer&>(timer).owner.keep_alive();
}

// Source: server/client.go, processPingTimer 2.0.0-RC19: no PING to who was active in the interval.
void Client::keep_alive() {
    if (awaits_hello()) return on_no_hello();
    if (handshaking()) return fail_handshake(kHandshakeTimeout);
    if (!admitted_) {
        links_.log.debug("{} - {}", label(), proto::kErrAuthenticationTimeout);
        send_error(proto::kErrAuthenticationTimeout);
        return close(CloseReason::kAuthenticationTimeout);
    }
    const uint64_t now = links_.ring.now_ns();
    const uint64_t interval = links_.limits.ping_interval_ns;
    links_.log.debug("{} - Client Ping Timer", label());
    shrink();
    if (now - last_activity_ns_ < interval) {
        links_.log.debug("{} - Delaying PING due to activity {}s ago", label(),
                         (now - last_activity_ns_) / 1'000'000'000);
    } else if (pings_out_ + 1 > links_.limits.ping_max) {
        links_.log.debug("{} - Stale Client Connection - Closing", label());
        ++links_.counters.stale_connections;
        send_error(proto::kErrStaleConnection);
        return close(CloseReason::kStaleConnection);
    } else {
        send_ping();
    }
    links_.timers.arm(keep_alive_timer_, now + interval);
}

}  // namespace nuring::link
