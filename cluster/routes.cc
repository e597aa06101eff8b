// SPDX-License-Identifier: Apache-2.0
#include "cluster/routes.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/ascii.h"
#include "cluster/route.h"
#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/delivery/remote_server.h"
#include "fmt/format.h"

namespace nuring::cluster {

// One server that is dialed.
struct Routes::Dialing {
    Dialing(Routes& routes, server::WorkerState& state, const server_link::LinkTarget& target,
            bool again)
        : dialer(routes, state.delivery, target,
                 {.has_backoff = state.clients.options().cluster.connect_backoff}),
          is_reconnect(again) {}

    server_link::RetryDialer dialer;
    const bool is_reconnect;
    bool is_connected = false;  // the route has it now
};

Routes::Routes(server::Server& server, std::shared_ptr<const RouteSettings> settings)
    : workers_(server, proto::Kind::kRoute),
      set_(server.facts().info.server_id),
      settings_(std::move(settings)) {}

Routes::~Routes() = default;

std::shared_ptr<const RouteSettings> Routes::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

// ------------------------------------------------------------------------------------ dialing

void Routes::dial_configured() {
    const std::shared_ptr<const RouteSettings> now = settings();
    for (const config::Url& url : now->cluster().routes) add_configured(url);
}

// One that is configured twice is dialed once.
void Routes::add_configured(const config::Url& url) {
    server_link::LinkTarget target = server_link::LinkTarget::from_url(url);
    target.is_explicit = true;
    {
        const std::lock_guard lock(mutex_);
        if (find_configured(target) != nullptr) return;
        configured_.push_back({.target = target});
    }
    dial(std::move(target), 0, /*is_reconnect=*/false);
}

Routes::Configured* Routes::find_configured(const server_link::LinkTarget& target) {
    if (!target.is_explicit) return nullptr;
    const auto found =
        std::find_if(configured_.begin(), configured_.end(),
                     [&](const Configured& each) { return each.target.is_at(target); });
    return found == configured_.end() ? nullptr : &*found;
}

std::string Routes::lane_of(const server_link::LinkTarget& target) {
    const std::string place = target.is_explicit || target.remote_id.empty()
                                  ? absl::AsciiStrToLower(base::host_port(target.host, target.port))
                                  : target.remote_id;
    return fmt::format("{} {}", place, target.account);
}

void Routes::end_lane(const server_link::LinkTarget& target) {
    const std::lock_guard lock(mutex_);
    lanes_.erase(lane_of(target));
}

// Nothing happens if that target is dialed already.
void Routes::dial(server_link::LinkTarget target, uint64_t delay_ns, bool is_reconnect) {
    if (workers_.stopping()) return;
    {
        const std::lock_guard lock(mutex_);
        if (!lanes_.insert(lane_of(target)).second) return;
    }
    workers_.dial(delay_ns,
                  [this, target = std::move(target), is_reconnect](server::WorkerState& state) {
                      return std::make_unique<Dialing>(*this, state, target, is_reconnect);
                  });
}

std::optional<server_link::LinkTarget> Routes::next_target(server_link::RetryDialer& dialer) {
    server_link::LinkTarget target = dialer.target();
    if (!is_wanted(target)) {
        dial_accounts_instead(target);
        return std::nullopt;
    }
    const std::lock_guard lock(mutex_);
    if (const Configured* configured = find_configured(target); configured != nullptr) {
        target.take_credentials(configured->target);  // a reload may have changed them
    }
    return target;
}

void Routes::on_attempt(server_link::RetryDialer& dialer) {
    dialer.delivery().host.log.debug("Trying to connect to route on {}",
                                     base::host_port(dialer.target().host, dialer.target().port));
}

bool Routes::on_failed(server_link::RetryDialer& dialer, const absl::Status& error) {
    link::LinkHost& host = dialer.delivery().host;
    const config::Options& options = server().worker_state(index_of(host.id)).clients.options();
    const int64_t attempts = dialer.attempts();
    const auto text = fmt::format("Error trying to connect to route (attempt {}): {}", attempts,
                                  base::message_of(error));
    if (server_link::is_reported(attempts, options, workers_.dialing_of(dialer).is_reconnect)) {
        host.log.error("{}", text);
    } else {
        host.log.debug("{}", text);
    }
    // A missing connection to a server that has others is dialed for ever: no gossip would bring it back.
    return dialer.target().is_explicit || attempts <= options.cluster.connect_retries ||
           set_.contains(dialer.target().remote_id);
}

void Routes::on_ended(server_link::RetryDialer& dialer) {
    if (!workers_.dialing_of(dialer).is_connected) end_lane(dialer.target());
    workers_.forget(dialer);
}

std::string Routes::remote_of(const server_link::LinkTarget& target) const {
    if (!target.is_explicit) return target.remote_id;
    const std::lock_guard lock(mutex_);
    for (const Configured& each : configured_) {
        if (each.target.is_at(target)) return each.served_by;
    }
    return target.remote_id;
}

bool Routes::is_wanted(const server_link::LinkTarget& target) const {
    if (workers_.stopping()) return false;
    const std::string remote_id = remote_of(target);
    const std::shared_ptr<const RouteSettings> now = settings();
    if (!target.account.empty() && !now->is_pinned(target.account) &&
        !is_expected(remote_id, target.account))
        return false;
    if (!remote_id.empty() && set_.is_complete(remote_id, target.account)) return false;
    return !target.is_explicit || now->is_configured(target);
}

void Routes::accept(int fd) {
    workers_.accept(fd, [this](delivery::Delivery& delivery, int accepted) {
        (new Route(delivery, accepted, *this, std::nullopt))->greet();  // LinkHost deletes it
    });
}

void Routes::on_connected(server_link::RetryDialer& dialer, int fd) {
    delivery::Delivery& delivery = dialer.delivery();
    if (!workers_.admit(delivery.host, fd)) return;
    workers_.dialing_of(dialer).is_connected = true;
    (new Route(delivery, fd, *this, dialer.target()))->greet();  // LinkHost deletes it
}

void Routes::reload(std::shared_ptr<const RouteSettings> settings, bool is_renamed) {
    std::shared_ptr<const RouteSettings> before;
    {
        const std::lock_guard lock(mutex_);
        before = settings_;
        if (!is_renamed) {  // the name of others may have replaced it since these settings were made
            auto fresh = std::make_shared<RouteSettings>(*settings);
            fresh->set_name(before->name());
            settings = std::move(fresh);
        }
        settings_ = settings;
    }
    if (settings->cluster_name() != before->cluster_name()) {
        announce_name();
    }
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(configured_, [&](const Configured& each) {
            return !settings->is_configured(each.target);
        });
        for (Configured& each : configured_) {
            each.target.take_credentials(*settings->configured_at(each.target));
        }
    }
    for (const config::Url& url : settings->cluster().routes) add_configured(url);
    for (const config::Url& url : before->cluster().routes) {
        const server_link::LinkTarget target = server_link::LinkTarget::from_url(url);
        const auto now = settings->configured_at(target);
        if (now.has_value() && now->has_credentials_of(target)) continue;
        for (const base::LinkHandle link : set_.dialed_to(target)) {
            workers_.with_link<Route>(
                link, [](Route& route) { route.close(link::CloseReason::kRouteRemoved); });
        }
    }
    for (const RouteEntry& entry : set_.list()) {
        workers_.with_link<Route>(entry.link, [settings](Route& route) { route.change(settings); });
    }
    // Those in a handshake: one that has logged in may send messages, whatever it has not said yet.
    workers_.on_all([this](server::WorkerState& state) {
        for (const base::LinkHandle each : strangers(state.host.id).handles()) {
            link::Link* const link = state.host.table.find(each);
            if (link != nullptr && link->open()) static_cast<Route&>(*link).follow_reloads();
        }
    });
    apply_pools(*before, settings);
}

void Routes::stop() {
    workers_.stop();
}

// ------------------------------------------------------------------------------- registration

// The set and the configured targets change together: an entry that ends finds every target that it serves.
Registered Routes::add(Route& route, RouteEntry entry) {
    const RouteEntry newcomer = entry;
    assert(newcomer.link == route.handle());
    assert(!route.serving());
    Registered registered;
    ClusterUrls::News news;
    {
        const std::lock_guard lock(mutex_);
        registered = set_.add(std::move(entry));
        if (!newcomer.account.empty()) expected_.erase(expectation(newcomer.remote_id, newcomer.account));
        if (registered.is_first) news = urls_.add(newcomer.remote_id, newcomer.info);
        if (newcomer.target.has_value()) {
            lanes_.erase(lane_of(*newcomer.target));
            if (registered.result != Registration::kAdded) route.settle();
            Configured* configured = find_configured(*newcomer.target);
            if (configured != nullptr && registered.result == Registration::kSelf)
                configured->is_self = true;
            if (configured != nullptr && registered.result != Registration::kSelf) {
                configured->served_by = newcomer.remote_id;
            }
        }
    }
    assert(!registered.is_first || registered.result == Registration::kAdded);
    const bool dials = newcomer.target.has_value() && newcomer.pool_size > 0;
    if (registered.result != Registration::kAdded) {
        // The server had come by itself, and its accounts could not be dialed before.
        if (dials && registered.result != Registration::kSelf)
            dial_accounts(newcomer.remote_id, *newcomer.target, /*has_rival=*/true);
        return registered;
    }
    if (!newcomer.account.empty()) announce_to_routes_of_account(newcomer);
    if (dials) dial_accounts(newcomer.remote_id, *newcomer.target, /*has_rival=*/false);
    if (!registered.is_first) return registered;
    announce_to_routes(newcomer);
    announce_urls(news);
    return registered;
}

void Routes::grow_pool(Route& route) {
    assert(route.target().has_value());
    assert(route.target()->account.empty());
    server_link::LinkTarget target = *route.target();
    if (!target.is_explicit) target.remote_id = route.remote_id();
    dial(std::move(target), 0, /*is_reconnect=*/false);
}

// Need that server not be reported to others? If it was learned by gossip, its source reports it, unless the
// gossip asked this server to do so.
bool Routes::is_old_news(const RouteEntry& newcomer) {
    if (newcomer.info.gossip_mode == gossip::kDisabled) return true;
    const std::optional<server_link::LinkTarget>& target = newcomer.target;
    return target.has_value() && !target->is_explicit && target->gossip_mode != gossip::kOverride;
}

void Routes::introduce(const RouteEntry& other, const RouteEntry& newcomer) {
    proto::ServerInfo info = newcomer.info;
    const auto is_explicit = [](const RouteEntry& entry) {
        return entry.target.has_value() && entry.target->is_explicit;
    };
    info.gossip_mode = gossip::kDefault;
    if (is_explicit(newcomer) || (!newcomer.target.has_value() && is_explicit(other))) {
        info.gossip_mode = gossip::kOverride;
    } else if (!newcomer.target.has_value()) {
        info.gossip_mode = gossip::kDisabled;
    }
    workers_.with_link<Route>(other.link,
                              [info = std::move(info)](Route& route) { route.pass_on(info); });
}

// Each of the others gets the INFO and dials the newcomer; the newcomer gets no INFO about them.
void Routes::announce_to_routes(const RouteEntry& newcomer) {
    if (is_old_news(newcomer)) return;
    for (const RouteEntry& other : set_.list()) {
        if (other.remote_id == newcomer.remote_id || !set_.speaks_for_remote(other.link)) continue;
        introduce(other, newcomer);
    }
}

// Over the routes of that account, and to those servers that have none but the first of their pool.
void Routes::announce_to_routes_of_account(const RouteEntry& newcomer) {
    if (is_old_news(newcomer)) return;
    const std::vector<RouteEntry> entries = set_.list();
    const auto has_own = [&](const std::string& id) {
        return std::any_of(entries.begin(), entries.end(), [&](const RouteEntry& each) {
            return each.remote_id == id && each.account == newcomer.account;
        });
    };
    for (const RouteEntry& other : entries) {
        if (other.remote_id == newcomer.remote_id) continue;
        const bool speaks = other.account == newcomer.account ||
                            (other.pool_size > 0 && !has_own(other.remote_id) &&
                             set_.speaks_for_remote(other.link));
        if (speaks) introduce(other, newcomer);
    }
}

// A configured target is dialed for ever, whatever ended its connection. Another one was learned by gossip:
// it is dialed again once, and else learned again.
void Routes::closed(Route& route) {
    assert(!route.open());
    workers_.leave_place(index_of(route.handle().worker()));
    std::vector<server_link::LinkTarget> targets;
    std::optional<RouteSet::Removed> removed;
    ClusterUrls::News news;
    {
        const std::lock_guard lock(mutex_);
        removed = set_.remove(route.handle());
        if (removed.has_value()) {
            targets = targets_after(*removed);
            if (removed->was_last_of_pool) news = urls_.remove(removed->entry.remote_id);
            // The next connection begins anew.
            if (removed->entry.account.empty()) forget_expected(removed->entry.link);
        } else if (const auto& target = route.target(); target.has_value() && !route.settled()) {
            lanes_.erase(lane_of(*target));
            const bool is_reloaded = route.close_reason() == link::CloseReason::kRouteRemoved;
            const bool is_early = route.has_name_conflict() && target->conflicts_left > 0;
            // Some certificates show addresses, some one name for all servers: the next attempt expects the
            // other.
            const bool has_failed_handshake =
                route.close_reason() == link::CloseReason::kTlsHandshakeFailure;
            if (target->is_explicit || is_reloaded || is_early || set_.contains(target->remote_id) ||
                (has_failed_handshake && route.expects_tls_name()))
                targets.push_back(*target);
            if (is_early) --targets.back().conflicts_left;
            if (has_failed_handshake && !targets.empty())
                targets.back().expects_address = !target->expects_address;
        }
    }
    announce_urls(news);
    if (removed.has_value() && !removed->entry.account.empty()) attach_account(removed->entry);
    for (server_link::LinkTarget& target : targets)
        redial(route, std::move(target), removed.has_value());
}

// The targets to dial instead of a registered route; under the lock.
std::vector<server_link::LinkTarget> Routes::targets_after(const RouteSet::Removed& removed) {
    const RouteEntry& entry = removed.entry;
    std::vector<server_link::LinkTarget> targets;
    for (Configured& each : configured_) {
        if (each.served_by != entry.remote_id) continue;
        if (removed.was_last) each.served_by.clear();
        targets.push_back(each.target);
        targets.back().account = entry.account;
    }
    if (!targets.empty() || !entry.target.has_value()) return targets;
    if (entry.target->is_explicit) return targets;  // and not configured any more
    targets.push_back(*entry.target);
    targets.back().remote_id = entry.remote_id;
    targets.back().gossip_mode = gossip::kDefault;
    return targets;
}

void Routes::redial(Route& route, server_link::LinkTarget target, bool was_registered) {
    if (route.settled() || route.close_reason() == link::CloseReason::kServerShutdown) return;
    const uint32_t index = index_of(route.handle().worker());
    base::Prng& prng = server().worker_state(index).delivery.prng;
    const bool is_reloaded = route.close_reason() == link::CloseReason::kRouteRemoved;
    const bool waits = !is_reloaded && (target.is_explicit || !was_registered);
    const uint64_t delay_ns = server_link::reconnect_delay_ns(prng, waits);
    dial(std::move(target), delay_ns, /*is_reconnect=*/true);
}

void Routes::updated(Route& route, const proto::ServerInfo& info) {
    ClusterUrls::News news;
    {
        const std::lock_guard lock(mutex_);
        if (!set_.replace_info(route.remote_id(), info).has_value()) return;
        news = urls_.update(route.remote_id(), info);
    }
    announce_urls(news);
}

// Source: server/route.go, processImplicitRoute 2.9.10.
bool Routes::on_gossip(const proto::ServerInfo& info) {
    const std::shared_ptr<const RouteSettings> now = settings();
    if (info.server_id == now->info.server_id || info.server_id.empty() || info.ip.empty())
        return true;
    const bool is_pinned = !info.route_account.empty();
    if (is_pinned && (!now->has_pools() || !now->is_pinned(info.route_account))) return true;
    // Only the first connection of a pool is reported.
    const bool is_known = is_pinned ? set_.is_complete(info.server_id, info.route_account)
                                    : set_.has_pool(info.server_id);
    if (is_known) return false;
    const auto url = config::parse_url(info.ip);
    if (!url.ok()) return true;
    server_link::LinkTarget target = server_link::LinkTarget::from_url(*url);
    target.remote_id = info.server_id;
    target.gossip_mode = info.gossip_mode;
    // A configured server is dialed anyway, under the name that it has in the configuration.
    const server_link::LinkTarget named{.host = info.host,
                                        .port = static_cast<uint16_t>(info.port)};
    if (now->is_configured(named) || now->is_configured(target)) return true;
    if (info.auth_required) {
        target.user = now->cluster().authorization.user;
        target.password = now->cluster().authorization.password;
    }
    target.account = info.route_account;
    {
        const std::lock_guard lock(mutex_);
        if (lanes_.size() >= kLanesMax) return true;
    }
    dial(std::move(target), 0, /*is_reconnect=*/false);
    return true;
}

// Source: server/route.go, processRouteConnect and processRouteInfo 2.9.10. An empty name, as servers
// before 2.2 have, is good for a name that was made up, and does not replace it.
NameAgreement Routes::agree_on_name(Route& route, const std::string& name, bool is_dynamic) {
    {
        const std::lock_guard lock(mutex_);
        const std::string& own = settings_->cluster_name();
        if (name == own && (is_dynamic || !settings_->is_dynamic_name()))
            return NameAgreement::kAgreed;
        if (name != own) {
            if (!settings_->is_dynamic_name()) return NameAgreement::kConflict;
            if (is_dynamic && name <= own) return NameAgreement::kConflict;
            if (name.empty()) return NameAgreement::kAgreed;
        }
        auto fresh = std::make_shared<RouteSettings>(*settings_);
        // A configured name stays, as if it had been configured here.
        fresh->set_name({.text = name, .is_dynamic = is_dynamic});
        const bool is_new = name != own;
        settings_ = std::move(fresh);
        if (!is_new) return NameAgreement::kAgreed;
    }
    server()
        .worker_state(index_of(route.handle().worker()))
        .host.log.info("Cluster name updated to {}", name);
    close_others(route);
    announce_name();
    return NameAgreement::kAgreed;
}

void Routes::close_others(const Route& route) {
    for (const RouteEntry& entry : set_.list()) {
        if (entry.link == route.handle() || entry.remote_id == route.peer_id()) continue;
        workers_.with_link<Route>(
            entry.link, [](Route& other) { other.close(link::CloseReason::kClusterNameConflict); });
    }
}

// ----------------------------------------------------------------------------- clients' URLs

void Routes::announce_urls(const ClusterUrls::News& news) {
    if (news.leafnodes) announce_view(&delivery::RemoteServer::on_cluster_view);
    if (!news.clients && !news.websockets) return;
    if (!settings()->cluster().no_advertise) announce_to_clients(news.clients, news.websockets);
}

void Routes::announce_name() {
    announce_view(&delivery::RemoteServer::on_cluster_name);
    if (!workers_.stopping()) server().on_cluster_name();
}

// Clients find the view in their next INFO; links to servers get it on their workers. One that closes leaves
// the list, hence the copy.
void Routes::announce_view(void (delivery::RemoteServer::*hook)()) {
    if (workers_.stopping()) return;
    announce_to_clients(/*is_news=*/false, /*is_ws_news=*/false);
    workers_.on_all([hook](server::WorkerState& state) {
        const auto listed = state.delivery.servers.list();
        const std::vector<delivery::RemoteServer*> servers(listed.begin(), listed.end());
        for (delivery::RemoteServer* server : servers) (server->*hook)();
    });
}

// This server's own come first.
void Routes::announce_to_clients(bool is_news, bool is_ws_news) {
    if (workers_.stopping()) return;
    {
        const std::lock_guard lock(mutex_);
        auto view = std::make_shared<link::ClusterView>();
        if (is_news) ++last_view_;
        if (is_ws_news) ++last_ws_view_;
        view->serial = last_view_;
        view->ws_serial = last_ws_view_;
        view->cluster = settings_->cluster_name();
        if (!settings_->cluster().no_advertise && last_view_ != 0) {
            view->connect_urls = settings_->info.connect_urls;
            urls_.clients().append_to(&view->connect_urls);
            urls_.clients().append_to(&view->other_urls);
        }
        if (!settings_->cluster().no_advertise && (last_view_ != 0 || last_ws_view_ != 0)) {
            view->ws_connect_urls = settings_->info.ws_connect_urls;
            urls_.websockets().append_to(&view->ws_connect_urls);
            urls_.websockets().append_to(&view->ws_other_urls);
        }
        urls_.leafnodes().append_to(&view->leafnode_urls);
        server().facts().cluster_views.set(std::move(view));
    }
    if (!is_news && !is_ws_news) return;
    workers_.on_all([](server::WorkerState& state) { state.clients.announce_cluster_view(); });
}

}  // namespace nuring::cluster
