// SPDX-License-Identifier: Apache-2.0
// Things that the kernel has and liburing 2.3 lacks or does not export.
#pragma once

#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace nuring::ring {

// io_uring_enable_rings() is declared by liburing 2.3, but its shared library does not export it.
inline int enable_rings(io_uring* ring) {
    const long result = ::syscall(__NR_io_uring_register, ring->ring_fd,
                                  IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    return result < 0 ? -errno : 0;
}

}  // namespace nuring::ring
