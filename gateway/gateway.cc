// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/host_port.h"
#include "core/server/link_port.h"
#include "core/server/server.h"
#include "core/server/tls_files.h"
#include "core/tls/digest.h"
#include "fmt/format.h"
#include "gateway/gateway_settings.h"
#include "gateway/gateways.h"
#include "proto/gateway_reply.h"
#include "proto/quote.h"

namespace nuring::gateway {
namespace {

class Gateway final : public server::Subsystem {
  public:
    absl::Status start(server::Server& server, std::shared_ptr<const config::Options> options) override;
    void on_ready() override;
    void reload(std::shared_ptr<const config::Options> options) override;
    void stop() override;
    std::vector<server::PortsEntry> ports() const override;
    std::vector<std::string> notices() const override;
    std::string warning() const override;

  private:
    absl::StatusOr<std::shared_ptr<const GatewaySettings>> make_settings(
        std::shared_ptr<const config::Options> options) const;

    server::Server* server_ = nullptr;
    server::LinkPort port_;
    std::shared_ptr<const config::Options> options_;
    std::string url_;                      // of this server, as announced
    std::unique_ptr<Gateways> gateways_;   // as long as links may be
};

absl::Status Gateway::start(server::Server& server, std::shared_ptr<const config::Options> options) {
    server_ = &server;
    options_ = std::move(options);
    const config::GatewayOptions& gateway = options_->gateway;
    const std::string failure =
        fmt::format("Error listening on gateway port: {} - ", std::max(gateway.port, 0));
    absl::Status status = port_.open(server, gateway.host, gateway.port, failure);
    if (!status.ok()) return status;
    if (server.facts().info.cluster.empty()) server.facts().info.cluster = gateway.name;
    auto settings = make_settings(options_);
    if (!settings.ok()) return settings.status();
    url_ = (*settings)->info.gateway_url;
    server.facts().gateway_url = url_;
    gateways_ = std::make_unique<Gateways>(server, *std::move(settings));
    server.facts().gateways = gateways_.get();
    return absl::OkStatus();
}

void Gateway::on_ready() {
    port_.start("Gateway", [gateways = gateways_.get()](int fd) { gateways->accept(fd); });
    gateways_->follow_leafnodes();
    gateways_->dial_configured();
}

void Gateway::reload(std::shared_ptr<const config::Options> options) {
    options_ = std::move(options);
    auto settings = make_settings(options_);
    if (settings.ok()) gateways_->reload(*std::move(settings));
}

void Gateway::stop() {
    if (!port_.is_started()) return;
    port_.stop();
    gateways_->stop();
}

std::vector<server::PortsEntry> Gateway::ports() const {
    const ring::ListenSocket& socket = port_.socket();
    return {{.kind = "gateway",
             .scheme = options_->gateway.tls.has_value() ? "tls" : "nats",
             .host = socket.host,
             .port = socket.port}};
}

std::vector<std::string> Gateway::notices() const {
    const config::GatewayOptions& gateway = options_->gateway;
    return {
        fmt::format("Gateway name is {}", gateway.name),
        fmt::format("Listening for gateways connections on {}", port_.text()),
        gateway.advertise.empty()
            ? fmt::format("Address for gateway {} is {}", proto::quote(gateway.name), url_)
            : fmt::format("Advertise address for gateway {} is set to {}", proto::quote(gateway.name), url_)};
}

std::string Gateway::warning() const {
    const auto is_insecure = [](const auto& each) { return each.tls.has_value() && each.tls->insecure; };
    const config::GatewayOptions& gateway = options_->gateway;
    if (!is_insecure(gateway) &&
        std::none_of(gateway.gateways.begin(), gateway.gateways.end(), is_insecure)) {
        return "";
    }
    return "TLS certificate chain and hostname of solicited gateways will not be verified. "
           "DO NOT USE IN PRODUCTION!";
}

absl::StatusOr<std::shared_ptr<const GatewaySettings>> Gateway::make_settings(
    std::shared_ptr<const config::Options> options) const {
    const config::GatewayOptions& gateway = options->gateway;
    auto settings = std::make_shared<GatewaySettings>();
    proto::ServerInfo& info = settings->info;
    info = server::link_info(server_->facts().info, *options);
    info.proto = 0;
    info.auth_required = !gateway.authorization.user.empty();
    info.gateway = gateway.name;
    info.gateway_nrp = true;
    info.gateway_iom = true;
    auto address = port_.reachable(gateway.advertise, "gateway");
    if (!address.ok()) return address.status();
    info.host = std::move(address->host);
    info.port = address->port;
    info.gateway_url = base::host_port(info.host, address->port);
    auto tls = server::load_link_tls(gateway.tls);
    if (!tls.ok()) return tls.status();
    settings->tls_acceptor = std::move(tls->acceptor);
    settings->tls_dialer = std::move(tls->dialer);
    server_->facts().certificate_ends.gateway = tls::certificate_end_s(settings->tls_acceptor.get());
    info.tls_required = settings->tls_acceptor != nullptr;
    info.tls_verify = info.tls_required;
    for (const config::RemoteGateway& remote : gateway.gateways) {
        if (!remote.tls.has_value()) continue;
        auto own = server::load_link_tls(remote.tls);
        if (!own.ok()) return own.status();
        settings->remote_dialers[remote.name] = std::move(own->dialer);
    }
    const auto cluster = tls::sha256(gateway.name);
    settings->reply_origin = proto::ReplyOrigin::make(proto::gateway_hash(cluster),
                                                      proto::gateway_hash(tls::sha256(info.server_id)));
    settings->old_hash = proto::old_gateway_hash(cluster);
    settings->options = std::move(options);
    return settings;
}

}  // namespace

std::unique_ptr<server::Subsystem> create_gateway(const config::Options& options) {
    if (!options.gateway.configured()) return nullptr;
    return std::make_unique<Gateway>();
}

}  // namespace nuring::gateway
