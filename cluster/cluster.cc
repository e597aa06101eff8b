// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cluster/route_settings.h"
#include "cluster/routes.h"
#include "core/base/host_port.h"
#include "core/ring/random_name.h"
#include "core/server/interface_addresses.h"
#include "core/server/link_port.h"
#include "core/server/server.h"
#include "core/server/tls_files.h"
#include "fmt/format.h"

namespace nuring::cluster {
namespace {

constexpr int64_t kRouteProtocol = 2;  // 1: INFO may come again; 2: accounts

class Cluster final : public server::Subsystem {
  public:
    absl::Status start(server::Server& server, std::shared_ptr<const config::Options> options) override;
    void on_ready() override;
    void reload(std::shared_ptr<const config::Options> options) override;
    void stop() override;
    std::vector<server::PortsEntry> ports() const override;
    std::vector<std::string> notices() const override;
    std::string warning() const override;

  private:
    absl::StatusOr<std::shared_ptr<const RouteSettings>> make_settings(
        std::shared_ptr<const config::Options> options, const ClusterName& name) const;
    std::vector<std::string> own_urls(const config::Options& options) const;

    server::Server* server_ = nullptr;
    server::LinkPort port_;
    ClusterName name_;  // at the start
    std::shared_ptr<const config::Options> options_;
    std::unique_ptr<Routes> routes_;  // from on_ready() on; as long as links may be
};

absl::Status Cluster::start(server::Server& server, std::shared_ptr<const config::Options> options) {
    server_ = &server;
    options_ = std::move(options);
    const config::ClusterOptions& cluster = options_->cluster;
    const std::string failure =
        fmt::format("Error listening on router port: {} - ", std::max(cluster.port, 0));
    absl::Status status = port_.open(server, cluster.host, cluster.port, failure);
    if (!status.ok()) return status;
    name_ = {.text = options_->configured_cluster_name()};
    if (name_.text.empty()) {
        name_ = {.text = ring::random_name(server.worker_state(0).host.ring), .is_dynamic = true};
    }
    server.facts().info.cluster = name_.text;
    const auto settings = make_settings(options_, name_);
    return settings.status();
}

// Only now: the client port is known, which routes announce to other servers.
void Cluster::on_ready() {
    auto settings = make_settings(options_, name_);
    routes_ = std::make_unique<Routes>(*server_, *std::move(settings));
    port_.start("Route", [routes = routes_.get()](int fd) { routes->accept(fd); });
    routes_->dial_configured();
}

void Cluster::reload(std::shared_ptr<const config::Options> options) {
    const std::string before = options_->configured_cluster_name();
    options_ = std::move(options);
    const std::string& name = options_->configured_cluster_name();
    const bool is_renamed = name != before;
    // The name of others may have replaced the one that was made up here.
    ClusterName now = routes_->settings()->name();
    if (is_renamed) now = {.text = name.empty() ? now.text : name, .is_dynamic = name.empty()};
    auto settings = make_settings(options_, now);
    if (settings.ok()) routes_->reload(*std::move(settings), is_renamed);
}

void Cluster::stop() {
    if (routes_ == nullptr) return;
    port_.stop();
    routes_->stop();
}

std::vector<server::PortsEntry> Cluster::ports() const {
    const ring::ListenSocket& socket = port_.socket();
    return {{.kind = "cluster",
             .scheme = options_->cluster.tls.has_value() ? "tls" : "nats",
             .host = socket.host,
             .port = socket.port}};
}

std::vector<std::string> Cluster::notices() const {
    return {fmt::format("Cluster name is {}", name_.text),
            fmt::format("Listening for route connections on {}", port_.text())};
}

std::string Cluster::warning() const {
    const auto& tls = options_->cluster.tls;
    if (!tls.has_value() || !tls->insecure) return "";
    return "TLS certificate chain and hostname of solicited routes will not be verified. "
           "DO NOT USE IN PRODUCTION!";
}

absl::StatusOr<std::shared_ptr<const RouteSettings>> Cluster::make_settings(
    std::shared_ptr<const config::Options> options, const ClusterName& name) const {
    const config::ClusterOptions& cluster = options->cluster;
    auto settings = std::make_shared<RouteSettings>();
    if (cluster.permissions.has_value()) settings->permissions.emplace(*cluster.permissions);
    proto::ServerInfo& info = settings->info;
    info = server::link_info(server_->facts().info, *options);
    info.proto = kRouteProtocol;
    info.host = port_.socket().host;
    info.port = port_.socket().port;
    if (!cluster.advertise.empty()) {
        auto address = port_.advertised(cluster.advertise, "cluster");
        if (!address.ok()) return address.status();
        info.host = std::move(address->host);
        info.port = address->port;
        info.ip = fmt::format("nats-route://{}/", base::host_port(info.host, address->port));
    }
    info.auth_required = !cluster.authorization.user.empty();
    auto tls = server::load_link_tls(cluster.tls);
    if (!tls.ok()) return tls.status();
    settings->tls_acceptor = std::move(tls->acceptor);
    settings->tls_dialer = std::move(tls->dialer);
    const auto named = std::find_if(cluster.routes.begin(), cluster.routes.end(), [](const config::Url& url) {
        return !base::is_numeric_host(url.host);
    });
    if (named != cluster.routes.end()) settings->tls_name = named->host;
    server_->facts().certificate_ends.cluster = tls::certificate_end_s(settings->tls_acceptor.get());
    info.tls_required = settings->tls_acceptor != nullptr;
    info.tls_verify = info.tls_required;
    info.gateway_url = server_->facts().gateway_url;
    settings->set_name(name);
    info.route_pool_size = std::max(cluster.pool_size, 0);
    if (cluster.pool_size > 0) {
        settings->pinned_accounts.insert(cluster.pinned_accounts.begin(), cluster.pinned_accounts.end());
    }
    info.lnoc = true;
    info.lnocu = true;
    info.ln = true;
    if (!cluster.no_advertise) {
        info.connect_urls = own_urls(*options);
        info.ws_connect_urls = server_->facts().websocket_urls;
    }
    const std::string& leafnode_url = server_->facts().leafnode_url;
    if (!leafnode_url.empty()) info.leafnode_urls = {leafnode_url};
    if (cluster.permissions.has_value()) {
        const auto announced = [](const config::SubjectPermissions& permission)
            -> std::optional<proto::SubjectPermission> {
            if (permission.allow.empty() && permission.deny.empty()) return std::nullopt;
            return proto::SubjectPermission{.allow = permission.allow, .deny = permission.deny};
        };
        info.import_subjects = announced(cluster.permissions->publish);
        info.export_subjects = announced(cluster.permissions->subscribe);
    }
    settings->options = std::move(options);
    return settings;
}

// The addresses at which clients reach this server. Source: server/server.go, getClientConnectURLs 2.9.10.
std::vector<std::string> Cluster::own_urls(const config::Options& options) const {
    const uint16_t port = server_->client_listener().port;
    const auto address = server::client_address(options, port);
    if (!address.ok() || port == 0) return {};
    return server::reachable_addresses(address->host, address->port);
}

}  // namespace

std::unique_ptr<server::Subsystem> create_cluster(const config::Options& options) {
    if (options.cluster.port == 0) return nullptr;
    return std::make_unique<Cluster>();
}

}  // namespace nuring::cluster
