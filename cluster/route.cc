// SPDX-License-Identifier: Apache-2.0
// Route: its beginning and its end, and the verbs that are neither interest nor messages.
#include "cluster/route.h"

#include <algorithm>
#include <utility>

#include "cluster/routes.h"
#include "core/link/peer_snapshot.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::cluster {
namespace {

// The reference before 2.12.14 takes 4 KiB from other servers, later ones 64 KiB.
constexpr uint32_t kControlLineMax = 1024 * 1024;

// The first PING tells the round trip time; then so often at least.
constexpr uint64_t kFirstPing_ns = 1'000'000'000;
constexpr uint64_t kPingIntervalMax_ns = 30'000'000'000;

// What fail_handshake() is told when the time is over.
constexpr std::string_view kHandshakeTimeout = "timeout";

uint64_t nanoseconds(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }

}  // namespace

Route::Route(link::WorkerLinks& links, int fd, Routes& routes, std::optional<RouteTarget> target)
    : Peer(links, fd, proto::Kind::kRoute),
      routes_(routes),
      settings_(routes.settings()),
      target_(std::move(target)),
      keep_alive_timer_(&keep_alive_fired, *this) {}

Route::~Route() { links_.timers.disarm(keep_alive_timer_); }

void Route::greet() {
    links_.log.info("{} - Route connection created", label());
    if (settings_->tls_acceptor != nullptr) {
        arm_keep_alive(nanoseconds(settings_->cluster().tls->timeout));
        if (target_.has_value()) return start_tls_client(settings_->tls_dialer, target_->host);
        start();
        return start_tls(settings_->tls_acceptor, /*optional=*/false);
    }
    start();
    begin();
}

bool Route::on_handshake_begun() {
    links_.log.debug("{} - Starting TLS route {} handshake", label(),
                     target_.has_value() ? "client" : "server");
    return true;
}

void Route::on_handshake_done() {
    if (!has_pinned_certificate(settings_->cluster().tls->pinned_certs)) {
        return fail_handshake("certificate not pinned");
    }
    links_.log.debug("{} - TLS handshake complete", label());
    begin();
}

void Route::on_handshake_failed(std::string_view error) {
    links_.log.error("{} - TLS route handshake error: {}", label(), error);
}

// Who dialed says who it is, and both what they are; neither waits for the other.
void Route::begin() {
    is_connected_ = target_.has_value();
    if (target_.has_value()) send_connect();
    send_info(settings_->info, " ");
    is_told_ = true;
    const bool awaits_login = !is_connected_ && settings_->asks_for_credentials();
    arm_keep_alive(awaits_login ? nanoseconds(settings_->cluster().authorization.timeout) : kFirstPing_ns);
}

void Route::on_close() {
    links_.timers.disarm(keep_alive_timer_);
    links_.log.info("{} - Router connection closed: {}", label(), to_text(close_reason()));
    if (is_registered_) links_.remove_peer(*this);
    routes_.closed(*this);
    if (release(links_.released_per_turn)) return;
    keep_until_released();
    links_.release_later(*this);
}

void Route::announce_lame_duck() {
    if (!open() || !is_told_) return;
    proto::ServerInfo info = settings_->info;
    info.ldm = true;
    send_info(info);
}

void Route::copy(uint64_t wall_ns, size_t subscriptions, link::PeerSnapshot* out) const {
    out->remote_id = remote_id_;
    out->remote_name = remote_info_.server_name;
    for (const RouteEntry& entry : routes_.set().list()) {
        if (entry.link != handle()) continue;
        out->did_solicit = entry.is_solicited;
        out->is_configured = entry.target.has_value() && entry.target->is_explicit;
    }
    out->import_subjects = remote_info_.import_subjects;
    out->export_subjects = remote_info_.export_subjects;
    out->rtt_ns = rtt_ns_;
    out->last_activity_wall_ns =
        last_activity_ns_ == 0 ? start_wall_ns() : wall_ns - (links_.ring.now_ns() - last_activity_ns_);
    out->subscription_count = subscription_count_;
    for (const auto& [account, patterns] : subscriptions_) {
        for (const interest::Subscription* each : patterns) {
            if (out->subscriptions.size() >= subscriptions) return;
            out->subscriptions.emplace_back(each->subject());
        }
    }
}

size_t Route::consume(const char* begin, const char* end) {
    const char* at = begin;
    const proto::RouteParseLimits limits{.control_line_max = kControlLineMax};
    tracing_ = links_.log.trace_enabled();
    size_t scanned = take_scanned_bytes();
    proto::RouteOperation operation;
    while (at < end && open() && !paused()) {
        if (tracing_ && links_.pause_until_logged(*this)) [[unlikely]] break;
        const proto::RouteParseStatus status = proto::parse_route(at, end, limits, &operation, scanned);
        scanned = 0;
        if (status == proto::RouteParseStatus::kNeedMore) {
            need(operation.needed_bytes, operation.scanned_bytes);
            break;
        }
        if (status != proto::RouteParseStatus::kOperation) {
            refuse(status, operation, at, end);
            break;
        }
        if (!is_connected_ && settings_->asks_for_credentials() &&
            operation.verb != proto::RouteVerb::kConnect) {
            send_error(proto::kErrAuthorizationViolation);
            close(link::CloseReason::kAuthenticationFailure);
            break;
        }
        if (proto::has_payload(operation.verb)) {
            size_t used = 0;
            if (!publish(at, end, operation, &used)) break;
            at += used;
            continue;
        }
        if (tracing_) trace_in(operation);
        perform(operation);
        at += operation.consumed;
    }
    return static_cast<size_t>(at - begin);
}

void Route::perform(const proto::RouteOperation& operation) {
    switch (operation.verb) {
        case proto::RouteVerb::kSubscribe:
        case proto::RouteVerb::kLeafSubscribe:
            subscribe(operation);
            if (is_verbose_) queue(proto::kOkFrame);
            return;
        case proto::RouteVerb::kUnsubscribe:
        case proto::RouteVerb::kLeafUnsubscribe:
            unsubscribe(operation);
            if (is_verbose_) queue(proto::kOkFrame);
            return;
        case proto::RouteVerb::kPing:
            return ping();
        case proto::RouteVerb::kPong:
            return pong();
        case proto::RouteVerb::kConnect:
            return on_connect(operation.args);
        case proto::RouteVerb::kInfo:
            return on_info(operation.args);
        case proto::RouteVerb::kError:
            links_.log.error("{} - Route Error {}", label(), operation.args);
            return close(link::CloseReason::kParseError);
        default:  // +OK; A+ and A- mean something to gateways only
            return;
    }
}

void Route::refuse(proto::RouteParseStatus status, const proto::RouteOperation& operation,
                   const char* begin, const char* end) {
    if (status == proto::RouteParseStatus::kUnknownOperation) {
        const auto size = std::min<size_t>(static_cast<size_t>(end - begin), 32);
        links_.log.error("{} - Router parser ERROR, state={}, i={}: proto='{}...'", label(), 0,
                         operation.error_offset, proto::quote(proto::redact({begin, size})));
        send_error(proto::kErrUnknownOperation);
    } else if (status == proto::RouteParseStatus::kControlLineTooLong) {
        links_.log.error("{} - maximum control line exceeded", label());
        send_error(proto::kErrControlLineExceeded);
        return close(link::CloseReason::kMaxControlLineExceeded);
    } else {
        links_.log.error("{} - {}", label(), proto::log_line(status, operation));
    }
    close(link::CloseReason::kParseError);
}

void Route::send_error(std::string_view text) {
    if (tracing_) links_.log.trace("{} - ->> [-ERR {}]", label(), text);
    std::string frame(proto::err_frame_size(text), '\0');
    proto::encode_err(frame.data(), text);
    queue(frame);
}

void Route::trace_in(const proto::RouteOperation& operation) {
    const std::string_view verb = proto::to_text(operation.verb);
    const bool has_args = !operation.args.empty();
    if (operation.verb == proto::RouteVerb::kConnect) {
        return links_.log.trace("{} - <<- [{} {}]", label(), verb, proto::redact(operation.args));
    }
    links_.log.trace("{} - <<- [{}{}{}]", label(), verb, has_args ? " " : "", operation.args);
}

void Route::ping() {
    queue(proto::kPongFrame);
    if (tracing_) links_.log.trace("{} - ->> [PONG]", label());
}

void Route::pong() {
    if (pings_out_ != 0) rtt_ns_ = std::max<uint64_t>(links_.ring.now_ns() - ping_sent_ns_, 1);
    pings_out_ = 0;
}

// ------------------------------------------------------------------------------------ timers

void Route::arm_keep_alive(uint64_t after_ns) {
    links_.timers.arm(keep_alive_timer_, links_.ring.now_ns() + after_ns);
}

void Route::keep_alive_fired(runtime::Timer& timer) { static_cast<RouteTimer&>(timer).owner.keep_alive(); }

void Route::keep_alive() {
    if (handshaking()) return fail_handshake(kHandshakeTimeout);
    if (is_in_conflict_) return close(link::CloseReason::kClusterNameConflict);
    if (!is_connected_ && settings_->asks_for_credentials()) {
        send_error(proto::kErrAuthenticationTimeout);
        return close(link::CloseReason::kAuthenticationTimeout);
    }
    shrink();
    if (pings_out_ + 1 > links_.limits.ping_max) {
        links_.log.debug("{} - Stale Router Connection - Closing", label());
        ++links_.counters.stale_connections;
        send_error(proto::kErrStaleConnection);
        return close(link::CloseReason::kStaleConnection);
    }
    ++pings_out_;
    ping_sent_ns_ = links_.ring.now_ns();
    if (links_.log.trace_enabled()) links_.log.trace("{} - ->> [PING]", label());
    queue(proto::kPingFrame);
    arm_keep_alive(std::min(links_.limits.ping_interval_ns, kPingIntervalMax_ns));
}

}  // namespace nuring::cluster
