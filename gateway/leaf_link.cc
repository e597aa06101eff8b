// SPDX-License-Identifier: Apache-2.0
// LeafLink: its set-up and its end.
#include "gateway/leaf_link.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/match.h"
#include "core/client/client_events.h"
#include "core/client/client_upgrade.h"
#include "core/link/handover.h"
#include "fmt/format.h"
#include "gateway/leaf_links.h"
#include "gateway/leaf_remote.h"
#include "gateway/leaf_snapshot.h"
#include "proto/error_text.h"
#include "proto/quote.h"

namespace nuring::gateway {
namespace {

constexpr server_link::LinkTraits traits_of(proto::Kind kind) {
    return {.kind = kind,
            .dialect = proto::RouteDialect::kLeafnode,
            .type = "Leafnode",
            .noun = "Leafnode",
            .channel = "leafnode",
            .passes_answers = true,
            .leads_answers_on = true,
            .both_announce = true};
}
constexpr server_link::LinkTraits kLeafTraits = traits_of(proto::Kind::kLeafnode);
constexpr server_link::LinkTraits kSpokeTraits = traits_of(proto::Kind::kHub);

constexpr uint64_t kLeafFirstPing_ns = 1'000'000'000;

// Pauses of the dialing side. Source: server/leafnode.go 2.9.10 and 2.15.
constexpr uint64_t kAfterLoop_ns = 30'000'000'000;
constexpr uint64_t kAfterMinVersion_ns = 5'000'000'000;

const server_link::LinkTraits& traits_of(const LeafRemote& remote) {
    return remote.settings()->options.hub ? kLeafTraits : kSpokeTraits;
}

uint64_t leaf_ns(std::chrono::nanoseconds time) {
    return static_cast<uint64_t>(time.count());
}

}  // namespace

LeafLink::LeafLink(delivery::Delivery& delivery, int fd, LeafLinks& all)
    : ServerLink(delivery, fd, kLeafTraits, std::nullopt),
      all_(all),
      settings_(all.settings()),
      stage_(Stage::kGreeted) {}

LeafLink::LeafLink(delivery::Delivery& delivery, int fd, LeafRemote& remote,
                   server_link::LinkTarget target)
    : ServerLink(delivery, fd, traits_of(remote), std::move(target)),
      all_(remote.all()),
      remote_(&remote),
      settings_(remote.all().settings()),
      remote_settings_(remote.settings()) {}

LeafLink::LeafLink(delivery::Delivery& delivery, link::Handover&& connection,
                   const link::WebsocketTerms& terms, LeafLinks& all)
    : ServerLink(delivery, std::move(connection), kLeafTraits, std::nullopt),
      all_(all),
      settings_(all.settings()),
      stage_(Stage::kGreeted),
      websocket_terms_(terms) {}

LeafLink::LeafLink(delivery::Delivery& delivery, link::Handover&& connection,
                   const link::WebsocketTerms& terms, LeafRemote& remote,
                   server_link::LinkTarget target)
    : ServerLink(delivery, std::move(connection), traits_of(remote), std::move(target)),
      all_(remote.all()),
      remote_(&remote),
      settings_(remote.all().settings()),
      remote_settings_(remote.settings()),
      websocket_terms_(terms) {}

LeafLink::~LeafLink() {
    host_.facts.origin_clusters.release(origin_cluster_);
    host_.timers.disarm(wait_timer_);
    host_.timers.disarm(expiry_timer_);
}

void LeafLink::greet() {
    if (is_solicited()) {
        host_.log.info("{} - Leafnode connection created for account: {} ", label(),
                       remote_settings_->account());
        if (is_websocket()) return start_upgraded();
        const auto& tls = remote_settings_->options.tls;
        const bool tls_first = tls.has_value() && tls->handshake_first;
        return open_channel(tls_first ? dialer_channel() : server_link::ChannelSetup{});
    }
    host_.log.info("{} - Leafnode connection created ", label());
    join_strangers(all_.strangers(host_.id));
    if (is_websocket()) return start_upgraded();
    const auto& tls = settings_->leafnodes().tls;
    const bool tls_first = tls.has_value() && tls->handshake_first;
    if (tls_first && tls->hello_wait.count() > 0) {
        return await_hello_for(acceptor_channel(), leaf_ns(tls->hello_wait));
    }
    open_channel(tls_first ? acceptor_channel() : server_link::ChannelSetup{});
}

// The leafnode waits for the INFO.
void LeafLink::on_no_hello() {
    is_greeted_ = true;
    send_first_info();
}

// TLS, if there is any, stands below the WebSocket already.
void LeafLink::start_upgraded() {
    assert(websocket_terms_.has_value());
    start_websocket(*websocket_terms_, client::websocket_message_max(
                                           all_.clients(host_.id).limits().parse.payload_max));
    on_channel_ready();
    resume(link::PauseReason::kHandover);
}

server_link::ChannelSetup LeafLink::acceptor_channel() const {
    assert(settings_->leafnodes().tls.has_value());
    const config::TlsOptions& tls = *settings_->leafnodes().tls;
    return {.acceptor = settings_->tls_acceptor,
            .timeout_ns = leaf_ns(tls.timeout),
            .pinned_certificates = tls.pinned_certs};
}

server_link::ChannelSetup LeafLink::dialer_channel() const {
    assert(is_solicited());
    const auto& tls = remote_settings_->options.tls;
    const config::TlsOptions defaults;
    const bool is_checked = !tls.has_value() || !tls->insecure;
    return {
        .dialer = remote_settings_->tls_dialer,
        .server_name = is_checked && remote_ != nullptr
                           ? remote_->urls().certificate_name(*target())
                           : target()->host,
        .timeout_ns = leaf_ns(tls.has_value() ? tls->timeout : defaults.timeout),
        .pinned_certificates = tls.has_value() ? tls->pinned_certs : std::vector<std::string>()};
}

void LeafLink::on_channel_ready() {
    if (is_solicited()) {
        if (stage_ == Stage::kTls) return ask_for_compression();
        assert(stage_ == Stage::kInfo);
        return arm_wait(leaf_ns(remote_settings_->options.first_info_timeout));
    }
    assert(stage_ == Stage::kGreeted);
    if (!is_greeted_) {
        is_greeted_ = true;
        send_first_info();
        // Nothing else before CONNECT: servers before 2.1 lose what stands behind the INFO.
        if (settings_->tls_acceptor != nullptr && tls_engine() == nullptr && !is_websocket()) {
            return upgrade_channel(acceptor_channel());
        }
    }
    await_login(leaf_ns(settings_->leafnodes().authorization.timeout));
}

void LeafLink::send_first_info() {
    proto::ServerInfo info = own_info();
    info.compression = announced_compression();
    send_info(info, " ");
}

// --------------------------------------------------------------------------------- timers

void LeafLink::arm_wait(uint64_t after_ns) {
    host_.timers.arm(wait_timer_, host_.ring.now_ns() + after_ns);
}

void LeafLink::on_wait_timer() {
    assert(open());
    if (stage_ == Stage::kInfo || stage_ == Stage::kCompress) {
        host_.log.debug("{} - Did not get the remote leafnode's INFO, timed-out", label());
        return close(link::CloseReason::kReadError);
    }
    if (stage_ != Stage::kConfirm) return;
    constexpr std::string_view kText = "Stale Leaf Node Connection - Closing";
    host_.log.debug("{} - {}", label(), kText);
    send_error(kText);
    close(link::CloseReason::kStaleConnection);
}

server_link::KeepAlive LeafLink::keep_alive_rule() const {
    const config::LinkTimes& times = settings_->leafnodes().times;
    return {.first_ns = kLeafFirstPing_ns,
            .interval_ns = times.ping_interval.count() > 0 ? leaf_ns(times.ping_interval)
                                                           : host_.limits().ping_interval_ns,
            .outstanding_max = times.ping_max > 0 ? times.ping_max : host_.limits().ping_max};
}

// ------------------------------------------------------------------------------------ end

void LeafLink::on_ended() {
    remember_closed();
    host_.timers.disarm(wait_timer_);
    host_.timers.disarm(expiry_timer_);
    if (audience_ != nullptr) all_.leave_audience(*this, *std::exchange(audience_, nullptr));
    all_.closed(*this);
    if (remote_ == nullptr) return;
    const bool is_lost = close_reason() != link::CloseReason::kServerShutdown;
    std::exchange(remote_, nullptr)
        ->on_link_closed(is_lost ? std::max(reconnect_delay_ns_, remote_settings_->reconnect_ns)
                                 : 0);
}

// Shown among the closed clients.
void LeafLink::remember_closed() {
    client::ClientHost& clients = all_.clients(host_.id);
    LeafSnapshot last;
    copy_leaf(client::ClosedConnections::kSubscriptionsMax, &last);
    last.connection.stop_ns = host_.ring.wall_ns();
    last.connection.reason = close_reason();
    client::ClientEvents* events = clients.events();
    if (events != nullptr && stage_ == Stage::kServing) {
        events->on_leaf_closed(host_.id, *account_, last.connection);
    }
    clients.closed.add(std::move(last.connection));
}

void LeafLink::leave_remote(link::CloseReason reason) {
    remote_ = nullptr;
    if (open()) close(reason);
}

void LeafLink::replace() {
    if (!open()) return;
    constexpr std::string_view kText = "Duplicate Remote LeafNode Connection";
    refuse_peer(kText, link::CloseReason::kDuplicateRemoteLeafnode);
}

void LeafLink::refuse_excess() {
    refuse_peer(proto::kErrAccountConnectionsExceeded,
                link::CloseReason::kMaxAccountConnectionsExceeded);
}

void LeafLink::close_if_excess() {
    if (open() && serving() && account_->excess_connections() > 0) refuse_excess();
}

void LeafLink::delay_reconnect(uint64_t delay_ns) {
    reconnect_delay_ns_ = delay_ns;
}

void LeafLink::on_loop() {
    const std::string text =
        fmt::format("Loop detected for leafnode account={}. Delaying attempt to reconnect for 30s",
                    proto::quote(account_->name()));
    delay_reconnect(kAfterLoop_ns);
    refuse_peer(text, link::CloseReason::kProtocolViolation);
}

// The sender of an error closes the link by itself; but for a loop, which both ends close.
void LeafLink::on_error(std::string_view text) {
    host_.log.error("{} - Leafnode Error {}", label(), text);
    const absl::string_view shown(text.data(), text.size());
    if (absl::StrContains(shown, "Loop detected")) {
        const std::string_view bare = text.size() > 2 ? text.substr(1, text.size() - 2) : text;
        host_.log.error("{} - {}", label(), bare);
        delay_reconnect(kAfterLoop_ns);
        return close(link::CloseReason::kProtocolViolation);
    }
    if (!is_solicited()) return;
    if (absl::StrContains(shown, "remote leafnode has same cluster name")) {
        delay_reconnect(kAfterLoop_ns);
        host_.log.error(
            "{} - Leafnode connection dropped with same cluster name error. Delaying attempt to "
            "reconnect for 30s",
            label());
    } else if (absl::StrContains(shown, "minimum version required")) {
        delay_reconnect(kAfterMinVersion_ns);
        host_.log.error(
            "{} - Leafnode connection dropped due to minimum version requirement. Delaying "
            "attempt to reconnect for 5s",
            label());
    }
}

}  // namespace nuring::gateway
