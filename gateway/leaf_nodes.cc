// SPDX-License-Identifier: Apache-2.0
#include "gateway/leaf_nodes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/auth/authenticator.h"
#include "core/auth/connection_types.h"
#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/link/handover.h"
#include "core/link/websocket_channel.h"
#include "core/server/link_port.h"
#include "core/server/server.h"
#include "core/server/tls_files.h"
#include "fmt/format.h"
#include "gateway/leaf_links.h"
#include "gateway/leaf_settings.h"

namespace nuring::gateway {
namespace {

constexpr int64_t kLeafProtocol = 1;

// The users that the leafnodes block names itself, in the table that clients have. Null: it names none.
std::shared_ptr<const auth::Authenticator> own_users(const config::LeafnodeOptions& leafnodes) {
    const config::LinkAuthorization& single = leafnodes.authorization;
    config::Options table;
    table.tls = leafnodes.tls;
    if (!single.user.empty()) {
        table.authorization.users.push_back(
            {.name = single.user, .password = single.password, .account = single.account});
    }
    if (!single.nkey.empty()) {
        table.authorization.nkeys.push_back({.nkey = single.nkey, .account = single.account});
    }
    for (const config::User& each : leafnodes.users) table.authorization.users.push_back(each);
    if (table.authorization.users.empty() && table.authorization.nkeys.empty()) return nullptr;
    return std::make_shared<const auth::Authenticator>(table);
}

// The users that clients have, too. Of the WebSocket block no_auth_user counts, and no other login.
// Source: processClientOrLeafAuthentication in server/auth.go 2.15.3.
std::shared_ptr<const auth::Authenticator> common_users(const config::Options& file,
                                                        auth::ConnectionType type) {
    config::Options options = file;
    options.tls = options.leafnodes.tls;
    if (type == auth::ConnectionType::kLeafnodeWebsocket && !options.websocket.no_auth_user.empty()) {
        options.no_auth_user = options.websocket.no_auth_user;
    }
    return std::make_shared<const auth::Authenticator>(options, nullptr, type, &file);
}

class Leafnodes final : public server::Subsystem {
  public:
    explicit Leafnodes(websocket::WebsocketPort* websocket) : websocket_(websocket) {}
    absl::Status start(server::Server& server, std::shared_ptr<const config::Options> options) override;
    void on_ready() override;
    void reload(std::shared_ptr<const config::Options> options) override;
    void stop() override;
    std::vector<server::PortsEntry> ports() const override;
    std::vector<std::string> notices() const override;
    std::string warning() const override;

  private:
    using Remotes = std::vector<std::shared_ptr<const LeafRemoteSettings>>;

    absl::Status check_accounts(const config::Options& options) const;
    absl::StatusOr<std::shared_ptr<const LeafSettings>> make_settings() const;
    absl::StatusOr<Remotes> make_remotes();

    websocket::WebsocketPort* const websocket_;  // null: there is no such port
    server::Server* server_ = nullptr;
    server::LinkPort port_;  // not open: this server is a spoke only
    std::shared_ptr<const config::Options> options_;
    // Of start(), for on_ready().
    std::shared_ptr<const LeafSettings> settings_;
    Remotes remotes_;
    // Of remotes without a tls block, whose hub may ask for TLS: the roots of the system.
    std::shared_ptr<const tls::Profile> default_dialer_;
    std::unique_ptr<LeafLinks> links_;  // from on_ready() on; as long as links may be
};

absl::Status Leafnodes::start(server::Server& server, std::shared_ptr<const config::Options> options) {
    server_ = &server;
    options_ = std::move(options);
    if (absl::Status status = check_accounts(*options_); !status.ok()) return status;
    if (options_->leafnodes.port != 0) {
        const config::LeafnodeOptions& leafnodes = options_->leafnodes;
        const std::string failure =
            fmt::format("Error listening on leafnode port: {} - ", std::max(leafnodes.port, 0));
        absl::Status status = port_.open(server, leafnodes.host, leafnodes.port, failure);
        if (!status.ok()) return status;
    }
    auto settings = make_settings();
    if (!settings.ok()) return settings.status();
    settings_ = *std::move(settings);
    if (port_.is_open() && !options_->leafnodes.no_advertise) {
        server_->facts().leafnode_url = settings_->info.ip;
    }
    auto remotes = make_remotes();
    if (!remotes.ok()) return remotes.status();
    remotes_ = *std::move(remotes);
    return absl::OkStatus();
}

// In operator mode, accounts may come later.
absl::Status Leafnodes::check_accounts(const config::Options& options) const {
    if (server_->trust() != nullptr) return absl::OkStatus();
    const auto is_known = [this](const std::string& name) {
        return name.empty() || server_->accounts().find(name) != nullptr;
    };
    for (const config::RemoteLeafnode& remote : options.leafnodes.remotes) {
        if (is_known(remote.account)) continue;
        return absl::InvalidArgumentError(
            fmt::format("cannot find local account \"{}\" specified in leafnode remote", remote.account));
    }
    std::vector<std::string> names{options.leafnodes.authorization.account};
    for (const config::User& user : options.leafnodes.users) names.push_back(user.account);
    for (const std::string& name : names) {
        if (is_known(name)) continue;
        return absl::InvalidArgumentError(
            fmt::format("cannot find local account \"{}\" specified in leafnode authorization", name));
    }
    return absl::OkStatus();
}

void Leafnodes::on_ready() {
    links_ = std::make_unique<LeafLinks>(*server_, std::move(settings_));
    if (port_.is_open()) {
        port_.start("Leafnode", [links = links_.get()](int fd) { links->accept(fd); });
    }
    if (port_.is_open() && websocket_ != nullptr) {
        const auto accept = [links = links_.get()](base::WorkerId worker, link::Handover&& connection,
                                                   const proto::WebsocketUpgrade& upgrade) {
            links->accept(worker, std::move(connection),
                          {.compression = upgrade.compression, .masks_optional = upgrade.masks_optional});
        };
        websocket_->accept_leafnodes(accept);
    }
    links_->set_remotes(remotes_);
    remotes_.clear();
}

void Leafnodes::reload(std::shared_ptr<const config::Options> options) {
    options_ = std::move(options);
    auto settings = make_settings();
    if (settings.ok()) links_->reload(*std::move(settings));
    auto remotes = make_remotes();
    if (remotes.ok()) links_->set_remotes(*remotes);
}

void Leafnodes::stop() {
    if (links_ == nullptr) return;
    port_.stop();
    links_->stop();
}

std::vector<server::PortsEntry> Leafnodes::ports() const {
    if (!port_.is_open()) return {};
    const ring::ListenSocket& socket = port_.socket();
    return {{.kind = "leafnodes",
             .scheme = options_->leafnodes.tls.has_value() ? "tls" : "nats",
             .host = socket.host,
             .port = socket.port}};
}

std::vector<std::string> Leafnodes::notices() const {
    std::vector<std::string> lines;
    if (port_.is_open()) {
        lines.push_back(fmt::format("Listening for leafnode connections on {}", port_.text()));
    }
    return lines;
}

std::string Leafnodes::warning() const {
    const auto is_insecure = [](const config::RemoteLeafnode& remote) {
        return remote.tls.has_value() && remote.tls->insecure;
    };
    const auto& remotes = options_->leafnodes.remotes;
    if (std::none_of(remotes.begin(), remotes.end(), is_insecure)) return "";
    return "TLS certificate chain and hostname of solicited leafnodes will not be verified. "
           "DO NOT USE IN PRODUCTION!";
}

absl::StatusOr<std::shared_ptr<const LeafSettings>> Leafnodes::make_settings() const {
    const config::LeafnodeOptions& leafnodes = options_->leafnodes;
    auto settings = std::make_shared<LeafSettings>();
    proto::ServerInfo& info = settings->info;
    info = server::link_info(server_->facts().info, *options_);
    info.proto = kLeafProtocol;
    info.auth_required = true;
    info.info_on_connect = true;
    if (port_.is_open()) {
        info.host = port_.socket().host;
        info.port = port_.socket().port;
        const auto address = port_.reachable(leafnodes.advertise, "leafnode");
        if (!address.ok()) return address.status();
        info.ip = base::host_port(address->host, address->port);
        info.leafnode_urls = {info.ip};
    }
    auto tls = server::load_listener_tls(leafnodes.tls);
    if (!tls.ok()) return tls.status();
    settings->tls_acceptor = *std::move(tls);
    server_->facts().certificate_ends.leafnodes =
        tls::certificate_end_s(settings->tls_acceptor.get());
    info.tls_required = settings->tls_acceptor != nullptr;
    info.tls_verify = info.tls_required && leafnodes.tls->verify;
    settings->authenticator = own_users(leafnodes);
    settings->common = common_users(*options_, auth::ConnectionType::kLeafnode);
    settings->common_websocket = common_users(*options_, auth::ConnectionType::kLeafnodeWebsocket);
    settings->options = options_;
    return settings;
}

absl::StatusOr<Leafnodes::Remotes> Leafnodes::make_remotes() {
    Remotes remotes;
    for (const config::RemoteLeafnode& remote : options_->leafnodes.remotes) {
        if (remote.disabled) continue;
        auto settings = std::make_shared<LeafRemoteSettings>();
        settings->options = remote;
        settings->reconnect_ns = static_cast<uint64_t>(
            std::chrono::nanoseconds(options_->leafnodes.reconnect_interval).count());
        const auto dial_timeout =
            remote.dial_timeout.count() > 0 ? remote.dial_timeout : options_->leafnodes.dial_timeout;
        settings->dial_timeout_ns =
            static_cast<uint64_t>(std::chrono::nanoseconds(dial_timeout).count());
        if (remote.tls.has_value() || default_dialer_ == nullptr) {
            auto tls = server::load_dialer_tls(remote.tls.has_value() ? remote.tls : config::TlsOptions());
            if (!tls.ok()) return tls.status();
            settings->tls_dialer = *std::move(tls);
            if (!remote.tls.has_value()) default_dialer_ = settings->tls_dialer;
        } else {
            settings->tls_dialer = default_dialer_;
        }
        settings->asks_for_tls = remote.tls.has_value();
        for (const config::Url& url : remote.urls) {
            if (url.scheme == "tls") settings->asks_for_tls = true;
        }
        remotes.push_back(std::move(settings));
    }
    return remotes;
}

}  // namespace

std::unique_ptr<server::Subsystem> create_leafnodes(websocket::WebsocketPort* websocket) {
    return std::make_unique<Leafnodes>(websocket);
}

}  // namespace nuring::gateway
