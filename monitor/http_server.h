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
#include "monitor/http_connection.h"
#include "monitor/http_request.h"
#include "monitor/http_writer.h"

namespace nuring::monitor {

// What a request asks for: path and query, as they stand in its first line.
using HttpHandler = std::function<std::shared_ptr<const HttpAnswer>(std::string_view target)>;

struct HttpServerOptions {
    std::string host;
    uint16_t port = 0;  // 0: any free one
    HttpHandler handler;
    // The certificate of new connections, of HTTPS; empty: clear text. Called on the server's thread.
    std::function<std::shared_ptr<const tls::Profile>()> tls;
    // Gives up what the handler keeps for too long; returns when to call it again, UINT64_MAX: after the
    // next request. Called on the server's thread.
    std::function<uint64_t()> expire;
};

// HttpServer answers HTTP/1.0 and 1.1, over TLS or not, on one thread of its own, any method alike.
// cpp-httplib writes the heads of the answers; the sockets are here, because cpp-httplib spends a thread on
// each connection, and a few clients that say a byte per second would lock everybody else out. Here a
// connection costs nothing but its buffer until its request is complete.
//
// Requests that have arrived together and ask for the same get the same answer, made once.
//
// Threads: start() and stop() on one thread; the handler runs on the server's.
// Limits:  kConnectionsMax: then the one that has been idle, or at its request, for longest goes;
//          kOwedBytesMax of large pages that clients do not take, beside the one made last; then the client
//          that has been at its page for longest goes; those of HttpConnection.
// Errors:  start() returns the kernel's reason. A client's mistakes are answered with a status of 4xx.
// Source:  behaviour of Go's net/http as the reference uses it (server/server.go, startMonitoring 2.10).
class HttpServer {
  public:
    static constexpr size_t kConnectionsMax = 512;
    static constexpr size_t kOwedBytesMax = size_t{64} << 20;
    static constexpr size_t kLargeBytes = size_t{128} << 10;

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
    using Round = std::vector<std::pair<std::string, std::shared_ptr<const HttpAnswer>>>;

    void run();
    void accept_all();
    void make_room();
    HttpConnection::Reply answer_to(const HttpRequest& request, const HttpHandler& make);
    void bound_memory(const HttpConnection& newest);
    bool answer(HttpConnection& connection, Round* round);

    const HttpServerOptions options_;
    HttpWriter writer_;
    int listener_ = -1;
    int wake_ = -1;  // an eventfd
    uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    uint64_t accept_after_ns_ = 0;
    std::list<std::unique_ptr<HttpConnection>> connections_;  // oldest first
    std::thread thread_;
};

}  // namespace nuring::monitor
