// SPDX-License-Identifier: Apache-2.0
// Things that the kernel has and liburing 2.3 lacks or does not export.
#pragma once

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace nuring::ring {

// io_uring_enable_rings() is declared by liburing 2.3, but its shared library does not export it.
inline int enable_rings(io_uring* ring) {
    const long result = ::syscall(__NR_io_uring_register, ring->ring_fd,
                                  IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    return result < 0 ? -errno : 0;
}

// Is io_uring_enter() allowed? A filter of system calls may deny it alone. Asks for nothing, of a ring that
// is not enabled yet: the kernel refuses that by EBADFD, a filter by another error. Returns 0 or -errno.
inline int try_enter(const io_uring& ring) {
    const long result = ::syscall(__NR_io_uring_enter, ring.ring_fd, 0, 0, 0, nullptr, 0);
    return result >= 0 || errno == EBADFD ? 0 : -errno;
}

// Makes the ring poll the cards of its sockets before it sleeps, for that time; 0: once. Linux 6.9 has this,
// older headers do not. Returns 0 or -errno.
inline int register_napi(int ring_fd, uint32_t longest_us) {
    struct {
        uint32_t busy_poll_to;
        uint8_t prefer_busy_poll;
        uint8_t padding[3];
        uint64_t reserved;
    } setting{.busy_poll_to = longest_us};
    constexpr unsigned kRegisterNapi = 27;
    const long result = ::syscall(__NR_io_uring_register, ring_fd, kRegisterNapi, &setting, 1);
    return result < 0 ? -errno : 0;
}

}  // namespace nuring::ring
