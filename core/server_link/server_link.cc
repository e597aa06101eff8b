// SPDX-License-Identifier: Apache-2.0
// ServerLink: its set-up and its end, and the verbs that are neither interest nor messages.
#include "core/server_link/server_link.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/base/host_port.h"
#include "core/link/handover.h"
#include "core/link/nonce.h"
#include "core/link/s2_channel.h"
#include "fmt/format.h"
#include "proto/encode_client.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::server_link {
namespace {

// The first PING measures the round trip time. Source: server/client.go, firstPingInterval 2.9.
constexpr uint64_t kFirstPing_ns = 1'000'000'000;
constexpr uint64_t kPingIntervalMax_ns = 30'000'000'000;

// PONGs that wait for the end of a sync: beyond it one answers several PINGs.
constexpr uint32_t kPongsDueMax = 16;

// The text for fail_handshake() when the time is over.
constexpr std::string_view kHandshakeTimeout = "timeout";

bool is_interest(proto::RouteVerb verb) {
    return verb >= proto::RouteVerb::kSubscribe && verb <= proto::RouteVerb::kAccountUnsubscribe;
}

}  // namespace

ServerLink::ServerLink(delivery::Delivery& delivery, int fd, const LinkTraits& traits,
                       std::optional<LinkTarget> target)
    : RemoteServer(delivery, fd, traits.kind),
      traits_(traits),
      remote_interest_(make_remote_interest()),
      target_(std::move(target)),
      limits_{.dialect = traits.dialect, .control_line_max = kGuestLineMax} {}

ServerLink::ServerLink(delivery::Delivery& delivery, link::Handover&& connection,
                       const LinkTraits& traits, std::optional<LinkTarget> target)
    : RemoteServer(delivery, std::move(connection), traits.kind),
      traits_(traits),
      remote_interest_(make_remote_interest()),
      target_(std::move(target)),
      limits_{.dialect = traits.dialect, .control_line_max = kGuestLineMax} {}

RemoteInterest ServerLink::make_remote_interest() {
    return {delivery_, *this,
            [this](account::Account& account, interest::Subscription& each) {
                return keeps_interest(account, each);
            },
            [this](const interest::Subscription& each) { on_interest_released(each); }};
}

ServerLink::~ServerLink() {
    assert(!serving_);
    assert(strangers_ == nullptr);
    host_.timers.disarm(phase_timer_);
    host_.timers.disarm(sync_timer_);
}

// ------------------------------------------------------------------------------------ set-up

void ServerLink::open_channel(const ChannelSetup& setup) {
    channel_ = setup;
    if (setup.acceptor == nullptr && setup.dialer == nullptr) {
        start();
        return on_channel_ready();
    }
    arm_phase_timer(setup.timeout_ns);
    if (!is_solicited()) {
        start();
        return start_tls(setup.acceptor, /*optional=*/false);
    }
    start_tls_client(setup.dialer, setup.server_name.empty() ? target_->host : setup.server_name);
}

void ServerLink::upgrade_channel(const ChannelSetup& setup) {
    assert(tls_engine() == nullptr);
    channel_ = setup;
    arm_phase_timer(setup.timeout_ns);
    if (!is_solicited()) return start_tls(setup.acceptor, /*optional=*/false);
    start_tls_client(setup.dialer, setup.server_name.empty() ? target_->host : setup.server_name);
}

void ServerLink::await_hello_for(const ChannelSetup& setup, uint64_t wait_ns) {
    channel_ = setup;
    start();
    await_hello(setup.acceptor);
    arm_phase_timer(wait_ns);
}

bool ServerLink::on_handshake_begun() {
    arm_phase_timer(channel_.timeout_ns);
    host_.log.debug("{} - Starting TLS {} {} handshake", label(), traits_.channel,
                    is_solicited() ? "client" : "server");
    return true;
}

void ServerLink::on_handshake_done() {
    host_.timers.disarm(phase_timer_);
    if (!has_pinned_certificate(channel_.pinned_certificates)) {
        return fail_handshake("certificate not pinned");
    }
    host_.log.debug("{} - TLS handshake complete", label());
    on_channel_ready();
}

void ServerLink::on_handshake_failed(std::string_view error) {
    host_.log.error("{} - TLS {} handshake error: {}", label(), traits_.channel, error);
}

void ServerLink::close_unless_pinned(const std::vector<std::string>& pins) {
    // A handshake that is under way goes by the pins of its beginning.
    if (!open() || handshaking() || has_pinned_certificate(pins)) return;
    close(link::CloseReason::kTlsHandshakeFailure);
}

void ServerLink::join_strangers(link::StrangerList& strangers) {
    assert(!is_solicited());
    assert(strangers_ == nullptr);
    strangers_ = &strangers;
    strangers.add(*this);
    receive_in_small_runs(true);
}

void ServerLink::leave_strangers() {
    if (strangers_ == nullptr) return;
    std::exchange(strangers_, nullptr)->remove(*this);
    receive_in_small_runs(false);
}

void ServerLink::serve(std::string remote_id, std::string remote_name) {
    assert(open());
    assert(!serving_);
    assert(!awaits_login());
    leave_strangers();
    remote_id_ = std::move(remote_id);
    remote_name_ = std::move(remote_name);
    serving_ = true;
    if (link::S2Channel* channel = s2_channel()) channel->trust_peer();
    parting_ = link::CloseReason::kNone;
    limits_.control_line_max = kControlLineMax;
    delivery_.servers.add(*this);
    if (host_.facts.server_events != nullptr)
        host_.facts.server_events->on_server_joined(remote_id_);
    begin_sync();
}

const std::string& ServerLink::nonce() {
    if (nonce_.empty()) nonce_ = link::make_nonce(host_.ring);
    return nonce_;
}

// The first one of a link has a blank before its line end, as the reference's.
void ServerLink::send_info(const proto::ServerInfo& info, std::string_view before_line_end) {
    const std::string json = proto::to_json(info);
    if (host_.log.trace_enabled()) host_.log.trace("{} - ->> [INFO {}]", label(), json);
    queue(fmt::format("INFO {}{}\r\n", json, before_line_end));
}

// ------------------------------------------------------------------------------- compression

void ServerLink::begin_compression(Compression level) {
    assert(compresses(level));
    compression_ = level;
    start_compression(s2_mode_of(level));
    if (awaits_login()) s2_channel()->distrust_peer();
    host_.log.debug("{} - Compression: {}", label(), to_text(level));
}

void ServerLink::change_level(Compression level) {
    assert(compresses(level));
    link::S2Channel* channel = s2_channel();
    if (channel == nullptr || level == compression_) return;
    compression_ = level;
    channel->set_mode(s2_mode_of(level));
}

void ServerLink::adapt_level(const config::CompressionOptions& own) {
    if (own.mode != config::CompressionMode::kAuto || !compresses(compression_)) return;
    change_level(level_for(own, rtt_for_compression_ns()));
}

// Source: server/reload.go, Apply of clusterOption and leafNodeOption 2.15.
void ServerLink::apply_compression(const config::CompressionOptions& before,
                                   const config::CompressionOptions& now) {
    if (now == before || compression_ == Compression::kNotSupported) return;
    const bool was_off = !compresses(compression_);
    if (was_off && !may_compress(now.mode)) return;
    if (was_off || now.mode <= config::CompressionMode::kAccept) {
        return close(link::CloseReason::kClientClosed);
    }
    change_level(level_of(now, rtt_for_compression_ns()));
}

uint64_t ServerLink::rtt_for_compression_ns() const {
    return rtt_ns() != 0 ? rtt_ns() : since_ping_ns();
}

void ServerLink::send_connect(std::string_view json) {
    if (host_.log.trace_enabled())
        host_.log.trace("{} - ->> [CONNECT {}]", label(), proto::redact(json));
    queue(fmt::format("CONNECT {}\r\n", json));
}

void ServerLink::close_after(link::CloseReason reason, uint64_t delay_ns) {
    assert(reason != link::CloseReason::kNone);
    parting_ = reason;
    arm_phase_timer(delay_ns);
}

// --------------------------------------------------------------------------------- input

// Of a payload that is not whole yet, as much is kept as its line says.
bool ServerLink::awaits_payload(const proto::RouteOperation& operation) {
    if (awaits_login()) {
        refuse_login({});
        return false;
    }
    return admits_payload(operation.needed_bytes - operation.line_size - proto::kLineEndSize);
}

size_t ServerLink::consume(const char* begin, const char* end) {
    const char* at = begin;
    tracing_ = host_.log.trace_enabled();
    size_t scanned = take_scanned_bytes();
    proto::RouteOperation operation;
    while (at < end && open() && !paused() && !input_changed()) {
        if (tracing_ && delivery_.log_gate.pause_until_logged(*this)) [[unlikely]]
            break;
        const proto::RouteParseStatus status =
            proto::parse_route(at, end, limits_, &operation, scanned);
        scanned = 0;
        if (status == proto::RouteParseStatus::kNeedMore) {
            if (operation.needed_bytes != 0 && !awaits_payload(operation)) break;
            need(operation.needed_bytes, operation.scanned_bytes);
            break;
        }
        if (status != proto::RouteParseStatus::kOperation) {
            refuse(status, operation, at, end);
            break;
        }
        if (awaits_login() && operation.verb != proto::RouteVerb::kConnect &&
            !may_precede_login(operation.verb)) [[unlikely]] {
            refuse_login({});
            break;
        }
        if (proto::has_payload(operation.verb)) {
            size_t used = 0;
            if (!publish(at, end, operation, &used)) break;
            at += used;
            if (delivery_.stall_gate.rests_after_message(*this)) break;
            if (open() && delivery_.interest_gate.rests_after_message(*this)) break;
            continue;
        }
        if (is_interest(operation.verb) &&
            (!delivery_.interest_gate.admits(*this, delivery::InterestGate::kServerCost) ||
             !delivery_.make_room_to_announce(*this, operation.consumed))) [[unlikely]] {
            break;
        }
        if (tracing_) trace_in(operation);
        if (is_interest(operation.verb)) note_activity();
        perform(operation);
        at += operation.consumed;
    }
    return static_cast<size_t>(at - begin);
}

void ServerLink::perform(const proto::RouteOperation& operation) {
    switch (operation.verb) {
        case proto::RouteVerb::kSubscribe:
        case proto::RouteVerb::kLeafSubscribe:
            on_subscribe(operation);
            if (is_verbose_) queue(proto::kOkFrame);
            return;
        case proto::RouteVerb::kUnsubscribe:
        case proto::RouteVerb::kLeafUnsubscribe:
            on_unsubscribe(operation);
            if (is_verbose_) queue(proto::kOkFrame);
            return;
        case proto::RouteVerb::kAccountSubscribe:
            return on_account_interest(operation, /*is_wanted=*/true);
        case proto::RouteVerb::kAccountUnsubscribe:
            return on_account_interest(operation, /*is_wanted=*/false);
        case proto::RouteVerb::kPing:
            if (!sync_.running()) return answer_ping();
            pongs_due_ = std::min(pongs_due_ + 1, kPongsDueMax);
            return;
        case proto::RouteVerb::kPong:
            if (!note_pong()) return;
            return on_pong();
        case proto::RouteVerb::kConnect:
            return on_connect(operation.args);
        case proto::RouteVerb::kInfo:
            return parse_info_line(operation.args);
        case proto::RouteVerb::kError:
            return on_error(operation.args);
        case proto::RouteVerb::kOk:
            return;
        case proto::RouteVerb::kMessage:
        case proto::RouteVerb::kHeaderMessage:
        case proto::RouteVerb::kLeafMessage:
            break;
    }
    assert(false && "messages are handled by publish()");
}

void ServerLink::parse_info_line(std::string_view json) {
    proto::ServerInfo info;
    std::string error;
    proto::JsonParser parser;
    if (proto::parse_info(json, &parser, &info, &error) != proto::JsonStatus::kOk) {
        host_.log.error("{} - {}", label(), error);
        return close(link::CloseReason::kProtocolViolation);
    }
    on_info(info);
}

void ServerLink::on_error(std::string_view text) {
    host_.log.error("{} - {} Error {}", label(), traits_.noun, text);
    close(link::CloseReason::kParseError);
}

void ServerLink::refuse(proto::RouteParseStatus status, const proto::RouteOperation& operation,
                        const char* begin, const char* end) {
    if (status == proto::RouteParseStatus::kUnknownOperation) {
        return refuse_unknown_verb(traits_.type, {begin, static_cast<size_t>(end - begin)},
                                   operation.error_offset, link::CloseReason::kParseError);
    }
    if (status == proto::RouteParseStatus::kControlLineTooLong) return refuse_long_line();
    host_.log.error("{} - {}", label(), proto::log_line(status, operation, limits_.dialect));
    close(link::CloseReason::kParseError);
}

void ServerLink::trace_in(const proto::RouteOperation& operation) {
    const std::string_view verb = proto::to_text(operation.verb);
    const bool has_args = !operation.args.empty();
    if (operation.verb == proto::RouteVerb::kConnect) {
        return host_.log.trace("{} - <<- [{} {}]", label(), verb, proto::redact(operation.args));
    }
    host_.log.trace("{} - <<- [{}{}{}]", label(), verb, has_args ? " " : "", operation.args);
}

// --------------------------------------------------------------------------------- timers

void ServerLink::arm_phase_timer(uint64_t after_ns) {
    if (!open()) return;  // what was said before may have closed it
    host_.timers.arm(phase_timer_, host_.ring.now_ns() + after_ns);
}

void ServerLink::on_phase_timer() {
    assert(open());
    if (awaits_hello()) {
        on_no_hello();
        return end_hello_wait(/*optional=*/false);
    }
    if (handshaking()) return fail_handshake(kHandshakeTimeout);
    if (parting_ != link::CloseReason::kNone) return close(parting_);
    if (awaits_login()) {
        send_error(proto::kErrAuthenticationTimeout);
        return close(link::CloseReason::kAuthenticationTimeout);
    }
    const KeepAlive rule = keep_alive_rule();
    shrink();
    if (close_if_stale(traits_.type, rule.outstanding_max)) return;
    if (may_ping()) send_ping();
    if (open()) arm_phase_timer(rule.interval_ns);
}

KeepAlive ServerLink::keep_alive_rule() const {
    return {.first_ns = kFirstPing_ns,
            .interval_ns = std::min(host_.limits().ping_interval_ns, kPingIntervalMax_ns),
            .outstanding_max = host_.limits().ping_max};
}

void ServerLink::begin_keep_alive() {
    if (parting_ != link::CloseReason::kNone) return;  // the timer is that of its end
    arm_phase_timer(with_jitter(keep_alive_rule().first_ns));
}

// ------------------------------------------------------------------------------------ end

void ServerLink::on_close() {
    host_.timers.disarm(phase_timer_);
    host_.timers.disarm(sync_timer_);
    leave_strangers();
    log_end();
    if (serving_) {
        delivery_.servers.remove(*this);
        if (host_.facts.server_events != nullptr)
            host_.facts.server_events->on_server_left(remote_id_);
    }
    serving_ = false;
    on_ended();
    delivery_.stall_gate.end_rests_because_of(handle());
    begin_release();
}

std::string ServerLink::far_address() const {
    return is_solicited() ? base::host_port(target_->host, target_->port) : std::string();
}

// Source: server/client.go, markConnAsClosed 2.15.
void ServerLink::log_end() {
    std::string far_end;
    if (!remote_name_.empty()) far_end = fmt::format(" - Remote: {}", remote_name_);
    if (const std::string address = far_address(); !address.empty()) {
        far_end += fmt::format("{}Host: {}", far_end.empty() ? " - " : ", ", address);
    }
    host_.log.info("{} - {} connection closed: {}{}", label(), traits_.type,
                   to_text(close_reason()), far_end);
}

bool ServerLink::release(size_t most) {
    const size_t before = remote_interest_.count();
    const bool is_done = remote_interest_.release(most);
    host_.count_released(before - remote_interest_.count());
    return is_done;
}

void ServerLink::copy(uint64_t wall_ns, size_t subscriptions,
                      delivery::ServerLinkSnapshot* out) const {
    out->remote_id = remote_id_;
    out->remote_name = remote_name_;
    out->did_solicit = is_solicited();
    out->is_configured = is_solicited() && target_->is_explicit;
    out->rtt_ns = rtt_ns();
    out->compression = std::string(to_text(compression_));
    out->last_activity_wall_ns = last_activity_wall_ns(wall_ns);
    out->subscription_count = remote_interest_.count();
    if (subscriptions == 0) return;
    remote_interest_.for_each(
        [&](const account::Account& account, const interest::Subscription& each) {
            std::string key;
            if (names_unsubscribe_origin())
                key = each.origin().empty() ? "R " : fmt::format("L {} ", each.origin());
            if (proto::names_account(limits_.dialect)) key += fmt::format("{} ", account.name());
            key += each.subject();
            if (each.is_queue()) key += fmt::format(" {}", each.queue());
            out->subscriptions.push_back({.subject = std::string(each.subject()),
                                          .queue = std::string(each.queue()),
                                          .key = std::move(key),
                                          .delivered = each.delivered});
            return out->subscriptions.size() < subscriptions;
        });
}

}  // namespace nuring::server_link
