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

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "core/tls/tls_profile.h"
#include "monitor/answer_cache.h"
#include "monitor/http_connection.h"
#include "monitor/page_lane.h"

namespace nuring::monitor {

struct HttpServerOptions {
    std::string host;
    uint16_t port = 0;  // 0: any free one
    // Makes the answer to a target: path and query, as they stand in the first line of a request. Called on
    // the lane's thread for what is_large(), else on the server's.
    PageLane::Make make;
    // Whether a page grows with connections or subscriptions.
    std::function<bool(std::string_view target)> is_large;
    // The certificate of new connections, of HTTPS; empty: clear text. Called on the server's thread.
    std::function<std::shared_ptr<const tls::Profile>()> tls;
};

// HttpServer answers HTTP/1.0 and 1.1, over TLS or not, on two threads of its own, any method alike: one for
// sockets and small pages, so that a liveness probe never waits for a large page, and a lane in which large
// ones are made, one at a time. The sockets are here and not a library's, because libraries spend a thread on
// each connection, and a few clients that send a byte per second would lock everybody else out. Here a
// connection costs nothing but its buffer until its request is complete.
//
// Requests that have arrived together and ask for the same get the same answer, made once; expensive answers
// are kept for a while (answer_cache.h). Large pages are made for one address after the other. A page whose
// asker has gone is not made.
//
// Threads: start() and stop() on one thread; forget() on any; the handlers as said above.
// Limits:  kConnectionsMax: then of the address with the most connections the one that has been idle, or at
//          its request, for longest goes; kLargePerAddress large pages that an address has not taken yet: it
//          gets no further one before, unless one made no progress for kNoProgressMax_ns and is given up;
//          kOwedBytesMax of large pages that clients do not take, unless one page alone is larger: then the
//          client that has been at its page for longest goes; kInputBytesMax of requests, while a single one
//          may have the size that the reference allows: then the client with the largest goes, and one with
//          less than a fair share never does; those of HttpConnection.
// Errors:  start() returns the kernel's reason. A client's mistakes are answered with a status of 4xx.
// Source:  behaviour of Go's net/http as the reference uses it (server/server.go, startMonitoring 2.10).
class HttpServer {
  public:
    static constexpr size_t kConnectionsMax = 512;
    static constexpr size_t kOwedBytesMax = size_t{64} << 20;
    static constexpr size_t kInputBytesMax = size_t{32} << 20;
    static constexpr size_t kLargeBytes = size_t{128} << 10;
    static constexpr size_t kLargePerAddress = 4;
    static constexpr uint64_t kNoProgressMax_ns = 1'000'000'000;

    explicit HttpServer(HttpServerOptions options);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // Opens the port.
    absl::Status listen();
    uint16_t port() const { return port_; }
    void start();
    void stop();
    // Answers made so far are not served again.
    void forget() { generation_.fetch_add(1, std::memory_order_relaxed); }

  private:
    using Round = std::vector<std::pair<std::string, HttpAnswerPtr>>;

    void run();
    int poll_timeout_ms(uint64_t now_ns, bool more);
    void wake();
    void accept_all();
    void make_room();
    void forget_if_asked();
    HttpAnswerPtr make_small(std::string_view target, Round* round);
    void reply(HttpConnection& connection, size_t size, const HttpForm& form, HttpAnswerPtr page);
    void bound_memory(const HttpConnection& newest);
    void bound_input();
    bool answer(HttpConnection& connection, Round* round);
    void answer_complete(HttpConnection& connection, size_t size, Round* round);
    void deliver_made();
    void begin_next(uint64_t now_ns);
    bool has_room(const std::string& address, uint64_t now_ns);

    const HttpServerOptions options_;
    PageLane lane_;
    AnswerCache cache_;
    int listener_ = -1;
    int wake_ = -1;  // an eventfd
    uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<uint64_t> generation_{0};  // of what is kept
    uint64_t kept_generation_ = 0;
    uint64_t lane_generation_ = 0;  // when the lane's page was begun
    std::string lane_target_;       // of that page
    uint64_t accept_after_ns_ = 0;
    uint64_t turn_ = 0;
    absl::flat_hash_map<std::string, uint64_t> last_turns_;  // of addresses, for large pages
    std::list<std::unique_ptr<HttpConnection>> connections_;  // oldest first
    std::thread thread_;
};

}  // namespace nuring::monitor
