// SPDX-License-Identifier: Apache-2.0
// Goal: requests of strangers take a bounded part of memory. Method: sockets of the loopback device.
#include "monitor/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

class HttpServerTest : public testing::Test {
  protected:
    HttpServerTest() {
        EXPECT_TRUE(server_.listen().ok());
        server_.start();
    }
    ~HttpServerTest() override {
        for (const int fd : sockets_) ::close(fd);
    }

    int connect() {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = ::htons(server_.port());
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        sockets_.push_back(fd);
        return fd;
    }
    // Blocks until the kernel has it all, or the server has closed.
    static void say(int fd, std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            text.remove_prefix(static_cast<size_t>(sent));
        }
    }
    static std::string hear(int fd) {
        std::array<char, 4096> bytes;
        const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
        return got <= 0 ? std::string() : std::string(bytes.data(), static_cast<size_t>(got));
    }

    HttpServer server_{{.host = "127.0.0.1",
                        .port = 0,
                        .make =
                            [](std::string_view) {
                                return MadeAnswer{.answer = std::make_shared<HttpAnswer>(), .cost_ns = 0};
                            },
                        .is_large = [](std::string_view) { return false; },
                        .tls = {}}};
    std::vector<int> sockets_;
};

TEST_F(HttpServerTest, LargeRequestsThatNeverEndAreGivenUpBeyondTheBound) {
    constexpr size_t kHeadBytes = 900'000;
    constexpr size_t kFitting = HttpServer::kInputBytesMax / kHeadBytes;
    constexpr size_t kBeyond = 10;
    const int modest = connect();
    say(modest, "GET /varz HTTP/1.1\r\nHost: a\r\nA: " + std::string(10'000, 'a'));
    std::vector<pollfd> greedy;
    for (size_t i = 0; i < kFitting + kBeyond; ++i) {
        greedy.push_back({.fd = connect(), .events = POLLRDHUP, .revents = 0});
        say(greedy.back().fd, "GET /varz HTTP/1.1\r\nA: " + std::string(kHeadBytes, 'a'));
    }
    // Far earlier than a head may take: some have gone.
    size_t gone = 0;
    const int wait_ms = HttpConnection::kHeadTime_ns / 1'000'000 / 2;
    while (gone < kBeyond && ::poll(greedy.data(), greedy.size(), wait_ms) > 0) {
        gone += std::erase_if(greedy, [](const pollfd& each) { return each.revents != 0; });
    }
    EXPECT_GE(gone, kBeyond);
    say(modest, "\r\n\r\n");
    EXPECT_EQ(hear(modest).substr(0, 15), "HTTP/1.1 200 OK");
}

}  // namespace
}  // namespace nuring::monitor
