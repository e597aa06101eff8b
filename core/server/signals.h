// SPDX-License-Identifier: Apache-2.0
// Descriptors that wake the control thread of the process from its poll(): for signals, and for a bell that
// other threads ring.
// Errors:   none that a caller could act on.
// Lifetime: of the process, one of each. Signals blocks its signals for good.
#pragma once

#include <csignal>

namespace nuring::server {

// Signals receives SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 for the process, and makes it ignore SIGPIPE.
// It is made before any thread starts, so that all threads block these signals.
// Threads: the control thread.
class Signals {
  public:
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    int fd() const { return fd_; }
    // The next signal, or 0.
    int take();

  private:
    sigset_t set_;
    int fd_ = -1;
};

// The words of the reference for a signal: "interrupt".
const char* signal_name(int signal);

// Bell wakes the control thread. Several rings before clear() are one.
// Threads: ring() any; all others the control thread.
class Bell {
  public:
    Bell();
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    // `self` is the bell: the form of log::FlushWake and ControlQueue.
    static void ring(void* self);
    void clear();
    int fd() const { return fd_; }

  private:
    const int fd_;
};

}  // namespace nuring::server
