// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <liburing.h>

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "core/ring/receive_arena.h"

namespace nuring::ring {

// LentBuffers gives the kernel receive buffers to fill: a registered buffer ring over a ReceiveArena.
//
// Only target() of them are lent at a time, so that a few warm ones serve a busy socket: the kernel takes
// lent buffers first in, first out, and would walk through the whole arena, and the caches, were all lent.
// The target is for the caller to raise, when more receives starve in one turn than there are buffers.
//
// Threads: the ring's. Errors: create(), attach(). Lifetime: outlives the io_uring that it is attached to.
class LentBuffers {
  public:
    LentBuffers() = default;
    ~LentBuffers();
    LentBuffers(const LentBuffers&) = delete;
    LentBuffers& operator=(const LentBuffers&) = delete;

    absl::Status create(const RingOptions& options);
    // Registers the buffer ring as that group, and lends. 0, or -errno.
    int attach(io_uring& ring, uint16_t group);

    // Lends what is free, up to the target.
    void lend();
    bool any_lent() const { return lent_count_ != 0; }
    uint32_t target() const { return target_; }
    void double_target();

    // The bytes of a buffer that the kernel has filled: no longer lent, until it is given back.
    char* take(uint32_t buffer) {
        assert(lent_count_ > 0);
        --lent_count_;
        return arena_.bytes(buffer);
    }
    void give_back(uint32_t buffer) { arena_.push(buffer); }

  private:
    ReceiveArena arena_;
    uint32_t buffer_bytes_ = 0;
    io_uring_buf_ring* buffer_ring_ = nullptr;
    uint32_t entry_count_ = 0;  // of buffer_ring_
    uint32_t lent_count_ = 0;
    uint32_t target_ = 0;
};

}  // namespace nuring::ring
