// SPDX-License-Identifier: Apache-2.0
// A wire reads from a socket pair that the test feeds, whole or byte by byte: both ways of reading
// must see the same messages, whatever stands between them.
#include "bench/load/wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/load/frames.h"

namespace nuring::bench {
namespace {

class WireTest : public testing::Test {
  protected:
    WireTest() {
        int ends[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        server_ = ends[0];
        wire_.adopt(ends[1]);
    }
    ~WireTest() override { close(server_); }

    void feed(std::string_view bytes) {
        ASSERT_EQ(send(server_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    std::string sent() {
        char bytes[256];
        const ssize_t count = recv(server_, bytes, sizeof bytes, 0);
        return {bytes, count > 0 ? static_cast<size_t>(count) : 0};
    }

    int server_ = -1;
    Wire wire_;
};

std::string stream() {
    const std::string message = message_frame("a.b", "12", "", "0123456789");
    return message + message + "PING\r\n" + message + "PONG\r\n+OK\r\n" + message;
}

TEST_F(WireTest, FixedReadingCountsWhatStandsBetweenOtherLines) {
    feed(stream());
    EXPECT_EQ(wire_.receive_fixed(message_frame("a.b", "12", "", "0123456789").size()), 4U);
    EXPECT_EQ(wire_.pongs(), 1U);
    EXPECT_EQ(sent(), "PONG\r\n");
}

TEST_F(WireTest, FixedReadingResumesAtAnyByte) {
    uint64_t count = 0;
    for (const char byte : stream()) {
        feed({&byte, 1});
        count += wire_.receive_fixed(message_frame("a.b", "12", "", "0123456789").size());
    }
    EXPECT_EQ(count, 4U);
    EXPECT_EQ(wire_.pongs(), 1U);
}

TEST_F(WireTest, ParsedReadingResumesAtAnyByte) {
    const std::string bytes = message_frame("a.b", "12", "r.1", "0123456789") + stream();
    uint64_t count = 0;
    for (const char byte : bytes) {
        feed({&byte, 1});
        wire_.receive([&count](const Delivery& delivery) {
            EXPECT_EQ(delivery.subject, "a.b");
            EXPECT_EQ(delivery.sid, "12");
            EXPECT_EQ(delivery.reply, count == 0 ? "r.1" : "");
            EXPECT_EQ(delivery.payload, "0123456789");
            ++count;
        });
    }
    EXPECT_EQ(count, 5U);
}

TEST_F(WireTest, ErrorsAndTheEndAreKept) {
    feed("-ERR 'Slow Consumer'\r\n");
    shutdown(server_, SHUT_WR);
    wire_.receive([](const Delivery&) {});
    EXPECT_EQ(wire_.error(), "-ERR 'Slow Consumer'");
    EXPECT_FALSE(wire_.closed());
    wire_.receive([](const Delivery&) {});
    EXPECT_TRUE(wire_.closed());
}

TEST_F(WireTest, APublisherOwesPongsUntilItPays) {
    wire_.hold_pongs();
    feed("PING\r\n");
    wire_.receive([](const Delivery&) {});
    EXPECT_TRUE(wire_.owes_pong());
    wire_.pay_pongs();
    EXPECT_FALSE(wire_.owes_pong());
    EXPECT_EQ(sent(), "PONG\r\n");
}

using WireDeathTest = WireTest;

TEST_F(WireDeathTest, FramesOutOfStepEndTheRun) {
    const std::string frame = message_frame("a.b", "12", "", "0123456789");
    feed(frame.substr(0, frame.size() - 3) + "\r\n" + frame);
    EXPECT_EXIT(wire_.receive_fixed(frame.size()), testing::ExitedWithCode(2), "out of step");
}

}  // namespace
}  // namespace nuring::bench
