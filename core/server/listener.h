// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/link/link_host.h"
#include "core/ring/ring.h"
#include "core/runtime/owned_timer.h"

namespace nuring::server {

// Listener accepts connections on one worker and gives each to a function, which owns the descriptor.
// Threads:  its worker. Limits: none of its own.
// Errors:   a failed accept (no descriptors, for example) is logged; it tries again after a pause that
//           doubles from 10 ms to 1 s (server/server.go, AcceptLoop 2.0.0-RC19).
// Lifetime: outlives its pending accept.
class Listener {
  public:
    // `what` names the connections in log lines: "Client"; it must outlive the listener. The listener owns
    // `fd` from start() on.
    Listener(link::LinkHost& host, int fd, std::string_view what,
             std::function<void(int fd)> accepted);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void start();
    // Stops accepting and closes the socket.
    void stop();

  private:
    static void accept_completed(ring::Submission& submission, const ring::Completion& completion);
    void on_accepted(int fd);
    void on_ended(int error);

    struct AcceptSubmission : ring::Submission {
        AcceptSubmission(CompleteFunction function, Listener& listener)
            : Submission(function), owner(listener) {}
        Listener& owner;
    };

    link::LinkHost& host_;
    const int fd_;
    const std::string_view what_;
    const std::function<void(int fd)> accepted_;
    bool stopping_ = false;
    bool closed_ = false;
    AcceptSubmission accept_;
    runtime::OwnedTimer<Listener, &Listener::start> retry_timer_{*this};
    uint64_t retry_ns_ = 0;
};

}  // namespace nuring::server
