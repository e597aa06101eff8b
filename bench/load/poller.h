// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "bench/load/fatal.h"
#include "bench/load/wire.h"

namespace nuring::bench {

// Poller tells wires that the kernel has something for them (edge triggered epoll).
// Threads: one.
// Limits:  kEventsMax wires per wait; the others come with the next one.
// Errors:  a failing epoll call ends the process.
class Poller {
  public:
    static constexpr int kEventsMax = 256;

    Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
        if (fd_ < 0) fatal("epoll_create1 failed");
    }
    ~Poller() { ::close(fd_); }
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    void add(Wire* wire) {
        epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                          .data = {.ptr = wire}};
        if (epoll_ctl(fd_, EPOLL_CTL_ADD, wire->fd(), &event) != 0) fatal("epoll_ctl failed");
    }

    // Marks the wires that became readable or writable, hands each to `on_wire`.
    template <class OnWire>
    int wait(int timeout_ms, OnWire&& on_wire) {
        const int count = epoll_wait(fd_, events_.data(), kEventsMax, timeout_ms);
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<size_t>(i)];
            Wire* wire = static_cast<Wire*>(event.data.ptr);
            if (event.events & ~static_cast<uint32_t>(EPOLLOUT)) wire->readable = true;
            if (event.events & EPOLLOUT) wire->on_writable();
            on_wire(wire);
        }
        return count;
    }

    int wait(int timeout_ms) {
        return wait(timeout_ms, [](Wire*) {});
    }

  private:
    int fd_;
    std::array<epoll_event, kEventsMax> events_;
};

}  // namespace nuring::bench
