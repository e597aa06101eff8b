// SPDX-License-Identifier: Apache-2.0
// nuring-relay: the floor that the kernel sets. One thread, one io_uring, no protocol: what a
// source sends is written, byte for byte, to every target of its group. A NATS server that moves
// the same bytes between the same connections cannot cost less, only approach it.
//
// A connection begins with 8 bytes: a role ('P' source, 'S' target, 'B' both, to every other 'B' of
// the group), six digits of the group, and a line feed; the relay answers +OK CR LF.
//
// Each source has two buffers: while one is being sent to the targets the other receives, and both
// requests leave in the same io_uring_enter.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr size_t kHelloBytes = 8;
constexpr unsigned kQueueEntries = 4096;
constexpr size_t kConnectionsMax = 4096;

template <class... Args>
[[noreturn]] void fatal(fmt::format_string<Args...> format, Args&&... args) {
    fmt::print(stderr, "nuring-relay: {}\n", fmt::format(format, std::forward<Args>(args)...));
    std::exit(2);
}

enum class Request : uint8_t { kAccept, kReceive, kSend };

struct Buffer {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;   // filled and not yet sent to everyone
    size_t sends = 0;  // under way
};

struct Connection {
    uint32_t index;
    int fd;
    char role = 0;
    uint32_t group = 0;
    size_t hello_size = 0;
    char hello[kHelloBytes];
    std::array<Buffer, 2> buffers;
    bool receiving = false;
    int sending = -1;  // buffer, or -1
    std::vector<Connection*> targets;
};

//   63      40 39      16 15     8 7      0
//   +---------+----------+--------+--------+
//   |    0    |connection| buffer |request |
//   +---------+----------+--------+--------+
uint64_t tag(Request request, uint32_t connection, int buffer) {
    return uint64_t{connection} << 16 | static_cast<uint64_t>(buffer) << 8 |
           static_cast<uint64_t>(request);
}

class Relay {
  public:
    explicit Relay(uint16_t port) {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        const int error = io_uring_queue_init_params(kQueueEntries, &ring_, &params);
        if (error < 0) fatal("io_uring: {}", std::strerror(-error));
        io_uring_register_ring_fd(&ring_);
        listen_on(port);
    }

    [[noreturn]] void run() {
        io_uring_prep_multishot_accept(sqe(), listener_, nullptr, nullptr, SOCK_CLOEXEC);
        io_uring_sqe_set_data64(last_, tag(Request::kAccept, 0, 0));
        while (true) {
            const int error = io_uring_submit_and_wait(&ring_, 1);
            if (error < 0 && error != -EINTR) fatal("submit: {}", std::strerror(-error));
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* cqe = nullptr;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                ++count;
                handle(*cqe);
            }
            io_uring_cq_advance(&ring_, count);
        }
    }

  private:
    void listen_on(uint16_t port) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (bind(listener_, generic, size) != 0 || listen(listener_, 1024) != 0) {
            fatal("port {}: {}", port, std::strerror(errno));
        }
        getsockname(listener_, generic, &size);
        // The words of a NATS server, so that whoever starts either finds the port the same way.
        fmt::print(stderr, "Listening for client connections on 127.0.0.1:{}\n",
                   ntohs(address.sin_port));
    }

    io_uring_sqe* sqe() {
        last_ = io_uring_get_sqe(&ring_);
        if (last_ == nullptr) {
            io_uring_submit(&ring_);
            last_ = io_uring_get_sqe(&ring_);
        }
        return last_;
    }

    void handle(const io_uring_cqe& cqe) {
        const uint64_t bits = io_uring_cqe_get_data64(&cqe);
        const auto request = static_cast<Request>(bits & 0xff);
        const int buffer = static_cast<int>(bits >> 8 & 0xff);
        if (request == Request::kAccept) {
            if (cqe.res < 0) fatal("accept: {}", std::strerror(-cqe.res));
            accepted(cqe.res);
            return;
        }
        Connection* connection = connections_[bits >> 16].get();
        if (request == Request::kReceive) {
            received(connection, buffer, cqe.res);
        } else {
            sent(connection, buffer);
        }
    }

    void accepted(int fd) {
        if (connections_.size() >= kConnectionsMax) fatal("too many connections");
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        auto connection = std::make_unique<Connection>();
        connection->index = static_cast<uint32_t>(connections_.size());
        connection->fd = fd;
        for (Buffer& buffer : connection->buffers) {
            buffer.bytes = std::make_unique_for_overwrite<char[]>(kBufferBytes);
        }
        connections_.push_back(std::move(connection));
        receive(connections_.back().get(), 0);
    }

    void receive(Connection* connection, int index) {
        const bool greeted = connection->role != 0;
        char* at = greeted ? connection->buffers[static_cast<size_t>(index)].bytes.get()
                           : connection->hello + connection->hello_size;
        const size_t size = greeted ? kBufferBytes : kHelloBytes - connection->hello_size;
        connection->receiving = true;
        io_uring_prep_recv(sqe(), connection->fd, at, size, 0);
        io_uring_sqe_set_data64(last_, tag(Request::kReceive, connection->index, index));
    }

    void received(Connection* connection, int index, int count) {
        connection->receiving = false;
        if (count <= 0) {
            leave(connection);
            return;
        }
        if (connection->role == 0) {
            greet(connection, static_cast<size_t>(count));
            return;
        }
        connection->buffers[static_cast<size_t>(index)].size = static_cast<size_t>(count);
        advance(connection);
    }

    void greet(Connection* connection, size_t count) {
        connection->hello_size += count;
        if (connection->hello_size == kHelloBytes) {
            connection->role = connection->hello[0];
            std::from_chars(connection->hello + 1, connection->hello + 7, connection->group);
            join(connection);
            if (send(connection->fd, "+OK\r\n", 5, MSG_NOSIGNAL) != 5) leave(connection);
        }
        receive(connection, 0);
    }

    void join(Connection* joined) {
        for (const auto& other : connections_) {
            const bool open = other->fd >= 0 && other->role != 0 && other.get() != joined;
            if (!open || other->group != joined->group) continue;
            const auto feeds = [](const Connection& from, const Connection& to) {
                return (from.role == 'P' && to.role == 'S') || (from.role == 'B' && to.role == 'B');
            };
            if (feeds(*joined, *other)) joined->targets.push_back(other.get());
            if (feeds(*other, *joined)) other->targets.push_back(joined);
        }
    }

    // Sends the filled buffer unless one is under way, receives into a free one.
    void advance(Connection* connection) {
        for (int index = 0; index < 2; ++index) {
            Buffer& buffer = connection->buffers[static_cast<size_t>(index)];
            if (buffer.size != 0 && buffer.sends == 0 && connection->sending < 0) {
                send_all(connection, index);
            }
        }
        for (int index = 0; index < 2; ++index) {
            if (connection->buffers[static_cast<size_t>(index)].size != 0) continue;
            if (!connection->receiving) receive(connection, index);
        }
    }

    void send_all(Connection* connection, int index) {
        Buffer& buffer = connection->buffers[static_cast<size_t>(index)];
        for (const Connection* target : connection->targets) {
            if (target->fd < 0) continue;
            io_uring_prep_send(sqe(), target->fd, buffer.bytes.get(), buffer.size,
                               MSG_NOSIGNAL | MSG_WAITALL);
            io_uring_sqe_set_data64(last_, tag(Request::kSend, connection->index, index));
            ++buffer.sends;
        }
        if (buffer.sends == 0) {
            buffer.size = 0;  // nobody listens
        } else {
            connection->sending = index;
        }
    }

    void sent(Connection* connection, int index) {
        Buffer& buffer = connection->buffers[static_cast<size_t>(index)];
        if (--buffer.sends != 0) return;
        buffer.size = 0;
        connection->sending = -1;
        if (connection->fd >= 0) advance(connection);
    }

    // The memory of a connection stays: requests may still point to it.
    void leave(Connection* connection) {
        if (connection->fd < 0) return;
        shutdown(connection->fd, SHUT_RDWR);
        ::close(connection->fd);
        connection->fd = -1;
    }

    io_uring ring_{};
    io_uring_sqe* last_ = nullptr;
    int listener_ = -1;
    std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace

// Takes the flags of a NATS server that matter here (-a is ignored, -p) and none else.
int main(int argc, char** argv) {
    int port = 4223;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view value = argv[i + 1];
        if (std::string_view(argv[i]) == "-p") {
            std::from_chars(value.data(), value.data() + value.size(), port);
        }
    }
    Relay relay(port < 0 ? 0 : static_cast<uint16_t>(port));
    relay.run();
}
