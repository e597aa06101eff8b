// SPDX-License-Identifier: Apache-2.0
// Route: CONNECT and INFO, its own and the gossip about others.
#include <utility>

#include "cluster/route.h"
#include "cluster/routes.h"
#include "core/auth/password.h"
#include "core/base/host_port.h"
#include "fmt/format.h"
#include "proto/error_text.h"
#include "proto/quote.h"
#include "proto/route_connect.h"

namespace nuring::cluster {
namespace {

// How long a server that was dialed may take to say why it does not want us.
constexpr uint64_t kConflict_ns = 200'000'000;

}  // namespace

// Compares a hashed password, which takes tens of milliseconds, off the workers.
class Route::PasswordJob final : public runtime::Job {
  public:
    PasswordJob(Route& route, const proto::RouteConnect& connect)
        : links_(route.links_),
          route_(route.handle()),
          stored_(route.settings_->cluster().authorization.password),
          connect_(connect) {}

    void work() override { matches_ = auth::matches_bcrypt(stored_, connect_.pass); }
    void run() override {
        link::Link* link = links_.table.find(route_);
        if (link == nullptr || !link->open()) return;
        auto& route = static_cast<Route&>(*link);  // only routes make such jobs
        if (!matches_) return route.refuse_login();
        route.welcome(connect_);
        route.resume();
    }

  private:
    link::WorkerLinks& links_;
    const base::LinkHandle route_;
    const std::string stored_;
    const proto::RouteConnect connect_;
    bool matches_ = false;
};

void Route::send_connect() {
    proto::RouteConnect connect;
    connect.echo = true;
    connect.user = target_->user;
    connect.pass = target_->password;
    connect.tls_required = settings_->tls_acceptor != nullptr;
    connect.headers = settings_->info.headers;
    connect.name = settings_->info.server_id;
    connect.cluster = settings_->cluster_name;
    connect.cluster_dynamic = settings_->is_dynamic_name;
    const std::string json = proto::to_json(connect);
    if (links_.log.trace_enabled()) links_.log.trace("{} - ->> [CONNECT {}]", label(), proto::redact(json));
    queue("CONNECT " + json + "\r\n");
    links_.log.debug("{} - Route connect msg sent", label());
}

// The first one has a blank before its line end, as the reference's.
void Route::send_info(const proto::ServerInfo& info, std::string_view before_line_end) {
    const std::string json = proto::to_json(info);
    if (links_.log.trace_enabled()) links_.log.trace("{} - ->> [INFO {}]", label(), json);
    queue(fmt::format("INFO {}{}\r\n", json, before_line_end));
}

void Route::on_connect(std::string_view json) {
    proto::RouteConnect connect;
    std::string error;
    const auto status = proto::parse_route_connect(json, &links_.json_parser, &connect, &error);
    if (status != proto::JsonStatus::kOk) {
        links_.log.error("{} - {}", label(), error);
        return close(link::CloseReason::kProtocolViolation);
    }
    if (target_.has_value() || is_registered_) return;  // who was dialed has nothing to say here
    if (!connect.lang.empty()) {
        links_.log.error("{} - {}", label(), proto::kErrRoutePort);
        send_error(proto::kErrRoutePort);
        return close(link::CloseReason::kIncorrectPort);
    }
    if (!connect.gateway.empty()) {
        const std::string text = fmt::format("Rejecting connection from gateway {} on the Route port",
                                             proto::quote(connect.gateway));
        links_.log.error("{} - {}", label(), text);
        send_error(text);
        return close(link::CloseReason::kWrongGateway);
    }
    const config::LinkAuthorization& wanted = settings_->cluster().authorization;
    if (!settings_->asks_for_credentials()) return welcome(connect);
    if (!auth::equal_plain(wanted.user, connect.user)) return refuse_login();
    if (auth::is_bcrypt(wanted.password)) {
        pause();  // what follows waits for the verdict
        return links_.jobs.submit(links_.worker, std::make_unique<PasswordJob>(*this, connect));
    }
    if (!auth::equal_plain(wanted.password, connect.pass)) return refuse_login();
    welcome(connect);
}

void Route::refuse_login() {
    links_.log.error("{} - {}", label(), proto::kErrAuthorizationViolation);
    send_error(proto::kErrAuthorizationViolation);
    close(link::CloseReason::kAuthenticationFailure);
}

void Route::welcome(const proto::RouteConnect& connect) {
    if (!accepts_cluster_name(connect.cluster, connect.cluster_dynamic, /*tells=*/true)) return;
    is_connected_ = true;
    is_verbose_ = connect.verbose;
    remote_id_ = connect.name;
}

// Source: server/route.go, processRouteConnect and processRouteInfo 2.9.10. An empty name, as servers before
// 2.2 have, is good for a name that was made up, and does not replace it.
bool Route::accepts_cluster_name(const std::string& name, bool is_dynamic, bool tells) {
    const std::string& own = settings_->cluster_name;
    if (name == own) return true;
    if (settings_->is_dynamic_name && (!is_dynamic || name > own)) {
        if (!name.empty()) routes_.take_name(*this, name);
        return open();
    }
    const std::string text = fmt::format("Rejecting connection, cluster name {} does not match {}",
                                         proto::quote(target_.has_value() ? own : name),
                                         proto::quote(target_.has_value() ? name : own));
    links_.log.error("{} - {}", label(), text);
    if (tells) send_error(text);
    if (!target_.has_value() || is_registered_) {
        close(link::CloseReason::kClusterNameConflict);
    } else {  // the other one may have more to say: that it does not know us, or that it has taken our name
        is_in_conflict_ = true;
        arm_keep_alive(kConflict_ns);
    }
    return false;
}

void Route::on_info(std::string_view json) {
    proto::ServerInfo info;
    std::string error;
    if (proto::parse_info(json, &links_.json_parser, &info, &error) != proto::JsonStatus::kOk) {
        links_.log.error("{} - {}", label(), error);
        return close(link::CloseReason::kProtocolViolation);
    }
    if (!info.gateway.empty()) {
        return links_.log.error(
            "{} - Received information about gateway {} from {}, but gateway is not configured", label(),
            proto::quote(info.gateway), remote_id_);
    }
    const bool names_cluster = !info.cluster.empty();
    if (names_cluster && !accepts_cluster_name(info.cluster, info.cluster_dynamic, /*tells=*/false)) return;
    if (!remote_id_.empty() && info.server_id != remote_id_) return routes_.heard_of(info);
    if (is_registered_) return on_own_info(info);
    on_first_info(info);
}

void Route::on_first_info(const proto::ServerInfo& info) {
    // One connection of a pool that is for one account alone: this server has no pools, and the other one
    // will find out. Registered, it would stand in the way of the one for all accounts.
    if (!info.route_account.empty()) return close(link::CloseReason::kDuplicateRoute);
    remote_id_ = info.server_id;
    remote_info_ = info;
    RouteEntry entry;
    entry.remote_id = remote_id_;
    entry.link = handle();
    entry.info = info;
    if (entry.info.ip.empty()) {
        entry.info.ip = fmt::format("nats-route://{}/", base::host_port(peer_host(), info.port));
    }
    entry.info.nonce.clear();
    entry.target = target_;
    entry.is_solicited = target_.has_value();
    const proto::ServerInfo& own = settings_->info;
    if (!target_.has_value() && info.server_name == own.server_name && remote_id_ != own.server_id) {
        links_.log.error("{} - Remote server has a duplicate name: {}", label(),
                         proto::quote(info.server_name));
        return close(link::CloseReason::kDuplicateServerName);
    }
    switch (routes_.add(std::move(entry))) {
        case Registration::kSelf:
            links_.log.debug("{} - Detected route to self, ignoring {}", label(),
                             target_.has_value() ? target_->text : std::string());
            return close(link::CloseReason::kDuplicateRoute);
        case Registration::kDuplicate:
            links_.log.debug("{} - Detected duplicate remote route {}", label(), proto::quote(remote_id_));
            return close(link::CloseReason::kDuplicateRoute);
        case Registration::kAdded:
            break;
    }
    links_.log.debug("{} - Registering remote route {}", label(), proto::quote(remote_id_));
    is_registered_ = true;
    is_in_conflict_ = false;
    links_.add_peer(*this);
    begin_dump();
}

void Route::on_own_info(const proto::ServerInfo& info) {
    const proto::ServerInfo before = std::exchange(remote_info_, info);
    routes_.updated(*this, info);
    // What it could not export before, and can now, was left out; telling all again changes nothing else.
    if (before.export_subjects != info.export_subjects) begin_dump();
}

void Route::pass_on(const proto::ServerInfo& info) {
    if (open() && is_registered_ && info.server_id != remote_id_) send_info(info);
}

}  // namespace nuring::cluster
