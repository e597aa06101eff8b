// SPDX-License-Identifier: Apache-2.0
#include "core/server/link_port.h"

#include <algorithm>
#include <cassert>
#include <latch>
#include <utility>

#include "core/base/host_port.h"
#include "core/base/status.h"
#include "core/config/advertise.h"
#include "core/ring/kernel_sockets.h"
#include "core/server/interface_addresses.h"
#include "core/server/server.h"
#include "fmt/format.h"

namespace nuring::server {

absl::Status LinkPort::open(Server& server, const std::string& host, int port, std::string_view failure) {
    assert(!is_open());
    server_ = &server;
    const auto wanted = static_cast<uint16_t>(std::max(port, 0));
    const std::string bound = host.empty() ? std::string("0.0.0.0") : host;
    auto socket = server.worker_state(0).host.ring.listen(bound, wanted);
    if (!socket.ok()) {
        return absl::Status(
            socket.status().code(),
            std::string(failure) + ring::listen_error(bound, wanted, socket.status()));
    }
    socket_ = *socket;
    return absl::OkStatus();
}

std::string LinkPort::text() const {
    assert(is_open());
    return base::host_port(socket_.host, socket_.port);
}

absl::StatusOr<LinkPort::Address> LinkPort::advertised(const std::string& advertise,
                                                       std::string_view noun) const {
    const auto url = config::parse_advertise(advertise);
    if (!url.ok()) {
        return absl::InvalidArgumentError(
            fmt::format("Error setting {} advertise {}: {}", noun, advertise, base::message_of(url.status())));
    }
    return Address{.host = url->host,
                   .port = url->port > 0 ? static_cast<uint16_t>(url->port) : socket_.port};
}

absl::StatusOr<LinkPort::Address> LinkPort::reachable(const std::string& advertise,
                                                      std::string_view noun) const {
    if (!advertise.empty()) return advertised(advertise, noun);
    assert(is_open());
    return Address{.host = reachable_host(socket_.host), .port = socket_.port};
}

void LinkPort::start(std::string_view name, std::function<void(int fd)> accepted) {
    assert(is_open());
    assert(listener_ == nullptr);
    listener_ = std::make_unique<Listener>(server_->worker_state(0).host, socket_.fd, name,
                                           std::move(accepted));
    server_->post(0, [listener = listener_.get()] { listener->start(); });
}

void LinkPort::stop() {
    if (listener_ == nullptr) return;
    std::latch stopped(1);
    server_->post(0, [this, &stopped] {
        listener_->stop();
        stopped.count_down();
    });
    stopped.wait();
}

proto::ServerInfo link_info(const proto::ServerInfo& facts, const config::Options& options) {
    proto::ServerInfo info;
    info.server_id = facts.server_id;
    info.server_name = facts.server_name;
    info.version = facts.version;
    info.go = facts.go;
    info.headers = facts.headers;
    info.max_payload = options.max_payload;
    return info;
}

}  // namespace nuring::server
