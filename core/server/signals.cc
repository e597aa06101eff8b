// SPDX-License-Identifier: Apache-2.0
#include "core/server/signals.h"

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdint>

namespace nuring::server {

Signals::Signals() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
        ::sigaddset(&set_, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    fd_ = ::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
}

Signals::~Signals() {
    ::close(fd_);
}

int Signals::take() {
    signalfd_siginfo info{};
    if (::read(fd_, &info, sizeof info) != sizeof info) return 0;
    return static_cast<int>(info.ssi_signo);
}

const char* signal_name(int signal) {
    switch (signal) {
        case SIGINT:
            return "interrupt";
        case SIGTERM:
            return "terminated";
        case SIGHUP:
            return "hangup";
        case SIGUSR1:
            return "user defined signal 1";
        case SIGUSR2:
            return "user defined signal 2";
        default:
            return "unknown";
    }
}

Bell::Bell() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Bell::~Bell() {
    ::close(fd_);
}

void Bell::ring(void* self) {
    const uint64_t one = 1;
    (void)!::write(static_cast<Bell*>(self)->fd_, &one, sizeof one);
}

void Bell::clear() {
    uint64_t count = 0;
    (void)!::read(fd_, &count, sizeof count);
}

}  // namespace nuring::server
