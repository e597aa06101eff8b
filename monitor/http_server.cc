// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_server.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/container/flat_hash_set.h"
#include "core/base/status.h"
#include "core/ring/kernel_sockets.h"
#include "core/tls/tls_engine.h"

namespace nuring::monitor {
namespace {

// Below the workers when processors are short, above the jobs threads: a page may take longer, not for ever.
constexpr int kNiceness = 10;

constexpr uint64_t kAcceptPause_ns = 100'000'000;

constexpr std::string_view kTooLarge =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Connection: close\r\n\r\n431 Request Header Fields Too Large";

}  // namespace

HttpServer::HttpServer(HttpServerOptions options) : options_(std::move(options)) {}

HttpServer::~HttpServer() {
    stop();
    if (listener_ >= 0) ::close(listener_);
    if (wake_ >= 0) ::close(wake_);
}

absl::Status HttpServer::listen() {
    const auto socket =
        ring::open_listen_socket(options_.host, options_.port, /*nonblocking=*/true);
    if (!socket.ok()) return socket.status();
    listener_ = socket->fd;
    port_ = socket->port;
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return absl::OkStatus();
}

void HttpServer::start() {
    thread_ = std::thread([this] {
        (void)::pthread_setname_np(::pthread_self(), "monitor");
        (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
        run();
    });
}

void HttpServer::stop() {
    if (!thread_.joinable()) return;
    stopping_.store(true, std::memory_order_relaxed);  // ordered by the eventfd
    const uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
    thread_.join();
}

void HttpServer::run() {
    std::vector<pollfd> waiting;
    bool more = false;  // requests that need no waiting
    while (!stopping_.load(std::memory_order_relaxed)) {
        waiting.assign({{.fd = wake_, .events = POLLIN, .revents = 0},
                        {.fd = listener_, .events = POLLIN, .revents = 0}});
        uint64_t deadline_ns = options_.expire ? options_.expire() : UINT64_MAX;
        for (const auto& connection : connections_) {
            waiting.push_back(connection->waiting());
            deadline_ns = std::min(deadline_ns, connection->deadline_ns());
        }
        uint64_t now_ns = ring::monotonic_ns();
        int timeout_ms = -1;
        if (deadline_ns != UINT64_MAX) {
            const uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
            timeout_ms = static_cast<int>(left_ns / 1'000'000) + 1;
        }
        if (accept_after_ns_ > now_ns) {
            waiting[1].fd = -1;
            timeout_ms = static_cast<int>(kAcceptPause_ns / 1'000'000);
        }
        (void)::poll(waiting.data(), waiting.size(), more ? 0 : timeout_ms);
        now_ns = ring::monotonic_ns();
        // All reading comes first: equal requests that are here by then share an answer.
        size_t index = 2;
        for (const auto& connection : connections_) {
            const short events = waiting[index++].revents;
            if (events == 0) continue;
            if ((events & POLLOUT) != 0) connection->on_writable(now_ns);
            if (connection->state() != HttpConnection::State::kWriting)
                connection->on_readable(now_ns);
        }
        if (waiting[1].revents != 0) accept_all();
        Round round;
        more = false;
        for (const auto& connection : connections_) more |= answer(*connection, &round);
        now_ns = ring::monotonic_ns();
        connections_.remove_if([now_ns](const auto& connection) {
            return connection->state() == HttpConnection::State::kEnded ||
                   connection->deadline_ns() <= now_ns;
        });
    }
}

void HttpServer::accept_all() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            const bool none_left = errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
            // Out of descriptors: the clients of the server come first.
            if (!none_left) accept_after_ns_ = ring::monotonic_ns() + kAcceptPause_ns;
            return;
        }
        if (connections_.size() >= kConnectionsMax) make_room();
        const uint64_t now_ns = ring::monotonic_ns();
        std::unique_ptr<tls::Engine> engine;
        if (options_.tls) engine = tls::Engine::create(options_.tls());
        auto& connection = connections_.emplace_back(
            std::make_unique<HttpConnection>(fd, std::move(engine), now_ns));
        connection->on_readable(now_ns);  // its request is often there already
    }
}

// Idle ones go first, then those that are at their request, the longest waiting first.
void HttpServer::make_room() {
    const auto rank = [](const auto& connection) {
        const bool reading = connection->state() == HttpConnection::State::kReading;
        return std::pair(connection->idle() ? 0 : reading ? 1 : 2, connection->deadline_ns());
    };
    connections_.erase(
        std::min_element(connections_.begin(), connections_.end(),
                         [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); }));
}

// Large pages that wait for clients to take them are bounded: whoever has been at it for longest is given up.
void HttpServer::bound_memory(const HttpConnection& newest) {
    if (newest.owed() == nullptr || newest.owed()->body.size() <= kLargeBytes) return;
    for (;;) {
        absl::flat_hash_set<const HttpAnswer*> pages;
        size_t bytes = 0;
        HttpConnection* oldest = nullptr;
        for (const auto& connection : connections_) {
            const HttpAnswer* page = connection->owed();
            if (page == nullptr || page == newest.owed() || page->body.size() <= kLargeBytes)
                continue;
            if (pages.insert(page).second) bytes += page->body.size();
            if (oldest == nullptr || connection->answered_ns() < oldest->answered_ns()) {
                oldest = connection.get();
            }
        }
        if (bytes <= kOwedBytesMax) return;
        oldest->end();
    }
}

HttpConnection::Reply HttpServer::answer_to(const HttpRequest& request, const HttpHandler& make) {
    std::shared_ptr<const HttpAnswer> page;
    if (request.empty_status != 0) {
        HttpAnswer empty{
            .status = request.empty_status, .content_type = {}, .body = {}, .headers = {}};
        page = std::make_shared<const HttpAnswer>(std::move(empty));
    } else {
        page = make(request.target);
    }
    HttpConnection::Reply reply{
        .head = writer_.head(request, *page), .page = nullptr, .goes_on = request.goes_on};
    if (!request.head) reply.page = std::move(page);
    return reply;
}

// One request of each at a time, so that nobody's pipeline holds up the others. True: there are more.
bool HttpServer::answer(HttpConnection& connection, Round* round) {
    const HttpHandler make = [&](std::string_view target) {
        for (const auto& [known, made] : *round) {
            if (known == target) return made;
        }
        auto made = options_.handler(target);
        if (made->body.size() <= kLargeBytes) round->emplace_back(target, made);
        return made;
    };
    if (const size_t size = connection.complete_request(); size != 0) {
        const HttpRequest request = read_http_request(connection.input().substr(0, size));
        HttpConnection::Reply reply{.head = request.refusal, .page = nullptr, .goes_on = false};
        try {
            if (request.refusal.empty()) reply = answer_to(request, make);
        } catch (...) {
            // Out of memory for a page, at worst; the connection goes, the server stays.
            connection.end();
            return false;
        }
        connection.on_answered(size, std::move(reply), ring::monotonic_ns());
        bound_memory(connection);
    } else if (connection.too_large()) {
        connection.on_answered(connection.input().size(),
                               {.head = std::string(kTooLarge), .page = nullptr, .goes_on = false},
                               ring::monotonic_ns());
    }
    if (connection.complete_request() != 0) return true;
    connection.end_if_half_closed();
    return false;
}

}  // namespace nuring::monitor
