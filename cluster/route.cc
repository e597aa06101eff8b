// SPDX-License-Identifier: Apache-2.0
// Route: its beginning and its end, and what a reload changes.
#include "cluster/route.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cluster/routes.h"
#include "core/base/host_port.h"
#include "core/delivery/server_link_snapshot.h"
#include "fmt/format.h"
#include "proto/error_text.h"

namespace nuring::cluster {
namespace {

constexpr server_link::LinkTraits kTraits{.kind = proto::Kind::kRoute,
                                          .dialect = proto::RouteDialect::kRoute,
                                          .type = "Router",
                                          .noun = "Route",
                                          .channel = "route",
                                          .both_announce = true};

uint64_t nanoseconds(std::chrono::nanoseconds time) {
    return static_cast<uint64_t>(time.count());
}

}  // namespace

Route::Route(delivery::Delivery& delivery, int fd, Routes& routes,
             std::optional<server_link::LinkTarget> target)
    : ServerLink(delivery, fd, kTraits, std::move(target)),
      routes_(routes),
      settings_(routes.settings()),
      account_name_(this->target().has_value() ? this->target()->account : std::string()) {}

Route::~Route() {
    host_.facts.origin_clusters.release(last_origin_id_);
}

void Route::greet() {
    host_.log.info("{} - Route connection created{}", label(),
                   is_solicited()
                       ? fmt::format(" ({})", base::host_port(target()->host, target()->port))
                       : "");
    server_link::ChannelSetup channel;
    if (settings_->tls_acceptor != nullptr) {
        channel = {.acceptor = settings_->tls_acceptor,
                   .dialer = settings_->tls_dialer,
                   .timeout_ns = nanoseconds(settings_->cluster().tls->timeout),
                   .pinned_certificates = settings_->cluster().tls->pinned_certs};
    }
    if (!is_solicited()) join_strangers(routes_.strangers(host_.id));
    if (expects_tls_name()) channel.server_name = settings_->tls_name;
    open_channel(channel);
}

bool Route::expects_tls_name() const {
    return is_solicited() && !settings_->tls_name.empty() && !target()->expects_address &&
           base::is_numeric_host(target()->host);
}

// The dialing side sends CONNECT, and both send INFO: the accepting side at once, the dialing side later if
// delays_info().
void Route::on_channel_ready() {
    if (is_solicited()) announce_self();
    if (!delays_info()) send_first_info();
    if (!is_solicited() && settings_->asks_for_credentials()) {
        return await_login(nanoseconds(settings_->cluster().authorization.timeout));
    }
    skip_login();
}

void Route::on_ended() {
    host_.timers.disarm(move_timer_);
    host_.timers.disarm(dedicated_timer_);
    host_.timers.disarm(early_timer_);
    take_gateway_url({});
    host_.facts.route_directory.remove(handle());
    routes_.closed(*this);
    report_detached(withdrawing_);
    report_detached(withdrawn_);
}

// Source: server/client.go, adjustPingInterval 2.15.
server_link::KeepAlive Route::keep_alive_rule() const {
    server_link::KeepAlive rule = ServerLink::keep_alive_rule();
    const config::LinkTimes& times = settings_->cluster().times;
    if (times.ping_interval.count() > 0) {
        rule.interval_ns = nanoseconds(
            std::min<std::chrono::nanoseconds>(times.ping_interval, config::kRoutePingIntervalMax));
    }
    if (times.ping_max > 0) rule.outstanding_max = times.ping_max;
    return rule;
}

bool Route::release(size_t most) {
    const size_t count = awaited_.release(most);
    host_.count_released(count);
    return ServerLink::release(most - count) && awaited_.empty();
}

std::string Route::far_address() const {
    if (is_solicited() || remote_info_.host.empty()) return ServerLink::far_address();
    return base::host_port(remote_info_.host, remote_info_.port);  // as its INFO says
}

bool Route::speaks_for_remote() const {
    return routes_.set().speaks_for_remote(handle());
}

void Route::announce_lame_duck() {
    if (!open() || !speaks_for_remote()) return;
    send_info(own_info());
}

// A lame duck stays one: an INFO without `ldm` would make the others name its addresses to clients again.
proto::ServerInfo Route::own_info() const {
    proto::ServerInfo info = settings_->info;
    info.ldm = host_.facts.lame_duck.load(std::memory_order_acquire);
    return info;
}

void Route::copy(uint64_t wall_ns, size_t subscriptions, delivery::ServerLinkSnapshot* out) const {
    ServerLink::copy(wall_ns, subscriptions, out);
    if (const std::optional<RouteEntry> entry = routes_.set().find(handle())) {
        out->did_solicit = entry->is_solicited;
        out->is_configured = entry->target.has_value() && entry->target->is_explicit;
    }
    out->account = account_name_;
    out->import_subjects = remote_info_.import_subjects;
    out->export_subjects = remote_info_.export_subjects;
}

// ----------------------------------------------------------------------------- permissions

bool Route::may_export(account::Account& /*account*/, std::string_view pattern) {
    return settings_->may_export(pattern);
}

bool Route::may_import(account::Account& account, std::string_view pattern) {
    if (!detached_.empty() && detached_.contains(&account)) [[unlikely]]
        return false;
    return settings_->may_import(pattern);
}

bool Route::may_leave(account::Account& /*account*/, std::string_view subject) {
    return settings_->may_leave(subject);
}

void Route::change(std::shared_ptr<const RouteSettings> settings) {
    const std::shared_ptr<const RouteSettings> before =
        std::exchange(settings_, std::move(settings));
    last_asked_ = nullptr;
    if (!open() || !first_info_sent_ || !may_ping()) return;
    if (must_log_in_again(*before)) {
        send_error(proto::kErrAuthorizationViolation);
        return close(link::CloseReason::kAuthenticationFailure);
    }
    if (settings_->cluster().tls.has_value())
        close_unless_pinned(settings_->cluster().tls->pinned_certs);
    if (!open()) return;
    apply_compression(before->cluster().compression, settings_->cluster().compression);
    if (!open()) return;
    // As the reference: another name of the cluster matters to servers that come from now on.
    RouteSettings renamed = *before;
    renamed.set_name(settings_->name());
    if (renamed.info == settings_->info) return;  // a reload of other things
    send_info(own_info());
    if (serving() && before->cluster().permissions != settings_->cluster().permissions) {
        apply_permissions();
    }
}

// In slices, interest that this server may import is announced again, and denied interest is withdrawn; a
// line that changes nothing has no effect. Interest of the other server that it may not have any more is
// released; it announces newly permitted interest itself when it gets the INFO.
void Route::apply_permissions() {
    withdraws_denied_ = true;
    begin_sync();
    sweep_interest();
}

bool Route::keeps_interest(account::Account& /*account*/, interest::Subscription& subscription) {
    return settings_->may_export(subscription.subject());
}

}  // namespace nuring::cluster
