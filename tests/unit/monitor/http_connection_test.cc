// SPDX-License-Identifier: Apache-2.0
// Goal: a connection of the monitoring port shares its pages, survives clients that stop reading, and keeps
// its deadlines. Method: both ends of a socket pair, the clock being an argument.
#include "monitor/http_connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "gtest/gtest.h"

namespace nuring::monitor {
namespace {

constexpr uint64_t kHttpNow_ns = 1'000'000'000'000;
constexpr std::string_view kRequest = "GET /connz HTTP/1.1\r\n\r\n";

class HttpConnectionTest : public testing::Test {
  protected:
    HttpConnectionTest() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        peer_ = ends[1];
        connection_ = std::make_unique<HttpConnection>(ends[0], "10.0.0.1", nullptr, kHttpNow_ns);
    }
    ~HttpConnectionTest() override {
        if (peer_ >= 0) ::close(peer_);
    }

    void say(std::string_view text) {
        ASSERT_EQ(::send(peer_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
        connection_->on_readable(kHttpNow_ns);
    }
    // What is there, up to `limit` bytes.
    std::string hear(size_t limit = SIZE_MAX) {
        std::string all;
        std::array<char, 4096> bytes;
        while (all.size() < limit) {
            const ssize_t got =
                ::recv(peer_, bytes.data(), std::min(bytes.size(), limit - all.size()), 0);
            if (got <= 0) break;
            all.append(bytes.data(), static_cast<size_t>(got));
        }
        return all;
    }
    void answer(std::shared_ptr<const HttpAnswer> page, bool goes_on = true) {
        ASSERT_EQ(connection_->complete_request(), kRequest.size());
        connection_->on_answered(kRequest.size(),
                                 {.head = "head\r\n", .page = std::move(page), .goes_on = goes_on},
                                 kHttpNow_ns);
    }

    int peer_ = -1;
    std::unique_ptr<HttpConnection> connection_;
};

std::shared_ptr<const HttpAnswer> page_of(size_t size) {
    auto page = std::make_shared<HttpAnswer>();
    for (size_t i = 0; i < size; ++i) page->body += static_cast<char>('a' + i % 23);
    return page;
}

TEST_F(HttpConnectionTest, ARequestIsCompleteAtItsEmptyLine) {
    for (const char byte : kRequest.substr(0, kRequest.size() - 1)) {
        say(std::string_view(&byte, 1));
        EXPECT_EQ(connection_->complete_request(), 0U);
    }
    say("\n");
    EXPECT_EQ(connection_->complete_request(), kRequest.size());
}

TEST_F(HttpConnectionTest, WhatIsNotHttpIsCompleteAtItsFirstLine) {
    say("BOGUS\r\n");
    EXPECT_EQ(connection_->complete_request(), 7U);
}

TEST_F(HttpConnectionTest, ARequestEndsAtTheFirstEmptyLineOfEitherKind) {
    constexpr std::string_view kBare = "GET /varz HTTP/1.1\nHost: a\n\n";
    say(std::string(kBare).append(kRequest));
    EXPECT_EQ(connection_->complete_request(), kBare.size());
}

TEST_F(HttpConnectionTest, HeadAndPageArriveWhole) {
    say(kRequest);
    answer(page_of(1000));
    EXPECT_EQ(hear(), "head\r\n" + page_of(1000)->body);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kReading);
    EXPECT_TRUE(connection_->idle());
    EXPECT_EQ(connection_->owed(), nullptr);
}

TEST_F(HttpConnectionTest, APageIsSharedWithAClientThatDoesNotReadIt) {
    const auto page = page_of(4 << 20);
    say(kRequest);
    answer(page);
    EXPECT_EQ(connection_->owed(), page.get());
    EXPECT_EQ(page.use_count(), 2);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kWriting);

    // Slowly, in odd pieces, it arrives all the same; then the page is let go.
    std::string all;
    while (connection_->state() == HttpConnection::State::kWriting) {
        const std::string piece = hear(70'001);
        ASSERT_FALSE(piece.empty());
        all += piece;
        connection_->on_writable(kHttpNow_ns + all.size());
    }
    all += hear();
    EXPECT_EQ(all, "head\r\n" + page->body);
    EXPECT_EQ(page.use_count(), 1);
}

TEST_F(HttpConnectionTest, ProgressOfAnAnswerMovesItsDeadline) {
    say(kRequest);
    answer(page_of(4 << 20));
    EXPECT_EQ(connection_->deadline_ns(), kHttpNow_ns + HttpConnection::kWriteTime_ns);
    connection_->on_writable(kHttpNow_ns + 5);  // nothing was read
    EXPECT_EQ(connection_->deadline_ns(), kHttpNow_ns + HttpConnection::kWriteTime_ns);
    (void)hear(1 << 20);
    connection_->on_writable(kHttpNow_ns + 7);
    EXPECT_EQ(connection_->deadline_ns(), kHttpNow_ns + 7 + HttpConnection::kWriteTime_ns);
}

TEST_F(HttpConnectionTest, BytesOfARequestDoNotMoveItsDeadline) {
    say("GET ");
    const uint64_t deadline_ns = connection_->deadline_ns();
    EXPECT_EQ(deadline_ns, kHttpNow_ns + HttpConnection::kHeadTime_ns);
    ASSERT_EQ(::send(peer_, "/", 1, 0), 1);
    connection_->on_readable(kHttpNow_ns + 1'000'000'000);
    EXPECT_EQ(connection_->deadline_ns(), deadline_ns);
}

TEST_F(HttpConnectionTest, TheLastAnswerEndsTheConnectionOnceThePeerHasSeenIt) {
    say(kRequest);
    answer(page_of(10), /*goes_on=*/false);
    EXPECT_EQ(hear(), "head\r\n" + page_of(10)->body);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kLingering);
    ::shutdown(peer_, SHUT_WR);
    connection_->on_readable(kHttpNow_ns);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kEnded);
}

TEST_F(HttpConnectionTest, AClientThatNeverStopsSendingIsReadInSlicesAndNotForEver) {
    say(kRequest);
    answer(page_of(10), /*goes_on=*/false);
    const auto fill = [this] {
        const std::string bytes(4096, 'x');
        while (::send(peer_, bytes.data(), bytes.size(), MSG_DONTWAIT) > 0) {
        }
    };
    const auto unread = [this] {
        int size = 0;
        EXPECT_EQ(::ioctl(peer_, SIOCOUTQ, &size), 0);
        return size;
    };
    fill();
    connection_->on_events(POLLIN, kHttpNow_ns);
    EXPECT_GT(unread(), 0);
    for (size_t i = 0; i < HttpConnection::kLingerBytesMax / HttpConnection::kReadBytes; ++i) {
        fill();
        connection_->on_readable(kHttpNow_ns);
    }
    EXPECT_EQ(connection_->waiting().events, 0) << "the rest stays where it is";
    EXPECT_EQ(connection_->state(), HttpConnection::State::kLingering) << "the answer may be on its way";
    EXPECT_EQ(connection_->deadline_ns(), kHttpNow_ns + HttpConnection::kLingerTime_ns);
    connection_->on_events(POLLHUP, kHttpNow_ns);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kEnded);
}

TEST_F(HttpConnectionTest, AnAnsweredRequestLeavesNoMemoryBehind) {
    say("GET /connz HTTP/1.1\r\nA: " + std::string(100'000, 'a'));
    while (connection_->input_bytes() < 100'000) connection_->on_readable(kHttpNow_ns);
    say("\r\n\r\n");
    const size_t size = connection_->complete_request();
    ASSERT_GT(size, 100'000U);
    connection_->on_answered(size, {.head = "head\r\n", .page = nullptr, .goes_on = true}, kHttpNow_ns);
    EXPECT_LT(connection_->input_bytes(), 1000U);
}

TEST_F(HttpConnectionTest, APeerThatGoesInTheMiddleOfAPageEndsIt) {
    say(kRequest);
    answer(page_of(4 << 20));
    ::close(peer_);
    connection_->on_writable(kHttpNow_ns);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kEnded);
    peer_ = ::dup(STDERR_FILENO);
}

TEST_F(HttpConnectionTest, AnAwaitedPageFollowsTheFirstBytesOfItsHead) {
    say(kRequest);
    connection_->await_page({.size = kRequest.size(), .target = "/connz", .form = {}}, kHttpNow_ns);
    EXPECT_EQ(hear(), "") << "it may be there: nothing is sent before the page";
    ::shutdown(peer_, SHUT_WR);
    connection_->on_events(POLLRDHUP, kHttpNow_ns);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kAwaiting);
    EXPECT_EQ(connection_->probed_until_ns(), kHttpNow_ns + HttpConnection::kProbeTime_ns);
    EXPECT_EQ(hear(), "HTTP/1.1 ");
    connection_->on_answered(kRequest.size(),
                             {.head = "HTTP/1.1 200 OK\r\n\r\n", .page = page_of(100), .goes_on = false},
                             kHttpNow_ns);
    EXPECT_EQ(hear(), "200 OK\r\n\r\n" + page_of(100)->body);
}

TEST_F(HttpConnectionTest, AClientThatHasGoneAwaitsNothing) {
    say(kRequest);
    connection_->await_page({.size = kRequest.size(), .target = "/connz", .form = {}}, kHttpNow_ns);
    ::close(peer_);
    connection_->on_events(POLLRDHUP, kHttpNow_ns);
    EXPECT_EQ(connection_->state(), HttpConnection::State::kEnded);
    peer_ = -1;
}

TEST_F(HttpConnectionTest, AWaitForAPageHasItsDeadline) {
    say(kRequest);
    connection_->await_page({.size = kRequest.size(), .target = "/connz", .form = {}}, kHttpNow_ns);
    EXPECT_EQ(connection_->deadline_ns(), kHttpNow_ns + HttpConnection::kAwaitTime_ns);
    EXPECT_FALSE(connection_->idle());
    EXPECT_EQ(connection_->complete_request(), 0U) << "it is at one already";
}

}  // namespace
}  // namespace nuring::monitor
