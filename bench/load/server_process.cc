// SPDX-License-Identifier: Apache-2.0
#include "bench/load/server_process.h"

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <string>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/fatal.h"

namespace nuring::bench {
namespace {

constexpr std::string_view kListening = "Listening for client connections on ";
constexpr std::string_view kListeningWebsocket = "Listening for websocket clients on ";
constexpr uint64_t kStartLimitNs = 20 * kNsPerSecond;
constexpr uint64_t kStopLimitNs = 10 * kNsPerSecond;

void nap() {
    poll(nullptr, 0, 2);
}

[[noreturn]] void become_server(const Options& options, int log_fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    if (options.server_cpu >= 0) {
        cpu_set_t cpus;
        CPU_ZERO(&cpus);
        CPU_SET(static_cast<size_t>(options.server_cpu), &cpus);
        sched_setaffinity(0, sizeof cpus, &cpus);
    }
    std::vector<std::string> words = {options.server_path, "-a", "127.0.0.1", "-p", "-1"};
    words.insert(words.end(), options.server_args.begin(), options.server_args.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
}

}  // namespace

ServerProcess::ServerProcess(Options* options) {
    if (options->server_path.empty()) return;
    // The log goes to memory: a pipe that nobody reads would stop a server that logs a lot.
    log_fd_ = memfd_create("server-log", MFD_CLOEXEC);
    if (log_fd_ < 0) fatal("memfd_create failed");
    pid_ = fork();
    if (pid_ < 0) fatal("fork failed");
    if (pid_ == 0) become_server(*options, log_fd_);
    options->endpoint.host = "127.0.0.1";
    options->endpoint.port =
        read_port(options->endpoint.websocket ? kListeningWebsocket : kListening);
    options->server_pids = {pid_};
}

uint16_t ServerProcess::read_port(std::string_view listening) {
    const uint64_t deadline = now_ns() + kStartLimitNs;
    std::string log;
    while (now_ns() < deadline && waitpid(pid_, nullptr, WNOHANG) == 0) {
        char bytes[4096];
        const ssize_t count = pread(log_fd_, bytes, sizeof bytes, static_cast<off_t>(log.size()));
        if (count > 0) log.append(bytes, static_cast<size_t>(count));
        const size_t at = log.find(listening);
        const size_t end = at == std::string::npos ? at : log.find('\n', at);
        if (end == std::string::npos) {
            nap();
            continue;
        }
        const size_t colon = log.rfind(':', end);
        uint16_t port = 0;
        std::from_chars(log.data() + colon + 1, log.data() + end, port);
        if (port != 0) return port;
    }
    stop();
    fatal("the server did not start:\n{}", log);
}

int ServerProcess::stop() {
    if (pid_ == 0) return 0;
    kill(pid_, SIGTERM);
    const uint64_t deadline = now_ns() + kStopLimitNs;
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
        if (now_ns() > deadline) kill(pid_, SIGKILL);
        nap();
    }
    ::close(log_fd_);
    pid_ = 0;
    return status;
}

}  // namespace nuring::bench
