// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "core/link/worker_links.h"
#include "core/ring/ring.h"
#include "core/runtime/timer_wheel.h"

namespace nuring::server {

// Listener accepts connections on one worker and hands each on.
// Threads: its worker. Lifetime: outlives its pending accept.
// Errors:  out of descriptors and the like are logged; it tries again after a pause that doubles from
//          10 ms to 1 s (server/server.go, AcceptLoop 2.0.0-RC19).
class Listener {
  public:
    // `what` stands in its log lines: "Client". It owns the socket from start() on.
    Listener(link::WorkerLinks& links, int fd, std::string_view what, std::function<void(int fd)> accepted);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void start();
    // Stops accepting and closes the socket.
    void stop();

  private:
    static void accept_completed(ring::Submission& submission, const ring::Completion& completion);
    static void retry_fired(runtime::Timer& timer);
    void on_accepted(int fd);
    void on_ended(int error);

    struct AcceptSubmission : ring::Submission {
        AcceptSubmission(CompleteFunction function, Listener& listener)
            : Submission(function), owner(listener) {}
        Listener& owner;
    };
    struct RetryTimer : runtime::Timer {
        RetryTimer(FireFunction function, Listener& listener) : Timer(function), owner(listener) {}
        Listener& owner;
    };

    link::WorkerLinks& links_;
    const int fd_;
    const std::string_view what_;
    const std::function<void(int fd)> accepted_;
    bool stopping_ = false;
    bool closed_ = false;
    AcceptSubmission accept_;
    RetryTimer retry_timer_;
    uint64_t retry_ns_ = 0;
};

}  // namespace nuring::server
