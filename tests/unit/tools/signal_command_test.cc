// SPDX-License-Identifier: Apache-2.0
#include "tools/server/signal_command.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>

namespace nuring::tools {
namespace {

// Some processes, and the signals that they got.
struct FakeProcesses final : ProcessTable {
    std::vector<int> find(std::string_view program) const override {
        return program == "nats-uring" ? running : std::vector<int>{};
    }
    int send(int pid, int signal) const override {
        if (std::find(running.begin(), running.end(), pid) == running.end()) return ESRCH;
        if (pid == 1) return EPERM;
        sent[pid] = signal;
        return 0;
    }
    std::vector<int> running;
    mutable std::map<int, int> sent;
};

std::string send(std::string_view command, const FakeProcesses& processes) {
    return std::string(send_signal_command(command, "nats-uring", processes).message());
}

constexpr std::string_view kNone =
    "no nats-uring processes running - name one by its process id or pid file: --signal <signal>=<pid>";
constexpr std::string_view kNoPid = " - neither a process id nor a pid file that can be read";
constexpr std::string_view kNoSignal = " - choose ldm, stop, quit, term, reopen or reload";

TEST(SignalCommandTest, EveryWordHasItsSignal) {
    FakeProcesses processes;
    processes.running = {7};
    const std::map<std::string, int> words = {{"stop", SIGKILL},   {"quit", SIGINT},
                                              {"reopen", SIGUSR1}, {"reload", SIGHUP},
                                              {"ldm", SIGUSR2},    {"term", SIGTERM}};
    for (const auto& [word, signal] : words) {
        EXPECT_EQ(send(word, processes), "");
        EXPECT_EQ(processes.sent[7], signal) << word;
        EXPECT_EQ(send(word + "=7", processes), "");
    }
}

TEST(SignalCommandTest, WithoutAPidThereMustBeExactlyOneProcess) {
    FakeProcesses processes;
    EXPECT_EQ(send("reload", processes), kNone);
    processes.running = {7, 9};
    EXPECT_EQ(send("reload", processes), "multiple nats-uring processes running:\n7\n9");
}

TEST(SignalCommandTest, AStarMeansAllThatBeginSo) {
    FakeProcesses processes;
    EXPECT_EQ(send("reload=*", processes), kNone);
    processes.running = {7, 12, 21, 123};
    EXPECT_EQ(send("reload=12*", processes), "");
    EXPECT_EQ(processes.sent, (std::map<int, int>{{12, SIGHUP}, {123, SIGHUP}}));
    EXPECT_EQ(send("quit=*", processes), "");
    EXPECT_EQ(processes.sent.size(), 4U);
    EXPECT_EQ(send("quit=3*", processes), kNone);
    EXPECT_EQ(send("quit=x*", processes), "invalid pid: x" + std::string(kNoPid));
    EXPECT_EQ(send("dance=*", processes), "unknown signal \"dance\"" + std::string(kNoSignal));
    processes.running = {1, 12};
    EXPECT_EQ(send("ldm=*", processes), "\nsignal \"ldm\" 1: operation not permitted - send it as root, or as the server's user");
    EXPECT_EQ(processes.sent[12], SIGUSR2);
}

TEST(SignalCommandTest, APidFileMayEndWithANewLine) {
    char path[] = "/tmp/nats-uring-signal-test.XXXXXX";
    const int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(write(fd, " 7\n", 3), 3);
    close(fd);
    FakeProcesses processes;
    processes.running = {7};
    EXPECT_EQ(send(std::string("quit=") + path, processes), "");
    EXPECT_EQ(processes.sent[7], SIGINT);
    unlink(path);
}

TEST(SignalCommandTest, Errors) {
    FakeProcesses processes;
    processes.running = {1, 7};
    EXPECT_EQ(send("reload=x", processes), "invalid pid: x" + std::string(kNoPid));
    EXPECT_EQ(send("reload=/", processes), "invalid pid: /" + std::string(kNoPid));
    EXPECT_EQ(send("reload=-1", processes), "invalid pid: -1" + std::string(kNoPid));
    EXPECT_EQ(send("reload=8", processes), "no such process - the server has ended, or its pid file is old");
    EXPECT_EQ(send("reload=1", processes), "operation not permitted - send it as root, or as the server's user");
    EXPECT_EQ(send("dance=7", processes), "unknown signal \"dance\"" + std::string(kNoSignal));
    EXPECT_EQ(send("RELOAD=7", processes), "unknown signal \"RELOAD\"" + std::string(kNoSignal));
    EXPECT_EQ(send("reload=7=8", processes), "invalid signal parameters: [8]");
}

TEST(SignalCommandTest, TheSystemFindsOtherProcessesOnly) {
    const std::vector<int> found = system_processes().find("unit-tools");
    EXPECT_EQ(std::find(found.begin(), found.end(), getpid()), found.end());
    EXPECT_EQ(system_processes().send(getpid(), 0), 0);
}

}  // namespace
}  // namespace nuring::tools
