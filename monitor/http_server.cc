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
#include <ctime>

#include <httplib.h>
#include "absl/container/flat_hash_set.h"
#include "core/base/status.h"
#include "core/ring/kernel_sockets.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include "monitor/http_head.h"

namespace nuring::monitor {
namespace {

// Below the workers when processors are short, above the jobs threads: a page may take longer, not for ever.
constexpr int kNiceness = 10;

constexpr uint64_t kAcceptPause_ns = 100'000'000;

constexpr std::string_view kTooLarge =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Connection: close\r\n\r\n431 Request Header Fields Too Large";

std::string http_date() {
    const time_t now = static_cast<time_t>(ring::realtime_ns() / 1'000'000'000);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 64> text;
    const size_t size =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text.data(), size};
}

// A stream that never waits. cpp-httplib has asked for that in other words since 0.20; none of its
// versions knows all of these, so none can say `override`.
class ReadyStream : public httplib::Stream {
  public:
    virtual bool is_writable() const { return true; }
    virtual bool wait_readable() const { return true; }
    virtual bool wait_writable() const { return true; }
    virtual time_t duration() const { return 0; }
};

// A request in memory, and the answer to it.
class MemoryStream final : public ReadyStream {
  public:
    MemoryStream(std::string_view input, std::string* output) : input_(input), output_(*output) {}

    bool is_readable() const override { return !input_.empty(); }
    ssize_t read(char* bytes, size_t size) override {
        size = std::min(size, input_.size());
        std::copy_n(input_.data(), size, bytes);
        input_.remove_prefix(size);
        return static_cast<ssize_t>(size);
    }
    ssize_t write(const char* bytes, size_t size) override {
        output_.append(bytes, size);
        return static_cast<ssize_t>(size);
    }
    void get_remote_ip_and_port(std::string& /*ip*/, int& port) const override { port = 0; }
    void get_local_ip_and_port(std::string& /*ip*/, int& port) const override { port = 0; }
    socket_t socket() const override { return -1; }

  private:
    std::string_view input_;
    std::string& output_;
};

}  // namespace

// cpp-httplib without its sockets and threads: one request in, one answer out.
class HttpServer::Parser final : public httplib::Server {
  public:
    using Answer = std::function<std::shared_ptr<const HttpAnswer>(const std::string& target)>;

    Parser() {
        set_pre_routing_handler([this](const auto& request, auto& response) {
            respond(request, response);
            return HandlerResponse::Handled;
        });
        // Requests that cannot be read do not get as far as that.
        set_error_handler(HandlerWithResponse([this](const auto& /*request*/, auto& response) {
            if (answered_) return HandlerResponse::Unhandled;
            broken_ = true;
            const std::string text = response.status == 400 ? std::string("400 Bad Request")
                                                            : fmt::format("{}", response.status);
            response.set_content(text, "text/plain; charset=utf-8");
            response.set_header("Connection", "close");
            return HandlerResponse::Handled;
        }));
        set_post_routing_handler([](const auto& /*request*/, auto& response) {
            response.headers.erase("Keep-Alive");
            response.headers.erase("Accept-Ranges");
            response.set_header("Date", http_date());
        });
    }

    HttpConnection::Reply process(std::string_view head, const Answer& make) {
        HttpConnection::Reply reply;
        const std::string plain = plain_head(head);
        MemoryStream stream(plain, &reply.head);
        make_ = &make;
        answer_ = nullptr;
        answered_ = broken_ = has_body_ = false;
        bool ends = false;
        const auto prepare = [this](httplib::Request& request) {
            // A body is never read, so nothing after it can be.
            const std::string length = request.get_header_value("Content-Length");
            has_body_ =
                request.has_header("Transfer-Encoding") || (!length.empty() && length != "0");
            // Compressing a page costs more than sending it; parts of one are of no use.
            request.headers.erase("Accept-Encoding");
            request.headers.erase("Expect");
            request.headers.erase("Range");
            request.ranges.clear();
        };
        bool done = false;
        try {
            done = serve(*this, stream, &ends, prepare);
        } catch (...) {
            // Out of memory for a page, at worst; the connection goes, the server stays.
            done = false;
        }
        reply.page = std::move(answer_);
        reply.goes_on = done && !ends && !broken_ && !has_body_;
        return reply;
    }

  private:
    // From 0.18 on it is told who is at both ends. A template, so that only the call that there is
    // is compiled.
    template <class Self>
    static bool serve(Self& self, httplib::Stream& stream, bool* ends,
                      const std::function<void(httplib::Request&)>& prepare) {
        // tidy: allow banned-word, cpp-httplib calls it so
        if constexpr (requires { self.process_request(stream, false, *ends, prepare); }) {
            // tidy: allow banned-word, as above
            return self.process_request(stream, /*close_connection=*/false, *ends, prepare);
        } else {
            const std::string nobody;
            // tidy: allow banned-word, as above
            return self.process_request(stream, nobody, 0, nobody, 0, /*close_connection=*/false,
                                        *ends, prepare);
        }
    }
    void respond(const httplib::Request& request, httplib::Response& response) {
        answered_ = true;
        answer_ = (*make_)(request.target);
        response.status = answer_->status;
        for (const auto& [name, value] : answer_->headers) response.set_header(name, value);
        if (has_body_) response.set_header("Connection", "close");
        // The body goes from the answer to the socket: it may be megabytes.
        if (!answer_->body.empty()) {
            response.set_header("Content-Type", answer_->content_type);
            response.set_header("Content-Length", fmt::format("{}", answer_->body.size()));
        }
        if (request.method == "HEAD") answer_ = nullptr;
    }

    const Answer* make_ = nullptr;
    std::shared_ptr<const HttpAnswer> answer_;
    bool answered_ = false;
    bool broken_ = false;
    bool has_body_ = false;
};

HttpServer::HttpServer(HttpServerOptions options)
    : options_(std::move(options)), parser_(std::make_unique<Parser>()) {}

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

// One request of each at a time, so that nobody's pipeline holds up the others. True: there are more.
bool HttpServer::answer(HttpConnection& connection, Round* round) {
    const auto make = [&](const std::string& target) {
        for (const auto& [known, made] : *round) {
            if (known == target) return made;
        }
        auto made = options_.handler(target);
        if (made->body.size() <= kLargeBytes) round->emplace_back(target, made);
        return made;
    };
    if (const size_t size = connection.complete_request(); size != 0) {
        connection.on_answered(size, parser_->process(connection.input().substr(0, size), make),
                               ring::monotonic_ns());
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
