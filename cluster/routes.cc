// SPDX-License-Identifier: Apache-2.0
#include "cluster/routes.h"

#include <algorithm>
#include <latch>
#include <utility>

#include "cluster/route.h"
#include "cluster/route_dialer.h"
#include "fmt/format.h"

namespace nuring::cluster {
namespace {

// After a loss: a little, so that two servers that have lost each other do not dial at the same moment
// again and again; a second more where the other one is configured.
constexpr uint32_t kReconnectJitter_ns = 100'000'000;
constexpr uint64_t kReconnectExplicit_ns = 1'000'000'000;

}  // namespace

Routes::Routes(server::Server& server, std::shared_ptr<const RouteSettings> settings)
    : server_(server), set_(server.facts().info.server_id), settings_(std::move(settings)) {
    for (uint32_t i = 0; i < server.worker_count(); ++i) workers_.push_back(std::make_unique<PerWorker>());
}

Routes::~Routes() = default;

std::shared_ptr<const RouteSettings> Routes::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

uint32_t Routes::least_loaded() const {
    uint32_t best = 0;
    for (uint32_t i = 1; i < workers_.size(); ++i) {
        if (workers_[i]->route_count.load(std::memory_order_relaxed) <
            workers_[best]->route_count.load(std::memory_order_relaxed)) {
            best = i;
        }
    }
    return best;
}

// ------------------------------------------------------------------------------------ dialing

void Routes::dial_configured() {
    for (const config::Url& url : settings()->cluster().routes) {
        RouteTarget target = RouteTarget::from_url(url);
        target.is_explicit = true;
        dial(std::move(target), 0, /*is_reconnect=*/false);
    }
}

void Routes::dial(RouteTarget target, uint64_t delay_ns, bool is_reconnect) {
    if (stopping_.load(std::memory_order_acquire)) return;
    const uint32_t index = least_loaded();
    // Counted before it stands, so that several targets spread.
    workers_[index]->route_count.fetch_add(1, std::memory_order_relaxed);
    server_.post(index, [this, index, target = std::move(target), delay_ns, is_reconnect] {
        if (stopping_.load(std::memory_order_acquire)) return;
        auto& dialers = workers_[index]->dialers;
        dialers.push_back(
            std::make_unique<RouteDialer>(*this, server_.links(index), target, is_reconnect));
        dialers.back()->start(delay_ns);
    });
}

// On the dialer's worker, maybe from within it: it goes in a task of its own.
void Routes::ended(RouteDialer& dialer) {
    {
        const std::lock_guard lock(mutex_);
        dialing_ids_.erase(dialer.target().remote_id);
    }
    const uint32_t index = index_of(dialer.links().id);
    workers_[index]->route_count.fetch_sub(1, std::memory_order_relaxed);
    server_.post(index, [this, index, gone = &dialer] {
        std::erase_if(workers_[index]->dialers, [gone](const auto& each) { return each.get() == gone; });
    });
}

bool Routes::is_wanted(const RouteTarget& target) const {
    if (stopping_.load(std::memory_order_acquire)) return false;
    if (!target.remote_id.empty() && set_.contains(target.remote_id)) return false;
    return !target.is_explicit || settings()->is_configured(target);
}

void Routes::accept(int fd) {
    const uint32_t index = least_loaded();
    workers_[index]->route_count.fetch_add(1, std::memory_order_relaxed);
    server_.post(index, [this, index, fd] {
        link::WorkerLinks& links = server_.links(index);
        if (stopping_.load(std::memory_order_acquire) || links.stopping()) {
            workers_[index]->route_count.fetch_sub(1, std::memory_order_relaxed);
            return links.ring.close(fd);
        }
        (new Route(links, fd, *this, std::nullopt))->greet();  // WorkerLinks deletes it
    });
}

void Routes::dialed(link::WorkerLinks& links, int fd, const RouteTarget& target) {
    if (stopping_.load(std::memory_order_acquire) || links.stopping()) return links.ring.close(fd);
    workers_[index_of(links.id)]->route_count.fetch_add(1, std::memory_order_relaxed);
    (new Route(links, fd, *this, target))->greet();
}

void Routes::reload(std::shared_ptr<const RouteSettings> settings) {
    std::shared_ptr<const RouteSettings> before;
    {
        const std::lock_guard lock(mutex_);
        before = std::exchange(settings_, settings);
    }
    for (const config::Url& url : before->cluster().routes) {
        const RouteTarget target = RouteTarget::from_url(url);
        if (settings->is_configured(target)) continue;
        for (const base::LinkHandle link : set_.dialed_to(target)) {
            with_route(link, [](Route& route) { route.close(link::CloseReason::kRouteRemoved); });
        }
    }
    for (const config::Url& url : settings->cluster().routes) {
        RouteTarget target = RouteTarget::from_url(url);
        if (before->is_configured(target)) continue;
        target.is_explicit = true;
        dial(std::move(target), 0, /*is_reconnect=*/false);
    }
    for (const RouteEntry& entry : set_.list()) {
        with_route(entry.link, [settings](Route& route) { route.change(settings); });
    }
}

void Routes::stop() {
    stopping_.store(true, std::memory_order_release);
    std::latch gone(static_cast<std::ptrdiff_t>(workers_.size()));
    for (uint32_t index = 0; index < workers_.size(); ++index) {
        server_.post(index, [this, index, &gone] {
            workers_[index]->dialers.clear();
            gone.count_down();
        });
    }
    gone.wait();
}

// ------------------------------------------------------------------------------- registration

Registration Routes::add(RouteEntry entry) {
    const RouteEntry newcomer = entry;
    const Registration registration = set_.add(std::move(entry));
    if (registration != Registration::kAdded) return registration;
    tell_routes(newcomer);
    add_urls(newcomer.info);
    return registration;
}

// Each of the others hears of it, and dials it: nobody tells the newcomer of them.
void Routes::tell_routes(const RouteEntry& newcomer) {
    for (const RouteEntry& other : set_.list()) {
        if (other.remote_id == newcomer.remote_id) continue;
        with_route(other.link, [info = newcomer.info](Route& route) { route.pass_on(info); });
    }
}

void Routes::with_route(base::LinkHandle link, std::function<void(Route&)> function) {
    const uint32_t index = index_of(link.worker());
    server_.post(index, [this, index, link, function = std::move(function)] {
        if (link::Link* found = server_.links(index).table.find(link)) {
            function(static_cast<Route&>(*found));
        }
    });
}

void Routes::closed(Route& route) {
    const uint32_t index = index_of(route.handle().worker());
    workers_[index]->route_count.fetch_sub(1, std::memory_order_relaxed);
    std::optional<RouteEntry> entry = set_.remove(route.handle());
    if (entry.has_value()) remove_urls(entry->info);
    if (stopping_.load(std::memory_order_acquire)) return;
    std::optional<RouteTarget> target = entry.has_value() ? entry->target : route.target();
    if (!target.has_value()) return;
    const link::CloseReason reason = route.close_reason();
    if (reason == link::CloseReason::kServerShutdown || reason == link::CloseReason::kRouteRemoved) return;
    // A duplicate is closed because there is another; one that leads back here leads nowhere.
    if (!entry.has_value() && reason == link::CloseReason::kDuplicateRoute) return;
    const std::string& remote_id = route.remote_id();
    if (!remote_id.empty() && set_.contains(remote_id)) return;
    if (entry.has_value()) target->remote_id = target->is_explicit ? std::string() : entry->remote_id;
    const uint64_t delay_ns = server_.links(index).prng.below(kReconnectJitter_ns) +
                              (target->is_explicit ? kReconnectExplicit_ns : 0);
    dial(*std::move(target), delay_ns, /*is_reconnect=*/true);
}

void Routes::updated(Route& route, const proto::ServerInfo& info) {
    for (const RouteEntry& entry : set_.list()) {
        if (entry.remote_id != route.remote_id()) continue;
        // A lame duck takes no more clients.
        proto::ServerInfo after = info;
        if (after.ldm) after.connect_urls.clear();
        if (entry.info.connect_urls != after.connect_urls) {
            remove_urls(entry.info);
            add_urls(after);
        }
        set_.update(route.remote_id(), after);
    }
}

// Source: server/route.go, processImplicitRoute 2.9.10.
void Routes::heard_of(const proto::ServerInfo& info) {
    const std::shared_ptr<const RouteSettings> now = settings();
    if (info.server_id == now->info.server_id || info.server_id.empty() || info.ip.empty() ||
        !info.route_account.empty() || set_.contains(info.server_id)) {
        return;
    }
    const auto url = config::parse_url(info.ip);
    if (!url.ok()) return;
    RouteTarget target = RouteTarget::from_url(*url);
    target.remote_id = info.server_id;
    // Who is configured is dialed anyway, under the name that it has there.
    const RouteTarget named{.host = info.host, .port = static_cast<uint16_t>(info.port)};
    if (now->is_configured(named) || now->is_configured(target)) return;
    if (info.auth_required) {
        target.user = now->cluster().authorization.user;
        target.password = now->cluster().authorization.password;
    }
    {
        const std::lock_guard lock(mutex_);
        if (!dialing_ids_.insert(info.server_id).second) return;
    }
    dial(std::move(target), 0, /*is_reconnect=*/false);
}

void Routes::take_name(Route& route, const std::string& name) {
    {
        const std::lock_guard lock(mutex_);
        if (!settings_->is_dynamic_name || settings_->cluster_name == name) return;
        auto fresh = std::make_shared<RouteSettings>(*settings_);
        fresh->cluster_name = name;
        fresh->info.cluster = name;
        settings_ = std::move(fresh);
    }
    server_.links(index_of(route.handle().worker())).log.info("Cluster name updated to {}", name);
    route.adopt(settings());
    for (const RouteEntry& entry : set_.list()) {
        if (entry.link == route.handle()) continue;
        with_route(entry.link, [](Route& other) { other.close(link::CloseReason::kClusterNameConflict); });
    }
    tell_clients(/*is_news=*/false);
}

// ----------------------------------------------------------------------------- clients' URLs

void Routes::add_urls(const proto::ServerInfo& info) {
    if (info.ldm || settings()->cluster().no_advertise) return;
    bool is_news = false;
    {
        const std::lock_guard lock(mutex_);
        for (const std::string& url : info.connect_urls) {
            const auto known = std::find_if(urls_.begin(), urls_.end(),
                                            [&](const auto& other) { return other.first == url; });
            if (known != urls_.end()) {
                ++known->second;
                continue;
            }
            urls_.emplace_back(url, 1);
            is_news = true;
        }
    }
    if (is_news) tell_clients(/*is_news=*/true);
}

void Routes::remove_urls(const proto::ServerInfo& info) {
    if (info.ldm || settings()->cluster().no_advertise) return;
    bool is_news = false;
    {
        const std::lock_guard lock(mutex_);
        for (const std::string& url : info.connect_urls) {
            const auto known = std::find_if(urls_.begin(), urls_.end(),
                                            [&](const auto& other) { return other.first == url; });
            if (known == urls_.end() || --known->second > 0) continue;
            urls_.erase(known);
            is_news = true;
        }
    }
    if (is_news) tell_clients(/*is_news=*/true);
}

// This server's own come first.
void Routes::tell_clients(bool is_news) {
    if (stopping_.load(std::memory_order_acquire)) return;
    {
        const std::lock_guard lock(mutex_);
        auto view = std::make_shared<link::ClusterView>();
        if (is_news) ++last_view_;
        view->serial = last_view_;
        view->cluster = settings_->cluster_name;
        if (!settings_->cluster().no_advertise && last_view_ != 0) {
            view->connect_urls = settings_->info.connect_urls;
            for (const auto& [url, count] : urls_) {
                if (std::find(view->connect_urls.begin(), view->connect_urls.end(), url) ==
                    view->connect_urls.end()) {
                    view->connect_urls.push_back(url);
                }
            }
        }
        server_.facts().cluster_views.set(std::move(view));
    }
    if (!is_news) return;
    for (uint32_t index = 0; index < workers_.size(); ++index) {
        server_.post(index, [&links = server_.links(index)] { links.announce_cluster_view(); });
    }
}

}  // namespace nuring::cluster
