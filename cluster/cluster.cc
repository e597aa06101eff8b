// SPDX-License-Identifier: Apache-2.0
#include "cluster/cluster.h"

#include <algorithm>
#include <array>
#include <latch>
#include <string>
#include <utility>

#include "cluster/route_settings.h"
#include "cluster/routes.h"
#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/server/interface_addresses.h"
#include "core/server/listener.h"
#include "core/server/server.h"
#include "core/server/tls_files.h"
#include "fmt/format.h"

namespace nuring::cluster {
namespace {

constexpr int64_t kRouteProtocol = 2;  // 1: INFO may come again; 2: accounts

bool is_wildcard(const std::string& host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

// In the style of the reference's generated names (nuid: 22 characters of base 62).
std::string make_up_name(ring::Ring& ring) {
    constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::array<unsigned char, 22> random;
    ring.fill_random(random);
    std::string name;
    for (const unsigned char byte : random) name += kDigits[byte % kDigits.size()];
    return name;
}

class Cluster final : public server::Subsystem {
  public:
    absl::Status start(server::Server& server, std::shared_ptr<const config::Options> options) override;
    void on_ready() override;
    void reload(std::shared_ptr<const config::Options> options) override;
    void stop() override;
    std::vector<server::PortsEntry> ports() const override;
    std::vector<std::string> notices() const override;

  private:
    absl::StatusOr<std::shared_ptr<const RouteSettings>> make_settings(
        std::shared_ptr<const config::Options> options) const;
    std::vector<std::string> own_urls(const config::Options& options) const;

    server::Server* server_ = nullptr;
    ring::ListenSocket socket_;
    std::string name_;
    bool is_dynamic_name_ = false;
    std::shared_ptr<const config::Options> options_;
    std::unique_ptr<Routes> routes_;  // from on_ready() on; as long as links may be
    std::unique_ptr<server::Listener> listener_;
};

absl::Status Cluster::start(server::Server& server, std::shared_ptr<const config::Options> options) {
    server_ = &server;
    options_ = std::move(options);
    const config::ClusterOptions& cluster = options_->cluster;
    const auto port = static_cast<uint16_t>(std::max(cluster.port, 0));  // -1: any free one
    ring::Ring& ring = server.links(0).ring;
    const std::string host = cluster.host.empty() ? std::string("0.0.0.0") : cluster.host;
    auto socket = ring.listen(host, port);
    if (!socket.ok()) {
        return absl::Status(socket.status().code(),
                            fmt::format("Error listening on router port: {} - listen tcp {}: {}", port,
                                        base::host_port(host, port), base::message_of(socket.status())));
    }
    socket_ = *socket;
    name_ = !cluster.name.empty() ? cluster.name : options_->gateway.name;
    is_dynamic_name_ = name_.empty();
    if (is_dynamic_name_) name_ = make_up_name(ring);
    server.facts().info.cluster = name_;
    const auto settings = make_settings(options_);
    return settings.status();
}

// The client port is known by now, which the routes tell others of.
void Cluster::on_ready() {
    auto settings = make_settings(options_);
    routes_ = std::make_unique<Routes>(*server_, *std::move(settings));
    link::WorkerLinks& links = server_->links(0);
    listener_ = std::make_unique<server::Listener>(
        links, socket_.fd, "Route", [routes = routes_.get()](int fd) { routes->accept(fd); });
    server_->post(0, [listener = listener_.get()] { listener->start(); });
    routes_->dial_configured();
}

void Cluster::reload(std::shared_ptr<const config::Options> options) {
    options_ = std::move(options);
    auto settings = make_settings(options_);
    if (settings.ok()) routes_->reload(*std::move(settings));
}

void Cluster::stop() {
    if (listener_ == nullptr) return;
    std::latch stopped(1);
    server_->post(0, [this, &stopped] {
        listener_->stop();
        stopped.count_down();
    });
    stopped.wait();
    routes_->stop();
}

std::vector<server::PortsEntry> Cluster::ports() const {
    return {{.kind = "cluster", .scheme = "nats", .host = socket_.host, .port = socket_.port}};
}

std::vector<std::string> Cluster::notices() const {
    std::vector<std::string> lines{
        fmt::format("Cluster name is {}", name_),
        fmt::format("Listening for route connections on {}", base::host_port(socket_.host, socket_.port))};
    if (options_->cluster.tls.has_value() && options_->cluster.tls->insecure) {
        lines.emplace_back("TLS Hostname verification disabled, system will not verify identity of the "
                           "solicited route");
    }
    return lines;
}

absl::StatusOr<std::shared_ptr<const RouteSettings>> Cluster::make_settings(
    std::shared_ptr<const config::Options> options) const {
    const config::ClusterOptions& cluster = options->cluster;
    auto settings = std::make_shared<RouteSettings>();
    settings->cluster_name = name_;
    settings->is_dynamic_name = is_dynamic_name_;
    if (routes_ != nullptr) {  // it may have been taken over from others
        const auto now = routes_->settings();
        settings->cluster_name = now->cluster_name;
    }
    if (cluster.permissions.has_value()) settings->permissions.emplace(*cluster.permissions);
    proto::ServerInfo& info = settings->info;
    const proto::ServerInfo& facts = server_->facts().info;
    info.server_id = facts.server_id;
    info.server_name = facts.server_name;
    info.version = facts.version;
    info.proto = kRouteProtocol;
    info.go = facts.go;
    info.headers = facts.headers;
    info.host = socket_.host;
    info.port = socket_.port;
    if (!cluster.advertise.empty()) {
        const auto url = config::parse_url(cluster.advertise);
        if (!url.ok()) {
            return absl::InvalidArgumentError(fmt::format("Error setting cluster advertise {}: {}",
                                                          cluster.advertise,
                                                          base::message_of(url.status())));
        }
        info.host = url->host;
        if (url->port > 0) info.port = url->port;
        info.ip = fmt::format("nats-route://{}/", base::host_port(info.host, static_cast<int>(info.port)));
    }
    info.auth_required = !cluster.authorization.user.empty();
    auto tls = server::load_cluster_tls(*options);
    if (!tls.ok()) return tls.status();
    settings->tls_acceptor = std::move(tls->acceptor);
    settings->tls_dialer = std::move(tls->dialer);
    info.tls_required = settings->tls_acceptor != nullptr;
    info.tls_verify = info.tls_required;
    info.max_payload = options->max_payload;
    info.cluster = settings->cluster_name;
    info.cluster_dynamic = is_dynamic_name_;
    if (!cluster.no_advertise) info.connect_urls = own_urls(*options);
    if (cluster.permissions.has_value()) {
        const auto told = [](const config::SubjectPermissions& permission)
            -> std::optional<proto::SubjectPermission> {
            if (permission.allow.empty() && permission.deny.empty()) return std::nullopt;
            return proto::SubjectPermission{.allow = permission.allow, .deny = permission.deny};
        };
        info.import_subjects = told(cluster.permissions->publish);
        info.export_subjects = told(cluster.permissions->subscribe);
    }
    settings->options = std::move(options);
    return settings;
}

// Where clients find this server. Source: server/server.go, getClientConnectURLs 2.9.10.
std::vector<std::string> Cluster::own_urls(const config::Options& options) const {
    const uint16_t port = server_->client_listener().port;
    const auto address = server::client_address(options, port);
    if (!address.ok() || port == 0) return {};
    if (!is_wildcard(address->host)) return {base::host_port(address->host, address->port)};
    std::vector<std::string> urls;
    for (const std::string& host : server::interface_addresses(/*reachable=*/true)) {
        urls.push_back(base::host_port(host, address->port));
    }
    return urls;
}

}  // namespace

std::unique_ptr<server::Subsystem> create_cluster(const config::Options& options) {
    if (options.cluster.port == 0) return nullptr;
    return std::make_unique<Cluster>();
}

}  // namespace nuring::cluster
