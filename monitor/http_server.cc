// SPDX-License-Identifier: Apache-2.0
#include "monitor/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <optional>
#include <tuple>

#include "absl/container/flat_hash_set.h"
#include "core/base/status.h"
#include "core/ring/kernel_sockets.h"
#include "core/runtime/thread_priority.h"
#include "core/tls/tls_engine.h"
#include "proto/http_request.h"

namespace nuring::monitor {
namespace {

// Below the workers when processors are short, above the lane of large pages.
constexpr int kPortNice = 5;

// How many addresses the lane remembers; beyond, it begins anew.
constexpr size_t kTurnsMax = 4096;

constexpr uint64_t kAcceptPause_ns = 100'000'000;

// How long an idle lane sleeps while clients wait that may not be served.
constexpr uint64_t kRetry_ns = 10'000'000;

constexpr std::string_view kTooLarge =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Connection: close\r\n\r\n431 Request Header Fields Too Large";

std::string address_text(const sockaddr_storage& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = nullptr;
    if (address.ss_family == AF_INET) {
        bytes = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    } else if (address.ss_family == AF_INET6) {
        bytes = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    } else {
        return {};
    }
    if (::inet_ntop(address.ss_family, bytes, text.data(), text.size()) == nullptr) return {};
    return text.data();
}

bool owes_large(const HttpConnection& connection) {
    return connection.owed() != nullptr && connection.owed()->body.size() > HttpServer::kLargeBytes;
}

bool is_awaiting(const HttpConnection& connection) {
    return connection.state() == HttpConnection::State::kAwaiting;
}

}  // namespace

HttpServer::HttpServer(HttpServerOptions options)
    : options_(std::move(options)), lane_(options_.make, [this] { wake(); }) {}

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
    lane_.start();
    thread_ = std::thread([this] {
        (void)::pthread_setname_np(::pthread_self(), "monitor");
        runtime::give_way_to_workers(kPortNice);
        run();
    });
}

void HttpServer::stop() {
    lane_.stop();
    if (!thread_.joinable()) return;
    stopping_.store(true, std::memory_order_relaxed);  // ordered by the eventfd
    wake();
    thread_.join();
}

void HttpServer::wake() {
    const uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
}

int HttpServer::poll_timeout_ms(uint64_t now_ns, bool more) {
    if (more) return 0;
    uint64_t deadline_ns = cache_.expire(now_ns);
    const bool lane_idle = lane_.idle();
    for (const auto& connection : connections_) {
        deadline_ns = std::min(deadline_ns, connection->deadline_ns());
        if (!is_awaiting(*connection) || !lane_idle) continue;
        // It waits for the answer to its probe, or for others of its address to read on.
        deadline_ns = std::min(deadline_ns, std::max(connection->probed_until_ns(), now_ns + kRetry_ns));
    }
    if (accept_after_ns_ > now_ns) deadline_ns = std::min(deadline_ns, accept_after_ns_);
    if (deadline_ns == UINT64_MAX) return -1;
    const uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    return static_cast<int>(left_ns / 1'000'000) + 1;
}

void HttpServer::run() {
    std::vector<pollfd> waiting;
    bool more = false;  // requests that need no waiting
    while (!stopping_.load(std::memory_order_relaxed)) {
        uint64_t now_ns = ring::monotonic_ns();
        waiting.assign({{.fd = wake_, .events = POLLIN, .revents = 0},
                        {.fd = accept_after_ns_ > now_ns ? -1 : listener_, .events = POLLIN, .revents = 0}});
        for (const auto& connection : connections_) waiting.push_back(connection->waiting());
        (void)::poll(waiting.data(), waiting.size(), poll_timeout_ms(now_ns, more));
        now_ns = ring::monotonic_ns();
        if (waiting[0].revents != 0) {
            uint64_t count = 0;
            (void)!::read(wake_, &count, sizeof count);
        }
        forget_if_asked();
        // All reading comes first: equal requests that are here by then share an answer.
        size_t index = 2;
        for (const auto& connection : connections_) {
            const short events = waiting[index++].revents;
            if (events == 0) continue;
            connection->on_events(events, now_ns);
            if (connection->input_bytes() > kInputBytesMax / kConnectionsMax) bound_input();
        }
        if (waiting[1].revents != 0) accept_all();
        deliver_made();
        Round round;
        more = false;
        for (const auto& connection : connections_) more |= answer(*connection, &round);
        now_ns = ring::monotonic_ns();
        connections_.remove_if([now_ns](const auto& connection) {
            return connection->state() == HttpConnection::State::kEnded ||
                   connection->deadline_ns() <= now_ns;
        });
        begin_next(now_ns);
    }
}

void HttpServer::forget_if_asked() {
    const uint64_t generation = generation_.load(std::memory_order_relaxed);
    if (generation != kept_generation_) cache_.clear();
    kept_generation_ = generation;
}

void HttpServer::accept_all() {
    for (;;) {
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        const int fd = ::accept4(listener_, reinterpret_cast<sockaddr*>(&address), &size,
                                 SOCK_CLOEXEC | SOCK_NONBLOCK);
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
        auto& connection = connections_.emplace_back(std::make_unique<HttpConnection>(
            fd, address_text(address), std::move(engine), now_ns));
        connection->on_readable(now_ns);  // its request is often there already
    }
}

// Of the address that has the most connections: idle ones go first, then those that are at their request or
// wait for a page, the longest waiting first.
void HttpServer::make_room() {
    absl::flat_hash_map<std::string_view, size_t> counts;
    for (const auto& connection : connections_) ++counts[connection->address()];
    const auto rank = [&counts](const auto& connection) {
        const bool writing = connection->state() == HttpConnection::State::kWriting;
        const size_t others = kConnectionsMax - counts.find(connection->address())->second;
        return std::tuple(others, connection->idle() ? 0 : writing ? 2 : 1, connection->deadline_ns());
    };
    assert(connections_.size() <= kConnectionsMax);
    connections_.erase(
        std::min_element(connections_.begin(), connections_.end(),
                         [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); }));
}

// Large pages that wait for clients to take them are bounded, with the newest: the client that has been at
// its page for longest is given up.
void HttpServer::bound_memory(const HttpConnection& newest) {
    if (!owes_large(newest)) return;
    for (;;) {
        absl::flat_hash_set<const HttpAnswer*> pages{newest.owed()};
        size_t bytes = newest.owed()->body.size();
        HttpConnection* oldest = nullptr;
        for (const auto& connection : connections_) {
            if (!owes_large(*connection) || connection->owed() == newest.owed()) continue;
            if (pages.insert(connection->owed()).second) bytes += connection->owed()->body.size();
            if (oldest == nullptr || connection->answered_ns() < oldest->answered_ns()) {
                oldest = connection.get();
            }
        }
        if (bytes <= kOwedBytesMax || oldest == nullptr) return;
        oldest->end();
    }
}

// While no request is larger than a fair share, all of them fit.
void HttpServer::bound_input() {
    for (;;) {
        size_t bytes = 0;
        HttpConnection* largest = nullptr;
        for (const auto& connection : connections_) {
            bytes += connection->input_bytes();
            if (largest == nullptr || connection->input_bytes() > largest->input_bytes()) {
                largest = connection.get();
            }
        }
        if (bytes <= kInputBytesMax) return;
        largest->end();
    }
}

void HttpServer::reply(HttpConnection& connection, size_t size, const HttpForm& form,
                       HttpAnswerPtr page) {
    assert(page != nullptr);
    HttpConnection::Reply reply{.head = http_head(form, *page, http_date(ring::realtime_ns())),
                                .page = nullptr,
                                .goes_on = form.goes_on};
    if (!form.without_body) reply.page = std::move(page);
    connection.on_answered(size, std::move(reply), ring::monotonic_ns());
    bound_memory(connection);
}

// A small page; null: it could not be made.
HttpAnswerPtr HttpServer::make_small(std::string_view target, Round* round) {
    for (const auto& [known, made] : *round) {
        if (known == target) return made;
    }
    HttpAnswerPtr made;
    try {
        made = options_.make(target).answer;
    } catch (...) {
        return nullptr;  // out of memory, at worst: the connection goes, the server stays
    }
    if (made != nullptr) round->emplace_back(target, made);
    return made;
}

void HttpServer::answer_complete(HttpConnection& connection, size_t size, Round* round) {
    const proto::HttpRequest request = proto::read_http_request(connection.input().substr(0, size));
    if (!request.refusal.empty()) {
        return connection.on_answered(
            size, {.head = request.refusal, .page = nullptr, .goes_on = false}, ring::monotonic_ns());
    }
    const HttpForm form{.without_body = request.head, .old = request.old, .goes_on = request.goes_on};
    if (request.empty_status != 0) {
        auto empty = std::make_shared<HttpAnswer>();
        empty->status = request.empty_status;
        return reply(connection, size, form, std::move(empty));
    }
    const uint64_t now_ns = ring::monotonic_ns();
    if (HttpAnswerPtr known = cache_.find(request.target, now_ns)) {
        return reply(connection, size, form, std::move(known));
    }
    if (options_.is_large(request.target)) {
        return connection.await_page({.size = size, .target = request.target, .form = form}, now_ns);
    }
    HttpAnswerPtr made = make_small(request.target, round);
    if (made == nullptr) return connection.end();
    reply(connection, size, form, std::move(made));
}

// One request of each at a time, so that no pipeline delays the others. True: there are more.
bool HttpServer::answer(HttpConnection& connection, Round* round) {
    if (const size_t size = connection.complete_request(); size != 0) {
        answer_complete(connection, size, round);
    } else if (connection.too_large()) {
        connection.on_answered(connection.input().size(),
                               {.head = std::string(kTooLarge), .page = nullptr, .goes_on = false},
                               ring::monotonic_ns());
    }
    if (connection.complete_request() != 0) return true;
    connection.end_if_half_closed();
    return false;
}

// To all that had asked for it before it was begun.
void HttpServer::deliver_made() {
    std::optional<MadeAnswer> made = lane_.take();
    if (!made.has_value()) return;
    const uint64_t now_ns = ring::monotonic_ns();
    if (made->answer != nullptr && made->cost_ns != 0 && lane_generation_ == kept_generation_) {
        cache_.add(lane_target_, made->answer, made->cost_ns, now_ns);
    }
    for (const auto& connection : connections_) {
        if (!is_awaiting(*connection) || !connection->is_served()) continue;
        if (made->answer == nullptr) {
            connection->end();
            continue;
        }
        const PageRequest request = connection->awaited();
        reply(*connection, request.size, request.form, made->answer);
    }
}

// May a client of that address have a large page? If the only obstacle is one without progress, that one is
// given up.
bool HttpServer::has_room(const std::string& address, uint64_t now_ns) {
    size_t owed = 0;
    HttpConnection* slowest = nullptr;
    for (const auto& connection : connections_) {
        if (!owes_large(*connection) || connection->address() != address) continue;
        ++owed;
        if (slowest == nullptr || connection->progress_ns() < slowest->progress_ns()) {
            slowest = connection.get();
        }
    }
    if (owed < kLargePerAddress) return true;
    if (now_ns - slowest->progress_ns() < kNoProgressMax_ns) return false;
    slowest->end();
    return true;
}

// The addresses take turns; of one address the oldest connection comes first.
void HttpServer::begin_next(uint64_t now_ns) {
    if (!lane_.idle()) return;
    const HttpConnection* next = nullptr;
    uint64_t next_turn = 0;
    for (const auto& connection : connections_) {
        if (!is_awaiting(*connection) || connection->probed_until_ns() > now_ns) continue;
        const auto known = last_turns_.find(connection->address());
        const uint64_t turn = known == last_turns_.end() ? 0 : known->second;
        if (next != nullptr && turn >= next_turn) continue;
        if (!has_room(connection->address(), now_ns)) continue;
        next = connection.get();
        next_turn = turn;
    }
    if (next == nullptr) return;
    if (last_turns_.size() >= kTurnsMax) last_turns_.clear();
    last_turns_[next->address()] = ++turn_;
    lane_target_ = next->awaited().target;
    lane_generation_ = kept_generation_;
    // The page is for all of that address, and for those of others that may have one.
    for (const auto& connection : connections_) {
        if (is_awaiting(*connection) && connection->awaited().target == lane_target_) connection->serve();
    }
    lane_.begin(lane_target_);
}

}  // namespace nuring::monitor
