// SPDX-License-Identifier: Apache-2.0
#include "core/log/syslog_sink.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace nuring::log {
namespace {

constexpr uint64_t kSyslogTime = 1'795'240'800'123'456'789;  // 2026-11-21 06:00:00 UTC
constexpr int kWaitMsMax = 5000;

// A socket on 127.0.0.1 (or a path) that plays the syslog daemon.
class SyslogSinkTest : public testing::Test {
  protected:
    SyslogSinkTest() {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
    ~SyslogSinkTest() override {
        for (const int fd : {fd_, accepted_}) {
            if (fd >= 0) ::close(fd);
        }
        if (!path_.empty()) ::unlink(path_.c_str());
        ::unsetenv("TZ");
        ::tzset();
    }

    uint16_t listen_inet(int kind) {
        fd_ = ::socket(AF_INET, kind | SOCK_CLOEXEC, 0);
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        if (kind == SOCK_STREAM) {
            EXPECT_EQ(::listen(fd_, 4), 0);
        }
        socklen_t size = sizeof address;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
        return ntohs(address.sin_port);
    }
    void listen_path() {
        path_ = testing::TempDir() + "nuring-syslog-" + std::to_string(::getpid());
        fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
        ::unlink(path_.c_str());
        ASSERT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    void accept() {
        if (accepted_ >= 0) ::close(accepted_);
        await(fd_);
        accepted_ = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        ASSERT_GE(accepted_, 0);
    }
    static void await(int fd) {
        pollfd readable = {fd, POLLIN, 0};
        ASSERT_EQ(::poll(&readable, 1, kWaitMsMax), 1);
    }
    std::string receive(int fd) {
        await(fd);
        char text[16 * 1024];
        const ssize_t size = ::recv(fd, text, sizeof text, 0);
        return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
    }
    static SyslogOptions options(std::string url) { return {std::move(url), "nats-uring", 77}; }

    int fd_ = -1;
    int accepted_ = -1;
    std::string path_;
};

TEST_F(SyslogSinkTest, SendsRemoteRecordsOverUdp) {
    const uint16_t port = listen_inet(SOCK_DGRAM);
    auto sink = SyslogSink::create(options(fmt::format("udp://127.0.0.1:{}", port)));
    ASSERT_TRUE(sink.ok()) << sink.status();
    (*sink)->write({kSyslogTime, Level::kInfo, "Server is ready"});
    const std::string record = receive(fd_);
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    EXPECT_EQ(record,
              fmt::format("<5>2026-11-21T06:00:00Z {} nats-uring[77]: Server is ready\n", host));
    (*sink)->write({kSyslogTime, Level::kError, "e"});
    EXPECT_TRUE(receive(fd_).starts_with("<3>"));
    (*sink)->write({kSyslogTime, Level::kFatal, "f"});
    EXPECT_TRUE(receive(fd_).starts_with("<2>"));
    (*sink)->write({kSyslogTime, Level::kDebug, "d"});
    EXPECT_TRUE(receive(fd_).starts_with("<7>"));
}

TEST_F(SyslogSinkTest, CutsWhatADatagramCannotHold) {
    const uint16_t port = listen_inet(SOCK_DGRAM);
    auto sink = SyslogSink::create(options(fmt::format("udp://127.0.0.1:{}", port)));
    ASSERT_TRUE(sink.ok());
    (*sink)->write({kSyslogTime, Level::kTrace, std::string(kLineBytesMax, 'x')});
    const std::string record = receive(fd_);
    EXPECT_GT(record.size(), SyslogSink::kTextBytesMax);
    EXPECT_LT(record.size(), SyslogSink::kTextBytesMax + 400);
}

TEST_F(SyslogSinkTest, SendsOverTcpAndConnectsAgainOnce) {
    const uint16_t port = listen_inet(SOCK_STREAM);
    auto sink = SyslogSink::create(options(fmt::format("tcp://127.0.0.1:{}", port)));
    ASSERT_TRUE(sink.ok()) << sink.status();
    accept();
    (*sink)->write({kSyslogTime, Level::kInfo, "one"});
    EXPECT_TRUE(receive(accepted_).ends_with("]: one\n"));
    // Reset the connection; the first write after it fails at once and goes over a new one.
    const linger now = {1, 0};
    ::setsockopt(accepted_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(accepted_, -1));
    (*sink)->write({kSyslogTime, Level::kInfo, "two"});
    accept();
    EXPECT_TRUE(receive(accepted_).ends_with("]: two\n"));
    EXPECT_EQ((*sink)->take_lost_count(), 0U);
}

TEST_F(SyslogSinkTest, LosesAndCountsLinesWhileNobodyListens) {
    const uint16_t port = listen_inet(SOCK_STREAM);
    auto sink = SyslogSink::create(options(fmt::format("tcp://127.0.0.1:{}", port)));
    ASSERT_TRUE(sink.ok());
    accept();
    const linger now = {1, 0};
    ::setsockopt(accepted_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(std::exchange(accepted_, -1));
    ::close(std::exchange(fd_, -1));
    (*sink)->write({kSyslogTime, Level::kInfo, "lost"});
    (*sink)->write({kSyslogTime + 1, Level::kInfo, "lost without another attempt"});
    EXPECT_EQ((*sink)->take_lost_count(), 2U);
    EXPECT_EQ((*sink)->lost_reason(), "transport endpoint is not connected");
}

TEST_F(SyslogSinkTest, SendsLocalRecordsToAPath) {
    listen_path();
    auto sink = SyslogSink::create(options("unix://" + path_));
    ASSERT_TRUE(sink.ok()) << sink.status();
    (*sink)->write({kSyslogTime, Level::kInfo, "a\nb"});
    EXPECT_EQ(receive(fd_), "<5>Nov 21 06:00:00 nats-uring[77]: a\\nb\n");
}

TEST_F(SyslogSinkTest, RefusesWhatItCannotReach) {
    EXPECT_EQ(std::string(SyslogSink::create(options("http://x:1")).status().message()),
              "error invalid network type: \"http\"");
    EXPECT_EQ(
        std::string(SyslogSink::create(options("unix:///nonexistent/socket")).status().message()),
        "error connecting to syslog: \"no such file or directory\"");
}

}  // namespace
}  // namespace nuring::log
