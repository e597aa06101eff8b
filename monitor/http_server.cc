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

#include "core/base/status.h"
#include "core/ring/kernel_sockets.h"
#include "core/tls/tls_engine.h"
#include "fmt/format.h"
#include <httplib.h>

namespace nuring::monitor {
namespace {

// Below the workers when processors are short, above the jobs threads: a page may take longer, not for ever.
constexpr int kNiceness = 10;

constexpr uint64_t kAcceptPause_ns = 100'000'000;
constexpr size_t kReadBytes = 16 * 1024;

constexpr std::string_view kTooLarge =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Connection: close\r\n\r\n431 Request Header Fields Too Large";

std::string http_date() {
    const time_t now = static_cast<time_t>(ring::realtime_ns() / 1'000'000'000);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 64> text;
    const size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
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
            const std::string text = response.status == 400
                                         ? std::string("400 Bad Request")
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

    // Reads the request, appends the answer to it; false when the connection ends after that.
    bool process(std::string_view head, const Answer& make, std::string* output) {
        MemoryStream stream(head, output);
        make_ = &make;
        answered_ = broken_ = has_body_ = false;
        bool ends = false;
        const auto prepare = [this](httplib::Request& request) {
            // A body is never read, so nothing after it can be.
            const std::string length = request.get_header_value("Content-Length");
            has_body_ = request.has_header("Transfer-Encoding") || (!length.empty() && length != "0");
            // Compressing a page costs more than sending it; parts of one are of no use.
            request.headers.erase("Accept-Encoding");
            request.headers.erase("Expect");
            request.headers.erase("Range");
            request.ranges.clear();
        };
        bool done = false;
        try {
            done = serve(*this, stream, &ends, prepare);
        } catch (...) {  // out of memory for a page, at worst; the connection goes, the server stays
            done = false;
        }
        return done && !ends && !broken_ && !has_body_;
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
        if (!answer_->body.empty()) response.set_content(answer_->body, answer_->content_type);
    }

    const Answer* make_ = nullptr;
    std::shared_ptr<const HttpAnswer> answer_;
    bool answered_ = false;
    bool broken_ = false;
    bool has_body_ = false;
};

// One client: what it has sent of a request, what it has not taken of an answer.
class HttpServer::Connection {
  public:
    enum class State : uint8_t { kReading, kWriting, kLingering, kEnded };

    // engine: null for clear text.
    Connection(int fd, std::unique_ptr<tls::Engine> engine, uint64_t now_ns)
        : fd_(fd), engine_(std::move(engine)), since_ns_(now_ns) {}
    ~Connection() { ::close(fd_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    State state() const { return state_; }
    pollfd waiting() const {
        const bool writes = written_ < wire_.size();
        const bool reads = state_ != State::kWriting;
        return {.fd = fd_,
                .events = static_cast<short>((writes ? POLLOUT : 0) | (reads ? POLLIN : 0)),
                .revents = 0};
    }
    // Between two requests, with nothing of the next one.
    bool idle() const { return state_ == State::kReading && input_.empty() && answered_; }
    uint64_t deadline_ns() const {
        switch (state_) {
            case State::kReading: return since_ns_ + (idle() ? kIdleTime_ns : kHeadTime_ns);
            case State::kWriting: return since_ns_ + kWriteTime_ns;
            case State::kLingering: return since_ns_ + kLingerTime_ns;
            case State::kEnded: break;
        }
        return 0;
    }

    void on_readable(uint64_t now_ns) {
        std::array<char, kReadBytes> bytes;
        for (;;) {
            const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0 && errno == EAGAIN) return;
            if (got < 0 || (got == 0 && state_ == State::kLingering)) {
                state_ = State::kEnded;
                return;
            }
            if (got == 0) {  // what it has asked for before is still answered
                half_closed_ = true;
                return;
            }
            if (state_ == State::kLingering) continue;
            if (input_.empty() && received_.empty()) since_ns_ = now_ns;  // a request begins
            const std::string_view fresh(bytes.data(), static_cast<size_t>(got));
            if (engine_ == nullptr) {
                input_ += fresh;
            } else if (!decrypt(fresh)) {
                state_ = State::kEnded;
                return;
            }
            if (input_.size() > kHeadBytesMax) return;  // enough to judge
        }
    }

    // The size of the request that is complete in the input; 0: not yet.
    size_t complete_request() {
        if (state_ != State::kReading) return 0;
        const size_t from = scanned_ < 3 ? 0 : scanned_ - 3;
        for (const std::string_view end : {"\n\r\n", "\n\n"}) {
            if (const size_t at = input_.find(end, from); at != std::string::npos) {
                return at + end.size();
            }
        }
        // What does not begin like HTTP need not be waited for.
        const size_t line_end = input_.find('\n', scanned_ == 0 ? 0 : scanned_ - 1);
        if (!first_line_seen_ && line_end != std::string::npos) {
            first_line_seen_ = true;
            if (input_.find(" HTTP/1.") >= line_end) return input_.size();
        }
        scanned_ = input_.size();
        return 0;
    }
    // Nothing more will come to complete what is there.
    void end_if_half_closed() {
        if (half_closed_ && state_ == State::kReading) state_ = State::kEnded;
    }
    bool too_large() const { return state_ == State::kReading && input_.size() > kHeadBytesMax; }
    std::string_view input() const { return input_; }
    std::string& output() { return output_; }

    // The request of that size has its answer in the output.
    void on_answered(size_t request_size, bool goes_on, uint64_t now_ns) {
        input_.erase(0, request_size);
        scanned_ = 0;
        first_line_seen_ = false;
        answered_ = true;
        goes_on_ = goes_on;
        state_ = State::kWriting;
        since_ns_ = now_ns;
        if (engine_ == nullptr) {
            wire_.swap(output_);
        } else {
            if (!engine_->write(output_, to_wire())) state_ = State::kEnded;
            if (!goes_on) engine_->close_notify(to_wire());
        }
        output_ = std::string();
        on_writable(now_ns);
    }

    void on_writable(uint64_t now_ns) {
        while (written_ < wire_.size()) {
            const ssize_t sent = ::send(fd_, wire_.data() + written_, wire_.size() - written_,
                                        MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0 && errno == EAGAIN) return;
            if (sent <= 0) {
                state_ = State::kEnded;
                return;
            }
            written_ += static_cast<size_t>(sent);
            if (state_ == State::kWriting) since_ns_ = now_ns;
        }
        wire_ = std::string();
        written_ = 0;
        if (state_ != State::kWriting) return;  // words of a handshake
        if (goes_on_) {
            state_ = State::kReading;
            return;
        }
        // Closing with unread input would make the kernel reset what has just been sent.
        ::shutdown(fd_, SHUT_WR);
        state_ = State::kLingering;
    }

  private:
    tls::Output to_wire() {
        return {.append = [](void* wire, const char* bytes,
                             size_t size) { static_cast<std::string*>(wire)->append(bytes, size); },
                .state = &wire_};
    }
    // Ciphertext to input. False: it is no TLS, or has ended.
    bool decrypt(std::string_view fresh) {
        received_ += fresh;
        std::string_view rest = received_;
        bool good = true;
        if (!handshake_done_) {
            const tls::HandshakeStatus status = engine_->handshake(&rest, to_wire());
            good = status != tls::HandshakeStatus::kFailed;
            handshake_done_ = status == tls::HandshakeStatus::kDone;
        }
        while (good && handshake_done_) {
            std::array<char, kReadBytes> plain;
            size_t size = 0;
            const tls::ReadStatus status = engine_->read(&rest, plain, &size, to_wire());
            input_.append(plain.data(), size);
            good = status == tls::ReadStatus::kFull || status == tls::ReadStatus::kNeedsInput;
            half_closed_ |= status == tls::ReadStatus::kClosed;
            if (status != tls::ReadStatus::kFull) break;
        }
        received_.erase(0, received_.size() - rest.size());
        if (!wire_.empty()) on_writable(since_ns_);
        return good || half_closed_;
    }

    const int fd_;
    const std::unique_ptr<tls::Engine> engine_;  // null: clear text
    bool handshake_done_ = false;
    std::string received_;  // ciphertext that the engine has not taken
    State state_ = State::kReading;
    uint64_t since_ns_;  // of the deadline: when the state, or the last progress in it, began
    std::string input_;
    size_t scanned_ = 0;  // of the input: no end of a request in there
    bool first_line_seen_ = false;
    bool answered_ = false;  // a request before
    bool goes_on_ = true;    // after this answer
    bool half_closed_ = false;
    std::string output_;  // the answer
    std::string wire_;    // what the socket gets: the answer, or its ciphertext
    size_t written_ = 0;  // of it
};

HttpServer::HttpServer(HttpServerOptions options)
    : options_(std::move(options)), parser_(std::make_unique<Parser>()) {}

HttpServer::~HttpServer() {
    stop();
    if (listener_ >= 0) ::close(listener_);
    if (wake_ >= 0) ::close(wake_);
}

absl::Status HttpServer::listen() {
    const auto socket = ring::open_listen_socket(options_.host, options_.port, /*nonblocking=*/true);
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
        uint64_t deadline_ns = UINT64_MAX;
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
            if (connection->state() != Connection::State::kWriting) connection->on_readable(now_ns);
        }
        if (waiting[1].revents != 0) accept_all();
        Round round;
        more = false;
        for (const auto& connection : connections_) more |= answer(*connection, &round);
        now_ns = ring::monotonic_ns();
        connections_.remove_if([now_ns](const auto& connection) {
            return connection->state() == Connection::State::kEnded ||
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
            std::make_unique<Connection>(fd, std::move(engine), now_ns));
        connection->on_readable(now_ns);  // its request is often there already
    }
}

// Idle ones go first, then those that are at their request, the longest waiting first.
void HttpServer::make_room() {
    const auto rank = [](const auto& connection) {
        const bool reading = connection->state() == Connection::State::kReading;
        return std::pair(connection->idle() ? 0 : reading ? 1 : 2, connection->deadline_ns());
    };
    connections_.erase(std::min_element(
        connections_.begin(), connections_.end(),
        [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); }));
}

// One request of each at a time, so that nobody's pipeline holds up the others. True: there are more.
bool HttpServer::answer(Connection& connection, Round* round) {
    const auto make = [&](const std::string& target) {
        for (const auto& [known, made] : *round) {
            if (known == target) return made;
        }
        round->emplace_back(target, options_.handler(target));
        return round->back().second;
    };
    if (const size_t size = connection.complete_request(); size != 0) {
        const bool goes_on =
            parser_->process(connection.input().substr(0, size), make, &connection.output());
        connection.on_answered(size, goes_on, ring::monotonic_ns());
    } else if (connection.too_large()) {
        connection.output() = kTooLarge;
        connection.on_answered(connection.input().size(), /*goes_on=*/false, ring::monotonic_ns());
    }
    if (connection.complete_request() != 0) return true;
    connection.end_if_half_closed();
    return false;
}

}  // namespace nuring::monitor
