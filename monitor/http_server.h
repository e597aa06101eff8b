// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/tls/tls_profile.h"

namespace nuring::monitor {

struct HttpAnswer {
    int status = 200;
    std::string content_type;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // further ones
};

// What a request asks for: path and query, as they stand in its first line.
using HttpHandler = std::function<std::shared_ptr<const HttpAnswer>(std::string_view target)>;

struct HttpServerOptions {
    std::string host;
    uint16_t port = 0;  // 0: any free one
    HttpHandler handler;
    // The certificate of new connections, of HTTPS; empty: clear text. Called on the server's thread.
    std::function<std::shared_ptr<const tls::Profile>()> tls;
};

// HttpServer answers HTTP/1.0 and 1.1, over TLS or not, on one thread of its own, any method alike.
// cpp-httplib reads the requests and writes the answers; the sockets are here, because cpp-httplib spends
// a thread on each connection, and a few clients that say a byte per second would lock everybody else
// out. Here a connection costs nothing but its buffer until its request is complete.
//
// Requests that have arrived together and ask for the same get the same answer, made once.
//
// Threads: start() and stop() on one thread; the handler runs on the server's.
// Limits:  kConnectionsMax: then the one that has been idle, or at its request, for longest goes;
//          kHeadBytesMax of a request; kHeadTime for it to arrive; kIdleTime between two; kWriteTime
//          without progress of an answer.
// Errors:  start() returns the kernel's reason. A client's mistakes are answered with a status of 4xx.
// Source:  behaviour of Go's net/http as the reference uses it (server/server.go, startMonitoring 2.10).
class HttpServer {
  public:
    static constexpr size_t kConnectionsMax = 512;
    static constexpr size_t kHeadBytesMax = size_t{1} << 20;
    static constexpr uint64_t kHeadTime_ns = 5'000'000'000;
    static constexpr uint64_t kIdleTime_ns = 60'000'000'000;
    static constexpr uint64_t kWriteTime_ns = 10'000'000'000;
    static constexpr uint64_t kLingerTime_ns = 1'000'000'000;

    explicit HttpServer(HttpServerOptions options);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // Opens the port.
    absl::Status listen();
    uint16_t port() const { return port_; }
    void start();
    void stop();

  private:
    class Connection;
    class Parser;
    using Round = std::vector<std::pair<std::string, std::shared_ptr<const HttpAnswer>>>;

    void run();
    void accept_all();
    void make_room();
    bool answer(Connection& connection, Round* round);

    const HttpServerOptions options_;
    std::unique_ptr<Parser> parser_;
    int listener_ = -1;
    int wake_ = -1;  // an eventfd
    uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    uint64_t accept_after_ns_ = 0;
    std::list<std::unique_ptr<Connection>> connections_;  // oldest first
    std::thread thread_;
};

}  // namespace nuring::monitor
