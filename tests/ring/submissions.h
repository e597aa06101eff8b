// SPDX-License-Identifier: Apache-2.0
// What the tests submit: an Acceptor, a Connector, a Receiver, a Sender, that check what they get and keep
// what came. They outlive their submissions, as ring.h asks.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/ring/ring.h"
#include "gtest/gtest.h"

namespace nuring::ring {

// The ring under test, which knows whether it is inside turn().
struct TestRing {
    std::unique_ptr<Ring> ring;
    bool turning = false;

    unsigned turn(uint64_t deadline_ns) {
        turning = true;
        const unsigned count = ring->turn(deadline_ns);
        turning = false;
        return count;
    }
};

// Notes what a multishot accept delivers.
struct Acceptor : Submission {
    explicit Acceptor(TestRing& r) : Submission(&Acceptor::on_complete), ring(r) {}
    static void on_complete(Submission& submission, const Completion& completion) {
        auto& self = static_cast<Acceptor&>(submission);
        EXPECT_TRUE(self.ring.turning);
        EXPECT_EQ(self.pending, completion.more);
        if (completion.result >= 0) {
            self.fds.push_back(completion.result);
        } else {
            EXPECT_FALSE(completion.more);
            self.error = completion.result;
        }
        if (!completion.more) ++self.end_count;
    }
    TestRing& ring;
    std::vector<int> fds;
    int error = 0;
    int end_count = 0;
};

// Notes how a connect ended.
struct Connector : Submission {
    explicit Connector(TestRing& r) : Submission(&Connector::on_complete), ring(r) {}
    static void on_complete(Submission& submission, const Completion& completion) {
        auto& self = static_cast<Connector&>(submission);
        EXPECT_TRUE(self.ring.turning);
        EXPECT_FALSE(self.pending);
        EXPECT_FALSE(completion.more);
        self.result = completion.result;
        ++self.end_count;
    }
    TestRing& ring;
    int32_t result = 1;
    int end_count = 0;
};

// Collects what is received; keeps the buffers when told to.
struct Receiver : Submission {
    explicit Receiver(TestRing& r) : Submission(&Receiver::on_complete), ring(r) {}
    static void on_complete(Submission& submission, const Completion& completion) {
        auto& self = static_cast<Receiver&>(submission);
        EXPECT_TRUE(self.ring.turning);
        EXPECT_EQ(self.pending, completion.more);
        if (completion.result > 0) {
            self.take(completion);
        } else {
            EXPECT_FALSE(completion.more);
            EXPECT_EQ(completion.buffer, kNoBuffer);
            ++self.end_count;
            self.end_result = completion.result;
        }
        if (self.on_progress) self.on_progress();
    }
    void take(const Completion& completion) {
        EXPECT_TRUE(completion.more);
        ASSERT_NE(completion.buffer, kNoBuffer);
        bytes.append(completion.bytes, static_cast<size_t>(completion.result));
        ++run_count;
        volatile char slack = 0;  // must be readable
        for (size_t i = 0; i < kReceiveSlackBytes; ++i)
            slack = completion.bytes[completion.result + i];
        static_cast<void>(slack);
        if (keeps_buffers) {
            kept.push_back(completion.buffer);
        } else {
            ring.ring->return_buffer(completion.buffer);
        }
    }
    void return_kept() {
        for (const uint32_t buffer : kept) ring.ring->return_buffer(buffer);
        kept.clear();
    }

    TestRing& ring;
    std::string bytes;
    unsigned run_count = 0;
    bool keeps_buffers = false;
    std::vector<uint32_t> kept;
    int end_count = 0;
    int32_t end_result = 1;
    std::function<void()> on_progress;
};

// Sends a string, again and again until all of it has gone or a send fails.
struct Sender : Submission {
    explicit Sender(TestRing& r) : Submission(&Sender::on_complete), ring(r) {}
    static void on_complete(Submission& submission, const Completion& completion) {
        auto& self = static_cast<Sender&>(submission);
        EXPECT_TRUE(self.ring.turning);
        EXPECT_FALSE(completion.more);
        EXPECT_FALSE(self.pending);
        ++self.end_count;
        if (completion.result < 0) {
            self.error = completion.result;
            return;
        }
        EXPECT_GT(completion.result, 0);
        self.sent += static_cast<size_t>(completion.result);
        self.send_rest();
    }
    void start(int to_fd, std::string all, size_t size_of_part = SIZE_MAX) {
        to = to_fd;
        bytes = std::move(all);
        part_size = size_of_part;
        sent = 0;
        send_rest();
    }
    void append(int to_fd, const std::string& more) {  // only while nothing is pending
        to = to_fd;
        bytes.erase(0, sent);
        sent = 0;
        bytes += more;
        send_rest();
    }
    void send_rest() {
        if (sent == bytes.size()) return;
        std::vector<iovec> parts;
        size_t at = sent;
        while (at < bytes.size() && parts.size() < kSendPartsMax) {
            const size_t size = std::min(part_size, bytes.size() - at);
            parts.push_back({bytes.data() + at, size});
            at += size;
        }
        ring.ring->send(*this, to, parts);
        EXPECT_TRUE(pending);
        // The array of parts may go at once.
        for (iovec& part : parts) part = {nullptr, 0};
    }
    bool done() const { return sent == bytes.size(); }

    TestRing& ring;
    int to = -1;
    std::string bytes;
    size_t part_size = SIZE_MAX;
    size_t sent = 0;
    int error = 0;
    int end_count = 0;
};

}  // namespace nuring::ring
