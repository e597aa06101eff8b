// SPDX-License-Identifier: Apache-2.0
// Goal: io_uring that refuses work for want of memory, or because the other ring does not run, loses nothing.
// Method: a child process with a seccomp filter, which fails each system call that only submits; a ring that
//         was not started.
#include "core/ring/uring_ring.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <deque>
#include <memory>
#include <span>
#include <string>

#include "gtest/gtest.h"

namespace nuring::ring {
namespace {

constexpr uint32_t kQueueSize = 8;

std::unique_ptr<Ring> create_ring() {
    auto ring = create_uring_ring({.receive_buffer_count_max = 8, .submission_count = kQueueSize});
    return ring.ok() ? *std::move(ring) : nullptr;
}

struct Sender : Submission {
    Sender() : Submission([](Submission& submission, const Completion& completion) {
          static_cast<Sender&>(submission).result = completion.result;
      }) {}
    std::array<int, 2> ends{};
    std::string first;
    std::string second;
    int32_t result = 0;
};

bool filter_calls(std::span<sock_filter> program) {
    const sock_fprog filter{.len = static_cast<uint16_t>(program.size()), .filter = program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// From now on io_uring_enter() fails unless it also asks for completions.
bool refuse_to_submit() {
    std::array<sock_filter, 6> program = {{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_enter, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[3])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IORING_ENTER_GETEVENTS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    return filter_calls(program);
}

enum Outcome : int { kGood, kSkipped, kUnsent, kWrongBytes, kGoesOn, kIsCreated };

// In a process of its own, since a filter of system calls stays.
void expect_good_in_child(Outcome (*run)()) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(run());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "no io_uring or no seccomp here";
    EXPECT_EQ(WEXITSTATUS(status), kGood);
}

// More requests than the queue holds, plain and gathered, in each of some turns.
Outcome send_under_shortage() {
    const std::unique_ptr<Ring> ring = create_ring();
    if (ring == nullptr || !ring->start().ok() || !refuse_to_submit()) return kSkipped;
    std::deque<Sender> senders(5 * kQueueSize);
    for (int round = 0; round < 3; ++round) {
        int number = 0;
        for (Sender& sender : senders) {
            if (::socketpair(AF_UNIX, SOCK_STREAM, 0, sender.ends.data()) != 0) return kSkipped;
            sender.first = std::to_string(++number);
            sender.second = "-" + std::to_string(round) + std::string(number, 'x');
            const std::array<iovec, 2> parts = {{{sender.first.data(), sender.first.size()},
                                                 {sender.second.data(), sender.second.size()}}};
            ring->send(sender, sender.ends[0], {parts.data(), number % 3 == 0 ? 1U : 2U});
        }
        for (int turn = 0; turn < 1000; ++turn) {
            (void)ring->turn(ring->fresh_now_ns() + 1'000'000);
            const auto is_pending = [](const Sender& each) { return each.pending; };
            if (std::none_of(senders.begin(), senders.end(), is_pending)) break;
        }
        number = 0;
        for (Sender& sender : senders) {
            if (sender.pending) return kUnsent;
            const std::string sent = ++number % 3 == 0 ? sender.first : sender.first + sender.second;
            std::array<char, 256> bytes;
            const ssize_t size = ::recv(sender.ends[1], bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (size < 0 || std::string(bytes.data(), static_cast<size_t>(size)) != sent) return kWrongBytes;
            if (sender.result != size) return kWrongBytes;
            ring->close(sender.ends[0]);
            ::close(sender.ends[1]);
        }
    }
    return kGood;
}

TEST(UringShortageTest, RequestsThatTheKernelDoesNotTakeAreMadeAgain) {
    expect_good_in_child(send_under_shortage);
}

// From now on io_uring_enter() fails.
bool deny_enter() {
    std::array<sock_filter, 4> program = {{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_enter, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    return filter_calls(program);
}

Outcome turn_when_denied() {
    const std::unique_ptr<Ring> ring = create_ring();
    if (ring == nullptr || !ring->start().ok()) return kSkipped;
    (void)ring->turn(0);
    if (ring->fatal_error() != 0 || !deny_enter()) return kSkipped;
    const unsigned completed = ring->turn(kForever);
    if (completed != 0 || ring->fatal_error() != EPERM || ring->turn(kForever) != 0) return kGoesOn;
    return create_ring() == nullptr ? kGood : kIsCreated;
}

TEST(UringShortageTest, ARingThatMayNotEnterTheKernelEndsAndCannotBeCreated) {
    expect_good_in_child(turn_when_denied);
}

TEST(UringShortageTest, AWakeThatFailsIsMadeUpFor) {
    const std::unique_ptr<Ring> awake = create_ring();
    const std::unique_ptr<Ring> other = create_ring();
    if (awake == nullptr || other == nullptr || !awake->start().ok()) GTEST_SKIP() << "no io_uring here";
    awake->wake(*other);
    for (int turn = 0; turn < 3; ++turn) (void)awake->turn(0);
    ASSERT_TRUE(other->start().ok());
    for (int turn = 0; turn < 5 && other->stats().wakes_received == 0; ++turn) {
        (void)other->turn(other->fresh_now_ns() + 100'000'000);
    }
    EXPECT_EQ(other->stats().wakes_received, 1U);
}

}  // namespace
}  // namespace nuring::ring
