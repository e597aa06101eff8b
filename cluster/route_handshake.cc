// SPDX-License-Identifier: Apache-2.0
// Route: CONNECT and INFO, its own and the gossip about others.
#include <cassert>
#include <string_view>
#include <utility>

#include "cluster/route.h"
#include "cluster/routes.h"
#include "core/base/host_port.h"
#include "core/config/names.h"
#include "core/config/url.h"
#include "core/server_link/gossip_urls.h"
#include "core/server_link/link_target.h"
#include "core/tls/digest.h"
#include "fmt/format.h"
#include "proto/error_text.h"
#include "proto/gateway_reply.h"
#include "proto/quote.h"
#include "proto/route_connect.h"

namespace nuring::cluster {
namespace {

// How long a server that was dialed may take to say why it does not want us.
constexpr uint64_t kConflict_ns = 200'000'000;

bool is_route_address(std::string_view text) {
    if (text.size() > server_link::GossipUrls::kUrlBytesMax) return false;
    const auto url = config::parse_url(text);
    return url.ok() && server_link::is_dialable(*url);
}

}  // namespace

void Route::announce_self() {
    proto::RouteConnect connect;
    connect.echo = true;
    connect.user = target()->user;
    connect.pass = target()->password;
    connect.tls_required = settings_->tls_acceptor != nullptr;
    connect.headers = settings_->info.headers;
    connect.name = settings_->info.server_id;
    connect.cluster = settings_->cluster_name();
    connect.cluster_dynamic = settings_->is_dynamic_name();
    connect.lnoc = settings_->info.lnoc;
    connect.lnocu = settings_->info.lnocu;
    connect.ln = settings_->info.ln;
    send_connect(proto::to_json(connect));
    host_.log.debug("{} - Route connect msg sent", label());
}

proto::ServerInfo Route::first_info() {
    proto::ServerInfo info = own_info();
    info.nonce = nonce();
    const auto& own = settings_->cluster().compression;
    const bool names_mode = compression() == server_link::Compression::kNotNegotiated ||
                            own.mode == config::CompressionMode::kAuto;
    info.compression = names_mode ? server_link::mode_text(own.mode) : to_text(compression());
    if (!is_solicited()) return info;
    info.route_account = account_name_;
    info.route_pool_idx = slot_;
    info.gossip_mode = target()->gossip_mode;
    return info;
}

void Route::send_first_info() {
    assert(!first_info_sent_);
    send_info(first_info(), " ");
    first_info_sent_ = true;
    announced_pool_size_ = settings_->info.route_pool_size;
}

void Route::on_connect(std::string_view json) {
    proto::RouteConnect connect;
    std::string error;
    proto::JsonParser parser;
    const auto status = proto::parse_route_connect(json, &parser, &connect, &error);
    if (status != proto::JsonStatus::kOk) {
        host_.log.error("{} - {}", label(), error);
        return close(link::CloseReason::kProtocolViolation);
    }
    if (is_solicited() || serving()) return;  // a server that was dialed has nothing to say here
    if (!connect.lang.empty())
        return refuse_peer(proto::kErrRoutePort, link::CloseReason::kIncorrectPort);
    if (!connect.gateway.empty()) {
        return refuse_peer(fmt::format("Rejecting connection from gateway {} on the Route port",
                                       proto::quote(connect.gateway)),
                           link::CloseReason::kWrongGateway);
    }
    connect_ = std::move(connect);
    has_connect_ = true;
    follow_reloads();
    if (!open()) return;
    if (!awaits_login()) return on_logged_in(nullptr);
    if (!settings_->asks_for_credentials()) return accept_login(nullptr);
    login(decide(settings_->login_rule(), connect_.user, connect_.pass), connect_.user);
}

void Route::on_logged_in(std::shared_ptr<const auth::Identity> /*identity*/) {
    peer_id_ = connect_.name;
    if (!accepts_cluster_name(connect_.cluster, connect_.cluster_dynamic, /*reports=*/true)) return;
    set_verbose(connect_.verbose);
}

bool Route::accepts_cluster_name(const std::string& name, bool is_dynamic, bool reports) {
    if (name == config::kReservedClusterName || config::has_blanks(name)) {
        const std::string text =
            fmt::format("Rejecting connection, cluster name {} {}", proto::quote(name),
                        config::has_blanks(name) ? "cannot contain spaces" : "is reserved");
        host_.log.error("{} - {}", label(), text);
        if (reports) send_error(text);
        close(link::CloseReason::kClusterNameConflict);
        return false;
    }
    const NameAgreement agreement = routes_.agree_on_name(*this, name, is_dynamic);
    follow_reloads();
    if (!open()) return false;
    if (agreement == NameAgreement::kAgreed) return true;
    has_name_conflict_ = true;
    const std::string& own = settings_->cluster_name();
    const std::string text = fmt::format("Rejecting connection, cluster name {} does not match {}",
                                         proto::quote(is_solicited() ? own : name),
                                         proto::quote(is_solicited() ? name : own));
    host_.log.error("{} - {}", label(), text);
    if (reports) send_error(text);
    if (!is_solicited() || serving()) {
        close(link::CloseReason::kClusterNameConflict);
    } else {  // the other one may have more to say: that it does not know us, or that it has taken our name
        close_after(link::CloseReason::kClusterNameConflict, kConflict_ns);
    }
    return false;
}

void Route::on_info(const proto::ServerInfo& info) {
    // An address that nobody can dial is none: it is neither dialed nor passed on.
    if (!info.ip.empty() && !is_route_address(info.ip)) {
        proto::ServerInfo rest = info;
        rest.ip.clear();
        return on_info(rest);
    }
    if (serving() && !info.route_acc_add_reqid.empty()) return on_account_move(info);
    if (!info.gateway.empty() && host_.facts.gateways != nullptr) return on_gateway_gossip(info);
    if (!info.gateway.empty()) {
        return host_.log.error(
            "{} - Received information about gateway {} from {}, but gateway is not configured",
            label(), proto::quote(info.gateway), peer_id_);
    }
    // The first INFO is the peer's own; later ones are, too, if they name it. Others are gossip, and mean
    // nothing before the peer itself is registered.
    if (peer_id_.empty()) peer_id_ = info.server_id;
    const bool is_own = info.server_id == peer_id_;
    if (!is_own) {
        if (serving() && !routes_.on_gossip(info)) {
            host_.log.debug("{} - {} is known already", label(), proto::quote(info.server_id));
        }
        return;
    }
    const bool names_cluster = !info.cluster.empty();
    if (names_cluster &&
        !accepts_cluster_name(info.cluster, info.cluster_dynamic, /*reports=*/false))
        return;
    if (serving()) return on_own_info(info);
    on_first_info(info);
}

// A server of this cluster reports another cluster.
void Route::on_gateway_gossip(const proto::ServerInfo& info) {
    constexpr int64_t kGossipCommand = 1;
    if (info.gateway_cmd == kGossipCommand) return host_.facts.gateways->learn(info);
    host_.log.error("{} - Unknown command {} from server {}", label(), info.gateway_cmd, peer_id_);
}

// The address at which other clusters reach the other server.
void Route::take_gateway_url(const std::string& url) {
    link::GatewayGossip* gateways = host_.facts.gateways;
    if (gateways == nullptr || url == gateway_url_) return;
    if (!gateway_url_.empty()) gateways->remove_cluster_url(gateway_url_);
    gateway_url_ = url;
    if (!gateway_url_.empty()) gateways->add_cluster_url(gateway_url_);
}

// One that is being set up goes by the newest settings at each step. The cluster's name may have changed,
// too.
void Route::follow_reloads() {
    if (serving()) return change(routes_.settings());
    const std::shared_ptr<const RouteSettings> before =
        std::exchange(settings_, routes_.settings());
    if ((logged_in() || login_is_checked()) && must_log_in_again(*before)) return refuse_login({});
    if (settings_->cluster().tls.has_value()) close_unless_pinned(settings_->cluster().tls->pinned_certs);
    if (!open()) return;
    // The other server dials again, and gets the new INFO.
    if (first_info_sent_ && settings_->info.route_pool_size != announced_pool_size_)
        close(link::CloseReason::kRouteRemoved);
}

// It has come in without the credentials that are asked for now.
bool Route::must_log_in_again(const RouteSettings& before) const {
    const LoginRule rule = settings_->login_rule();
    if (is_solicited() || !rule.asks_for_credentials() || rule.is_like(before.login_rule())) return false;
    // Its password is not kept; its certificate can be read again.
    return !rule.reads_certificate() || decide(rule, {}, {}).verdict != auth::Verdict::kAccepted;
}

void Route::on_first_info(const proto::ServerInfo& info) {
    follow_reloads();
    if (!open()) return;
    peer_id_ = info.server_id;
    remote_info_ = info;
    remote_info_.lnoc |= info.ln;
    set_takes_headers(info.headers);
    set_names_unsubscribe_origin(info.lnocu || info.ln);
    const proto::ServerInfo& own = settings_->info;
    if (!is_solicited() && info.server_name == own.server_name && peer_id_ != own.server_id) {
        host_.log.error("{} - Remote server has a duplicate name: {}", label(),
                        proto::quote(info.server_name));
        return close(link::CloseReason::kDuplicateServerName);
    }
    if (!agree_on_compression(info)) return;
    if (!enter_pool(info)) return;
    if (!first_info_sent_) send_first_info();
    if (!open()) return;
    serve(peer_id_, info.server_name);
    if (!open()) return;
    // The first INFO may have left before that began.
    if (host_.facts.lame_duck.load(std::memory_order_acquire)) announce_lame_duck();
    if (link::GatewayGossip* gateways = host_.facts.gateways) {
        host_.facts.route_directory.add(
            {.hash = proto::gateway_hash(tls::sha256(peer_id_)),
             .server_name = info.server_name,
             .link = handle(),
             .account = account_name_,
             .slot = slot_,
             .pool_size = is_pooled_ ? settings_->cluster().pool_size : 0});
        take_gateway_url(remote_info_.gateway_url);
        if (speaks_for_remote()) {
            for (const proto::ServerInfo& each : gateways->gossip_for_routes()) report(each);
        }
    }
    if (grows_pool_ || pinned_ != nullptr)
        send_ping();  // the PONG shows that it stands at both ends
}

void Route::on_own_info(const proto::ServerInfo& info) {
    const proto::ServerInfo before = std::exchange(remote_info_, info);
    // These decide how interest of leafnodes is announced, and must stay as they were at the registration.
    remote_info_.ln = before.ln;
    remote_info_.lnoc = before.lnoc;
    take_gateway_url(info.gateway_url);
    set_takes_headers(info.headers);
    routes_.updated(*this, info);
    // Interest that the other server could not export before was not announced. To announce all again has
    // no other effect.
    if (before.export_subjects != info.export_subjects) begin_sync();
}

void Route::pass_on(const proto::ServerInfo& info) {
    if (open() && serving() && info.server_id != peer_id_) send_info(info);
}

}  // namespace nuring::cluster
