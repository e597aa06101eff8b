// SPDX-License-Identifier: Apache-2.0
// Wakes the control thread of the process through descriptors that poll() takes: signals, and a bell that
// other threads ring.
// Errors: none that a caller could act on. Lifetime: once per process (Signals blocks its signals for good).
#pragma once

#include <csignal>

namespace nuring::server {

// The signals that the server takes: SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2. Made before any thread
// starts, so that all of them block these. SIGPIPE is ignored.
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

// Threads: any may ring; the control thread clears.
class Bell {
  public:
    Bell();
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    static void ring(void* self);
    void clear();
    int fd() const { return fd_; }

  private:
    const int fd_;
};

}  // namespace nuring::server
