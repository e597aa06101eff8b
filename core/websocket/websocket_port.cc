// SPDX-License-Identifier: Apache-2.0
#include "core/websocket/websocket_port.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/config/advertise.h"
#include "core/link/handover.h"
#include "core/server/interface_addresses.h"
#include "core/server/link_port.h"
#include "core/server/server.h"
#include "core/server/tls_files.h"
#include "fmt/format.h"
#include "core/websocket/guest_host.h"
#include "core/websocket/port_settings.h"

namespace nuring::websocket {
namespace {

// nats-server has none by default; without one, a silent connection stays for ever.
constexpr uint64_t kHandshakeDefault_ns = 2'000'000'000;

class Port final : public WebsocketPort {
  public:
    absl::Status start(server::Server& server,
                       std::shared_ptr<const config::Options> options) override;
    void on_ready() override;
    void reload(std::shared_ptr<const config::Options> options) override;
    void enter_lame_duck() override { port_.stop(); }
    void stop() override { port_.stop(); }
    std::vector<server::PortsEntry> ports() const override;
    void accept_leafnodes(LeafnodeAcceptor acceptor) override;

  private:
    absl::StatusOr<std::shared_ptr<const PortSettings>> make_settings(
        std::shared_ptr<const config::Options> options) const;
    absl::StatusOr<std::vector<std::string>> own_urls(
        const config::WebsocketOptions& options) const;
    void place(int fd);

    server::Server* server_ = nullptr;
    server::LinkPort port_;
    std::shared_ptr<const PortSettings> settings_;
    std::vector<std::unique_ptr<GuestHost>> guest_hosts_;  // one per worker; as long as guests may be
};

absl::Status Port::start(server::Server& server,
                                  std::shared_ptr<const config::Options> options) {
    server_ = &server;
    auto settings = make_settings(std::move(options));
    if (!settings.ok()) return settings.status();
    settings_ = *std::move(settings);
    const config::WebsocketOptions& websocket = settings_->options->websocket;
    log::Writer& log = server.worker_state(0).host.log;  // no worker runs yet
    absl::Status status = port_.open(server, websocket.host, websocket.port,
                                     "Unable to listen for websocket connections: ");
    if (!status.ok()) return status;
    const std::string host = websocket.host.empty() ? std::string("0.0.0.0") : websocket.host;
    const bool tls = settings_->tls != nullptr;
    log.info("Listening for websocket clients on {}://{}", tls ? "wss" : "ws",
             base::host_port(host, port_.socket().port));
    if (!tls) log.warn("Websocket not configured with TLS. DO NOT USE IN PRODUCTION!");
    auto urls = own_urls(websocket);
    if (!urls.ok()) return urls.status();
    server.facts().websocket_urls = *std::move(urls);
    for (uint32_t i = 0; i < server.worker_count(); ++i) {
        client::ClientHost& clients = server.worker_state(i).clients;
        clients.set_websocket_address({.host = host, .port = port_.socket().port});
        guest_hosts_.push_back(std::make_unique<GuestHost>(clients, settings_));
    }
    return absl::OkStatus();
}

void Port::on_ready() {
    port_.start("Websocket", [this](int fd) { place(fd); });
}

void Port::accept_leafnodes(LeafnodeAcceptor acceptor) {
    for (uint32_t i = 0; i < server_->worker_count(); ++i) {
        const auto worker = static_cast<base::WorkerId>(i);
        server_->post(i, [guest_host = guest_hosts_[i].get(), acceptor, worker] {
            guest_host->set_leafnode_acceptor(
                [acceptor, worker](link::Handover&& connection, const proto::WebsocketUpgrade& upgrade) {
                    acceptor(worker, std::move(connection), upgrade);
                });
        });
    }
}

// On worker 0. The connection goes where a new client goes (link::WorkerLoads).
void Port::place(int fd) {
    client::ClientHost& clients = server_->worker_state(0).clients;
    const base::WorkerId to = clients.take_place();
    GuestHost* const guest_host = guest_hosts_[index_of(to)].get();
    if (to == clients.host.id) return guest_host->admit(fd);
    server_->post(static_cast<uint32_t>(index_of(to)), [guest_host, fd] { guest_host->admit(fd); });
}

// Of the block only the certificates can have changed.
void Port::reload(std::shared_ptr<const config::Options> options) {
    auto settings = make_settings(std::move(options));
    if (!settings.ok()) return;  // was checked before
    settings_ = *std::move(settings);
    for (uint32_t i = 0; i < server_->worker_count(); ++i) {
        GuestHost* const guest_host = guest_hosts_[i].get();
        server_->post(i, [guest_host, fresh = settings_] { guest_host->set_settings(fresh); });
    }
}

std::vector<server::PortsEntry> Port::ports() const {
    return {{.kind = "websocket",
             .scheme = settings_->tls != nullptr ? "wss" : "ws",
             .host = port_.socket().host,
             .port = port_.socket().port}};
}

absl::StatusOr<std::shared_ptr<const PortSettings>> Port::make_settings(
    std::shared_ptr<const config::Options> options) const {
    const config::WebsocketOptions& websocket = options->websocket;
    auto settings = std::make_shared<PortSettings>();
    auto tls = server::load_listener_tls(websocket.tls);
    if (!tls.ok()) return tls.status();
    settings->tls = *std::move(tls);
    server_->facts().certificate_ends.websocket = tls::certificate_end_s(settings->tls.get());
    settings->origins.same_origin = websocket.same_origin;
    for (const std::string& text : websocket.allowed_origins) {
        proto::WebOrigin origin;
        const std::string fault = proto::read_web_origin(text, &origin);
        if (!fault.empty()) {
            return absl::InvalidArgumentError(
                fmt::format("unable to parse allowed origin: {}", fault));
        }
        settings->origins.allowed.push_back(std::move(origin));
    }
    for (const auto& [name, value] : websocket.headers) {
        settings->header_lines += fmt::format("{}: {}\r\n", name, value);
    }
    const auto timeout = static_cast<uint64_t>(std::max<int64_t>(websocket.handshake_timeout.count(), 0));
    settings->handshake_ns = timeout > 0 ? timeout : kHandshakeDefault_ns;
    if (timeout == 0 && websocket.tls.has_value()) {
        settings->handshake_ns =
            std::max(settings->handshake_ns, static_cast<uint64_t>(websocket.tls->timeout.count()));
    }
    settings->options = std::move(options);
    return settings;
}

// The addresses of this server for WebSocket clients. Source: server/server.go, getConnectURLs 2.15.3.
absl::StatusOr<std::vector<std::string>> Port::own_urls(
    const config::WebsocketOptions& options) const {
    if (!options.advertise.empty()) {
        const auto url = config::parse_advertise(options.advertise);
        if (!url.ok()) {
            return absl::InvalidArgumentError(fmt::format(
                "Unable to get websocket connect URLs: {}", base::message_of(url.status())));
        }
        const auto port = url->port > 0 ? static_cast<uint16_t>(url->port) : port_.socket().port;
        return std::vector<std::string>{base::host_port(url->host, port)};
    }
    return server::reachable_addresses(options.host, port_.socket().port);
}

}  // namespace

std::unique_ptr<WebsocketPort> create_websocket_port(const config::Options& options) {
    if (options.websocket.port == 0) return nullptr;
    return std::make_unique<Port>();
}

}  // namespace nuring::websocket
