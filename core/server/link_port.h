// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/config/options.h"
#include "core/ring/ring.h"
#include "core/server/listener.h"
#include "proto/info.h"

namespace nuring::server {

class Server;

// LinkPort is the port of a subsystem: for servers that connect as routes, gateways or leafnodes, and for
// WebSocket clients. Worker 0 accepts.
//
// Threads:  the control thread; `accepted` runs on worker 0.
// Errors:   a port that cannot be opened, or an address that cannot be parsed, as status.
// Lifetime: open() before the workers run, start() when they do, stop() while they still run.
class LinkPort {
  public:
    struct Address {
        std::string host;
        uint16_t port = 0;
    };

    // An empty host: all interfaces; port -1: any free one. The error reads `failure`, then
    // "listen tcp host:port: reason".
    absl::Status open(Server& server, const std::string& host, int port, std::string_view failure);
    bool is_open() const { return socket_.fd >= 0; }
    bool is_started() const { return listener_ != nullptr; }
    const ring::ListenSocket& socket() const { return socket_; }
    std::string text() const;  // host:port

    // The configured address of this port, for others to dial; its port may be missing. `noun` is for
    // the error: "cluster".
    absl::StatusOr<Address> advertised(const std::string& advertise, std::string_view noun) const;
    // The same if `advertise` is not empty; else the socket's address, with an interface's where the host
    // is a wildcard.
    absl::StatusOr<Address> reachable(const std::string& advertise, std::string_view noun) const;

    // Accepts from now on. `name` stands in log lines: "Route".
    void start(std::string_view name, std::function<void(int fd)> accepted);
    // Returns when nothing is accepted any more.
    void stop();

  private:
    Server* server_ = nullptr;
    ring::ListenSocket socket_;
    std::unique_ptr<Listener> listener_;  // null: not started
};

// The INFO of this server on links to other servers; the same for all kinds.
proto::ServerInfo link_info(const proto::ServerInfo& facts, const config::Options& options);

}  // namespace nuring::server
